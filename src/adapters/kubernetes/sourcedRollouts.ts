import { isDeepStrictEqual } from 'node:util';
import type { SourcedRollout, SourcedRollouts } from '../../controller/source-ports.ts';
import type { Cache } from './cache.ts';
import type { KubeObject } from './resources.ts';

export const SOURCE_LABEL = 'sluice.dev/source';
export const COMMIT_ANNOTATION = 'sluice.dev/commit';
export const PATH_ANNOTATION = 'sluice.dev/path';
export const AUTHORS_ANNOTATION = 'sluice.dev/authors';

/** What of a Rollout concerns Git sources. */
export function toSourcedRollout({ metadata }: KubeObject): SourcedRollout {
  const { namespace = '', name = '', uid = '', generation = 0, labels = {}, annotations = {} } = metadata;
  const { [SOURCE_LABEL]: source } = labels;
  const { [COMMIT_ANNOTATION]: revision, [PATH_ANNOTATION]: path, [AUTHORS_ANNOTATION]: authors } = annotations;
  return {
    namespace,
    name,
    uid,
    generation,
    isDeleting: metadata.deletionTimestamp !== undefined,
    labels,
    annotations,
    ...(source === undefined ? {} : { source }),
    ...(revision === undefined ? {} : { revision }),
    ...(path === undefined ? {} : { path }),
    ...(authors === undefined ? {} : { authors }),
  };
}

/** The Rollouts of a cache, for Git sources: changes of status, which are most of all, wake nobody. */
export function createSourcedRollouts(cache: Pick<Cache<KubeObject>, 'get' | 'list' | 'onChange'>): SourcedRollouts {
  return {
    get: key => {
      const [namespace = '', name = ''] = key.split('/');
      const object = cache.get(namespace, name);
      return object === undefined ? undefined : toSourcedRollout(object);
    },
    list: source =>
      cache.list().flatMap(object => (object.metadata.labels?.[SOURCE_LABEL] === source ? toSourcedRollout(object) : [])),
    onChange: callback => {
      cache.onChange((before, after) => {
        const object = after ?? before;
        if (object === undefined || isSame(before, after)) return;
        callback(`${object.metadata.namespace ?? ''}/${object.metadata.name ?? ''}`);
      });
    },
  };
}

function isSame(before: KubeObject | undefined, after: KubeObject | undefined): boolean {
  if (before === undefined || after === undefined) return false;
  return isDeepStrictEqual(toSourcedRollout(before), toSourcedRollout(after));
}
