import type { MatchSpec } from '../../rollout/index.ts';
import { delegationsOf } from './delegates.ts';
import { checkCallers, crossMatches, InexpressibleMatchError } from './matches.ts';
import { type Fields, fieldsOf, keyOf, listOf, type MeshObject } from './resource.ts';
import { canaryOf, destinationFor } from './shares.ts';
import { RouteRefusedError, type TrafficEdit } from './trafficEdit.ts';
import { describeRoute, type HttpRoute } from './virtualService.ts';

/** The matches of a copy of a steered route for those of its requests that meet `ours` too. Throws RouteRefusedError. */
export function matchesWithin(route: HttpRoute, ours: readonly MatchSpec[], advice: string): readonly Fields[] {
  try {
    return crossMatches(ours, route.match);
  } catch (error) {
    if (!(error instanceof InexpressibleMatchError)) throw error;
    throw new RouteRefusedError(`beside ${describeRoute(route)} ${error.message}; ${advice}`, { cause: error });
  }
}

/**
 * Throws RouteRefusedError when a header route in a delegate would take the requests of every caller, because Istio joins
 * its match with that of a root which names gateways where it names callers, or the other way round.
 */
export function refuseCallersOfRoots(
  delegate: MeshObject,
  virtualServices: Iterable<MeshObject>,
  headerRoutes: readonly { readonly match: readonly MatchSpec[] }[],
): void {
  if (listOf(fieldsOf(delegate.spec)['hosts']).length > 0) return;
  for (const root of virtualServices) {
    for (const { route, key } of delegationsOf(root)) {
      if (key !== keyOf(delegate)) continue;
      const where = `in ${describeRoute(route)} of VirtualService ${keyOf(root)}, which delegates to it,`;
      for (const theirs of listOf(route.match).map(fieldsOf)) {
        for (const own of headerRoutes.flatMap(({ match }) => match)) checkInRoot({ ...own }, theirs, where);
      }
    }
  }
}

function checkInRoot(own: Fields, theirs: Fields, where: string): void {
  try {
    checkCallers(own, theirs);
  } catch (error) {
    if (!(error instanceof InexpressibleMatchError)) throw error;
    throw new RouteRefusedError(`${where} ${error.message}; leave one of the two out`, { cause: error });
  }
}

/**
 * For each list of matches a copy of the steered route, without its name, that leads to the new version alone; `undefined`
 * where no request can meet both. `bare` has no parts of ours. Throws RouteRefusedError.
 */
export function headerRoutesBefore(bare: HttpRoute, edit: TrafficEdit): readonly (Fields | undefined)[] {
  const { weight: _, ...own } = canaryOf(bare, edit)?.fields ?? { destination: destinationFor(bare, edit, edit.canary.subset) };
  return (edit.beside?.headerRoutes ?? []).map(({ match }) => {
    const matches = matchesWithin(bare, match, 'make one of the two exact, or leave it out in one place');
    return matches.length === 0 ? undefined : { ...bare.fields, match: matches, route: [own] };
  });
}
