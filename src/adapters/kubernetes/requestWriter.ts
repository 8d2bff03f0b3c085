import type { RequestWriter } from '../../controller/view-ports.ts';
import type { Cache } from './cache.ts';
import type { KubeClient } from './client.ts';
import { type KubeObject, ROLLOUTS } from './resources.ts';
import { requestPatch } from './rollouts.ts';

/** Writes the annotation `sluice.dev/request`, as `kubectl` would (R22); it is in the cache when it returns. */
export const createRequestWriter = (client: Pick<KubeClient, 'jsonPatch'>, cache: Cache<KubeObject>): RequestWriter => ({
  put: async ({ namespace, name, resourceVersion }, request) => {
    const patch = requestPatch({ ...cache.get(namespace, name)?.metadata, resourceVersion }, request);
    cache.put(await client.jsonPatch(ROLLOUTS, { namespace, name }, patch));
  },
});
