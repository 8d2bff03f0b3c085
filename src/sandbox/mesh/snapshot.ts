import { at, type KubeObject, listOf, matchesLabels, numberOf, objectOf, stringOf, stringsOf } from '../kube/json.ts';
import type { Store } from '../kube/store.ts';
import type { PodAddress } from '../workloads/addresses.ts';
import { identityOf, type PodIdentity } from '../workloads/identity.ts';
import { gatewaysOf } from './gateways.ts';
import { fullHost } from './hosts.ts';
import { compileVirtualService, type GatewayHost, gatewayHostsOf, type MeshRoutes, meshRoutesOf } from './virtualHosts.ts';

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
  readonly ports: readonly number[];
  readonly endpoints: readonly MeshEndpoint[];
  /** Subset labels by subset name. */
  readonly subsets: ReadonlyMap<string, { [label: string]: string }>;
}

/** What the proxy obeys: replaced whole, never changed. */
export interface Snapshot {
  readonly services: ReadonlyMap<string, MeshService>;
  /** What the gateway serves. */
  readonly gatewayHosts: readonly GatewayHost[];
  /** VirtualServices of the mesh, the oldest first. */
  readonly meshRoutes: readonly MeshRoutes[];
}

const DEFAULT_PORT = 80;
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

function portsOf(service: KubeObject): number[] {
  const ports = listOf(at(service, 'spec', 'ports')).map(port => numberOf(objectOf(port)['port']));
  return ports.length > 0 ? ports.filter(port => port !== undefined) : [DEFAULT_PORT];
}

/** Compiles the mesh objects of the store. */
export function takeSnapshot(store: Store, addressOf: (uid: string) => PodAddress | undefined): Snapshot {
  const subsets = subsetsOf(store);
  const services = new Map<string, MeshService>();
  for (const service of store.list('services')) {
    const { name, namespace = '' } = service.metadata;
    const host = fullHost(name, namespace);
    const endpoints = endpointsOf(store, namespace, stringsOf(at(service, 'spec', 'selector')), addressOf);
    services.set(host, { host, name, namespace, ports: portsOf(service), endpoints, subsets: subsets.get(host) ?? new Map() });
  }
  const find = (namespace: string, name: string) => store.get(VIRTUAL_SERVICES, namespace, name);
  const all = store.list(VIRTUAL_SERVICES).sort(byAge);
  const virtualServices = all.map(service => compileVirtualService(service, find));
  const gateways = gatewaysOf(store.list('gateways.networking.istio.io'));
  return { services, gatewayHosts: gatewayHostsOf(virtualServices, gateways), meshRoutes: meshRoutesOf(virtualServices) };
}
