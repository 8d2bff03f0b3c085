import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createKubeClient, type KubeClient } from '../../../src/adapters/kubernetes/client.ts';
import { type Resource, ROLLOUTS } from '../../../src/adapters/kubernetes/resources.ts';
import { createRolloutWriter } from '../../../src/adapters/kubernetes/rolloutWriter.ts';
import { rolloutDefinition } from '../../../src/adapters/spec/crd.ts';
import { SystemError } from '../../../src/controller/ports.ts';
import type { Authors, PlacedRollout, RolloutOrigin } from '../../../src/controller/source-ports.ts';
import { createKubeApi, type KubeApi } from '../../../src/sandbox/kube/server.ts';
import { kubeconfigText } from './scriptedApi.ts';

const REF = { namespace: 'weather', name: 'forecast' };
const NAMESPACES: Resource = { group: '', version: 'v1', plural: 'namespaces', namespaced: false };
const DEFINITIONS: Resource = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  plural: 'customresourcedefinitions',
  namespaced: false,
};
const { signal } = new AbortController();

let folder: string;
let api: KubeApi;
let server: Server;
let client: KubeClient;
let writes: number;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-writer-'));
  api = createKubeApi(() => false);
  server = createServer(api.listener);
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const kubeconfigPath = join(folder, 'kubeconfig');
  await writeFile(kubeconfigPath, kubeconfigText(url, { token: api.token }));
  client = createKubeClient({ kubeconfigPath });
  await client.create(DEFINITIONS, rolloutDefinition() as never);
  await client.apply(
    NAMESPACES,
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'weather' } },
    { fieldManager: 'test' },
  );
  writes = 0;
  api.store.subscribe(() => {
    writes += 1;
  });
});

afterEach(async () => {
  client.close();
  api.close();
  server.closeAllConnections();
  await new Promise(resolve => server.close(resolve));
  await rm(folder, { recursive: true, force: true });
});

function rollout(
  version: string,
  metadata: Partial<PlacedRollout['metadata']> = {},
  steps: object[] = [{ setWeight: 50 }],
): PlacedRollout {
  return {
    apiVersion: 'sluice.dev/v1alpha1',
    kind: 'Rollout',
    metadata: { ...REF, ...metadata },
    spec: { version, strategy: { canary: { steps } } },
  };
}

const PATH = 'rollouts/forecast.yaml';

const origin = (revision: string, source = 'fleet', found: Authors = { people: [] }): RolloutOrigin => ({
  source,
  revision,
  path: PATH,
  authors: async () => found,
});

test('R33 writes as sluice-git, with label, commit and path, beside what stands in Git', async () => {
  const writer = createRolloutWriter(client);
  const given = rollout('v1', { labels: { team: 'sky' }, annotations: { note: 'x' } });
  expect(await writer.apply(given, origin('main@sha1:1'), signal)).toMatchObject({ outcome: 'created' });
  const live = await client.get(ROLLOUTS, REF);
  expect(live).toMatchObject({
    metadata: {
      labels: { team: 'sky', 'sluice.dev/source': 'fleet' },
      annotations: { note: 'x', 'sluice.dev/commit': 'main@sha1:1', 'sluice.dev/path': 'rollouts/forecast.yaml' },
      managedFields: [{ manager: 'sluice-git', operation: 'Apply' }],
    },
    spec: { version: 'v1' },
  });
});

test('a commit that changes nothing of the Rollout writes nothing; one that does moves the annotation', async () => {
  const writer = createRolloutWriter(client);
  await writer.apply(rollout('v1'), origin('main@sha1:1'), signal);
  const before = await client.get(ROLLOUTS, REF);
  writes = 0;
  expect(await writer.apply(rollout('v1'), origin('main@sha1:2'), signal)).toMatchObject({ outcome: 'unchanged' });
  expect(await client.get(ROLLOUTS, REF)).toEqual(before);
  expect(writes).toBe(0);
  expect(await writer.apply(rollout('v2'), origin('main@sha1:3'), signal)).toMatchObject({ outcome: 'changed' });
  expect(writes).toBe(1);
  expect((await client.get(ROLLOUTS, REF)).metadata.annotations).toMatchObject({ 'sluice.dev/commit': 'main@sha1:3' });
});

