import type { RouteWeights } from '../../rollout/index.ts';
import { fullHost } from './hosts.ts';
import { type Fields, fieldsOf, isFields, listOf, type MeshObject, namespaceOf, textOf } from './resource.ts';

/** One entry of `route[]` of an http route. */
export type Destination = {
  readonly index: number;
  /** Full name. */
  readonly host: string;
  /** As written: short or full. */
  readonly writtenHost: string;
  readonly subset?: string;
  readonly port?: unknown;
  /** As written; absent counts as 0, unless it is the only destination. */
  readonly weight?: number;
  /** The whole entry. */
  readonly fields: Fields;
};

/** One entry of `spec.http[]`. */
export type HttpRoute = {
  readonly index: number;
  readonly name?: string;
  readonly match?: unknown;
  /** Something other than destinations answers: redirect, direct response or a delegate. */
  readonly answersOtherwise: boolean;
  readonly destinations: readonly Destination[];
  /** The whole entry. */
  readonly fields: Fields;
};

/** For messages. */
export const describeRoute = (route: HttpRoute): string =>
  route.name === undefined ? `http route ${route.index} (unnamed)` : `http route "${route.name}"`;

/** The version that a subset of the host stands for. */
export type VersionOfSubset = (subset: string) => string;

/** Header routes of ours; they have a match and carry no weights (R27). */
export const isHeaderRoute = (route: HttpRoute): boolean =>
  route.match !== undefined && route.name?.startsWith('sluice-') === true;

function destinationOf(entry: unknown, index: number, namespace: string): Destination {
  const fields = fieldsOf(entry);
  const { host, subset, port } = fieldsOf(fields['destination']);
  const writtenHost = textOf(host) ?? '';
  const name = textOf(subset);
  const weight = fields['weight'];
  return {
    index,
    host: fullHost(writtenHost, namespace),
    writtenHost,
    ...(name === undefined ? {} : { subset: name }),
    ...(port === undefined ? {} : { port }),
    ...(typeof weight === 'number' ? { weight } : {}),
    fields,
  };
}

/** The http routes; tcp and tls routes weigh connections and are left alone. */
export function httpRoutesOf(virtualService: MeshObject): readonly HttpRoute[] {
  const namespace = namespaceOf(virtualService);
  return listOf(fieldsOf(virtualService.spec)['http']).map((entry, index) => httpRouteOf(fieldsOf(entry), index, namespace));
}

/** One http route of an object of that namespace, from its fields. */
export function httpRouteOf(fields: Fields, index: number, namespace: string): HttpRoute {
  const name = textOf(fields['name']);
  return {
    index,
    ...(name === undefined ? {} : { name }),
    ...(fields['match'] === undefined ? {} : { match: fields['match'] }),
    answersOtherwise: ['redirect', 'directResponse', 'delegate'].some(field => isFields(fields[field])),
    destinations: listOf(fields['route']).map((destination, position) => destinationOf(destination, position, namespace)),
    fields,
  };
}

/** The http routes whose weights decide who gets requests to the host. */
export const routesTo = (virtualService: MeshObject, host: string): readonly HttpRoute[] =>
  httpRoutesOf(virtualService).filter(
    route =>
      !route.answersOtherwise && !isHeaderRoute(route) && route.destinations.some(destination => destination.host === host),
  );

/**
 * The routes that an attempt steers, found again by the names in its target. Without names it is the one that had none;
 * should there be several by now, the one that catches all: the first without `match`, else the last. When no plain route
 * has such a name any more but a single one routes to the host, that one was renamed and is steered, so that going back
 * still works. Empty: nothing that was steered routes to the host.
 */
export function steeredRoutes(virtualService: MeshObject, host: string, names: readonly string[]): readonly HttpRoute[] {
  const candidates = routesTo(virtualService, host);
  const found = candidates.filter(route => isNamed(route, names));
  if (found.length === 0) return candidates.length === 1 && !hasNamed(virtualService, names) ? candidates : [];
  const one = names.length > 0 ? undefined : (found.find(route => route.match === undefined) ?? found.at(-1));
  return one === undefined ? found : [one];
}

/** Whether the names are gone and several routes to the host are left: which of them was steered cannot be told. */
export const lostRoutes = (virtualService: MeshObject, host: string, names: readonly string[]): boolean =>
  routesTo(virtualService, host).length > 1 && !hasNamed(virtualService, names);

const isNamed = (route: HttpRoute, names: readonly string[]): boolean =>
  route.name === undefined ? names.length === 0 : names.includes(route.name);

const hasNamed = (virtualService: MeshObject, names: readonly string[]): boolean =>
  httpRoutesOf(virtualService).some(route => isNamed(route, names) && !route.answersOtherwise);

/** What a destination gets in the eyes of Istio: the only one everything, others their weight, 0 when it is not written. */
export const effectiveWeight = (destination: Destination, route: HttpRoute): number =>
  route.destinations.length === 1 ? 100 : (destination.weight ?? 0);

function weightsOfRoute(route: HttpRoute, host: string, versionOf: VersionOfSubset): RouteWeights {
  const versions = new Map<string, number>();
  let foreign = 0;
  for (const destination of route.destinations) {
    const weight = effectiveWeight(destination, route);
    if (destination.host !== host) {
      foreign += weight;
      continue;
    }
    const version = destination.subset === undefined ? '*' : versionOf(destination.subset);
    versions.set(version, (versions.get(version) ?? 0) + weight);
  }
  return { versions: Object.fromEntries(versions), foreign };
}

/** Share of everything but the stable version in what the host gets, 0..1. */
function shareOfOthers(weights: RouteWeights, stable: string): number {
  const all = Object.values(weights.versions).reduce((total, weight) => total + weight, 0);
  const stableWeight = Object.hasOwn(weights.versions, stable) ? (weights.versions[stable] ?? 0) : 0;
  return all === 0 ? 1 : (all - stableWeight) / all;
}

const addUp = (left: RouteWeights, right: RouteWeights): RouteWeights => {
  const versions = new Map(Object.entries(left.versions));
  for (const [version, weight] of Object.entries(right.versions)) versions.set(version, (versions.get(version) ?? 0) + weight);
  return { versions: Object.fromEntries(versions), foreign: left.foreign + right.foreign };
};

/**
 * The weights of an object, `undefined` without a route. All its steered routes are written alike; if somebody made them
 * differ, the route with the largest share beside the stable version speaks for the object: an object is only as safe as
 * its least safe route. While no version is known to be stable they are added up, so that what any of them splits shows
 * as a split and is not adopted as pinned.
 */
export function weightsOf(
  routes: readonly HttpRoute[],
  host: string,
  versionOf: VersionOfSubset,
  stable: string | undefined,
): RouteWeights | undefined {
  const [first, ...others] = routes.map(route => weightsOfRoute(route, host, versionOf));
  if (first === undefined) return undefined;
  return others.reduce((worst, weights) => {
    if (stable === undefined) return addUp(worst, weights);
    return shareOfOthers(weights, stable) > shareOfOthers(worst, stable) ? weights : worst;
  }, first);
}
