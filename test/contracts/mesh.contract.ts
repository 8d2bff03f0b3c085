import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import type { MeshKind, MeshObject, ObjectCache } from '../../src/adapters/istio/resource.ts';
import { createIstioRouter } from '../../src/adapters/istio/router.ts';
import { FIELD_MANAGER, withRoutesWriter } from '../../src/adapters/istio/routesWriter.ts';
import { createKubeClient, type JsonPatchOperation, type KubeClient } from '../../src/adapters/kubernetes/client.ts';
import { toPod, toService } from '../../src/adapters/kubernetes/pods.ts';
import { DEPLOYMENTS, type KubeObject, type Resource } from '../../src/adapters/kubernetes/resources.ts';
import { createWorkloads } from '../../src/adapters/kubernetes/workloads.ts';
import type { Position, ResolvedTarget } from '../../src/rollout/index.ts';

const istio = (plural: string): Resource => ({ group: 'networking.istio.io', version: 'v1', plural, namespaced: true });
const RESOURCES: Readonly<Record<MeshKind, Resource>> = {
  VirtualService: istio('virtualservices'),
  DestinationRule: istio('destinationrules'),
};
const NAMESPACES: Resource = { group: '', version: 'v1', plural: 'namespaces', namespaced: false };
const WEIGHT = '/spec/http/0/route/0/weight';

const position: Position = {
  seq: 9,
  revision: 'r',
  plan: 'p',
  step: 0,
  weight: 0,
  state: 'done',
  reason: 'Retired',
  time: '2026-11-21T14:00:00Z',
  epoch: 1,
};

/** A cache of one object, as a watch would have filled it. */
const cacheOf = (object: MeshObject): ObjectCache => {
  let held = object;
  return {
    get: () => held,
    list: () => [held],
    onChange: () => {},
    put: next => {
      held = next;
    },
  };
};

