import { hostOfRule } from './destinationRule.ts';
import { fullHost } from './hosts.ts';
import { fieldsOf, listOf, type MeshKind, type MeshObject, namespaceOf, textOf } from './resource.ts';
import { httpRoutesOf } from './virtualService.ts';

/**
 * Full names of the hosts that a change from `before` to `after` may concern, also those that the change took away.
 * `undefined` stands for any host: a wildcard, or an object that names none.
 */
export function concernedHosts(
  kind: MeshKind,
  before: MeshObject | undefined,
  after: MeshObject | undefined,
): ReadonlySet<string | undefined> {
  const hosts = kind === 'VirtualService' ? hostsOfVirtualService : hostsOfRule;
  return new Set([before, after].flatMap(object => (object === undefined ? [] : hosts(object))));
}

const hostsOfRule = (destinationRule: MeshObject): readonly (string | undefined)[] => {
  const host = hostOfRule(destinationRule);
  return [host.includes('*') ? undefined : host];
};

/** Destinations, and the hosts that it is for: one that stopped routing to its host still concerns that host. */
function hostsOfVirtualService(virtualService: MeshObject): readonly (string | undefined)[] {
  const namespace = namespaceOf(virtualService);
  const destinations = httpRoutesOf(virtualService).flatMap(route => route.destinations.map(destination => destination.host));
  const served = listOf(fieldsOf(virtualService.spec)['hosts']).map(host => fullHost(textOf(host) ?? '*', namespace));
  const exact = [...destinations, ...served].filter(host => !host.includes('*'));
  return exact.length > 0 ? exact : [undefined];
}
