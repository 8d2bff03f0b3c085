import { type Fields, fields, isPresent, list, text } from './json.ts';

/** A name without dots is a service of the namespace. */
export const fullHost = (host: string, namespace: string): string =>
  (host.includes('.') || host === '*' ? host : `${host}.${namespace}.svc.cluster.local`).toLowerCase();

/** How well a pattern fits: exact, then the longest suffix, then `*`; 0 is not at all. */
export function fitOfPattern(pattern: string, host: string): number {
  if (pattern === host) return Number.POSITIVE_INFINITY;
  if (pattern === '*') return 1;
  return pattern.startsWith('*.') && host.endsWith(pattern.slice(1)) ? pattern.length : 0;
}

/** `name`, `namespace/name`, `./name` or the old `name.namespace.svc...` as `namespace/name`; `mesh` stays. */
export function gatewayName(name: string, namespace: string): string {
  if (name === 'mesh') return name;
  if (name.startsWith('./')) return `${namespace}${name.slice(1)}`;
  if (name.includes('/')) return name;
  const [first = '', second] = name.split('.');
  return second === undefined ? `${namespace}/${first}` : `${second}/${first}`;
}

/** A route in which no name depends on its namespace any more, so that it may stand in another VirtualService. */
export function withFullNames(route: Fields, namespace: string): Fields {
  const target = (value: unknown) => ({ ...fields(value), host: fullHost(text(fields(value)['host']), namespace) });
  const targets = (value: unknown) =>
    list(value).map(item => ({ ...fields(item), destination: target(fields(item)['destination']) }));
  const match = list(route['match']).map(item => {
    const block = fields(item);
    const gateways = list(block['gateways']).map(name => gatewayName(text(name), namespace));
    return gateways.length === 0 ? block : { ...block, gateways };
  });
  return {
    ...route,
    match,
    route: targets(route['route']),
    ...(isPresent(route['mirror']) ? { mirror: target(route['mirror']) } : {}),
    ...(isPresent(route['mirrors']) ? { mirrors: targets(route['mirrors']) } : {}),
  };
}
