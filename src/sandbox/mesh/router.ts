import { fullHost } from './hosts.ts';
import { matchesRoute, type RouteRequest } from './match.ts';
import type { Destination, HttpRoute } from './routes.ts';
import type { MeshEndpoint, MeshService, Snapshot, VirtualHost } from './snapshot.ts';

/** Where a request goes: a route of a VirtualService, straight to a service, or nowhere. */
export type Routed =
  | { readonly kind: 'route'; readonly route: HttpRoute }
  | { readonly kind: 'service'; readonly service: MeshService }
  | { readonly kind: 'none' };

/** A destination looked up in the snapshot. */
export interface Cluster {
  /** `outbound|port|subset|host` */
  readonly name: string;
  readonly service: MeshService | undefined;
  readonly port: number;
  /** Undefined when the service or the subset does not exist. */
  readonly endpoints: readonly MeshEndpoint[] | undefined;
}

const hostMatches = (pattern: string, host: string) =>
  pattern === '*' || pattern === host || (pattern.startsWith('*.') && host.endsWith(pattern.slice(1)));

const isGatewayName = (name: string) => name !== 'mesh';

/** The mesh host that a short or full service name means, or undefined for other hosts. */
function meshHost(snapshot: Snapshot, authority: string): string | undefined {
  const [name = '', namespace = ''] = authority.split('.');
  const full = authority.split('.').length === 2 || authority.endsWith('.svc') ? fullHost(name, namespace) : authority;
  return snapshot.services.has(full) ? full : undefined;
}

function virtualHostFor(snapshot: Snapshot, authority: string): { host: VirtualHost; gateway: string } | undefined {
  const bound = snapshot.virtualHosts.filter(host => host.gateways.some(isGatewayName));
  const host =
    bound.find(item => item.hosts.includes(authority)) ??
    bound.find(item => item.hosts.some(pattern => hostMatches(pattern, authority)));
  const chosen = host ?? (/^(localhost|[\d.]+)$/.test(authority) ? bound[0] : undefined);
  return chosen && { host: chosen, gateway: chosen.gateways.find(isGatewayName) ?? '' };
}

/**
 * Routes a request. Hosts of services (`forecast.weather`, full names) are routed as a sidecar would, by VirtualServices of the
 * mesh and else straight to the service; other hosts as the gateway does. A bare address means the first VirtualService of a gateway.
 */
export function routeRequest(snapshot: Snapshot, request: RouteRequest): Routed {
  const mesh = meshHost(snapshot, request.authority);
  const service = mesh ? snapshot.services.get(mesh) : undefined;
  const found = mesh
    ? { host: snapshot.virtualHosts.find(host => host.gateways.includes('mesh') && host.hosts.includes(mesh)), gateway: 'mesh' }
    : virtualHostFor(snapshot, request.authority);
  if (service && !found?.host) return { kind: 'service', service };
  const route = found?.host?.routes.find(item => matchesRoute(item.match, request, found.gateway));
  return route ? { kind: 'route', route } : { kind: 'none' };
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

/** The pods behind a destination. */
export function clusterOf(snapshot: Snapshot, destination: Pick<Destination, 'host' | 'subset' | 'port'>): Cluster {
  const service = snapshot.services.get(destination.host);
  const port = destination.port ?? service?.port ?? 80;
  const name = `outbound|${port}|${destination.subset}|${destination.host}`;
  if (!service) return { name, service, port, endpoints: undefined };
  if (!destination.subset) return { name, service, port, endpoints: service.endpoints };
  const labels = service.subsets.get(destination.subset);
  const chosen =
    labels &&
    service.endpoints.filter(item => Object.entries(labels).every(([key, value]) => item.identity.labels[key] === value));
  return { name, service, port, endpoints: chosen };
}
