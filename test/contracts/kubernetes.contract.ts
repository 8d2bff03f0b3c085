import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { withoutManagedFields } from '../../src/adapters/kubernetes/cache.ts';
import { createKubeClient, type KubeClient } from '../../src/adapters/kubernetes/client.ts';
import { createElector } from '../../src/adapters/kubernetes/elector.ts';
import { createEventSink } from '../../src/adapters/kubernetes/events.ts';
import { createInformer, type Informer } from '../../src/adapters/kubernetes/informer.ts';
import { findMissing, istioVersion } from '../../src/adapters/kubernetes/missing.ts';
import { createPodSource, toPod, toService } from '../../src/adapters/kubernetes/pods.ts';
import {
  EVENTS,
  type KubeObject,
  LEASES,
  PODS,
  type Resource,
  ROLLOUTS,
  SERVICES,
} from '../../src/adapters/kubernetes/resources.ts';
import { createRolloutStore } from '../../src/adapters/kubernetes/rollouts.ts';
import type { RolloutStatus } from '../../src/rollout/index.ts';
import { createLines } from '../adapters/kubernetes/quiet.ts';

/** What is waited for comes at once, or on a busy machine later. */
const PATIENT = { timeout: 60_000, interval: 20 };

const NAMESPACES: Resource = { group: '', version: 'v1', plural: 'namespaces', namespaced: false };
const CONFIG_MAPS: Resource = { group: '', version: 'v1', plural: 'configmaps', namespaced: true };
const WIDGETS: Resource = { group: 'contract.sluice.dev', version: 'v1', plural: 'widgets', namespaced: true };
const DEFINITIONS: Resource = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  plural: 'customresourcedefinitions',
  namespaced: false,
};

function definition(resource: Resource, kind: string, schema: object): KubeObject {
  const { group, version: name, plural } = resource;
  const openAPIV3Schema = { type: 'object', ...schema };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { plural, singular: kind.toLowerCase(), kind, listKind: `${kind}List` },
      versions: [{ name, served: true, storage: true, subresources: { status: {} }, schema: { openAPIV3Schema } }],
    },
  };
}

const ROLLOUT_DEFINITION = definition(ROLLOUTS, 'Rollout', { 'x-kubernetes-preserve-unknown-fields': true });
const WIDGET_DEFINITION = definition(WIDGETS, 'Widget', {
  properties: { spec: { type: 'object', properties: { size: { type: 'integer', maximum: 100 } } } },
});

const STATUS: RolloutStatus = { phase: 'Progressing', reason: 'Started', message: 'step 1/1' };

