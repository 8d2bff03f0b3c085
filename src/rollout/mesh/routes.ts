import { canonical } from '../canonical.ts';
import { digest } from '../digest.ts';
import { remembered } from '../remembered.ts';
import type { Routes, Traffic } from '../status.ts';

/** The new version gets nothing at all. */
export const SAFE: Traffic = { weight: 0 };

/** What stands beside the weight alone, without what is not wanted. */
export const routesOf = ({ headerRoutes, mirror, sticky }: Routes): Routes => ({
  ...(headerRoutes === undefined || headerRoutes.length === 0 ? {} : { headerRoutes }),
  ...(mirror === undefined || mirror.percentage === 0 ? {} : { mirror }),
  ...(sticky === undefined ? {} : { sticky }),
});

/** Names header, mirror and cookie routes of ours, as the position and the observation carry them; absent: there are none. */
export const routesDigest = (routes: Routes): string | undefined =>
  routes.headerRoutes === undefined && routes.mirror === undefined && routes.sticky === undefined ? undefined : digestOf(routes);

const digestOf = remembered((routes: Routes): string | undefined => {
  const wanted = routesOf(routes);
  return Object.keys(wanted).length === 0 ? undefined : digest(JSON.stringify(canonical(wanted)));
});

/** Is the new version meant to get requests: by weight, by a header route, or as copies? */
export const takesTraffic = (traffic: Traffic): boolean => traffic.weight > 0 || routesDigest(traffic) !== undefined;

export const isSameTraffic = (a: Traffic, b: Traffic): boolean => a.weight === b.weight && routesDigest(a) === routesDigest(b);

/** What stands beside the weight, for people: ` with a header route and a mirror of 100%`. */
export const routesSentence = (routes: Routes): string => {
  const { headerRoutes, mirror, sticky } = routesOf(routes);
  const parts = [
    ...(headerRoutes === undefined ? [] : ['a header route']),
    ...(mirror === undefined ? [] : [`a mirror of ${mirror.percentage}%`]),
    ...(sticky === undefined ? [] : [`the cookie ${sticky.cookie}`]),
  ];
  return parts.length === 0 ? '' : ` with ${parts.join(' and ')}`;
};

/** Does the new version get copies of requests, and no request of its own? */
export const takesCopiesOnly = ({ weight, headerRoutes, mirror }: Traffic): boolean =>
  weight === 0 && headerRoutes === undefined && mirror !== undefined;
