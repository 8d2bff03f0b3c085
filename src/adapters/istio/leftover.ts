import type { Leftover, ResolvedTarget } from '../../rollout/index.ts';
import { ownSubsets, versionOfSubset } from './destinationRule.ts';
import { fullHost } from './hosts.ts';
import { type Fields, fieldsOf, isFields, keyOf, type MeshObject, namespaceOf, textOf } from './resource.ts';
import { type Destination, effectiveWeight, type HttpRoute, steeredRoutes, type VersionOfSubset } from './virtualService.ts';

/** What the mesh still has of a version that nothing is meant to route to (R21). */
export function leftoverOf(
  version: string,
  target: ResolvedTarget,
  virtualServices: Iterable<MeshObject>,
  rule: MeshObject | undefined,
): Leftover {
  const versionOf = versionOfSubset(rule, target.versionLabel);
  const destinationsIn: string[] = [];
  const referredBy: string[] = [];
  const reachedBy: string[] = [];
  for (const virtualService of virtualServices) {
    const key = keyOf(virtualService);
    if (countReferences(virtualService, target.host, subset => subset === undefined) > 0) reachedBy.push(key);
    const all = countReferences(virtualService, target.host, subset => subset !== undefined && versionOf(subset) === version);
    if (all === 0) continue;
    const isSteered = target.virtualServices.includes(key);
    const idle = isSteered ? idleDestinations(virtualService, target, version, versionOf).length : 0;
    if (idle > 0) destinationsIn.push(key);
    if (all > idle) referredBy.push(key);
  }
  const hasOwnSubset = rule !== undefined && ownSubsets(rule, target.versionLabel, version).length > 0;
  const plain = reachedBy.length === 0 ? {} : { reachedBy: reachedBy.sort() };
  return { version, destinationsIn, referredBy: referredBy.sort(), hasOwnSubset, ...plain };
}

/** Destinations of the version in the steered routes that get nothing, beside others that do. */
export function idleDestinations(
  virtualService: MeshObject,
  { host, routes }: Pick<ResolvedTarget, 'host' | 'routes'>,
  version: string,
  versionOf: VersionOfSubset,
): readonly { readonly route: HttpRoute; readonly destination: Destination }[] {
  return steeredRoutes(virtualService, host, routes).flatMap(route => {
    const isLive = route.destinations.some(destination => effectiveWeight(destination, route) > 0);
    return route.destinations
      .filter(({ host: name, subset }) => name === host && subset !== undefined && versionOf(subset) === version)
      .filter(destination => isLive && effectiveWeight(destination, route) === 0)
      .map(destination => ({ route, destination }));
  });
}

/** How often the host is named with such a subset, wherever that may be: destinations of any protocol, mirrors, routes of ours. */
function countReferences(virtualService: MeshObject, host: string, isMeant: (subset: string | undefined) => boolean): number {
  const namespace = namespaceOf(virtualService);
  const isReference = (fields: Fields): boolean => {
    const [name, subset] = [textOf(fields['host']), textOf(fields['subset'])];
    return name !== undefined && fullHost(name, namespace) === host && isMeant(subset);
  };
  const count = (value: unknown): number => {
    if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + count(item), 0);
    if (!isFields(value)) return 0;
    return Object.values(value).reduce<number>((sum, item) => sum + count(item), isReference(value) ? 1 : 0);
  };
  return count(fieldsOf(virtualService.spec));
}
