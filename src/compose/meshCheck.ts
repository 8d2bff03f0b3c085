import { createMeshChecker } from '../adapters/istio/meshCheck/checker.ts';
import { type MeshWorld, OPTIONAL_KINDS, type OptionalKind, resourcesOf } from '../adapters/istio/meshCheck/world.ts';
import type { Cache, CachedObject } from '../adapters/kubernetes/cache.ts';
import type { KubeClient } from '../adapters/kubernetes/client.ts';
import { wait } from '../adapters/kubernetes/delay.ts';
import { createInformer, type Informer } from '../adapters/kubernetes/informer.ts';
import { findAllowed } from '../adapters/kubernetes/missing.ts';
import type { KubeObject, Resource } from '../adapters/kubernetes/resources.ts';
import type { Config } from '../config/load.ts';
import type { Logger, MeshChecker, PodSource } from '../controller/ports.ts';
import type { Informers } from './cluster.ts';

/** Watches what the mesh check reads beside what decisions need anyway. */
export type MeshCheck = {
  readonly checker: MeshChecker;
  start(): void;
  /** Resolves when everything that may be watched is known; never later than some seconds after the start. */
  readonly settled: Promise<void>;
  /** Calls back when something has changed that the routing objects and pods do not tell. */
  onChange(callback: () => void): void;
  stop(): Promise<void>;
};

const LONGEST_WAIT_MS = 5_000;
const RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 30_000;

const KINDS = Object.keys(OPTIONAL_KINDS) as readonly OptionalKind[];

/** Keeps the fields that are read: an autoscaler's status, for one, changes every few seconds. */
const slim =
  (kind: OptionalKind) =>
  ({ metadata: { name, namespace, uid, resourceVersion, labels }, ...object }: KubeObject) => {
    const whole = (object['spec'] ?? {}) as Readonly<Record<string, unknown>>;
    const fields = OPTIONAL_KINDS[kind].reads.filter(field => whole[field] !== undefined);
    return {
      metadata: {
        ...(name === undefined ? {} : { name }),
        ...(namespace === undefined ? {} : { namespace }),
        ...(uid === undefined ? {} : { uid }),
        ...(resourceVersion === undefined ? {} : { resourceVersion }),
        ...(kind === 'Namespace' && labels !== undefined ? { labels } : {}),
      },
      spec: Object.fromEntries(fields.map(field => [field, whole[field]])),
    };
  };

type Slim = ReturnType<ReturnType<typeof slim>>;

const isSame = (a: Slim, b: Slim): boolean =>
  JSON.stringify(a.spec) === JSON.stringify(b.spec) && JSON.stringify(a.metadata.labels) === JSON.stringify(b.metadata.labels);

type Deps = {
  readonly config: Pick<Config, 'watchNamespaces'>;
  readonly client: KubeClient;
  readonly informers: Informers;
  readonly podSource: PodSource;
  readonly logger: Logger;
};

export const createMeshCheck = (deps: Deps): MeshCheck => {
  const { informers, podSource } = deps;
  const callbacks: (() => void)[] = [];
  let version = 0;
  const changed = (): void => {
    version += 1;
  };
  const tell = once(() => {
    for (const callback of callbacks) callback();
  });
  for (const source of [podSource, informers.virtualServices, informers.destinationRules]) source.onChange(changed);
  const optional = watchOptional(deps, () => {
    changed();
    tell();
  });
  let settle = (): void => {};
  const settled = new Promise<void>(resolve => {
    settle = resolve;
  });
  return {
    checker: createMeshChecker(worldOf(deps, optional.list), () => version),
    start: () => void optional.start().then(settle),
    settled,
    onChange: callback => {
      callbacks.push(callback);
    },
    stop: optional.stop,
  };
};

/** A list brings many changes at once, which are told together. */
const once = (tell: () => void): (() => void) => {
  let isDue = false;
  return () => {
    if (isDue) return;
    isDue = true;
    setImmediate(() => {
      isDue = false;
      tell();
    });
  };
};

const worldOf = ({ config: { watchNamespaces }, informers }: Deps, list: MeshWorld['list']): MeshWorld => ({
  virtualServices: { ...informers.virtualServices, list: listOnce(informers.virtualServices) },
  destinationRules: { ...informers.destinationRules, list: listOnce(informers.destinationRules) },
  service: (namespace, name) => informers.services.get(namespace, name),
  pods: namespace => informers.pods.byNamespace(namespace),
  allPods: () => informers.pods.list(),
  list,
  sees: namespace => watchNamespaces.length === 0 || (namespace !== undefined && watchNamespaces.includes(namespace)),
});

/** A cache makes its list anew each time; thousands of objects are asked for at each look, and change rarely. */
const listOnce = <T extends CachedObject>(cache: Pick<Cache<T>, 'list' | 'onChange'>): (() => readonly T[]) => {
  let known: readonly T[] | undefined;
  cache.onChange(() => {
    known = undefined;
  });
  return () => {
    known ??= cache.list();
    return known;
  };
};

/** The kinds that a cluster may lack, or that we may not list; `changed` is called when one of them becomes known, too. */
const watchOptional = ({ config, client, logger }: Deps, changed: () => void) => {
  const known = new Map<OptionalKind, { readonly informer: Informer<Slim>; readonly list: () => readonly Slim[] }>();
  const stopping = new AbortController();
  const begin = async (kind: OptionalKind): Promise<void> => {
    const namespaces = kind === 'Namespace' ? [] : config.watchNamespaces;
    const resource = await allowedResource(kind, namespaces, { client, logger, signal: stopping.signal });
    if (resource === undefined || stopping.signal.aborted) return;
    const informer = createInformer({ client, resource, namespaces, logger, transform: slim(kind) });
    known.set(kind, { informer, list: listOnce(informer) });
    informer.onChange((before, after) => {
      if (before === undefined || after === undefined || !isSame(before, after)) changed();
    });
    informer.start();
    await informer.synced;
    changed();
  };
  return {
    /** Resolves when all are known, or cannot be; a watch that is long in coming is not waited for. */
    start: () => Promise.race([Promise.all(KINDS.map(begin)), wait(LONGEST_WAIT_MS, stopping.signal)]).then(() => undefined),
    list: (kind: OptionalKind) => (known.get(kind)?.informer.hasSynced() ? known.get(kind)?.list() : undefined),
    stop: async () => {
      stopping.abort();
      await Promise.all([...known.values()].map(({ informer }) => informer.stop()));
    },
  };
};

/** Asked once: `undefined` is an answer, which is told in the log. */
const allowedResource = async (
  kind: OptionalKind,
  namespaces: readonly string[],
  { client, logger, signal }: Pick<Deps, 'client' | 'logger'> & { readonly signal: AbortSignal },
): Promise<Resource | undefined> => {
  for (let delayMs = RETRY_MS; !signal.aborted; delayMs = Math.min(LONGEST_RETRY_MS, 2 * delayMs)) {
    try {
      const found = await findAllowed(client, resourcesOf(kind), namespaces);
      if ('resource' in found) return found.resource;
      if (found.why === 'not served') logger.info({ kind }, 'the mesh check goes without a kind that the cluster does not serve');
      else logger.warn({ kind, err: found.error }, 'the mesh check goes without a kind that may not be watched');
      return undefined;
    } catch (error) {
      logger.debug({ kind, err: error }, 'cannot find out whether a kind may be watched, trying again');
      await wait(delayMs, signal);
    }
  }
  return undefined;
};
