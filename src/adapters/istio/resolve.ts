import type { ResolvedTarget, Rollout } from '../../rollout/index.ts';
import { carriersOf, delegationsOf, whyNoCarrier } from './delegates.ts';
import { serviceHost } from './hosts.ts';
import type { MeshCaches } from './observe.ts';
import { ALLOW_ANNOTATION, checkAllowed, listNames, mayWrite, named, ResolveProblem, type Wanted } from './reference.ts';
import { findDestinationRule } from './resolveRule.ts';
import { getByKey, keyOf, type MeshObject, namespaceOf, type ObjectCache } from './resource.ts';
import { describeRoute, type HttpRoute, httpRoutesOf, routesTo } from './virtualService.ts';

/** Full name of the host that the Rollout steers. */
export const hostOf = (rollout: Rollout): string => serviceHost(rollout.spec.host ?? rollout.name, rollout.namespace);

/** Whether any VirtualService at all routes to the host. */
export const anythingRoutesTo = (host: string, virtualServices: ObjectCache): boolean =>
  [...virtualServices.list()].some(virtualService => routesTo(virtualService, host).length > 0);

/** Finds the objects that the spec names, or that its defaults mean. Throws ResolveProblem. */
export function resolveTarget(rollout: Rollout, caches: MeshCaches): ResolvedTarget {
  const wanted = { rollout, host: hostOf(rollout) };
  const virtualServices = findVirtualServices(wanted, caches.virtualServices);
  const routes = findRoutes(wanted, virtualServices);
  const destinationRule = findDestinationRule(wanted, caches.destinationRules);
  return {
    router: 'istio',
    host: wanted.host,
    versionLabel: rollout.spec.versionLabel ?? 'version',
    virtualServices: virtualServices.map(keyOf),
    routes,
    destinationRule: keyOf(destinationRule),
  };
}

/**
 * The objects whose weights are to change, each once, in the given order (R29). The place of a root that delegates is taken
 * by those of its delegates that route to the host; the root itself is only read then, and needs to allow nothing.
 */
function findVirtualServices(wanted: Wanted, cache: ObjectCache): readonly MeshObject[] {
  const names = wanted.rollout.spec.router?.istio?.virtualServices ?? [];
  const found =
    names.length === 0
      ? defaultVirtualServices(wanted, cache)
      : names.flatMap(name => carriersOfNamed(named('VirtualService', name, wanted, cache), wanted, cache));
  for (const object of found) checkAllowed('VirtualService', object, wanted.rollout.namespace);
  return [...new Set(found)];
}

function carriersOfNamed(virtualService: MeshObject, wanted: Wanted, cache: ObjectCache): readonly MeshObject[] {
  const carriers = carriersOf(virtualService, wanted.host, cache);
  if (carriers.length === 0) throw new ResolveProblem(whyNotSteerable(virtualService, wanted.host, cache));
  const names = wanted.rollout.spec.router?.istio?.routes ?? [];
  const meant = carriers.filter(object => hasRouteNamed(object, wanted.host, names));
  return meant.length > 0 ? meant : carriers;
}

const hasRouteNamed = (virtualService: MeshObject, host: string, names: readonly string[]): boolean =>
  routesTo(virtualService, host).some(({ name }) => name !== undefined && names.includes(name));

/** The one that has the Rollout's name, or its delegates, else the only one that routes to the host. */
function defaultVirtualServices(wanted: Wanted, cache: ObjectCache): readonly MeshObject[] {
  const { rollout, host } = wanted;
  const own = cache.get(rollout.namespace, rollout.name);
  if (own !== undefined && carriersOf(own, host, cache).length > 0) return carriersOfNamed(own, wanted, cache);
  const routing = [...cache.list()].filter(object => routesTo(object, host).length > 0);
  const usable = routing.filter(object => mayWrite(object, rollout.namespace));
  if (usable.length === 1) return usable;
  if (usable.length > 1) {
    throw new ResolveProblem(
      `several VirtualServices route to ${host}: ${listNames(usable)}; set router.istio.virtualServices to those to steer`,
    );
  }
  if (routing.length > 0) {
    throw new ResolveProblem(
      `only VirtualServices of other namespaces route to ${host}: ${listNames(routing)}; annotate the one to steer with ` +
        `${ALLOW_ANNOTATION}: ${rollout.namespace}`,
    );
  }
  if (own !== undefined) throw new ResolveProblem(whyNotSteerable(own, host, cache));
  throw new ResolveProblem(
    `no VirtualService routes to ${host}: create VirtualService ${rollout.namespace}/${rollout.name} with an http route to it`,
  );
}

