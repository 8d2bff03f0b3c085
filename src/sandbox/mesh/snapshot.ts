import { at, type KubeObject, listOf, matchesLabels, numberOf, objectOf, stringOf, stringsOf } from '../kube/json.ts';
import type { Store } from '../kube/store.ts';
import type { PodAddress } from '../workloads/addresses.ts';
import { identityOf, type PodIdentity } from '../workloads/identity.ts';
import { fullHost } from './hosts.ts';
import { compileRoutes, type HttpRoute } from './routes.ts';

/** One ready pod of a cluster. */
export interface MeshEndpoint {
  readonly identity: PodIdentity;
  readonly address: PodAddress;
}

/** A service as the mesh knows it. */
export interface MeshService {
  readonly host: string;
  readonly name: string;
  readonly namespace: string;
  readonly port: number;
  readonly endpoints: readonly MeshEndpoint[];
  /** Subset labels by subset name. */
  readonly subsets: ReadonlyMap<string, { [label: string]: string }>;
}

/** The routing of one VirtualService. */
export interface VirtualHost {
  readonly name: string;
  readonly hosts: readonly string[];
  readonly gateways: readonly string[];
  readonly routes: readonly HttpRoute[];
}

/** What the proxy obeys: replaced whole, never changed. */
export interface Snapshot {
  readonly services: ReadonlyMap<string, MeshService>;
  readonly virtualHosts: readonly VirtualHost[];
}

const VIRTUAL_SERVICES = 'virtualservices.networking.istio.io';

const isReady = (pod: KubeObject) =>
  !pod.metadata.deletionTimestamp &&
  listOf(at(pod, 'status', 'conditions')).some(item => objectOf(item)['type'] === 'Ready' && objectOf(item)['status'] === 'True');

const byAge = (a: KubeObject, b: KubeObject) =>
  (a.metadata.creationTimestamp ?? '').localeCompare(b.metadata.creationTimestamp ?? '') ||
  a.metadata.name.localeCompare(b.metadata.name);

function endpointsOf(
  store: Store,
  namespace: string,
  selector: { [label: string]: string },
  addressOf: (uid: string) => PodAddress | undefined,
) {
  return store
    .list('pods', namespace)
    .filter(pod => isReady(pod) && matchesLabels(selector, pod.metadata.labels))
    .flatMap(pod => {
      const address = addressOf(pod.metadata.uid ?? '');
      return address ? [{ identity: identityOf(pod), address }] : [];
    });
}

function subsetsOf(store: Store): Map<string, Map<string, { [label: string]: string }>> {
  const byHost = new Map<string, Map<string, { [label: string]: string }>>();
  for (const rule of store.list('destinationrules.networking.istio.io').sort(byAge)) {
    const host = fullHost(stringOf(at(rule, 'spec', 'host')) ?? '', rule.metadata.namespace ?? '');
    const subsets = byHost.get(host) ?? new Map<string, { [label: string]: string }>();
    for (const subset of listOf(at(rule, 'spec', 'subsets')).map(objectOf)) {
      const name = stringOf(subset['name']) ?? '';
      if (!subsets.has(name)) subsets.set(name, stringsOf(subset['labels']));
    }
    byHost.set(host, subsets);
  }
  return byHost;
}

function virtualHostsOf(store: Store): VirtualHost[] {
  const gateways = new Set(
    store.list('gateways.networking.istio.io').map(gateway => `${gateway.metadata.namespace}/${gateway.metadata.name}`),
  );
  return store
    .list(VIRTUAL_SERVICES)
    .sort(byAge)
    .map(service => {
      const namespace = service.metadata.namespace ?? '';
      const named = listOf(at(service, 'spec', 'gateways')).filter((item): item is string => typeof item === 'string');
      const qualified = named.map(name => (name === 'mesh' || name.includes('/') ? name : `${namespace}/${name}`));
      const hosts = listOf(at(service, 'spec', 'hosts')).filter((item): item is string => typeof item === 'string');
      return {
        name: `${namespace}/${service.metadata.name}`,
        hosts: hosts.map(host => fullHost(host, namespace)),
        gateways: named.length === 0 ? ['mesh'] : qualified.filter(name => name === 'mesh' || gateways.has(name)),
        routes: compileRoutes(service, (where, name) => store.get(VIRTUAL_SERVICES, where, name)),
      };
    });
}

/** Compiles the mesh objects of the store. */
export function takeSnapshot(store: Store, addressOf: (uid: string) => PodAddress | undefined): Snapshot {
  const subsets = subsetsOf(store);
  const services = new Map<string, MeshService>();
  for (const service of store.list('services')) {
    const { name, namespace = '' } = service.metadata;
    const host = fullHost(name, namespace);
    const port = numberOf(objectOf(listOf(at(service, 'spec', 'ports'))[0])['port']) ?? 80;
    const endpoints = endpointsOf(store, namespace, stringsOf(at(service, 'spec', 'selector')), addressOf);
    services.set(host, { host, name, namespace, port, endpoints, subsets: subsets.get(host) ?? new Map() });
  }
  return { services, virtualHosts: virtualHostsOf(store) };
}
