import { type Fields, fieldsOf } from './resource.ts';
import type { TrafficEdit } from './trafficEdit.ts';
import { type Destination, effectiveWeight, type HttpRoute } from './virtualService.ts';

type Role = 'stable' | 'canary' | 'ours' | 'foreign';

/** What of `total` weight units each of the two versions gets. */
export type Split = (total: number) => { readonly stable: number; readonly canary: number };

/** One destination of a route whose weights were shared out. */
export type Shared = {
  /** The whole entry. */
  readonly fields: Fields;
  /** The version that it gets its share for. */
  readonly side?: 'stable' | 'canary';
  /** Its weight; absent: it is foreign and keeps its own. */
  readonly share?: number;
};

function roleOf(destination: Destination, edit: TrafficEdit, earlier: readonly string[]): Role {
  if (destination.host !== edit.host) return 'foreign';
  if (destination.subset === undefined) return 'ours';
  const version = edit.versionOf(destination.subset);
  if (version === edit.stable.version) return 'stable';
  if (version === edit.canary.version) return 'canary';
  return earlier.includes(version) ? 'ours' : 'foreign';
}

/** Of several destinations of a version the one with its own subset. */
const mainOf = (destinations: readonly Destination[], subset: string): Destination | undefined =>
  destinations.find(destination => destination.subset === subset) ?? destinations[0];

/** The destination of the new version, if the route has one. */
export const canaryOf = (route: HttpRoute, edit: TrafficEdit): Destination | undefined =>
  mainOf(
    route.destinations.filter(destination => roleOf(destination, edit, []) === 'canary'),
    edit.canary.subset,
  );

/**
 * The destinations with the weights of ours shared out. `earlier` are versions that this Rollout routed to before: they
 * and unpinned destinations end at 0, except that an unpinned one is pinned in place when the stable version has no
 * destination. One that is missing and is to get weight is appended. `undefined`: ours have nothing to share.
 */
export function shareOut(
  route: HttpRoute,
  edit: TrafficEdit,
  earlier: readonly string[],
  split: Split,
): readonly Shared[] | undefined {
  const inRole = (role: Role) => route.destinations.filter(destination => roleOf(destination, edit, earlier) === role);
  const foreign = inRole('foreign');
  const ours = route.destinations.filter(destination => !foreign.includes(destination));
  const total = totalWeight(foreign, route) > 0 ? totalWeight(ours, route) : 100;
  if (total === 0) return undefined;
  const share = split(total);
  const named = mainOf(inRole('stable'), edit.stable.subset);
  const stable = named ?? ours.find(destination => destination.subset === undefined);
  const canary = mainOf(inRole('canary'), edit.canary.subset);
  const additions = [
    ...(stable === undefined ? addition(route, edit, 'stable', share.stable) : []),
    ...(canary === undefined ? addition(route, edit, 'canary', share.canary) : []),
  ];
  const isAlone = route.destinations.length + additions.length === 1;
  const shareOfOne = (destination: Destination): Shared => {
    const { fields } = destination;
    if (foreign.includes(destination)) return { fields };
    const side = destination === stable ? 'stable' : destination === canary ? 'canary' : undefined;
    const weight = side === undefined ? 0 : share[side];
    const pinned = side === 'stable' && named === undefined ? withSubset(fields, edit.stable.subset) : fields;
    return { fields: isAlone ? pinned : withWeight(pinned, weight), share: weight, ...(side === undefined ? {} : { side }) };
  };
  return [...route.destinations.map(shareOfOne), ...additions];
}

const totalWeight = (destinations: readonly Destination[], route: HttpRoute): number =>
  destinations.reduce((total, destination) => total + effectiveWeight(destination, route), 0);

const withSubset = (fields: Fields, subset: string): Fields => ({
  ...fields,
  destination: { ...fieldsOf(fields['destination']), subset },
});

/** No weight is a weight of 0. */
const withWeight = (fields: Fields, weight: number): Fields =>
  (fields['weight'] ?? 0) === weight ? fields : { ...fields, weight };

/** A new destination, written like the first one to the host; none for weight 0, which may have no subset yet. */
function addition(route: HttpRoute, edit: TrafficEdit, side: 'stable' | 'canary', weight: number): readonly Shared[] {
  const destination = destinationFor(route, edit, edit[side].subset);
  return weight === 0 || destination === undefined ? [] : [{ fields: { destination, weight }, side, share: weight }];
}

/** `destination` for a subset, with host and port as the route writes them. */
export function destinationFor(route: HttpRoute, { host }: TrafficEdit, subset: string): Fields | undefined {
  const model = route.destinations.find(destination => destination.host === host);
  if (model === undefined) return undefined;
  return { host: model.writtenHost, subset, ...(model.port === undefined ? {} : { port: model.port }) };
}
