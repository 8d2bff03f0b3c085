import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { createFreezeCommand } from '../../src/cli/freeze.ts';
import { createPlanCommand } from '../../src/cli/plan.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { appObjects } from '../e2e/app.ts';
import { kubeconfigFor, startRefusingProxy } from '../e2e/refusingProxy.ts';
import { type ApiClient, apiClient, until } from '../sandbox/client.ts';
import { recordedIo } from './recordedIo.ts';

const VIRTUAL_SERVICE = '/apis/networking.istio.io/v1/namespaces/shop/virtualservices/forecast';
const SUBSETS_OF_V2 = '/apis/networking.istio.io/v1/namespaces/shop/destinationrules/forecast';

type Told = {
  readonly comparison: {
    readonly blocked: boolean;
    readonly outlook?: { readonly kind: string; readonly text: string };
    readonly changes: readonly string[];
    readonly pods: readonly { readonly version: string; readonly ready: number }[];
    readonly freeze?: string;
    readonly problem?: string;
    readonly findings: readonly { readonly code: string; readonly severity: string }[];
    readonly mesh: readonly {
      readonly when: string;
      readonly objects: readonly { readonly object: string; readonly diff: string }[];
    }[];
  };
  readonly steps: readonly { readonly beginsAt?: string }[];
  readonly notes: readonly string[];
};