test('what was taken out of Git is taken out of the object, also within a list', async () => {
  const writer = createRolloutWriter(client);
  const steps = [{ setWeight: 50, pause: { duration: '1m' } }];
  await writer.apply(rollout('v1', { labels: { team: 'sky' } }, steps), origin('main@sha1:1'), signal);
  expect(await writer.apply(rollout('v1', {}, [{ setWeight: 50 }]), origin('main@sha1:2'), signal)).toMatchObject({
    outcome: 'changed',
  });
  const live = await client.get(ROLLOUTS, REF);
  expect(live.metadata.labels).toEqual({ 'sluice.dev/source': 'fleet' });
  expect(live['spec']).toEqual(rollout('v1').spec);
});

test('R33 what others changed in the fields of Git is put back when it is applied again; their own fields stay', async () => {
  const writer = createRolloutWriter(client);
  await writer.apply(rollout('v1'), origin('main@sha1:1'), signal);
  const foreign = {
    metadata: { annotations: { 'sluice.dev/request': '{"verb":"abort"}' } },
    spec: { version: 'v9', paused: true },
  };
  await client.mergePatch(ROLLOUTS, REF, foreign, { fieldManager: 'kubectl-edit' });
  expect(await writer.apply(rollout('v1'), origin('main@sha1:1'), signal)).toMatchObject({ outcome: 'changed' });
  expect(await client.get(ROLLOUTS, REF)).toMatchObject({
    metadata: { annotations: { 'sluice.dev/request': '{"verb":"abort"}' } },
    spec: { version: 'v1', paused: true },
  });
});

test('R33 an object of another source, or of nobody, is refused with the way out', async () => {
  const writer = createRolloutWriter(client);
  await writer.apply(rollout('v1'), origin('main@sha1:1', 'edge'), signal);
  await expect(writer.apply(rollout('v2'), origin('main@sha1:1'), signal)).rejects.toMatchObject({
    kind: 'refused',
    message: 'applying rollouts weather/forecast: it belongs to source edge; remove it from one of the two',
  });
  const mine = rollout('v1', { name: 'mine' });
  await client.create(ROLLOUTS, mine as never);
  await expect(writer.apply(rollout('v2', { name: 'mine' }), origin('main@sha1:1'), signal)).rejects.toMatchObject({
    kind: 'refused',
    message: expect.stringContaining('kubectl -n weather label sro mine sluice.dev/source=fleet'),
  });
  await client.mergePatch(ROLLOUTS, { ...REF, name: 'mine' }, { metadata: { labels: { 'sluice.dev/source': 'fleet' } } });
  expect(await writer.apply(rollout('v2', { name: 'mine' }), origin('main@sha1:1'), signal)).toMatchObject({
    outcome: 'changed',
  });
});

test('R33 of two sources that write the same Rollout at the same moment, one wins and the other is refused', async () => {
  const writer = createRolloutWriter(client);
  const outcomes = await Promise.allSettled([
    writer.apply(rollout('v1'), origin('main@sha1:1', 'fleet'), signal),
    writer.apply(rollout('v2'), origin('main@sha1:1', 'edge'), signal),
  ]);
  expect(outcomes).toMatchObject([{ value: { outcome: 'created' } }, { reason: { kind: 'refused' } }]);
});

test('an object that is being deleted is not written, but is later', async () => {
  const writer = createRolloutWriter(client);
  await writer.apply(rollout('v1'), origin('main@sha1:1'), signal);
  await client.mergePatch(ROLLOUTS, REF, { metadata: { finalizers: ['sluice.dev/safe'] } });
  await client.delete(ROLLOUTS, REF);
  await expect(writer.apply(rollout('v2'), origin('main@sha1:2'), signal)).rejects.toMatchObject({ kind: 'conflict' });
  await client.mergePatch(ROLLOUTS, REF, { metadata: { finalizers: null } });
  expect(await writer.apply(rollout('v2'), origin('main@sha1:2'), signal)).toMatchObject({ outcome: 'created' });
});

test('a cancelled write is not sent', async () => {
  await expect(createRolloutWriter(client).apply(rollout('v1'), origin('main@sha1:1'), AbortSignal.abort())).rejects.toThrow();
  await expect(client.get(ROLLOUTS, REF)).rejects.toMatchObject({ kind: 'notFound' });
});

test('R33 says who else wrote last, but not of a status', async () => {
  const writer = createRolloutWriter(client);
  await writer.apply(rollout('v1'), origin('main@sha1:1'), signal);
  await client.mergePatch(ROLLOUTS, REF, { spec: { version: 'v9' } }, { fieldManager: 'argocd-controller' });
  const status = { status: { phase: 'Healthy', reason: 'UpToDate', message: '' } };
  await client.mergePatch(ROLLOUTS, { ...REF, subresource: 'status' }, status, { fieldManager: 'sluice' });
  const applied = await writer.apply(rollout('v1'), origin('main@sha1:1'), signal);
  expect(applied).toMatchObject({
    outcome: 'changed',
    lastManager: 'argocd-controller',
    object: { namespace: 'weather', name: 'forecast', generation: 3, source: 'fleet', path: 'rollouts/forecast.yaml' },
  });
});

