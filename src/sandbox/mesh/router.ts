import { closeness, fullHost } from './hosts.ts';
import { matchesBlock, type ProxyIdentity, type RouteRequest } from './match.ts';
import type { Destination, Target } from './routes.ts';
import type { MeshEndpoint, MeshService, Snapshot } from './snapshot.ts';
import { type Entry, entriesFor } from './virtualHosts.ts';

/** Where a request goes: a route of a VirtualService, straight to a service, or nowhere; and through whom. */
export type Routed = { readonly by: 'gateway' | 'sidecar'; readonly port: number } & (
  | { readonly kind: 'route'; readonly entry: Entry }
  | { readonly kind: 'service'; readonly service: MeshService }
  | { readonly kind: 'none' }
);

/** A destination looked up in the snapshot. */
export interface Cluster {
  /** `outbound|port|subset|host` */
  readonly name: string;
  readonly service: MeshService | undefined;
  readonly port: number;
  /** Undefined when the service, its port or the subset does not exist. */
  readonly endpoints: readonly MeshEndpoint[] | undefined;
}

/** Who a caller in the mesh says to be: labels and namespace of its pod. */
export type Caller = Pick<ProxyIdentity, 'labels' | 'namespace'>;

const HTTP_PORT = 80;

/** The service that a short or full name means to a caller, or undefined for other hosts. */
function serviceFor(snapshot: Snapshot, authority: string, caller: Caller): MeshService | undefined {
  const [name = '', namespace = caller.namespace, ...rest] = authority.split('.');
  if (namespace === '' || !['', 'svc', 'svc.cluster.local'].includes(rest.join('.'))) return undefined;
  return snapshot.services.get(fullHost(`${name}.${namespace}.svc.cluster.local`, namespace));
}

const firstMatch = (entries: readonly Entry[], request: RouteRequest): Entry | undefined =>
  entries.find(({ block }) => block === undefined || matchesBlock(block, request));

/** As a sidecar: by the VirtualService with the closest host, the oldest of several, and else straight to the service. */
function routeInMesh(snapshot: Snapshot, service: MeshService, request: RouteRequest, caller: Caller): Routed {
  const port = service.ports[0] ?? HTTP_PORT;
  const by = { by: 'sidecar', port } as const;
  const ranked = snapshot.meshRoutes
    .map(({ hosts, routes }) => ({
      rank: Math.max(...hosts.map(host => closeness(host, service.host))),
      entries: entriesFor(routes, { ...caller, gateway: 'mesh', port }),
    }))
    // istiod drops a VirtualService that has no route for this caller
    .filter(({ rank, entries }) => rank > 0 && entries.length > 0);
  const best = Math.max(0, ...ranked.map(({ rank }) => rank));
  const found = ranked.find(({ rank }) => rank === best);
  if (!found) return { ...by, kind: 'service', service };
  const entry = firstMatch(found.entries, request);
  return entry ? { ...by, kind: 'route', entry } : { ...by, kind: 'none' };
}

/**
 * Routes a request. Hosts of services (`forecast.weather`, full names) are routed as the sidecar of the caller would, other hosts as
 * the gateway does: by the closest pattern alone. A bare address means the first host that the gateway has.
 */
export function routeRequest(snapshot: Snapshot, request: RouteRequest, caller: Caller): Routed {
  const service = serviceFor(snapshot, request.authority, caller);
  if (service) return routeInMesh(snapshot, service, request, caller);
  const ranked = snapshot.gatewayHosts.map(host => ({ host, rank: closeness(host.pattern, request.authority) }));
  const best = Math.max(0, ...ranked.map(({ rank }) => rank));
  const isBare = /^(localhost|[\d.]+)$/.test(request.authority);
  const found = best > 0 ? ranked.find(({ rank }) => rank === best)?.host : isBare ? snapshot.gatewayHosts[0] : undefined;
  const by = { by: 'gateway', port: found?.port ?? HTTP_PORT } as const;
  const entry = found && firstMatch(found.entries, request);
  return entry ? { ...by, kind: 'route', entry } : { ...by, kind: 'none' };
}

/** Picks one destination by relative weight. Weights that are all zero pick none. */
export function pickDestination(destinations: readonly Destination[], random: () => number): Destination | undefined {
  const total = destinations.reduce((sum, item) => sum + item.weight, 0);
  let left = random() * total;
  for (const item of destinations) {
    left -= item.weight;
    if (item.weight > 0 && left < 0) return item;
  }
  return total > 0 ? destinations.findLast(item => item.weight > 0) : undefined;
}

/** The pods behind a destination. One that names no port has the only port of its service, else `listenerPort`. */
export function clusterOf(snapshot: Snapshot, destination: Target, listenerPort: number): Cluster {
  const service = snapshot.services.get(destination.host);
  const only = service?.ports.length === 1 ? service.ports[0] : undefined;
  const port = destination.port ?? only ?? listenerPort;
  const name = `outbound|${port}|${destination.subset}|${destination.host}`;
  const cluster = { name, service, port };
  if (!service?.ports.includes(port)) return { ...cluster, endpoints: undefined };
  if (!destination.subset) return { ...cluster, endpoints: service.endpoints };
  const labels = service.subsets.get(destination.subset);
  const chosen =
    labels &&
    service.endpoints.filter(item => Object.entries(labels).every(([key, value]) => item.identity.labels[key] === value));
  return { ...cluster, endpoints: chosen };
}

/** How Envoy calls what a request does, in spans: the only destination or else the VirtualService, the port, and the path that was asked. */
export function operationOf(snapshot: Snapshot, { block, route }: Entry, listenerPort: number): string {
  const uri = block?.['uri'];
  const asked = typeof uri === 'object' && uri !== null && !Array.isArray(uri) ? uri : {};
  const path = asked['exact'] ?? asked['regex'] ?? `${asked['prefix'] ?? '/'}*`;
  const [only, second] = route.destinations;
  if (!only || second) return `${route.service}:${listenerPort}${path}`;
  return `${only.host}:${clusterOf(snapshot, only, listenerPort).port}${path}`;
}

/** A destination that takes all requests of a service as they are. */
export const wholeService = (service: MeshService, port: number): Destination => ({
  host: service.host,
  subset: '',
  port,
  weight: 1,
  request: [],
  response: [],
});
