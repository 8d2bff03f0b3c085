import { isDeepStrictEqual } from 'node:util';
import { SystemError } from '../../controller/ports.ts';
import type { PlacedRollout, RolloutOrigin, RolloutWriter } from '../../controller/source-ports.ts';
import type { KubeClient } from './client.ts';
import { KubeError } from './errors.ts';
import { describe, type KubeObject, type ObjectRef, ROLLOUTS } from './resources.ts';

const FIELD_MANAGER = 'sluice-git';
const SOURCE_LABEL = 'sluice.dev/source';
const COMMIT_ANNOTATION = 'sluice.dev/commit';
const PATH_ANNOTATION = 'sluice.dev/path';

/**
 * Writes Rollouts of Git sources (R33). One for all sources: calls for the same object wait for each other, so that of two
 * sources that define it the second one finds the label of the first.
 */
export function createRolloutWriter(client: KubeClient): RolloutWriter {
  const lastByKey = new Map<string, Promise<unknown>>();

  const applyNow = async (rollout: PlacedRollout, origin: RolloutOrigin, signal: AbortSignal) => {
    signal.throwIfAborted();
    const { name, namespace } = rollout.metadata;
    const live = await find(client, { name, namespace }, signal);
    if (live !== undefined) assertOurs(live, { name, namespace }, origin.source);
    if (live !== undefined && (await isAsGitSays(client, live, { rollout, origin, signal }))) return 'unchanged';
    await client.apply(ROLLOUTS, toObject(rollout, origin), { fieldManager: FIELD_MANAGER, force: true, signal });
    return live === undefined ? 'created' : 'changed';
  };

  return {
    apply: async (rollout, origin, signal) => {
      const key = `${rollout.metadata.namespace}/${rollout.metadata.name}`;
      const turn = (lastByKey.get(key) ?? Promise.resolve()).then(() => applyNow(rollout, origin, signal));
      const settled = turn.then(
        () => undefined,
        () => undefined,
      );
      lastByKey.set(key, settled);
      try {
        return await turn;
      } finally {
        if (lastByKey.get(key) === settled) lastByKey.delete(key);
      }
    },
  };
}

async function find(client: KubeClient, ref: ObjectRef, signal: AbortSignal): Promise<KubeObject | undefined> {
  try {
    return await client.get(ROLLOUTS, ref, signal);
  } catch (error) {
    if (error instanceof KubeError && error.kind === 'notFound') return undefined;
    throw error;
  }
}

function assertOurs(live: KubeObject, ref: ObjectRef, source: string): void {
  const operation = `applying ${describe(ROLLOUTS, ref)}`;
  const owner = live.metadata.labels?.[SOURCE_LABEL];
  if (live.metadata.deletionTimestamp !== undefined) {
    throw new SystemError('kubernetes', operation, 'conflict', 'it is being deleted; it is made anew when that is done');
  }
  if (owner === source) return;
  const reason =
    owner === undefined
      ? `it exists and belongs to no source; to hand it over: kubectl -n ${ref.namespace} label sro ${ref.name} ${SOURCE_LABEL}=${source}`
      : `it belongs to source ${owner}; remove it from one of the two`;
  throw new SystemError('kubernetes', operation, 'refused', reason);
}

/**
 * Asks the API server, which alone knows its defaults, what would change if the commit had not moved. So the commit
 * annotation stays the last one that changed something, and a commit elsewhere in the repository writes nothing.
 */
async function isAsGitSays(
  client: KubeClient,
  live: KubeObject,
  { rollout, origin, signal }: { rollout: PlacedRollout; origin: RolloutOrigin; signal: AbortSignal },
): Promise<boolean> {
  const revision = live.metadata.annotations?.[COMMIT_ANNOTATION];
  if (revision === undefined || !isManaged(live)) return false;
  const object = toObject(rollout, { ...origin, revision });
  const would = await client.apply(ROLLOUTS, object, { fieldManager: FIELD_MANAGER, force: true, dryRun: true, signal });
  return isDeepStrictEqual(contentOf(live), contentOf(would));
}

function contentOf(object: KubeObject): unknown {
  return { spec: object['spec'], labels: object.metadata.labels ?? {}, annotations: object.metadata.annotations ?? {} };
}

function isManaged(live: KubeObject): boolean {
  const entries: unknown = live.metadata['managedFields'];
  return Array.isArray(entries) && entries.some(entry => entry?.manager === FIELD_MANAGER && entry?.operation === 'Apply');
}

function toObject({ apiVersion, kind, metadata, spec }: PlacedRollout, origin: RolloutOrigin): KubeObject {
  const { name, namespace, labels, annotations } = metadata;
  return {
    apiVersion,
    kind,
    metadata: {
      name,
      namespace,
      labels: { ...labels, [SOURCE_LABEL]: origin.source },
      annotations: { ...annotations, [COMMIT_ANNOTATION]: origin.revision, [PATH_ANNOTATION]: origin.path },
    },
    spec,
  };
}
