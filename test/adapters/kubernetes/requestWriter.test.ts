import { describe, expect, it } from 'vitest';
import { createCache, withoutManagedFields } from '../../../src/adapters/kubernetes/cache.ts';
import type { JsonPatchOperation } from '../../../src/adapters/kubernetes/client.ts';
import { createRequestWriter } from '../../../src/adapters/kubernetes/requestWriter.ts';
import type { KubeObject, ObjectRef, Resource } from '../../../src/adapters/kubernetes/resources.ts';
import { createRolloutStore } from '../../../src/adapters/kubernetes/rollouts.ts';
import { refusal } from './memoryObjects.ts';
import { createLines } from './quiet.ts';

const REQUEST = '{"id":"id-1","verb":"abort"}';

const open = (annotations?: Readonly<Record<string, string>>) => {
  const metadata = { namespace: 'weather', name: 'forecast', uid: 'u1', resourceVersion: '7' };
  const object: KubeObject = {
    metadata: { ...metadata, ...(annotations === undefined ? {} : { annotations }) },
    spec: { version: 'v2', strategy: { canary: { steps: [] } } },
  };
  const { cache, sink } = createCache({ logger: createLines().logger, transform: withoutManagedFields });
  sink().replace([object]);
  const patches: (readonly JsonPatchOperation[])[] = [];
  const answer = { ...object, metadata: { ...metadata, resourceVersion: '8', annotations: { 'sluice.dev/request': REQUEST } } };
  const client = {
    failing: false,
    jsonPatch: async (_: Resource, __: ObjectRef, patch: readonly JsonPatchOperation[]) => {
      patches.push(patch);
      if (client.failing) throw refusal('conflict');
      return answer;
    },
  };
  const store = createRolloutStore(client, cache);
  const rollout = store.get('weather/forecast') ?? expect.unreachable('a rollout');
  return { client, patches, store, put: () => createRequestWriter(client, cache).put(rollout, REQUEST) };
};

describe('a request that is written for somebody', () => {
  it('R22: stands beside other annotations, only if nothing has changed, and is in the cache at once', async () => {
    const { put, patches, store } = open({ another: 'one' });
    await put();
    expect(patches).toEqual([
      [
        { op: 'replace', path: '/metadata/resourceVersion', value: '7' },
        { op: 'add', path: '/metadata/annotations/sluice.dev~1request', value: REQUEST },
      ],
    ]);
    expect(store.get('weather/forecast')?.request).toBe(REQUEST);
  });

  it('R22: is the first annotation where there is none', async () => {
    const { put, patches } = open();
    await put();
    expect(patches[0]?.[1]).toEqual({ op: 'add', path: '/metadata/annotations', value: { 'sluice.dev/request': REQUEST } });
  });

  it('leaves the cache alone when it was refused', async () => {
    const { put, client, store } = open();
    client.failing = true;
    await expect(put()).rejects.toMatchObject({ kind: 'conflict' });
    expect(store.get('weather/forecast')?.request).toBeUndefined();
  });
});
