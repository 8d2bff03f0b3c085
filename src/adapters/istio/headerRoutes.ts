import type { MatchSpec } from '../../rollout/index.ts';
import { crossMatches, InexpressibleMatchError } from './matches.ts';
import type { Fields } from './resource.ts';
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
