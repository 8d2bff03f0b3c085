import { describe, expect, it } from 'vitest';
import { createCache, withoutManagedFields } from '../../../src/adapters/kubernetes/cache.ts';
import type { JsonPatchOperation } from '../../../src/adapters/kubernetes/client.ts';
import type { KubeObject, ObjectRef, Resource } from '../../../src/adapters/kubernetes/resources.ts';
import { createRolloutStore } from '../../../src/adapters/kubernetes/rollouts.ts';
import type { StoredRollout } from '../../../src/controller/ports.ts';
import type { RolloutStatus } from '../../../src/rollout/index.ts';
import { refusal } from './memoryObjects.ts';
import { createLines } from './quiet.ts';

const REQUEST = '{"verb":"abort"}';
const STATUS: RolloutStatus = { phase: 'Progressing', reason: 'Started', message: 'step 1/1' };
const OBJECT = {
  metadata: {
    namespace: 'weather',
    name: 'forecast',
    uid: 'u1',
    resourceVersion: '7',
    generation: 3,
    creationTimestamp: '2026-05-01T12:00:00Z',
    managedFields: [{}],
    labels: { 'sluice.dev/source': 'fleet' },
    annotations: { 'sluice.dev/request': REQUEST, 'sluice.dev/commit': 'main@sha1:9f3c', 'sluice.dev/path': 'r/f.yaml' },
  },
  spec: { version: 'v2', strategy: { canary: { steps: [] } } },
} satisfies KubeObject;

type Patch = { readonly ref: ObjectRef; readonly patch: readonly JsonPatchOperation[] };

function world(object: KubeObject, ...answers: readonly (KubeObject | Error)[]) {
  const { cache, sink } = createCache({ logger: createLines().logger, transform: withoutManagedFields });
  sink().replace([object]);
  const patches: Patch[] = [];
  const left = [...answers];
  const jsonPatch = async (_: Resource, ref: ObjectRef, patch: readonly JsonPatchOperation[]) => {
    patches.push({ ref, patch });
    const answer = left.shift();
    if (answer === undefined || answer instanceof Error) throw answer ?? new Error('not expected');
    return answer;
  };
  const store = createRolloutStore({ jsonPatch }, cache);
  return { store, patches, sink: sink(), read: () => store.get('weather/forecast') };
}

const version = (resourceVersion: string, more: object = {}): KubeObject => ({
  ...OBJECT,
  metadata: { ...OBJECT.metadata, resourceVersion, annotations: {} },
  ...more,
});

function known(rollout: StoredRollout | undefined): StoredRollout {
  if (!rollout) throw new Error('not in the cache');
  return rollout;
}