describe('removing', () => {
  const removable = async (source = 'fleet') => {
    const { object } = await createRolloutWriter(client).apply(rollout('v1'), origin('main@sha1:1', source), signal);
    return object;
  };

  test('R33 deletes the object of this source, which is gone then', async () => {
    const object = await removable();
    expect(await createRolloutWriter(client).remove(object, 'fleet', signal)).toBe('deleted');
    await expect(client.get(ROLLOUTS, REF)).rejects.toMatchObject({ kind: 'notFound' });
    expect(await createRolloutWriter(client).remove(object, 'fleet', signal)).toBe('left');
  });

  test('R33 leaves an object of another source, without label, or made anew under the same name', async () => {
    const writer = createRolloutWriter(client);
    const object = await removable('edge');
    expect(await writer.remove(object, 'fleet', signal)).toBe('left');
    await client.mergePatch(ROLLOUTS, REF, { metadata: { labels: { 'sluice.dev/source': null } } });
    expect(await writer.remove(object, 'edge', signal)).toBe('left');
    await client.delete(ROLLOUTS, REF);
    await writer.apply(rollout('v2'), origin('main@sha1:2', 'edge'), signal);
    expect(await writer.remove(object, 'edge', signal)).toBe('left');
    expect((await client.get(ROLLOUTS, REF))['spec']).toMatchObject({ version: 'v2' });
  });

  test('R33 sees a label that is taken away between reading and deleting', async () => {
    const object = await removable();
    const handOver = { metadata: { labels: { 'sluice.dev/source': null } } };
    const racing: KubeClient = {
      ...client,
      delete: async (...parameters) => {
        await client.mergePatch(ROLLOUTS, REF, handOver);
        await client.delete(...parameters);
      },
    };
    expect(await createRolloutWriter(racing).remove(object, 'fleet', signal)).toBe('left');
    expect(await client.get(ROLLOUTS, REF)).toBeDefined();
  });

  test('R30 with a finalizer it is only asked for, once', async () => {
    const object = await removable();
    await client.mergePatch(ROLLOUTS, REF, { metadata: { finalizers: ['sluice.dev/rollout'] } });
    const writer = createRolloutWriter(client);
    expect(await writer.remove(object, 'fleet', signal)).toBe('deleted');
    expect((await client.get(ROLLOUTS, REF)).metadata.deletionTimestamp).toBeDefined();
    expect(await writer.remove(object, 'fleet', signal)).toBe('left');
  });
});

