import { at, type JsonObject, type KubeObject, listOf } from '../kube/json.ts';
import { type Gateways, gatewayIdentity, gatewayName } from './gateways.ts';
import { commonHost, fullHost } from './hosts.ts';
import { concerns, type ProxyIdentity, takesAll } from './match.ts';
import { compileRoute, type HttpRoute } from './routes.ts';
import { rulesOf } from './rules.ts';

/** A route under one of its match blocks; without one it takes every request. */
export interface Entry {
  readonly block: JsonObject | undefined;
  readonly route: HttpRoute;
}

/** What the gateway does with requests for the hosts of a pattern. */
export interface GatewayHost {
  readonly pattern: string;
  readonly port: number;
  readonly entries: readonly Entry[];
}

/** A VirtualService as sidecars know it. */
export interface MeshRoutes {
  readonly hosts: readonly string[];
  readonly routes: readonly HttpRoute[];
}

/** A VirtualService, with names in full. */
interface VirtualService {
  readonly namespace: string;
  readonly hosts: readonly string[];
  readonly gateways: readonly string[];
  readonly routes: readonly HttpRoute[];
}

const textsOf = (service: KubeObject, field: string) =>
  listOf(at(service, 'spec', field)).filter((item): item is string => typeof item === 'string');

/** Compiles a VirtualService; `find` looks up its delegates. */
export function compileVirtualService(
  service: KubeObject,
  find: (namespace: string, name: string) => KubeObject | undefined,
): VirtualService {
  const { name, namespace = '' } = service.metadata;
  const gateways = textsOf(service, 'gateways').map(item => gatewayName(item, namespace));
  return {
    namespace,
    hosts: textsOf(service, 'hosts').map(host => fullHost(host, namespace)),
    gateways: gateways.length === 0 ? ['mesh'] : gateways,
    routes: rulesOf(service, find).map(rule => compileRoute(rule, name)),
  };
}

const isCatchAll = ({ block }: Entry) => block === undefined || takesAll(block);

/** The routes that a proxy has, in order, each under the blocks that concern it; what stands below one that takes everything is left out. */
export function entriesFor(routes: readonly HttpRoute[], proxy: ProxyIdentity): Entry[] {
  const entries = routes.flatMap((route): Entry[] => {
    if (route.match.length === 0) return [{ block: undefined, route }];
    return route.match.filter(block => concerns(block, proxy)).map(block => ({ block, route }));
  });
  const last = entries.findIndex(isCatchAll);
  return last < 0 ? entries : entries.slice(0, last + 1);
}

/**
 * What a gateway serves: the hosts that a server and a VirtualService have in common. VirtualServices of one host are joined by age, and
 * what takes everything goes to the end.
 */
export function gatewayHostsOf(services: readonly VirtualService[], gateways: Gateways): GatewayHost[] {
  const found = new Map<string, { port: number; entries: Entry[] }>();
  for (const [name, servers] of gateways) {
    for (const { port, hosts } of servers) {
      for (const service of services.filter(item => item.gateways.includes(name))) {
        const entries = entriesFor(service.routes, gatewayIdentity(name, port));
        const open = hosts.filter(({ namespace }) => namespace === '*' || namespace === service.namespace);
        const common = open.flatMap(({ pattern }) => service.hosts.map(host => commonHost(pattern, host)));
        // what has no route for this gateway claims no host
        for (const pattern of entries.length > 0 ? new Set(common) : []) {
          if (pattern === undefined) continue;
          const there = found.get(pattern);
          if (there) there.entries.push(...entries);
          else found.set(pattern, { port, entries: [...entries] });
        }
      }
    }
  }
  return [...found].map(([pattern, { port, entries }]) => ({
    pattern,
    port,
    entries: [...entries.filter(entry => !isCatchAll(entry)), ...entries.filter(isCatchAll)],
  }));
}

/** The VirtualServices that sidecars obey. */
export function meshRoutesOf(services: readonly VirtualService[]): MeshRoutes[] {
  return services
    .filter(({ gateways, hosts }) => gateways.includes('mesh') && hosts.length > 0)
    .map(({ hosts, routes }) => ({ hosts, routes }));
}