describe('rollout store', () => {
  it('gives the object as the core sees it, and the same one until it changes', () => {
    const { store, read } = world(OBJECT);
    expect(read()).toEqual({
      uid: 'u1',
      namespace: 'weather',
      name: 'forecast',
      generation: 3,
      resourceVersion: '7',
      creationTimestamp: '2026-05-01T12:00:00Z',
      spec: OBJECT.spec,
      request: REQUEST,
      isDeleting: false,
      hasFinalizer: false,
      source: { name: 'fleet', revision: 'main@sha1:9f3c', path: 'r/f.yaml' },
    });
    expect(read()).toBe(read());
    expect(store.keys()).toEqual(['weather/forecast']);
    expect(store.get('weather/none')).toBeUndefined();
  });

  it.each([
    ['a list of names and addresses', '["Alice","alice@example.com"]', ['Alice', 'alice@example.com']],
    ['nobody', '[]', []],
    ['no list', '{"name":"alice"}', ['*']],
    ['a list of something else', '["alice",7]', ['*']],
    ['no JSON', 'alice', ['*']],
    ['nothing', '', ['*']],
    ['more than anybody writes', JSON.stringify(Array(10_000).fill('a')), ['*']],
  ])('R19: reads who wrote the change; what cannot be read is somebody who is not known: %s', (_, text, authors) => {
    const { metadata } = OBJECT;
    const annotations = { ...metadata.annotations, 'sluice.dev/authors': text };
    const { labels: _labels, ...byHand } = { ...metadata, annotations };
    expect(world({ ...OBJECT, metadata: { ...metadata, annotations } }).read()).toMatchObject({ authors, source: { authors } });
    const rollout = world({ ...OBJECT, metadata: byHand }).read();
    expect(rollout).toMatchObject({ authors });
    expect(rollout).not.toHaveProperty('source');
  });

  it('gives a status without words empty ones, as another build or a person may have written it', () => {
    const status = { phase: 'Progressing', since: '2026-11-21T14:00:00Z' };
    expect(world({ ...OBJECT, status }).read()).toMatchObject({ status: { ...status, reason: '', message: '' } });
  });

  it('takes an emptied status for none', () => {
    expect(world({ ...OBJECT, status: {} }).read()).not.toHaveProperty('status');
    expect(world({ ...OBJECT, status: STATUS }).read()?.status).toEqual(STATUS);
  });

  it('tells of changes by key', () => {
    const { store, sink } = world(OBJECT);
    const keys: string[] = [];
    store.onChange(key => keys.push(key));
    sink.set(version('8'));
    sink.delete(version('9'));
    expect(keys).toEqual(['weather/forecast', 'weather/forecast']);
  });

  it('R5: writes the status with one patch that names the version it was decided on', async () => {
    const { store, patches, read } = world(OBJECT, version('8', { status: STATUS }));
    await store.writeStatus(known(read()), STATUS);
    expect(patches).toEqual([
      {
        ref: { namespace: 'weather', name: 'forecast', subresource: 'status' },
        patch: [
          { op: 'add', path: '/status', value: STATUS },
          { op: 'replace', path: '/metadata/resourceVersion', value: '7' },
        ],
      },
    ]);
    expect(read()).toMatchObject({ resourceVersion: '8', status: STATUS });
  });

  it('R3: a refused status write is told, and the cache stays', async () => {
    const { store, read } = world(OBJECT, refusal('conflict'));
    await expect(store.writeStatus(known(read()), STATUS)).rejects.toMatchObject({ kind: 'conflict' });
    expect(read()?.resourceVersion).toBe('7');
  });

  it('R22: after the request is removed, the status decided with it still fits', async () => {
    const { store, patches, read } = world(OBJECT, version('8'), version('9', { status: STATUS }));
    const before = known(read());
    await store.removeRequest(before, REQUEST);
    expect(read()?.request).toBeUndefined();
    await store.writeStatus(before, STATUS);
    expect(patches[0]?.patch).toEqual([
      { op: 'test', path: '/metadata/annotations/sluice.dev~1request', value: REQUEST },
      { op: 'remove', path: '/metadata/annotations/sluice.dev~1request' },
      { op: 'replace', path: '/metadata/resourceVersion', value: '7' },
    ]);
    expect(patches[1]?.patch[1]).toEqual({ op: 'replace', path: '/metadata/resourceVersion', value: '8' });
  });

  it('R22: when something else changed too, the request goes but the old decision is not stored', async () => {
    const { store, patches, read } = world(OBJECT, refusal('conflict'), version('9'), refusal('conflict'));
    const before = known(read());
    await store.removeRequest(before, REQUEST);
    expect(read()?.request).toBeUndefined();
    await expect(store.writeStatus(before, STATUS)).rejects.toMatchObject({ kind: 'conflict' });
    expect(patches[2]?.patch[1]).toMatchObject({ value: '7' });
  });

  const FINALIZER = 'sluice.dev/rollout';
  const held = (resourceVersion: string, ...finalizers: readonly string[]): KubeObject => ({
    ...OBJECT,
    metadata: { ...OBJECT.metadata, resourceVersion, finalizers: [...finalizers] },
  });
  const finalizersSent = ({ patches }: { patches: readonly Patch[] }) => patches.map(({ patch }) => patch);

  it('R30: the finalizer is added beside those of others, on the version that was read', async () => {
    const none = world(OBJECT, held('8', FINALIZER));
    await none.store.setFinalizer(known(none.read()), true);
    expect(finalizersSent(none)).toEqual([
      [
        { op: 'add', path: '/metadata/finalizers', value: [FINALIZER] },
        { op: 'replace', path: '/metadata/resourceVersion', value: '7' },
      ],
    ]);
    expect(none.read()).toMatchObject({ hasFinalizer: true, resourceVersion: '8' });
    const others = world(held('7', 'example.org/backup'), held('8', 'example.org/backup', FINALIZER));
    await others.store.setFinalizer(known(others.read()), true);
    expect(finalizersSent(others)[0]?.[0]).toMatchObject({ value: ['example.org/backup', FINALIZER] });
  });

  it('R30: only our finalizer is taken away, and a status decided with it still fits', async () => {
    const left = { ...held('8', 'example.org/backup') };
    const { store, patches, read } = world(held('7', FINALIZER, 'example.org/backup'), left, version('9', { status: STATUS }));
    const before = known(read());
    await store.setFinalizer(before, false);
    expect(patches[0]?.patch[0]).toEqual({ op: 'add', path: '/metadata/finalizers', value: ['example.org/backup'] });
    expect(read()?.hasFinalizer).toBe(false);
    await store.writeStatus(before, STATUS);
    expect(patches[1]?.patch[1]).toMatchObject({ value: '8' });
  });

  it('R30: with the finalizer the object may be gone, and an answer after that brings it not back', async () => {
    const deleting = { ...held('7', FINALIZER), spec: OBJECT.spec };
    const { store, sink, read } = world(deleting, held('8'));
    const before = known(read());
    sink.delete(held('8'));
    await store.setFinalizer(before, false);
    expect(read()).toBeUndefined();
  });

  it('R30: removing it from what is gone is no error; adding it is, and so is a conflict', async () => {
    const gone = world(held('7', FINALIZER), refusal('notFound'));
    await gone.store.setFinalizer(known(gone.read()), false);
    const lost = world(OBJECT, refusal('notFound'));
    await expect(lost.store.setFinalizer(known(lost.read()), true)).rejects.toMatchObject({ kind: 'notFound' });
    const changed = world(held('7', FINALIZER), refusal('conflict'));
    await expect(changed.store.setFinalizer(known(changed.read()), false)).rejects.toMatchObject({ kind: 'conflict' });
    expect(changed.read()).toMatchObject({ hasFinalizer: true, resourceVersion: '7' });
  });

  it('R30: it is seen whether somebody deletes the object', () => {
    const metadata = { ...OBJECT.metadata, finalizers: [FINALIZER], deletionTimestamp: '2026-11-21T14:00:00Z' };
    expect(world({ ...OBJECT, metadata }).read()).toMatchObject({ isDeleting: true, hasFinalizer: true });
  });

  it('R22: another request, or an object that is gone, is left alone; an outage is told', async () => {
    const other = world(OBJECT, refusal('conflict'), refusal('conflict'));
    await other.store.removeRequest(known(other.read()), REQUEST);
    const gone = world(OBJECT, refusal('notFound'));
    await gone.store.removeRequest(known(gone.read()), REQUEST);
    const away = world(OBJECT, refusal('unavailable'));
    await expect(away.store.removeRequest(known(away.read()), REQUEST)).rejects.toMatchObject({ kind: 'unavailable' });
  });
});