/** The tests that any server of the Kubernetes API passes; `connect` gives the path of a kubeconfig of a cluster admin. */
export function kubernetesContract(server: string, connect: () => Promise<string>): void {
  describe(`Kubernetes adapter against ${server}`, () => {
    const namespace = `contract-${randomBytes(4).toString('hex')}`;
    const { logger } = createLines();
    let client: KubeClient;
    let path: string;
    const informers: Informer<KubeObject>[] = [];

    function rolloutsOf(): Informer<KubeObject> {
      const options = { client, resource: ROLLOUTS, namespaces: [namespace], transform: withoutManagedFields, logger };
      const informer = createInformer(options);
      informers.push(informer);
      informer.start();
      return informer;
    }

    function rollout(name: string, annotations: Record<string, string> = {}): KubeObject {
      const spec = { version: 'v2', strategy: { canary: { steps: [{ setWeight: 50 }] } } };
      return { apiVersion: 'sluice.dev/v1alpha1', kind: 'Rollout', metadata: { namespace, name, annotations }, spec };
    }

    beforeAll(async () => {
      path = await connect();
      client = createKubeClient({ kubeconfigPath: path });
      for (const missing of [ROLLOUT_DEFINITION, WIDGET_DEFINITION]) {
        const found = await client.get(DEFINITIONS, { name: missing.metadata.name ?? '' }).catch(() => undefined);
        if (!found) await client.create(DEFINITIONS, missing);
      }
      await client.create(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
      for (const served of [ROLLOUTS, WIDGETS]) {
        await vi.waitFor(() => client.list(served, { namespace }), PATIENT);
      }
    });

    afterAll(async () => {
      await Promise.all(informers.map(informer => informer.stop()));
      await client.delete(NAMESPACES, { name: namespace });
      client.close();
    });

    it('creates, gets, lists, patches, replaces and deletes', async () => {
      const metadata = { namespace, name: 'crud' };
      const made = await client.create(CONFIG_MAPS, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { a: '1' } });
      const merged = await client.mergePatch(CONFIG_MAPS, metadata, { data: { b: '2' } });
      expect(merged['data']).toEqual({ a: '1', b: '2' });
      await expect(client.replace(CONFIG_MAPS, { ...made, data: {} })).rejects.toMatchObject({ kind: 'conflict' });
      expect((await client.replace(CONFIG_MAPS, { ...merged, data: { c: '3' } }))['data']).toEqual({ c: '3' });
      expect((await client.list(CONFIG_MAPS, { namespace })).items.map(item => item.metadata.name)).toContain('crud');
      await client.delete(CONFIG_MAPS, metadata);
      await expect(client.get(CONFIG_MAPS, metadata)).rejects.toMatchObject({ kind: 'notFound' });
      await expect(client.create(CONFIG_MAPS, { metadata: { namespace: 'no-such', name: 'x' } })).rejects.toMatchObject({
        kind: 'notFound',
      });
    });

    it('applies with field managers and names a conflict', async () => {
      const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace, name: 'applied' }, data: { a: '1' } };
      await client.apply(CONFIG_MAPS, object, { fieldManager: 'one' });
      const other = { ...object, data: { a: '2' } };
      await expect(client.apply(CONFIG_MAPS, other, { fieldManager: 'two' })).rejects.toMatchObject({ kind: 'conflict' });
      expect((await client.apply(CONFIG_MAPS, other, { fieldManager: 'two', force: true }))['data']).toEqual({ a: '2' });
    });

    it('R27: a test that does not hold is a conflict', async () => {
      const ref = { namespace, name: 'tested' };
      await client.create(CONFIG_MAPS, { apiVersion: 'v1', kind: 'ConfigMap', metadata: ref, data: { a: '1' } });
      const patch = [{ op: 'test', path: '/data/a', value: '2' } as const, { op: 'remove', path: '/data/a' } as const];
      await expect(client.jsonPatch(CONFIG_MAPS, ref, patch)).rejects.toMatchObject({ kind: 'conflict', code: 422 });
    });

    it('an object that its schema does not allow is refused and the field is named', async () => {
      const ref = { namespace, name: 'invalid' };
      await client.create(WIDGETS, { apiVersion: 'contract.sluice.dev/v1', kind: 'Widget', metadata: ref, spec: { size: 1 } });
      const patch = [{ op: 'replace', path: '/spec/size', value: 101 } as const];
      const refusal = { kind: 'refused', code: 422, message: expect.stringContaining('spec.size') };
      await expect(client.jsonPatch(WIDGETS, ref, patch)).rejects.toMatchObject(refusal);
    });

    it('lists in pages', async () => {
      for (const name of ['page-1', 'page-2', 'page-3']) {
        const metadata = { namespace, name, labels: { paged: 'yes' } };
        await client.create(CONFIG_MAPS, { apiVersion: 'v1', kind: 'ConfigMap', metadata });
      }
      const query = { namespace, labelSelector: 'paged=yes' };
      const first = await client.list(CONFIG_MAPS, { ...query, limit: 2 });
      expect(first.items).toHaveLength(2);
      const second = await client.list(CONFIG_MAPS, { ...query, limit: 2, continue: first.continue ?? '' });
      expect(second.items.map(item => item.metadata.name)).toEqual(['page-3']);
    });

    it('sees additions, changes and deletions by list and watch', async () => {
      await client.create(ROLLOUTS, rollout('listed'));
      const informer = rolloutsOf();
      await informer.synced;
      expect(informer.get(namespace, 'listed')?.metadata.name).toBe('listed');
      await client.create(ROLLOUTS, rollout('watched'));
      await vi.waitFor(() => expect(informer.get(namespace, 'watched')).toBeDefined(), PATIENT);
      await client.mergePatch(ROLLOUTS, { namespace, name: 'watched' }, { spec: { version: 'v3' } });
      await vi.waitFor(() => expect(informer.get(namespace, 'watched')?.['spec']).toMatchObject({ version: 'v3' }), PATIENT);
      await client.delete(ROLLOUTS, { namespace, name: 'watched' });
      await vi.waitFor(() => expect(informer.get(namespace, 'watched')).toBeUndefined(), PATIENT);
    });

    it('writes a status once and refuses the write that was decided on an older object', async () => {
      await client.create(ROLLOUTS, rollout('status'));
      const informer = rolloutsOf();
      await informer.synced;
      const store = createRolloutStore(client, informer);
      const before = store.get(`${namespace}/status`);
      if (!before) throw new Error('the Rollout is not in the cache');
      await store.writeStatus(before, STATUS);
      expect(store.get(`${namespace}/status`)?.status).toEqual(STATUS);
      expect(store.get(`${namespace}/status`)?.generation).toBe(before.generation);
      await expect(store.writeStatus(before, STATUS)).rejects.toMatchObject({ kind: 'conflict', code: 409 });
      await client.delete(ROLLOUTS, { namespace, name: 'status' });
      await expect(store.writeStatus(before, STATUS)).rejects.toMatchObject({ name: 'KubeError' });
    });

    it('R22: removes a request only while it is the one that was read, and the status decided with it is still good', async () => {
      await client.create(ROLLOUTS, rollout('asked', { 'sluice.dev/request': '{"verb":"abort"}', other: 'stays' }));
      const informer = rolloutsOf();
      await informer.synced;
      const store = createRolloutStore(client, informer);
      const before = store.get(`${namespace}/asked`);
      if (!before) throw new Error('the Rollout is not in the cache');
      expect(before.request).toBe('{"verb":"abort"}');
      await store.removeRequest(before, '{"verb":"retry"}');
      expect((await client.get(ROLLOUTS, before)).metadata.annotations).toHaveProperty('sluice.dev/request');
      await store.removeRequest(before, '{"verb":"abort"}');
      expect(store.get(`${namespace}/asked`)?.request).toBeUndefined();
      expect((await client.get(ROLLOUTS, before)).metadata.annotations).toEqual({ other: 'stays' });
      await store.removeRequest(before, '{"verb":"abort"}');
      await store.writeStatus(before, STATUS);
      expect(store.get(`${namespace}/asked`)?.status).toEqual(STATUS);
    });

    it('R35: an event of one name is recorded once', async () => {
      await client.create(ROLLOUTS, rollout('told'));
      const informer = rolloutsOf();
      await informer.synced;
      const told = createRolloutStore(client, informer).get(`${namespace}/told`);
      if (!told) throw new Error('the Rollout is not in the cache');
      const { lines, logger: kept } = createLines();
      const sink = createEventSink({ client, clock: { now: () => Date.now() }, logger: kept });
      const event = { name: 'told-1', type: 'Normal', reason: 'Started', message: 'a new version' } as const;
      sink.emit(told, event);
      sink.emit(told, event);
      await sink.drain(5000);
      const { items } = await client.list(EVENTS, { namespace, fieldSelector: 'involvedObject.name=told' });
      expect(items.map(item => item['message'])).toEqual(['a new version']);
      expect(lines).toEqual([]);
    });

    it('R31: one of two candidates leads, the other follows when it stops', async () => {
      const options = { client, namespace, name: 'sluice', clock: { now: () => Date.now() }, logger, renewMs: 50 };
      const first = createElector({ ...options, identity: 'first' });
      const second = createElector({ ...options, identity: 'second' });
      first.start();
      await vi.waitFor(() => expect(first.isLeader()).toBe(true), PATIENT);
      second.start();
      const spec = (await client.get(LEASES, { namespace, name: 'sluice' }))['spec'];
      expect(spec).toMatchObject({ holderIdentity: 'first', leaseDurationSeconds: 10 });
      expect(second.isLeader()).toBe(false);
      await first.stop();
      await vi.waitFor(() => expect(second.isLeader()).toBe(true), PATIENT);
      expect(second.epoch()).toBeGreaterThan(first.epoch());
      await second.stop();
      expect((await client.get(LEASES, { namespace, name: 'sluice' }))['spec']).toMatchObject({ holderIdentity: '' });
    });

    it('R13: counts the pods that a Service selects, by version', async () => {
      const pod = { apiVersion: 'v1', kind: 'Pod' };
      const containers = [{ name: 'c', image: 'i' }];
      const labels = { app: 'forecast', version: 'v1' };
      await client.create(PODS, { ...pod, metadata: { namespace, name: 'p1', labels }, spec: { containers } });
      const port = { name: 'http', port: 80 };
      const service = { apiVersion: 'v1', kind: 'Service', metadata: { namespace, name: 'forecast' } };
      await client.create(SERVICES, { ...service, spec: { selector: { app: 'forecast' }, ports: [port] } });
      const common = { client, namespaces: [namespace], logger };
      const pods = createInformer({ ...common, resource: PODS, transform: toPod });
      const services = createInformer({ ...common, resource: SERVICES, transform: toService });
      pods.start();
      services.start();
      await Promise.all([pods.synced, services.synced]);
      const source = createPodSource(pods, services);
      expect(source.versions(namespace, 'forecast', 'version')['v1']).toMatchObject({ total: 1 });
      await Promise.all([pods.stop(), services.stop()]);
    });

    it('says what is installed', async () => {
      expect(await istioVersion(client)).toBe('v1');
      expect(await findMissing(client)).toEqual([]);
    });
  });
}
