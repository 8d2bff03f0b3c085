import { type MeshWorld, OPTIONAL_KINDS, type OptionalKind, resourcesOf } from '../../adapters/istio/meshCheck/world.ts';
import { createIstioRouter } from '../../adapters/istio/router.ts';
import { type Cache, type CachedObject, createCache, withoutManagedFields } from '../../adapters/kubernetes/cache.ts';
import type { KubeClient } from '../../adapters/kubernetes/client.ts';
import { KubeError } from '../../adapters/kubernetes/errors.ts';
import { istioVersion } from '../../adapters/kubernetes/missing.ts';
import { createPodSource, toPod, toService } from '../../adapters/kubernetes/pods.ts';
import { type KubeObject, PODS, type Resource, ROLLOUTS, SERVICES } from '../../adapters/kubernetes/resources.ts';
import { toRollout } from '../../adapters/kubernetes/rollouts.ts';
import { type Logger, type PodSource, type Router, type StoredRollout, SystemError } from '../../controller/ports.ts';
import type { RolloutStatus } from '../../rollout/index.ts';

/** A cluster as it was when it was read. */
export type LiveMesh = {
  readonly world: MeshWorld;
  readonly router: Router;
  readonly pods: PodSource;
  /** Of the Rollout in the cluster; `undefined`: there is none, or no such kind of object, or it may not be read. */
  readonly statusOf: (namespace: string, name: string) => { readonly uid: string; readonly status: RolloutStatus } | undefined;
  /** The Rollout in the cluster; `undefined`: there is none, or no such kind of object. `hidden`: it may not be read. */
  readonly storedOf: (namespace: string, name: string) => StoredRollout | 'hidden' | undefined;
};

type Wanted = {
  /** Namespaces of the Rollouts and of their hosts. */
  readonly namespaces: readonly string[];
  readonly rollouts: readonly { readonly namespace: string; readonly name: string }[];
};

/**
 * Reads what the checks need: all namespaces where that is allowed, else those that are named. Throws SystemError when the
 * cluster does not answer, has no Istio, or refuses what nothing can be checked without.
 */
export const readMesh = async (client: KubeClient, { namespaces, rollouts }: Wanted): Promise<LiveMesh> => {
  const version = await istioVersion(client);
  if (version === undefined) {
    throw new SystemError('kubernetes', 'looking for Istio', 'notFound', `${client.server} serves no VirtualServices`);
  }
  const istio = (plural: string): Resource => ({ group: 'networking.istio.io', version, plural, namespaced: true });
  const everywhere = await orRefused(client.list(istio('virtualservices')));
  const scopes = everywhere === undefined ? namespaces : [undefined];
  const list = async (resource: Resource, within: readonly (string | undefined)[] = scopes): Promise<readonly KubeObject[]> => {
    const lists = within.map(namespace => client.list(resource, namespace === undefined ? {} : { namespace }));
    return (await Promise.all(lists)).flatMap(({ items }) => items);
  };
  const [stored, optional, virtualServices, destinationRules, services, pods] = await Promise.all([
    Promise.all(rollouts.map(rollout => readStored(client, rollout))),
    readOptional(list),
    filled(everywhere?.items ?? list(istio('virtualservices')), withoutManagedFields),
    filled(list(istio('destinationrules')), withoutManagedFields),
    filled(list(SERVICES), toService),
    filled(list(PODS, namespaces), toPod),
  ]);
  const routing = { virtualServices, destinationRules };
  const storedOf: LiveMesh['storedOf'] = (namespace, name) =>
    stored[rollouts.findIndex(rollout => rollout.namespace === namespace && rollout.name === name)];
  return {
    world: {
      ...routing,
      service: (namespace, name) => services.get(namespace, name),
      pods: namespace => pods.byNamespace(namespace),
      allPods: () => undefined,
      list: kind => optional.get(kind),
      sees: namespace => everywhere !== undefined || (namespace !== undefined && namespaces.includes(namespace)),
    },
    router: createIstioRouter({ ...routing, patch: refuse, refresh: refuse, clock: { now: () => Date.now() } }),
    pods: createPodSource(pods, services),
    statusOf: (namespace, name) => {
      const known = storedOf(namespace, name);
      return known === undefined || known === 'hidden' || known.status === undefined
        ? undefined
        : { uid: known.uid, status: known.status };
    },
    storedOf,
  };
};

const refuse = (): never => {
  throw new Error('a validation writes nothing');
};

const isKind = (error: unknown, kind: SystemError['kind']): boolean => error instanceof KubeError && error.kind === kind;

/** `undefined`: it is not allowed; without an identity nothing is (401), which is said instead. */
const orRefused = async <T>(asked: Promise<T>): Promise<T | undefined> => {
  try {
    return await asked;
  } catch (error) {
    if (isKind(error, 'refused') && error instanceof KubeError && error.code === 403) return undefined;
    throw error;
  }
};

const readOptional = async (
  list: (resource: Resource, within?: readonly (string | undefined)[]) => Promise<readonly KubeObject[]>,
): Promise<ReadonlyMap<OptionalKind, readonly KubeObject[]>> => {
  const kinds = Object.keys(OPTIONAL_KINDS) as readonly OptionalKind[];
  const read = async (kind: OptionalKind): Promise<readonly (readonly [OptionalKind, readonly KubeObject[]])[]> => {
    for (const resource of resourcesOf(kind)) {
      try {
        return [[kind, await (resource.namespaced ? list(resource) : list(resource, [undefined]))]];
      } catch (error) {
        if (isKind(error, 'refused')) return [];
        if (!isKind(error, 'notFound')) throw error;
      }
    }
    return [];
  };
  return new Map((await Promise.all(kinds.map(read))).flat());
};

const readStored = async (
  client: KubeClient,
  { namespace, name }: { readonly namespace: string; readonly name: string },
): Promise<ReturnType<LiveMesh['storedOf']>> => {
  try {
    return toRollout(await client.get(ROLLOUTS, { namespace, name }));
  } catch (error) {
    if (isKind(error, 'refused')) return 'hidden';
    if (isKind(error, 'notFound')) return undefined;
    throw error;
  }
};

const filled = async <T extends CachedObject>(
  objects: readonly KubeObject[] | Promise<readonly KubeObject[]>,
  transform: (object: KubeObject) => T,
): Promise<Cache<T>> => {
  const { cache } = createCache({ logger: SILENT, transform });
  for (const object of await objects) cache.put(object);
  return cache;
};

const nothing = (): void => undefined;
const SILENT: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing, child: () => SILENT };
