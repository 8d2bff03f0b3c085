import { hostOfRule, subsetsByVersion } from '../../adapters/istio/destinationRule.ts';
import { type CachedObject, createCache, withoutManagedFields } from '../../adapters/kubernetes/cache.ts';
import { createKubeClient, type KubeClient } from '../../adapters/kubernetes/client.ts';
import { loadCaller } from '../../adapters/kubernetes/credentials.ts';
import { istioVersion } from '../../adapters/kubernetes/missing.ts';
import { createPodSource, toPod, toService } from '../../adapters/kubernetes/pods.ts';
import { type KubeObject, PODS, type Resource, ROLLOUTS, SERVICES } from '../../adapters/kubernetes/resources.ts';
import { createRolloutStore } from '../../adapters/kubernetes/rollouts.ts';
import { type Logger, type StoredRollout, SystemError } from '../../controller/ports.ts';
import type { VersionPods } from '../../rollout/index.ts';

/** What an analysis may know of a cluster, one look at a time. All throw SystemError; nothing is ever written. */
export type Cluster = {
  /** Where the API server is, for people. */
  readonly server: string;
  /** That of the context. */
  readonly namespace?: string;
  /** `undefined`: there is none, or no such kind of object. */
  rollout(namespace: string, name: string): Promise<StoredRollout | undefined>;
  /** Pods that run now, by version. */
  pods(service: Service, versionLabel: string): Promise<Readonly<Record<string, VersionPods>>>;
  /** Names of the subsets of the host's DestinationRule, by version. */
  subsets(service: Service, versionLabel: string): Promise<ReadonlyMap<string, string>>;
  close(): void;
};

/** A host in the cluster. */
export type Service = { readonly namespace: string; readonly name: string; readonly host: string };

/** The Service behind a full host name; `undefined` for hosts outside the cluster. */
export const serviceOf = (host: string): Service | undefined => {
  const [, name, namespace] = /^([^.]+)\.([^.]+)\.svc(?:\.|$)/.exec(host) ?? [];
  return name === undefined || namespace === undefined ? undefined : { namespace, name, host };
};

/** `undefined`: there is no kubeconfig, and it is not needed. Throws SystemError. */
export const openCluster = (
  place: { readonly kubeconfigPath?: string; readonly context?: string },
  isNeeded: boolean,
): Cluster | undefined => {
  try {
    const { namespace } = loadCaller(place);
    return { ...createCluster(createKubeClient(place).withGuard(refuse)), namespace };
  } catch (error) {
    const hasNone = error instanceof SystemError && error.operation === 'looking for a kubeconfig' && error.kind === 'notFound';
    if (hasNone && !isNeeded) return undefined;
    throw error;
  }
};

/** Stands before each write of the client, of which there is none. */
const refuse = (): never => {
  throw new Error('an analysis writes nothing');
};

const createCluster = (client: KubeClient): Cluster => ({
  server: client.server,
  rollout: async (namespace, name) => {
    const object = await orAbsent(client.get(ROLLOUTS, { namespace, name }));
    const { cache } = filled([object], withoutManagedFields);
    return createRolloutStore({ jsonPatch: refuse }, cache).get(`${namespace}/${name}`);
  },
  pods: async ({ namespace, name, host }, versionLabel) => {
    const [pods, service] = await Promise.all([
      client.list(PODS, { namespace }),
      orAbsent(client.get(SERVICES, { namespace, name })),
    ]);
    const source = createPodSource(filled(pods.items, toPod).cache, filled([service], toService).cache);
    return source.versions(namespace, host, versionLabel);
  },
  subsets: async ({ namespace, host }, versionLabel) => {
    const version = await istioVersion(client);
    if (version === undefined) return new Map();
    const rules = await client.list({ ...DESTINATION_RULES, version }, { namespace });
    const own = rules.items.find(rule => hostOfRule(rule) === host);
    return own === undefined ? new Map() : subsetsByVersion(own, versionLabel);
  },
  close: () => client.close(),
});

const DESTINATION_RULES: Omit<Resource, 'version'> = {
  group: 'networking.istio.io',
  plural: 'destinationrules',
  namespaced: true,
};

const orAbsent = async (asked: Promise<KubeObject>): Promise<KubeObject | undefined> => {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof SystemError && error.kind === 'notFound') return undefined;
    throw error;
  }
};

/** What was read once, as those who read from caches want it. */
const filled = <T extends CachedObject>(objects: readonly (KubeObject | undefined)[], transform: (object: KubeObject) => T) => {
  const { cache } = createCache({ logger: SILENT, transform });
  for (const object of objects) if (object !== undefined) cache.put(object);
  return { cache };
};

const nothing = (): void => undefined;
const SILENT: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing, child: () => SILENT };