/** What retiring and drift rely on in an API server that has the kinds of Istio. */
export function meshContract(server: string, connect: () => Promise<string>): void {
  describe(`mesh objects in ${server}`, () => {
    const namespace = `mesh-${randomBytes(4).toString('hex')}`;
    const host = `reviews.${namespace}.svc.cluster.local`;
    const ref = { namespace, name: 'reviews' };
    let client: KubeClient;

    const virtualService = (v1: number): KubeObject => ({
      apiVersion: 'networking.istio.io/v1',
      kind: 'VirtualService',
      metadata: { namespace, name: 'reviews' },
      spec: {
        hosts: ['reviews'],
        http: [
          {
            name: 'main',
            route: [
              { destination: { host: 'reviews', subset: 'v1' }, weight: v1 },
              { destination: { host: 'reviews', subset: 'v2' }, weight: 100 - v1 },
            ],
          },
        ],
      },
    });
    const patch = (operations: readonly JsonPatchOperation[], fieldManager: string): Promise<KubeObject> =>
      client.jsonPatch(RESOURCES.VirtualService, ref, operations, { fieldManager });
    const weights = (v1: number): readonly JsonPatchOperation[] => [
      { op: 'replace', path: WEIGHT, value: v1 },
      { op: 'replace', path: '/spec/http/0/route/1/weight', value: 100 - v1 },
    ];
    const writerOf = (object: KubeObject): unknown => withRoutesWriter(object).metadata['routesWriter'];

    beforeAll(async () => {
      client = createKubeClient({ kubeconfigPath: await connect() });
      await client.create(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
    });

    it('R26: the field manager tells who wrote the routes last', async () => {
      const made = await client.create(RESOURCES.VirtualService, virtualService(100), {
        fieldManager: 'kubectl-client-side-apply',
      });
      expect(writerOf(made)).toBe('kubectl-client-side-apply');
      expect(writerOf(await patch(weights(50), FIELD_MANAGER))).toBeUndefined();
      expect(writerOf(await patch(weights(100), 'argocd-controller'))).toBe('argocd-controller');
      expect(writerOf(await patch(weights(50), FIELD_MANAGER))).toBeUndefined();
      const applied = { fieldManager: 'kustomize-controller', force: true };
      expect(writerOf(await client.apply(RESOURCES.VirtualService, virtualService(100), applied))).toBe('kustomize-controller');
      const annotation = { metadata: { annotations: { team: 'a' } } };
      const annotated = await client.mergePatch(RESOURCES.VirtualService, ref, annotation, { fieldManager: 'kubectl-annotate' });
      expect(writerOf(annotated)).toBe('kustomize-controller');
      expect(writerOf(await patch(weights(0), FIELD_MANAGER))).toBeUndefined();
    });

    it('R21: a destination and a subset are taken away by patches that the server accepts', async () => {
      const rule = await client.create(RESOURCES.DestinationRule, {
        apiVersion: 'networking.istio.io/v1',
        kind: 'DestinationRule',
        metadata: { namespace, name: 'reviews', annotations: { 'sluice.dev/subsets': '["v1"]' } },
        spec: {
          host: 'reviews',
          subsets: ['v1', 'v2'].map(version => ({ name: version, labels: { version } })),
        },
      });
      const found = await client.get(RESOURCES.VirtualService, ref);
      const router = createIstioRouter({
        virtualServices: cacheOf(found),
        destinationRules: cacheOf(rule),
        clock: { now: () => 0 },
        patch: (kind, inNamespace, name, operations) =>
          client.jsonPatch(RESOURCES[kind], { namespace: inNamespace, name }, operations, { fieldManager: FIELD_MANAGER }),
        refresh: (kind, inNamespace, name) => client.get(RESOURCES[kind], { namespace: inNamespace, name }),
      });
      const key = `${namespace}/reviews`;
      const target: ResolvedTarget = {
        router: 'istio',
        host,
        versionLabel: 'version',
        virtualServices: [key],
        routes: ['main'],
        destinationRule: key,
      };
      const resourceVersion = found.metadata.resourceVersion ?? '';
      await router.removeDestination(
        { kind: 'removeDestination', target, object: key, resourceVersion, version: 'v1', position },
        { uid: 'uid-1', name: 'reviews' },
      );
      await router.removeSubset(target, 'v1');
      const after = await client.get(RESOURCES.VirtualService, ref);
      expect(after['spec']).toMatchObject({ http: [{ route: [{ destination: { subset: 'v2' }, weight: 100 }] }] });
      expect((await client.get(RESOURCES.DestinationRule, ref))['spec']).toEqual({
        host: 'reviews',
        subsets: [{ name: 'v2', labels: { version: 'v2' } }],
      });
    });

    it('R21: a Deployment is scaled to 0 through its scale subresource, once', async () => {
      const labels = { app: 'reviews', version: 'v1' };
      await client.create(DEPLOYMENTS, {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { namespace, name: 'reviews-v1' },
        spec: {
          replicas: 2,
          selector: { matchLabels: labels },
          template: { metadata: { labels }, spec: { containers: [{ name: 'app', image: 'example.com/app' }] } },
        },
      });
      const pod = toPod({
        metadata: {
          namespace,
          name: 'reviews-v1-h1-a',
          labels: { ...labels, 'pod-template-hash': 'h1' },
          ownerReferences: [{ kind: 'ReplicaSet', name: 'reviews-v1-h1', uid: 'u', controller: true }],
        },
      });
      const service = toService({ metadata: { namespace, name: 'reviews' }, spec: { selector: { app: 'reviews' } } });
      const workloads = createWorkloads(client, { pods: { byNamespace: () => [pod] }, services: { get: () => service } });
      const wanted = { namespace, host, versionLabel: 'version', version: 'v1' };
      expect(await workloads.scaleToZero(wanted)).toEqual([`${namespace}/reviews-v1`]);
      const scaled = await client.get(DEPLOYMENTS, { namespace, name: 'reviews-v1' });
      expect(scaled['spec']).toMatchObject({ replicas: 0 });
      expect(await workloads.scaleToZero(wanted)).toEqual([]);
    });
  });
}
