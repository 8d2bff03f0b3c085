import { isDeepStrictEqual } from 'node:util';
import { SystemError } from '../../controller/ports.ts';
import type { Applied, PlacedRollout, RolloutOrigin, RolloutWriter, SourcedRollout } from '../../controller/source-ports.ts';
import { addAuthors } from './authors.ts';
import type { KubeClient } from './client.ts';
import { KubeError } from './errors.ts';
import { describe, type KubeObject, type ObjectRef, ROLLOUTS } from './resources.ts';
import { AUTHORS_ANNOTATION, COMMIT_ANNOTATION, PATH_ANNOTATION, SOURCE_LABEL, toSourcedRollout } from './sourcedRollouts.ts';

const FIELD_MANAGER = 'sluice-git';
/** A status may be written between reading and deleting; so many times that is tried again. */
const DELETE_ATTEMPTS = 3;

/**
 * Writes Rollouts of Git sources (R33). One for all sources: calls for the same object wait for each other, so that of two
 * sources that define it the second one finds the label of the first.
 */
export function createRolloutWriter(client: KubeClient): RolloutWriter {
  const inTurn = createTurns();

  const applyNow = async (rollout: PlacedRollout, origin: RolloutOrigin, signal: AbortSignal): Promise<Applied> => {
    const { name, namespace } = rollout.metadata;
    const live = await find(client, { name, namespace }, signal);
    if (live !== undefined) assertOurs(live, { name, namespace }, origin.source);
    if (live !== undefined && (await isAsGitSays(client, live, { rollout, origin, signal }))) {
      return { outcome: 'unchanged', object: toSourcedRollout(live) };
    }
    const object = toObject(rollout, origin, origin.written ?? (await nextMark(live, origin, signal)));
    const now = await client.apply(ROLLOUTS, object, { fieldManager: FIELD_MANAGER, force: true, signal });
    const lastManager = live === undefined ? undefined : lastManagerOf(live);
    return {
      outcome: live === undefined ? 'created' : 'changed',
      object: toSourcedRollout(now),
      ...(lastManager === undefined ? {} : { lastManager }),
    };
  };

  return {
    apply: async (rollout, origin, signal) => {
      const { namespace, name } = rollout.metadata;
      return await inTurn(`${namespace}/${name}`, async () => {
        signal.throwIfAborted();
        return await applyNow(rollout, origin, signal);
      });
    },
    remove: async (rollout, source, signal) =>
      await inTurn(`${rollout.namespace}/${rollout.name}`, async () => await removeNow(client, rollout, { source, signal })),
  };
}

/** One thing after the other for each key. */
function createTurns(): <T>(key: string, work: () => Promise<T>) => Promise<T> {
  const lastByKey = new Map<string, Promise<unknown>>();
  return async (key, work) => {
    const turn = (lastByKey.get(key) ?? Promise.resolve()).then(work);
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
  };
}

/** Reads first, past the cache: somebody may have taken the label away a moment ago. */
async function removeNow(
  client: KubeClient,
  { namespace, name, uid }: SourcedRollout,
  { source, signal }: { source: string; signal: AbortSignal },
): Promise<'deleted' | 'left'> {
  for (let attempt = 1; ; attempt += 1) {
    signal.throwIfAborted();
    const live = await find(client, { namespace, name }, signal);
    const isThisOne = live?.metadata.uid === uid && live.metadata.labels?.[SOURCE_LABEL] === source;
    if (live === undefined || !isThisOne || live.metadata.deletionTimestamp !== undefined) return 'left';
    try {
      const { resourceVersion = '' } = live.metadata;
      await client.delete(ROLLOUTS, { namespace, name }, { uid, resourceVersion, propagationPolicy: 'Background', signal });
      return 'deleted';
    } catch (error) {
      const kind = error instanceof KubeError ? error.kind : undefined;
      if (kind === 'notFound') return 'left';
      if (kind !== 'conflict' || attempt === DELETE_ATTEMPTS) throw error;
    }
  }
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

/** What the annotations say of the commit. */
type Mark = { readonly revision: string; readonly authors?: string | undefined };

/**
 * The commit, and who wrote it. Until what stands there is the stable version, its authors stay among them: who changes the
 * version while nothing may begin, or before somebody else edits it, has written what people are asked about all the same.
 */
async function nextMark(live: KubeObject | undefined, origin: RolloutOrigin, signal: AbortSignal): Promise<Mark> {
  const { revision } = origin;
  if (live === undefined) return { revision, authors: addAuthors(undefined, await origin.authors(undefined, signal)) };
  const before = toSourcedRollout(live);
  const place = before.revision === undefined ? undefined : { revision: before.revision, path: before.path ?? origin.path };
  const fresh = await origin.authors(place, signal);
  const isReplaced = isSettled(live) && fresh.people.length > 0;
  return { revision, authors: addAuthors(isReplaced ? undefined : before.authors, fresh) };
}

function isSettled(live: KubeObject): boolean {
  const [spec, status] = [live['spec'], live['status']];
  if (!isRecord(spec) || !isRecord(status)) return false;
  return status['phase'] === 'Healthy' && status['stableVersion'] === spec['version'];
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
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
  const { revision, authors } = toSourcedRollout(live);
  if (revision === undefined || !isManaged(live)) return false;
  const object = toObject(rollout, origin, origin.written ?? { revision, authors });
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

/** Of those who wrote to the object itself, the last one but us; for messages. */
function lastManagerOf(live: KubeObject): string | undefined {
  const entries: unknown = live.metadata['managedFields'];
  if (!Array.isArray(entries)) return undefined;
  const others = entries.filter(entry => entry?.manager !== FIELD_MANAGER && entry?.subresource === undefined);
  const last = others.sort((a, b) => String(a?.time ?? '').localeCompare(String(b?.time ?? ''))).at(-1)?.manager;
  return typeof last === 'string' ? last : undefined;
}

/** What a file says about its own commit or authors is not believed. */
function toObject({ apiVersion, kind, metadata, spec }: PlacedRollout, origin: RolloutOrigin, mark: Mark): KubeObject {
  const { name, namespace, labels, annotations } = metadata;
  const { [AUTHORS_ANNOTATION]: _, ...others } = annotations ?? {};
  return {
    apiVersion,
    kind,
    metadata: {
      name,
      namespace,
      labels: { ...labels, [SOURCE_LABEL]: origin.source },
      annotations: {
        ...others,
        [COMMIT_ANNOTATION]: mark.revision,
        [PATH_ANNOTATION]: origin.path,
        ...(mark.authors === undefined ? {} : { [AUTHORS_ANNOTATION]: mark.authors }),
      },
    },
    spec,
  };
}