/** Without a CustomResourceDefinition of Sluice: the Rollout is new. */
describe('sluice plan, with a cluster', () => {
  let sandbox: Sandbox;
  let api: ApiClient;
  let folder = '';

  beforeAll(async () => {
    sandbox = await startSandbox({ scenario: 'empty' });
    api = apiClient(sandbox);
    folder = await mkdtemp(join(tmpdir(), 'sluice-plan-cluster-'));
    for (const { path, body } of appObjects('shop', { subsets: ['v1'] })) await api.post(path, body);
    await until(async () => {
      const { items } = (await api.get('/apis/apps/v1/namespaces/shop/deployments')).body;
      return items.every(({ status }: { status?: { readyReplicas?: number } }) => status?.readyReplicas === 1) || undefined;
    }, 'the pods');
  });
  afterAll(async () => {
    await sandbox.close();
    await rm(folder, { recursive: true, force: true });
  });

  const rollout = (namespace?: string, spec: object = {}, name = 'forecast'): string =>
    stringify({
      apiVersion: 'sluice.dev/v1alpha1',
      kind: 'Rollout',
      metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
      spec: { version: 'v2', strategy: { canary: { steps: [{ setWeight: 50, pause: { duration: '5m' } }] } }, ...spec },
    });
  const plan = async (text: string, ...args: readonly string[]) => {
    const file = join(folder, 'a.yaml');
    await writeFile(file, text);
    const { io, said } = recordedIo();
    const kubeconfig = args.includes('--kubeconfig') ? [] : ['--kubeconfig', sandbox.kubeconfigPath];
    await createPlanCommand(io).parseAsync([...kubeconfig, ...args, file], { from: 'user' });
    return said;
  };
  const told = async (text: string, ...args: readonly string[]): Promise<Told & { readonly code: number }> => {
    const { out, err, code } = await plan(text, '-o', 'json', ...args);
    expect(err).toBe('');
    return { ...JSON.parse(out), code };
  };
  const freeze = async (...args: readonly string[]): Promise<void> => {
    const { io } = recordedIo({ USER: 'alice' });
    await createFreezeCommand(io).parseAsync(['--kubeconfig', sandbox.kubeconfigPath, '-n', 'shop', ...args], { from: 'user' });
  };

  it('R7, R13: what would begin, pods, and what each step writes; in the namespace that is asked for', async () => {
    const { comparison, steps, code } = await told(rollout('shop'));
    expect(code).toBe(0);
    expect(comparison).toMatchObject({
      blocked: false,
      outlook: { kind: 'starts', text: expect.stringContaining('Sluice takes over with v1 as the stable version') },
      changes: [],
      pods: [
        { version: 'v1', ready: 1 },
        { version: 'v2', ready: 1 },
      ],
      findings: [],
    });
    expect(comparison.mesh.map(({ when, objects }) => [when, objects.map(({ object }) => object)])).toEqual([
      ['step 1/2 at 50%', ['VirtualService shop/forecast', 'DestinationRule shop/forecast']],
      ['step 2/2 bake at 100%, and then v2 is stable', ['VirtualService shop/forecast']],
      ['way back: all traffic on v1', ['VirtualService shop/forecast']],
    ]);
    expect(comparison.mesh[0]?.objects[0]?.diff).toMatch(/\+ +weight: 50\n/);
    expect(steps.map(({ beginsAt }) => beginsAt)).toEqual([expect.stringMatching(/Z$/), expect.stringMatching(/Z$/)]);
    const without = await told(rollout(), '-n', 'shop', '--no-diff');
    expect(without.comparison).toEqual({ ...comparison, mesh: [] });
  });

  it('R13: exit code 1 when the mesh check finds an error, and when nothing routes to the host', async () => {
    const subsets = (labels: object) => ({
      spec: {
        subsets: [
          { name: 'v1', labels: { version: 'v1' } },
          { name: 'v2', labels },
        ],
      },
    });
    const { spec } = (await api.get(SUBSETS_OF_V2)).body;
    await api.patch(SUBSETS_OF_V2, 'merge', subsets({ version: 'v2', track: 'new' }));
    const blocked = await told(rollout('shop'));
    const { out } = await plan(rollout('shop'));
    await api.patch(SUBSETS_OF_V2, 'merge', { spec });
    expect(blocked).toMatchObject({ code: 1, comparison: { blocked: true, findings: [{ code: 'SubsetWithoutPods' }] } });
    expect(out).toContain('\nerror: DestinationRule shop/forecast: subset v2 selects none of the 1 ready pods of v2');
    const lost = await told(rollout('shop', {}, 'baskets'));
    expect(lost).toMatchObject({ code: 1, comparison: { findings: [{ code: 'WaitingForMesh' }], mesh: [] } });
  });

  it('R20: a freeze, and times told no more', async () => {
    await freeze('--reason', 'fire');
    const { comparison, steps } = await told(rollout('shop'), '--controller-namespace', 'shop');
    const { out } = await plan(rollout('shop'), '--controller-namespace', 'shop', '-o', 'markdown');
    await freeze('--off');
    expect(comparison.freeze).toMatch(
      /^all forward movement is stopped since .* by alice: fire; goes on by itself after sluice freeze --off$/,
    );
    expect(steps.map(({ beginsAt }) => beginsAt)).toEqual([undefined, undefined]);
    expect(out).toMatch(/^### Plan: `shop\/forecast` `v2`\n\n.*\*\*Frozen:\*\* all forward movement/);
    expect(out).toContain('<details><summary>Routing objects</summary>');
  });

  it('the rate is measured where a Prometheus is named, and one that does not answer is said', async () => {
    const { notes } = await told(rollout('shop'), '--prometheus', sandbox.urls.prometheus);
    expect(notes).toContainEqual(
      expect.stringMatching(/^measured over the last 10 minutes: \d+ requests$|no requests were seen in the last 10 minutes$/),
    );
    const down = await told(rollout('shop'), '--prometheus', await deadAddress());
    expect(down.code).toBe(0);
    expect(down.notes).toContainEqual(expect.stringMatching(/^what is normal could not be measured: /));
  });

  it('does without what may not be read, and says so', async () => {
    const proxy = await startRefusingProxy(sandbox, folder);
    proxy.lacks = ({ namespace, resource }) => namespace !== 'shop' || ['configmaps', 'rollouts'].includes(resource);
    const { comparison, notes, code } = await told(rollout('shop'), '--kubeconfig', proxy.kubeconfigPath, '--no-diff');
    const refused = await plan(rollout('weather'), '--kubeconfig', proxy.kubeconfigPath);
    await proxy.close();
    expect({ code, outlook: comparison.outlook }).toEqual({ code: 0, outlook: undefined });
    expect(notes.slice(0, 2)).toEqual([
      'the Rollout in the cluster may not be read (get rollouts.sluice.dev), so what changes is not known',
      expect.stringMatching(/^whether the installation is frozen may not be read \(get configmaps in sluice-system; /),
    ]);
    expect(refused).toMatchObject({
      out: '',
      code: 4,
      err: expect.stringContaining('; --offline and --against git ask no cluster\n'),
    });
  });

  it('exit code 4: the cluster does not answer, and what goes without; 2: two namespaces', async () => {
    const gone = join(folder, 'gone');
    await writeFile(gone, kubeconfigFor(sandbox.kubeconfig, await deadAddress()));
    const { out, err, code } = await plan(rollout('shop'), '--kubeconfig', gone);
    expect({ out, code }).toEqual({ out: '', code: 4 });
    expect(err).toMatch(/does not answer[\s\S]*; --offline and --against git ask no cluster\n$/);
    expect(await plan(rollout('shop'), '-n', 'weather')).toEqual({
      out: '',
      err: 'the file says namespace shop, and -n says weather; expected the same\n',
      code: 2,
    });
  });

  it('R11: beside a Rollout that is there: what changes, and what becomes of its attempt', async () => {
    const definition = await readFile(resolve(import.meta.dirname, '../../templates/crd/rollouts.sluice.dev.yaml'), 'utf8');
    await api.post('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', parse(definition));
    const rollouts = '/apis/sluice.dev/v1alpha1/namespaces/shop/rollouts';
    await api.post(rollouts, parse(rollout('shop', { version: 'v1' })));
    expect((await told(rollout('shop'))).comparison).toMatchObject({
      outlook: { kind: 'starts', text: expect.stringContaining('Sluice has not looked at the Rollout yet') },
      changes: ['version v1 -> v2'],
    });
    const status = { phase: 'Healthy', reason: 'UpToDate', message: 'v1 is stable', stableVersion: 'v1', attempt: 1 };
    await api.patch(`${rollouts}/forecast/status`, 'merge', { status });
    const outlook = async (spec?: object) => (await told(rollout('shop', spec))).comparison.outlook;
    expect(await outlook()).toEqual({ kind: 'starts', text: 'v2 replaces v1, as attempt 2' });
    expect(await outlook({ version: 'v1' })).toEqual({ kind: 'stays', text: 'v1 is stable and stays so; nothing moves' });
    const { out } = await plan(rollout('shop', { version: 'v1' }));
    expect(out).toMatch(/^shop\/forecast v1: 2 steps; from the first step on at 100% and stable after /);
  });

  it('R12: exit code 1 when an older Rollout steers the same route', async () => {
    const { comparison, code } = await told(rollout('shop', { host: 'forecast' }, 'twin'));
    expect({ code, blocked: comparison.blocked, problem: comparison.problem }).toEqual({
      code: 1,
      blocked: true,
      problem: expect.stringMatching(/^the older Rollout shop\/forecast steers the same route, so this one would be Invalid; /),
    });
    expect((await told(rollout('shop'))).comparison.problem).toBeUndefined();
  });

  it('R3: nothing was written', async () => {
    const { metadata } = (await api.get(VIRTUAL_SERVICE)).body;
    expect(metadata.annotations).toBeUndefined();
  });
});

const deadAddress = async (): Promise<string> => {
  const server = createServer();
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await new Promise(resolve => server.close(resolve));
  return address;
};
