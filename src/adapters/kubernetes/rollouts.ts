import { type Key, type RolloutStore, type StoredRollout, SystemError } from '../../controller/ports.ts';
import { type RolloutSpec, type RolloutStatus, UNKNOWN_AUTHOR } from '../../rollout/index.ts';
import type { Cache } from './cache.ts';
import type { JsonPatchOperation, KubeClient } from './client.ts';
import { type KubeObject, ROLLOUTS } from './resources.ts';

const REQUEST = 'sluice.dev/request';
const SOURCE = 'sluice.dev/source';
const COMMIT = 'sluice.dev/commit';
const PATH = 'sluice.dev/path';
const AUTHORS = 'sluice.dev/authors';
const FINALIZER = 'sluice.dev/rollout';

/** Where the request of a person stands; `/` is `~1` in a JSON pointer. */
const REQUEST_POINTER = `/metadata/annotations/${REQUEST.replaceAll('~', '~0').replaceAll('/', '~1')}`;

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A status that somebody else has emptied is none; one without words has empty ones, as everybody reads them. */
function statusOf(object: KubeObject): RolloutStatus | undefined {
  const status = object['status'];
  if (!isRecord(status) || typeof status['phase'] !== 'string') return undefined;
  const isWhole = ['reason', 'message'].every(field => typeof status[field] === 'string');
  return (isWhole ? status : { reason: '', message: '', ...status }) as unknown as RolloutStatus;
}

function sourceOf(object: KubeObject): StoredRollout['source'] {
  const { labels = {}, annotations = {} } = object.metadata;
  const [name, revision, path] = [labels[SOURCE], annotations[COMMIT], annotations[PATH]];
  if (name === undefined || revision === undefined) return undefined;
  const authors = authorsOf(annotations[AUTHORS]);
  return { name, revision, ...(path === undefined ? {} : { path }), ...(authors === undefined ? {} : { authors }) };
}

/** More names than a source writes. */
const MOST_AUTHORS = 200;

/** Text that is no list of names, or too long a one, holds somebody who is not known (R19). */
function authorsOf(text: string | undefined): readonly string[] | undefined {
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    const isList = Array.isArray(value) && value.every(item => typeof item === 'string');
    if (isList && value.length <= MOST_AUTHORS) return value;
  } catch {
    // somebody else has written there
  }
  return [UNKNOWN_AUTHOR];
}

/** The object as the core sees it; the spec as it stands there. `undefined` when it is not a Rollout at all. */
export function toRollout(object: KubeObject): StoredRollout | undefined {
  const { uid, namespace, name, generation, resourceVersion, creationTimestamp, annotations = {} } = object.metadata;
  const spec = object['spec'];
  if (uid === undefined || namespace === undefined || name === undefined || !isRecord(spec)) return undefined;
  const status = statusOf(object);
  const source = sourceOf(object);
  const authors = authorsOf(annotations[AUTHORS]);
  const request = annotations[REQUEST];
  return {
    uid,
    namespace,
    name,
    generation: generation ?? 0,
    resourceVersion: resourceVersion ?? '',
    creationTimestamp: creationTimestamp ?? '',
    spec: spec as unknown as RolloutSpec,
    isDeleting: object.metadata.deletionTimestamp !== undefined,
    hasFinalizer: object.metadata.finalizers?.includes(FINALIZER) ?? false,
    ...(status ? { status } : {}),
    ...(request === undefined ? {} : { request }),
    ...(source ? { source } : {}),
    ...(authors ? { authors } : {}),
  };
}

function keyOf(object: KubeObject): Key {
  return `${object.metadata.namespace ?? ''}/${object.metadata.name ?? ''}`;
}

/** Makes a write fail with 409 when the object is no longer the one that was read. */
function onlyIf(resourceVersion: string): JsonPatchOperation {
  return { op: 'replace', path: '/metadata/resourceVersion', value: resourceVersion };
}

function isKind(error: unknown, ...kinds: readonly SystemError['kind'][]): boolean {
  return error instanceof SystemError && kinds.includes(error.kind);
}

/** Writes the annotation `sluice.dev/request` (R22); refused with 409 when the object has changed since it was read. */
export function requestPatch(
  { annotations, resourceVersion }: Pick<KubeObject['metadata'], 'annotations' | 'resourceVersion'>,
  request: string,
): readonly JsonPatchOperation[] {
  return [
    onlyIf(resourceVersion ?? ''),
    annotations === undefined
      ? { op: 'add', path: '/metadata/annotations', value: { [REQUEST]: request } }
      : { op: 'add', path: REQUEST_POINTER, value: request },
  ];
}

