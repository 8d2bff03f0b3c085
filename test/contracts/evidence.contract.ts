import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { parse } from 'yaml';
import { createKubeClient, type KubeClient } from '../../src/adapters/kubernetes/client.ts';
import { createConfigMapEvidence } from '../../src/adapters/kubernetes/evidence.ts';
import { CONFIG_MAPS, type KubeObject, type Resource, ROLLOUTS } from '../../src/adapters/kubernetes/resources.ts';
import type { Evidence } from '../../src/controller/ports.ts';
import { refusal } from '../adapters/kubernetes/memoryObjects.ts';
import { createLines } from '../adapters/kubernetes/quiet.ts';

/** What is waited for comes at once, or on a busy machine later. */
const PATIENT = { timeout: 60_000, interval: 20 };

const NAMESPACES: Resource = { group: '', version: 'v1', plural: 'namespaces', namespaced: false };
const DEFINITIONS: Resource = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  plural: 'customresourcedefinitions',
  namespaced: false,
};
const CRD = join(import.meta.dirname, '../../templates/crd/rollouts.sluice.dev.yaml');
const { signal } = new AbortController();

/** Text of which about so many bytes are left when it is compressed. */
const noise = (bytes: number): string => createHash('shake256', { outputLength: bytes }).update('noise').digest('base64');

const isServed = (client: KubeClient): Promise<unknown> => vi.waitFor(() => client.list(ROLLOUTS), PATIENT);