/** What the object does instead of routing to the host, and how to mend it. */
function whyNotSteerable(virtualService: MeshObject, host: string, cache: ObjectCache): string {
  const delegations = delegationsOf(virtualService);
  const delegated = new Map(delegations.map(({ route, key }) => [route.index, key]));
  const hints = httpRoutesOf(virtualService).flatMap(route => {
    const key = delegated.get(route.index);
    const why = key === undefined ? insteadOf(route, virtualService, host) : undefined;
    if (why !== undefined) return [`${describeRoute(route)} ${why}`];
    if (key === undefined) return [];
    return [`${describeRoute(route)} delegates to VirtualService ${key}, which ${whyNoCarrier(getByKey(cache, key), host)}`];
  });
  const listed = hints.length === 0 ? '' : ` (${hints.join(', ')})`;
  return `VirtualService ${keyOf(virtualService)} has no http route with destination ${host}${listed}: ${mendOf(
    delegations.map(({ key }) => key),
    cache,
  )}`;
}

function mendOf(delegates: readonly string[], cache: ObjectCache): string {
  const other = 'or set router.istio.virtualServices';
  const missing = delegates.find(key => getByKey(cache, key) === undefined);
  if (missing !== undefined) return `create VirtualService ${missing} with one and without hosts, ${other}`;
  return delegates[0] === undefined ? `add one, ${other}` : `give VirtualService ${delegates[0]} one and no hosts, ${other}`;
}

function insteadOf(route: HttpRoute, virtualService: MeshObject, host: string): string | undefined {
  if (route.answersOtherwise) return 'redirects or answers itself';
  const meant = route.destinations.find(({ writtenHost }) => serviceHost(writtenHost, namespaceOf(virtualService)) === host);
  if (meant === undefined || meant.host === host) return undefined;
  return `names host ${meant.writtenHost}, which Istio does not complete: write ${host}`;
}

/** Names of the routes to steer; empty when the only one has no name. */
function findRoutes({ rollout, host }: Wanted, virtualServices: readonly MeshObject[]): readonly string[] {
  const names = rollout.spec.router?.istio?.routes ?? [];
  if (names.length > 0) {
    for (const virtualService of virtualServices) checkNames(virtualService, host, names);
    for (const name of names) checkName(name, host, virtualServices);
    return [...new Set(names)];
  }
  const found = virtualServices.map(virtualService => onlyRoute(virtualService, host));
  return [...new Set(found.flatMap(name => (name === undefined ? [] : [name])))];
}

function checkName(name: string, host: string, virtualServices: readonly MeshObject[]): void {
  if (virtualServices.some(object => routesTo(object, host).some(route => route.name === name))) return;
  throw new ResolveProblem(
    `no http route "${name}" with destination ${host} in VirtualService ${listNames(virtualServices)}: ` +
      'correct router.istio.routes, or name the route and make it a plain route to that host',
  );
}

function checkNames(virtualService: MeshObject, host: string, names: readonly string[]): void {
  if (hasRouteNamed(virtualService, host, names)) return;
  throw new ResolveProblem(
    `VirtualService ${keyOf(virtualService)} has none of the http routes ${names.map(name => `"${name}"`).join(', ')}; ` +
      `to ${host} it has ${routesTo(virtualService, host).map(describeRoute).join(', ')}: correct router.istio.routes`,
  );
}

function onlyRoute(virtualService: MeshObject, host: string): string | undefined {
  const routes = routesTo(virtualService, host);
  if (routes.length === 1) return routes[0]?.name;
  const unnamed = routes.some(route => route.name === undefined);
  throw new ResolveProblem(
    `VirtualService ${keyOf(virtualService)} has several http routes to ${host}: ${routes.map(describeRoute).join(', ')}; ` +
      `${unnamed ? 'give each a name and ' : ''}set router.istio.routes to the names of those to steer`,
  );
}
