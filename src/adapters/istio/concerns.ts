import { delegationsOf } from './delegates.ts';
import { hostOfRule } from './destinationRule.ts';
import { fullHost, serviceNamespace } from './hosts.ts';
import { fieldsOf, getByKey, listOf, type MeshKind, type MeshObject, namespaceOf, type ObjectCache, textOf } from './resource.ts';
import { httpRoutesOf } from './virtualService.ts';

/** Where Rollouts may live that a change concerns, and the host that they steer (full name); absent: any host. */
type Concern = { readonly namespace: string; readonly host?: string };

/**
 * What a change from `before` to `after` may concern, also what it took away: hosts of a wildcard, or of an object that
 * names none, may be any. Rollouts are looked for in the namespace of the object and in that of the service, as routes to
 * it may stand elsewhere: with a gateway, in a delegate, in a rule of the root namespace.
 */
export function concernsOf(
  kind: MeshKind,
  before: MeshObject | undefined,
  after: MeshObject | undefined,
  virtualServices: ObjectCache,
): readonly Concern[] {
  const hosts = kind === 'VirtualService' ? hostsOfVirtualService(virtualServices) : hostsOfRule;
  const objects = [before, after].filter(object => object !== undefined);
  const namespace = objects[0] === undefined ? '' : namespaceOf(objects[0]);
  return [...new Set(objects.flatMap(hosts))].flatMap((host): readonly Concern[] => {
    if (host === undefined) return [{ namespace }];
    const namespaces = new Set([namespace, serviceNamespace(host) ?? namespace]);
    return [...namespaces].map(one => ({ namespace: one, host }));
  });
}

const hostsOfRule = (destinationRule: MeshObject): readonly (string | undefined)[] => {
  const host = hostOfRule(destinationRule);
  return [host.includes('*') ? undefined : host];
};

/**
 * Destinations, also those of its delegates, and the hosts that it is for: one that stopped routing to its host still
 * concerns that host. What a delegate that is missing routes to is not known.
 */
const hostsOfVirtualService =
  (cache: ObjectCache) =>
  (virtualService: MeshObject): readonly (string | undefined)[] => {
    const namespace = namespaceOf(virtualService);
    const delegates = delegationsOf(virtualService).map(({ key }) => getByKey(cache, key));
    const destinations = [virtualService, ...delegates].flatMap(destinationsOf);
    const served = listOf(fieldsOf(virtualService.spec)['hosts']).map(host => fullHost(textOf(host) ?? '*', namespace));
    const exact = [...destinations, ...served].filter(host => !host.includes('*'));
    return exact.length > 0 && !delegates.includes(undefined) ? exact : [undefined];
  };

const destinationsOf = (virtualService: MeshObject | undefined): readonly string[] =>
  virtualService === undefined
    ? []
    : httpRoutesOf(virtualService).flatMap(route => route.destinations.map(destination => destination.host));
