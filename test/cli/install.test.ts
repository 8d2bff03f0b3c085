import { describe, expect, it } from 'vitest';
import { isMap, isSeq, parseAllDocuments } from 'yaml';
import { OPTIONAL_KINDS } from '../../src/adapters/istio/meshCheck/world.ts';
import { createInstallCommand } from '../../src/cli/install.ts';
import { recordedIo } from './recordedIo.ts';

async function install(...args: readonly string[]) {
  const { io, said } = recordedIo();
  await createInstallCommand(io).parseAsync([...args], { from: 'user' });
  return said;
}

const documentsOf = (text: string) => parseAllDocuments(text).filter(document => document !== null && 'toJS' in document);
const objectsOf = async (...args: readonly string[]) =>
  documentsOf((await install(...args)).out).map(document => document.toJS());

describe('sluice install', () => {
  it('prints all that is needed, in the order in which it is applied', async () => {
    const { code, err } = await install();
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect((await objectsOf()).map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([
      'CustomResourceDefinition rollouts.sluice.dev',
      'Namespace sluice-system',
      'ServiceAccount sluice',
      'ClusterRole sluice',
      'ClusterRoleBinding sluice',
      'Role sluice-leader-election',
      'RoleBinding sluice-leader-election',
      'Role sluice-freeze',
      'RoleBinding sluice-freeze',
      'ClusterRole sluice-approver',
      'ConfigMap sluice',
      'Deployment sluice',
      'Service sluice',
    ]);
  });

  it('puts everything into the namespace that is asked for, with the image that is asked for', async () => {
    const { out } = await install('-n', 'delivery', '--image', 'registry.example.com/a/sluice@sha256:0a');
    expect(out).not.toContain('sluice-system');
    expect(out).toContain('image: "registry.example.com/a/sluice@sha256:0a"');
    expect(out).toContain('leaderElection: {enabled: true, namespace: delivery, name: sluice}');
  });

  it.each([
    ['-n', 'Not A Name', '--namespace is "Not A Name", expected lower-case letters'],
    ['--image', 'a b\nkind: Secret', '--image is "a b\\nkind: Secret", expected an image reference'],
  ])('exit code 2 for %s %j', async (flag, value, message) => {
    const { out, err, code } = await install(flag, value);
    expect({ out, code }).toEqual({ out: '', code: 2 });
    expect(err).toContain(message);
  });

  it('gives a right to delete Rollouts and ConfigMaps only, no wildcard, no secrets, and leases only in its own namespace', async () => {
    const roles = (await objectsOf()).filter(({ kind }) => kind === 'ClusterRole' || kind === 'Role');
    const rules: { kind: string; apiGroups: string[]; resources: string[]; verbs: string[] }[] = roles.flatMap(
      ({ kind, rules }) => rules.map((rule: object) => ({ kind, ...rule })),
    );
    const words = rules.flatMap(({ apiGroups, resources, verbs }) => [...apiGroups, ...resources, ...verbs]);
    for (const word of ['*', 'deletecollection', 'secrets', 'escalate', 'bind', 'impersonate']) expect(words).not.toContain(word);
    expect(rules.filter(({ verbs }) => verbs.includes('delete')).map(({ resources }) => resources)).toEqual([
      ['rollouts'],
      ['configmaps'],
    ]);
    expect(rules.filter(({ resources }) => resources.includes('leases')).map(({ kind }) => kind)).toEqual(['Role', 'Role']);
  });

  it('R13: lets the mesh check list and watch each kind that it reads, and do nothing else with it', async () => {
    const cluster = (await objectsOf()).find(({ kind }) => kind === 'ClusterRole');
    const rules: readonly { apiGroups: string[]; resources: string[]; verbs: string[] }[] = cluster.rules;
    const verbsOf = (group: string, plural: string) =>
      rules.flatMap(({ apiGroups, resources, verbs }) => (apiGroups.includes(group) && resources.includes(plural) ? verbs : []));
    for (const [kind, { group, plural }] of Object.entries(OPTIONAL_KINDS)) {
      expect({ kind, verbs: verbsOf(group, plural) }).toEqual({ kind, verbs: ['list', 'watch'] });
    }
  });

  it('R19: lets the controller ask who somebody is and what they may do, and people approve only where somebody binds it', async () => {
    const objects = await objectsOf();
    const rulesOf = (name: string): readonly { resources: string[]; verbs: string[] }[] =>
      objects.find(({ kind, metadata }) => kind === 'ClusterRole' && metadata.name === name)?.rules;
    const reviews = rulesOf('sluice').filter(({ resources }) => resources.some(resource => resource.endsWith('reviews')));
    expect(reviews.map(({ resources, verbs }) => [...resources, ...verbs])).toEqual([
      ['tokenreviews', 'create'],
      ['subjectaccessreviews', 'create'],
    ]);
    expect(rulesOf('sluice').flatMap(({ verbs }) => verbs)).not.toContain('approve');
    expect(rulesOf('sluice-approver').map(({ resources, verbs }) => [...resources, ...verbs])).toEqual([
      ['rollouts', 'get', 'list', 'watch', 'approve'],
    ]);
    const bound = objects.flatMap(({ kind, roleRef }) => (kind.endsWith('Binding') ? [roleRef.name] : []));
    expect(bound).not.toContain('sluice-approver');
  });

  it('R19: says where each instance is reached, and where webhooks are', async () => {
    const objects = await objectsOf();
    const of = (wanted: string) => objects.find(({ kind }) => kind === wanted);
    const [controller] = of('Deployment').spec.template.spec.containers;
    expect(controller.env).toContainEqual({ name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } });
    expect(controller.ports).toEqual([
      { name: 'http', containerPort: 8080 },
      { name: 'hooks', containerPort: 8081 },
    ]);
    expect(of('Service').spec.ports).toEqual([
      { name: 'http', port: 8080, targetPort: 'http' },
      { name: 'hooks', port: 8081, targetPort: 'hooks' },
    ]);
  });

  it('gives the reason of each right in a comment before it', async () => {
    for (const document of documentsOf((await install()).out)) {
      const rules = document.get('rules', true);
      if (!isSeq(rules)) continue;
      rules.items.forEach((rule, index) => {
        const comment = index === 0 ? rules.commentBefore : isMap(rule) ? rule.commentBefore : undefined;
        expect(comment, String(rule)).toMatch(/\w{3,} \w+/);
      });
    }
  });

  it('runs the controller without any right on its node', async () => {
    const deployment = (await objectsOf()).find(({ kind }) => kind === 'Deployment');
    const { securityContext, containers, volumes } = deployment.spec.template.spec;
    expect(securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: 'RuntimeDefault' } });
    const [controller] = containers;
    expect(controller.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    expect(controller.livenessProbe.httpGet.path).toBe('/healthz');
    expect(controller.readinessProbe.httpGet.path).toBe('/readyz');
    expect(volumes.filter((volume: object) => 'hostPath' in volume)).toEqual([]);
  });
});