describe('R19: the authors of what is applied', () => {
  const by = (revision: string, people: readonly string[], missing?: string): RolloutOrigin =>
    origin(revision, 'fleet', { people, ...(missing === undefined ? {} : { missing }) });
  const annotation = async () => (await client.get(ROLLOUTS, REF)).metadata.annotations?.['sluice.dev/authors'];
  const reach = async (phase: string, stableVersion: string) =>
    void (await client.mergePatch(ROLLOUTS, { ...REF, subresource: 'status' }, { status: { phase, stableVersion } }));

  test('go with the commit in the same write, and stay while commits change nothing', async () => {
    const writer = createRolloutWriter(client);
    writes = 0;
    await writer.apply(rollout('v1'), by('main@sha1:1', ['alice', 'alice@example.com']), signal);
    expect(writes).toBe(1);
    expect(await annotation()).toBe('["alice","alice@example.com"]');
    const unasked: RolloutOrigin = {
      ...origin('main@sha1:2'),
      authors: async () => {
        throw new Error('nobody is asked for what is not written');
      },
    };
    expect(await writer.apply(rollout('v1'), unasked, signal)).toMatchObject({ outcome: 'unchanged' });
    expect(await annotation()).toBe('["alice","alice@example.com"]');
  });

  test('are asked for since the commit and the file that stand on the object', async () => {
    const writer = createRolloutWriter(client);
    const asked: unknown[] = [];
    const asking = (revision: string, path: string): RolloutOrigin => ({
      ...origin(revision),
      path,
      authors: async before => {
        asked.push(before);
        return { people: ['x'] };
      },
    });
    await writer.apply(rollout('v1'), asking('main@sha1:1', 'a.yaml'), signal);
    await writer.apply(rollout('v2'), asking('main@sha1:2', 'b.yaml'), signal);
    expect(asked).toEqual([undefined, { revision: 'main@sha1:1', path: 'a.yaml' }]);
  });

  test('add up until what they wrote is stable, and begin anew then', async () => {
    const writer = createRolloutWriter(client);
    await writer.apply(rollout('v1'), by('main@sha1:1', ['zoe']), signal);
    await reach('Healthy', 'v1');
    await writer.apply(rollout('v2'), by('main@sha1:2', ['alice']), signal);
    expect(await annotation()).toBe('["alice"]');
    // no status knows of v2 yet
    await writer.apply(rollout('v2', {}, [{ setWeight: 20 }]), by('main@sha1:3', ['bob', 'Alice']), signal);
    expect(await annotation()).toBe('["bob","Alice"]');
    await reach('RolledBack', 'v1');
    await writer.apply(rollout('v2', {}, [{ setWeight: 30 }]), by('main@sha1:4', ['carol']), signal);
    expect(await annotation()).toBe('["carol","bob","Alice"]');
    await reach('Healthy', 'v2');
    await writer.apply(rollout('v3'), by('main@sha1:5', ['dan']), signal);
    expect(await annotation()).toBe('["dan"]');
  });

  test('with somebody missing, nobody can be said not to be one of them; too many are no different', async () => {
    const writer = createRolloutWriter(client);
    await writer.apply(rollout('v1'), by('main@sha1:1', ['alice'], 'the history ends'), signal);
    expect(await annotation()).toBe('["alice","*"]');
    await writer.apply(rollout('v2'), by('main@sha1:2', ['bob']), signal);
    expect(await annotation()).toBe('["bob","alice","*"]');
    const many = Array.from({ length: 100 }, (_, index) => `p${index}`);
    await writer.apply(rollout('v3'), by('main@sha1:3', many), signal);
    const list: unknown = JSON.parse((await annotation()) ?? '');
    expect(list).toHaveLength(81);
    expect(list).toContain('*');
  });

  test.each(['{"a":1}', '[1]', 'alice', ''])(
    'what somebody else put there (%s) counts as somebody who is missing',
    async text => {
      const writer = createRolloutWriter(client);
      await writer.apply(rollout('v1'), by('main@sha1:1', ['alice']), signal);
      await client.mergePatch(ROLLOUTS, REF, { metadata: { annotations: { 'sluice.dev/authors': text } } });
      await writer.apply(rollout('v2'), by('main@sha1:2', ['bob']), signal);
      expect(await annotation()).toBe('["bob","*"]');
    },
  );

  test('are not believed to stand in a file', async () => {
    const writer = createRolloutWriter(client);
    const forged = { annotations: { 'sluice.dev/authors': '["nobody"]', note: 'x' } };
    await writer.apply(rollout('v1', forged), by('main@sha1:1', ['alice']), signal);
    expect(await annotation()).toBe('["alice"]');
  });

  test('when nothing has changed but by others, those that stand there stay; what was written last is known better', async () => {
    const writer = createRolloutWriter(client);
    const { object } = await writer.apply(rollout('v1'), by('main@sha1:1', ['alice']), signal);
    await client.mergePatch(ROLLOUTS, REF, { spec: { version: 'v9' } });
    await writer.apply(rollout('v1'), by('main@sha1:1', []), signal);
    expect(await annotation()).toBe('["alice"]');
    const forged = { 'sluice.dev/authors': '[]', 'sluice.dev/commit': 'main@sha1:9' };
    await client.mergePatch(ROLLOUTS, REF, { metadata: { annotations: forged } });
    const { revision = '', authors } = object;
    await writer.apply(rollout('v1'), { ...by('main@sha1:9', []), written: { revision, authors } }, signal);
    const { annotations } = (await client.get(ROLLOUTS, REF)).metadata;
    expect(annotations).toMatchObject({ 'sluice.dev/authors': '["alice"]', 'sluice.dev/commit': 'main@sha1:1' });
  });

  test('a history that cannot be read for now writes nothing', async () => {
    const writer = createRolloutWriter(client);
    const away = new SystemError('git', 'reading the history', 'unavailable', 'the connection broke');
    const failing: RolloutOrigin = { ...origin('main@sha1:1'), authors: async () => Promise.reject(away) };
    await expect(writer.apply(rollout('v1'), failing, signal)).rejects.toBe(away);
    expect(await client.list(ROLLOUTS, {})).toMatchObject({ items: [] });
  });
});