function removalOf(request: string): readonly JsonPatchOperation[] {
  return [
    { op: 'test', path: REQUEST_POINTER, value: request },
    { op: 'remove', path: REQUEST_POINTER },
  ];
}

function createReader(cache: Cache<KubeObject>): Pick<RolloutStore, 'keys' | 'get' | 'onChange'> {
  const converted = new WeakMap<KubeObject, StoredRollout>();
  return {
    keys: () => cache.list().map(keyOf),
    get: key => {
      const [namespace = '', name = ''] = key.split('/');
      const object = cache.get(namespace, name);
      if (!object) return undefined;
      const rollout = converted.get(object) ?? toRollout(object);
      if (rollout) converted.set(object, rollout);
      return rollout;
    },
    onChange: callback => {
      cache.onChange((before, after) => {
        const object = after ?? before;
        if (object) callback(keyOf(object));
      });
    },
  };
}

/**
 * The version that a write must find, by uid. Removing a request is our own change: what was decided before it still holds
 * for the object that it makes.
 */
function createSuccessions() {
  const known = new Map<string, { readonly before: string; readonly after: string }>();
  return {
    expected: (rollout: StoredRollout): string => {
      const step = known.get(rollout.uid);
      return step?.before === rollout.resourceVersion ? step.after : rollout.resourceVersion;
    },
    add: (rollout: StoredRollout, after: string | undefined) => {
      if (after !== undefined) known.set(rollout.uid, { before: rollout.resourceVersion, after });
    },
    forget: (uid: string | undefined) => void known.delete(uid ?? ''),
  };
}

/** Rollout objects from a cache; writes go to the API server and are in the cache when they return. */
export function createRolloutStore(client: Pick<KubeClient, 'jsonPatch'>, cache: Cache<KubeObject>): RolloutStore {
  const successions = createSuccessions();
  cache.onChange((before, after) => {
    if (!after) successions.forget(before?.metadata.uid);
  });

  /** Something else has changed since it was read; the request itself may still be the same one. */
  async function removeFromNewer({ namespace, name }: StoredRollout, request: string): Promise<void> {
    try {
      cache.put(await client.jsonPatch(ROLLOUTS, { namespace, name }, removalOf(request)));
    } catch (error) {
      // Another request stands there now, or none: nothing of ours is left to remove.
      if (!isKind(error, 'conflict', 'notFound')) throw error;
    }
  }

  return {
    ...createReader(cache),
    writeStatus: async (rollout, status) => {
      const { namespace, name } = rollout;
      const patch: JsonPatchOperation[] = [{ op: 'add', path: '/status', value: status }, onlyIf(successions.expected(rollout))];
      const answer = await client.jsonPatch(ROLLOUTS, { namespace, name, subresource: 'status' }, patch);
      successions.forget(rollout.uid);
      cache.put(answer);
    },
    setFinalizer: async (rollout, isWanted) => {
      const { namespace, name } = rollout;
      const finalizers = cache.get(namespace, name)?.metadata.finalizers ?? [];
      const others = finalizers.filter(finalizer => finalizer !== FINALIZER);
      const patch: JsonPatchOperation[] = [
        { op: 'add', path: '/metadata/finalizers', value: isWanted ? [...others, FINALIZER] : others },
        onlyIf(successions.expected(rollout)),
      ];
      try {
        const answer = await client.jsonPatch(ROLLOUTS, { namespace, name }, patch);
        successions.add(rollout, answer.metadata.resourceVersion);
        cache.put(answer);
      } catch (error) {
        if (isWanted || !isKind(error, 'notFound')) throw error;
      }
    },
    removeRequest: async (rollout, request) => {
      const { namespace, name } = rollout;
      try {
        const patch = [...removalOf(request), onlyIf(successions.expected(rollout))];
        const answer = await client.jsonPatch(ROLLOUTS, { namespace, name }, patch);
        successions.add(rollout, answer.metadata.resourceVersion);
        cache.put(answer);
      } catch (error) {
        if (isKind(error, 'conflict')) return removeFromNewer(rollout, request);
        if (!isKind(error, 'notFound')) throw error;
      }
    },
  };
}
