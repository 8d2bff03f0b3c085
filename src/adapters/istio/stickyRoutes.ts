import type { Sticky } from '../../rollout/index.ts';
import { canaryValue, checkNoOtherCookie, cookieRegex, stableValue, withCookie } from './cookie.ts';
import { matchesWithin } from './headerRoutes.ts';
import type { Fields } from './resource.ts';
import { type Shared, type Split, shareOut } from './shares.ts';
import type { TrafficEdit } from './trafficEdit.ts';
import { describeRoute, type HttpRoute } from './virtualService.ts';

/** A route of ours without its name, and what its name ends with. */
type StickyRoute = { readonly ending: string; readonly fields: Fields };

/** The destinations of a route, the two of ours with the cookie that says who was met. */
export function withCookies(destinations: readonly Shared[], sticky: Sticky, edit: TrafficEdit): readonly Fields[] {
  const { revision } = edit.position;
  const values = { stable: stableValue(revision, edit.weightPercent), canary: canaryValue(revision) };
  return destinations.map(({ fields, side }) => (side === undefined ? fields : withCookie(fields, sticky, values[side])));
}

/**
 * Copies of the steered route for people who come back: to the version that they met, but who met stable at a smaller
 * weight than now is drawn once more, so that of all people as many see the new version as the weight says. Foreign
 * destinations keep their share. `bare` has no parts of ours. Throws RouteRefusedError.
 */
export function stickyRoutesBefore(
  bare: HttpRoute,
  edit: TrafficEdit,
  sticky: Sticky,
  earlier: readonly string[],
): readonly StickyRoute[] {
  const { weightPercent: weight, position } = edit;
  const share = (split: Split) => shareOut(bare, edit, earlier, split) ?? [];
  const route = (ending: string, value: string, destinations: readonly Fields[]): readonly StickyRoute[] => {
    const match = matchesWithin(
      bare,
      [{ headers: { cookie: { regex: cookieRegex(sticky, value) } } }],
      'take the condition on cookie out of that route, or stickiness out of the Rollout',
    );
    return match.length === 0 ? [] : [{ ending, fields: { ...bare.fields, match, route: alone(destinations) } }];
  };
  const { revision } = position;
  return [
    ...route('-cookie-canary', canaryValue(revision), taking(share(total => ({ stable: 0, canary: total })))),
    ...route('-cookie-stable', stableValue(revision, weight), taking(share(total => ({ stable: total, canary: 0 })))),
    ...sticky.drawnAt.flatMap(drawn => {
      if (drawn >= weight) return [];
      const again = inFractions(share(drawnAgain(drawn, weight)), 100 - drawn);
      return route(`-cookie-stable-${drawn}`, stableValue(revision, drawn), withCookies(again, sticky, edit));
    }),
  ];
}

/** Without those of ours that get nothing. */
const taking = (destinations: readonly Shared[]): readonly Fields[] =>
  destinations.filter(({ share }) => share !== 0).map(({ fields }) => fields);

/**
 * Of those who met stable at `drawn` percent so many more meet the new version that both make `weight` percent, in units of
 * which there are 100 - `drawn` for each one of weight: rounding would add up from step to step.
 */
const drawnAgain =
  (drawn: number, weight: number): Split =>
  total => ({ stable: total * (100 - weight), canary: total * (weight - drawn) });

/** Gives foreign destinations their weight in the same units, and then all of them the smallest whole numbers. */
function inFractions(destinations: readonly Shared[], units: number): readonly Shared[] {
  const weights = destinations.map(({ fields, share }) => share ?? units * Number(fields['weight'] ?? 0));
  const divisor = weights.reduce(greatestCommonDivisor, 0);
  return destinations.flatMap((destination, index) => {
    const weight = (weights[index] ?? 0) / divisor;
    if (destination.share === 0) return [];
    return [{ ...destination, fields: { ...destination.fields, weight } }];
  });
}

const greatestCommonDivisor = (a: number, b: number): number => (b === 0 ? a : greatestCommonDivisor(b, a % b));

/** A single destination gets everything, and needs no weight. */
const alone = (destinations: readonly Fields[]): readonly Fields[] => {
  const [only, second] = destinations;
  if (only === undefined || second !== undefined) return destinations;
  const { weight: _, ...fields } = only;
  return [fields];
};

/** Throws RouteRefusedError when users' own headers keep the cookie from being set. */
export const checkCookieFits = (bare: HttpRoute, destinations: readonly Shared[]): void =>
  checkNoOtherCookie(
    destinations.flatMap(({ fields, side }) => (side === undefined ? [] : [fields])),
    bare.fields,
    describeRoute(bare),
  );
