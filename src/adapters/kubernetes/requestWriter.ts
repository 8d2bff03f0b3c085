import type { RequestWriter } from '../../controller/view-ports.ts';
import type { Cache } from './cache.ts';
import type { JsonPatchOperation, KubeClient } from './client.ts';
import { type KubeObject, ROLLOUTS } from './resources.ts';
import { REQUEST, REQUEST_POINTER } from './rollouts.ts';

/** Writes the annotation `sluice.dev/request`, as `kubectl` would (R22); it is in the cache when it returns. */
export const createRequestWriter = (client: Pick<KubeClient, 'jsonPatch'>, cache: Cache<KubeObject>): RequestWriter => ({
  put: async ({ namespace, name, resourceVersion }, request) => {
    const hasAnnotations = cache.get(namespace, name)?.metadata.annotations !== undefined;
    const patch: JsonPatchOperation[] = [
      { op: 'replace', path: '/metadata/resourceVersion', value: resourceVersion },
      hasAnnotations
        ? { op: 'add', path: REQUEST_POINTER, value: request }
        : { op: 'add', path: '/metadata/annotations', value: { [REQUEST]: request } },
    ];
    cache.put(await client.jsonPatch(ROLLOUTS, { namespace, name }, patch));
  },
});