/** The tests that any server of the Kubernetes API passes. */
export function evidenceContract(
  server: string,
  connect: () => Promise<{
    /** Path of the kubeconfig of a cluster admin. */
    readonly admin: string;
    /** Path of the kubeconfig of the controller, with its rights. */
    readonly controller: string;
  }>,
): void {
  describe(`evidence in ConfigMaps of ${server}`, () => {
    let client: KubeClient;
    let controller: KubeClient;
    const namespaces: string[] = [];
    beforeAll(async () => {
      const { admin, controller: path } = await connect();
      client = createKubeClient({ kubeconfigPath: admin });
      controller = createKubeClient({ kubeconfigPath: path });
      const found = await client.get(DEFINITIONS, { name: 'rollouts.sluice.dev' }).catch(() => undefined);
      if (!found) await client.create(DEFINITIONS, parse(await readFile(CRD, 'utf8')));
      await isServed(client);
    });
    afterAll(async () => {
      for (const name of namespaces) await client.delete(NAMESPACES, { name });
      client.close();
      controller.close();
    });

    /** A namespace of its own with a Rollout, and a store whose requests are counted. */
    const open = async ({ attempts = 3, name = 'forecast' } = {}) => {
      const namespace = `evidence-${Math.floor(performance.timeOrigin) % 1_000_000_000}-${namespaces.length}`;
      namespaces.push(namespace);
      await client.create(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
      const spec = { version: 'v2', strategy: { canary: { steps: [{ setWeight: 50 }] } } };
      const { metadata } = await client.create(ROLLOUTS, {
        apiVersion: 'sluice.dev/v1alpha1',
        kind: 'Rollout',
        metadata: { namespace, name },
        spec,
      });
      const rollout = { namespace, name, uid: metadata.uid ?? '' };
      const calls: string[] = [];
      const counted = {
        create: vi.fn<KubeClient['create']>((...parameters) => {
          calls.push('create');
          return controller.create(...parameters);
        }),
        jsonPatch: vi.fn<KubeClient['jsonPatch']>((...parameters) => {
          calls.push('patch');
          return controller.jsonPatch(...parameters);
        }),
        mergePatch: vi.fn<KubeClient['mergePatch']>((...parameters) => {
          calls.push('merge');
          return controller.mergePatch(...parameters);
        }),
        delete: vi.fn<KubeClient['delete']>((...parameters) => {
          calls.push('delete');
          return controller.delete(...parameters);
        }),
      };
      const { lines, logger } = createLines();
      const create = () => createConfigMapEvidence({ client: counted, attempts, logger });
      const evidence = (attempt: number, record: string, change: Partial<Evidence> = {}): Evidence => ({
        rollout,
        attempt,
        name: record,
        digest: '',
        text: `{"record":"${attempt}/${record}"}`,
        ...change,
      });
      const read = (attempt: number): Promise<KubeObject> =>
        client.get(CONFIG_MAPS, { namespace, name: `${name}-evidence-${attempt}` });
      const keysOf = async (attempt: number): Promise<readonly string[]> =>
        Object.keys((await read(attempt))['binaryData'] as object).map(key => key.replace('.json.gz', ''));
      return { rollout, calls, counted, lines, create, store: create(), evidence, read, keysOf };
    };

    it('R37: one for each attempt, beside the Rollout and going with it, one compressed value for each record', async () => {
      const { rollout, store, evidence, read } = await open();
      expect(await store.write(evidence(1, '1-started'), signal)).toBe('written');
      expect(await store.write(evidence(1, '2-raised'), signal)).toBe('written');
      const { metadata, binaryData } = await read(1);
      expect(metadata.labels).toMatchObject({ 'sluice.dev/rollout': 'forecast' });
      expect(metadata.ownerReferences).toEqual([
        { apiVersion: 'sluice.dev/v1alpha1', kind: 'Rollout', name: 'forecast', uid: rollout.uid },
      ]);
      const records = Object.entries(binaryData as Record<string, string>).map(([key, packed]) => [
        key,
        gunzipSync(Buffer.from(packed, 'base64')).toString(),
      ]);
      expect(records).toEqual([
        ['1-started.json.gz', '{"record":"1/1-started"}'],
        ['2-raised.json.gz', '{"record":"1/2-raised"}'],
      ]);
    });

    it('R5: a record is one request, also the first one after a restart', async () => {
      const { store, create, evidence, calls, keysOf } = await open();
      await store.write(evidence(1, '1-started'), signal);
      await store.write(evidence(1, '2-raised'), signal);
      await create().write(evidence(1, '3-promoted'), signal);
      expect(calls).toEqual(['create', 'patch', 'patch']);
      expect(await keysOf(1)).toEqual(['1-started', '2-raised', '3-promoted']);
    });

    it('R37: a record that comes again, or without the start of its attempt, is kept all the same', async () => {
      const { store, create, evidence, keysOf } = await open();
      await store.write(evidence(1, '1-started'), signal);
      await create().write(evidence(1, '1-started'), signal);
      await store.write(evidence(2, '5-raised'), signal);
      expect([await keysOf(1), await keysOf(2)]).toEqual([['1-started'], ['5-raised']]);
    });

    it('R37: when an attempt begins, the one that falls out is deleted by its name', async () => {
      const { store, evidence, calls, keysOf } = await open({ attempts: 2 });
      for (const attempt of [1, 2, 3]) await store.write(evidence(attempt, '1-started'), signal);
      await expect(keysOf(1)).rejects.toMatchObject({ kind: 'notFound' });
      expect(await keysOf(2)).toEqual(['1-started']);
      expect(calls).toEqual(['create', 'create', 'create', 'delete']);
    });

    it('R37: an early attempt that cannot be deleted is said, and the record is kept', async () => {
      const { store, evidence, counted, lines, keysOf } = await open({ attempts: 1 });
      await store.write(evidence(1, '1-started'), signal);
      counted.delete.mockRejectedValueOnce(refusal('refused'));
      expect(await store.write(evidence(2, '1-started'), signal)).toBe('written');
      expect(await keysOf(2)).toEqual(['1-started']);
      expect(lines).toMatchObject([{ message: 'cannot delete evidence of an early attempt' }]);
    });

    it('R37: when it is full, the start and the way back stay, and of the others the oldest go', async () => {
      const { store, create, evidence, keysOf } = await open();
      const big = { text: noise(150_000) };
      for (const name of ['1-started', '2-raised', '3-lowered', '4-raised', '5-raised']) {
        await store.write(evidence(1, name, big), signal);
      }
      expect(await keysOf(1)).toEqual(['1-started', '3-lowered', '5-raised']);
      // A new process learns what is there from its first answer.
      const later = create();
      await later.write(evidence(1, '6-raised', { text: 'small' }), signal);
      await later.write(evidence(1, '7-raised', big), signal);
      expect(await keysOf(1)).toEqual(['1-started', '3-lowered', '6-raised', '7-raised']);
    });

    it('R37: one record that is too large alone is lost, with the reason', async () => {
      const { store, evidence, calls } = await open();
      expect(await store.write(evidence(1, '1-started', { text: noise(600_000) }), signal)).toEqual({
        lost: expect.stringMatching(/^it has \d+ bytes, expected at most 524288$/),
      });
      expect(calls).toEqual([]);
    });

    it('R37: long names fit', async () => {
      const name = `${'a'.repeat(62)}.`.repeat(3).concat('b'.repeat(60));
      const { rollout, store, evidence } = await open({ name });
      await store.write(evidence(12, '1-started'), signal);
      const listed = await client.list(CONFIG_MAPS, { namespace: rollout.namespace, labelSelector: 'sluice.dev/rollout' });
      const [found] = listed.items;
      expect(found?.metadata.name).toMatch(/^a{62}\..*-[0-9a-f]{8}-evidence-12$/);
      expect(found?.metadata.name?.length).toBeLessThanOrEqual(253);
      expect(found?.metadata.labels?.['sluice.dev/rollout']).toMatch(/^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])$/);
    });

    it('R37: what a deleted Rollout has left goes, and does not stand in the way of a new one of that name', async () => {
      const { rollout, store, create, evidence, read } = await open();
      await store.write(evidence(1, '1-started'), signal);
      const { namespace, name } = rollout;
      const { spec } = await client.get(ROLLOUTS, { namespace, name });
      await client.delete(ROLLOUTS, { namespace, name });
      const again = { apiVersion: 'sluice.dev/v1alpha1', kind: 'Rollout', metadata: { namespace, name }, spec };
      const { uid = '' } = (await client.create(ROLLOUTS, again)).metadata;
      await create().write(evidence(1, '2-started', { rollout: { namespace, name, uid } }), signal);
      expect((await read(1)).metadata.ownerReferences).toMatchObject([{ uid }]);
      await client.delete(ROLLOUTS, { namespace, name });
      await vi.waitFor(() => expect(read(1)).rejects.toMatchObject({ kind: 'notFound' }), PATIENT);
    });

    it('R37: one that goes just when it is written to is made anew', async () => {
      const { store, evidence, counted, keysOf } = await open();
      counted.create.mockRejectedValueOnce(refusal('conflict'));
      expect(await store.write(evidence(1, '1-started'), signal)).toBe('written');
      expect(await keysOf(1)).toEqual(['1-started']);
    });

    it('R37: one that comes and goes all the time is tried again later', async () => {
      const { store, evidence, counted } = await open();
      counted.create.mockRejectedValue(refusal('conflict'));
      await expect(store.write(evidence(1, '1-started'), signal)).rejects.toMatchObject({ kind: 'conflict' });
    });

    it('R37: a namespace that is gone loses its records; every other refusal is tried again', async () => {
      const { rollout, store, evidence, counted } = await open();
      const namespace = `${rollout.namespace}-gone`;
      const gone = evidence(1, '2-raised', { rollout: { ...rollout, namespace } });
      expect(await store.write(gone, signal)).toEqual({ lost: `namespace ${namespace} is gone` });
      for (const kind of ['refused', 'unavailable'] as const) {
        counted.jsonPatch.mockRejectedValueOnce(refusal(kind));
        await expect(store.write(evidence(1, '2-raised'), signal)).rejects.toMatchObject({ kind });
      }
    });

    it('R27, R37: a ConfigMap of that name that is not ours is neither written nor deleted, and the record is lost', async () => {
      const { rollout, create, evidence, read } = await open({ attempts: 1 });
      const { namespace } = rollout;
      const metadata = { namespace, name: 'forecast-evidence-1', labels: { 'sluice.dev/rollout': 'forecast' } };
      await client.create(CONFIG_MAPS, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { theirs: 'yes' } });
      const lost = { lost: expect.stringMatching(/^ConfigMap .*\/forecast-evidence-1 exists and is not ours/) };
      expect(await create().write(evidence(1, '1-started'), signal)).toEqual(lost);
      expect(await create().write(evidence(1, '2-raised'), signal)).toEqual(lost);
      expect(await create().write(evidence(2, '1-started'), signal)).toBe('written');
      const { data, binaryData, metadata: kept } = await read(1);
      expect({ data, binaryData, owners: kept.ownerReferences }).toEqual({ data: { theirs: 'yes' } });
    });

    it('R37: one of ours that somebody emptied is filled again', async () => {
      const { rollout, store, evidence, calls, keysOf } = await open();
      const { namespace } = rollout;
      await store.write(evidence(1, '1-started'), signal);
      await client.mergePatch(CONFIG_MAPS, { namespace, name: 'forecast-evidence-1' }, { binaryData: null });
      expect(await store.write(evidence(1, '2-raised'), signal)).toBe('written');
      expect(await keysOf(1)).toEqual(['2-raised']);
      expect(calls).toEqual(['create', 'patch', 'patch', 'merge']);
    });
  });
}
