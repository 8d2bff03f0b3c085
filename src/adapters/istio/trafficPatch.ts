import type { Position } from '../../rollout/index.ts';
import { splitWeights } from '../../rollout/mesh/weights.ts';
import { guardVersion, pointer, setAnnotation, testOf } from './jsonPatch.ts';
import { POSITION_ANNOTATION, versionsRoutedBy, withoutPosition, writePosition } from './position.ts';
import type { JsonPatchOperation, MeshObject } from './resource.ts';
import { type Destination, effectiveWeight, type HttpRoute, steeredRoutes, type VersionOfSubset } from './virtualService.ts';

type VersionSubset = { readonly version: string; readonly subset: string };

export type TrafficEdit = {
  /** Full name. */
  readonly host: string;
  /** Names of the steered http routes, as in the target. */
  readonly routes: readonly string[];
  readonly stable: VersionSubset;
  readonly canary: VersionSubset;
  readonly versionOf: VersionOfSubset;
  /** Share of the new version in percent of what foreign destinations leave. */
  readonly weightPercent: number;
  readonly uid: string;
  readonly position: Position;
};

/** Thrown when foreign destinations have all of a route and the new version is to get something (R28). */
export class NothingToShareError extends Error {
  constructor(route: string) {
    super(`destinations that are not ours have the whole weight of ${route}; give some of it to the stable version`);
    this.name = 'NothingToShareError';
  }
}

type Role = 'stable' | 'canary' | 'ours' | 'foreign';

/** Full name for messages. */
export const describeRoute = (route: HttpRoute): string =>
  route.name === undefined ? `http route ${route.index} (unnamed)` : `http route "${route.name}"`;

/**
 * A JSON Patch that gives the two versions their share of each steered route and stores the position with it (R3, R27).
 *
 * Only weights of destinations of ours change: those of the stable and the new version, of versions that this Rollout
 * routed to before, and unpinned ones (which could reach any version). The latter two end at 0, except that an unpinned
 * one is pinned in place when the stable version has no destination. A destination that is missing and is to get weight
 * is appended. Without foreign weight the two share 100, else what ours have now. A route of which ours have nothing is
 * left as it is when the new version is to get nothing anyway; else NothingToShareError is thrown. Thus at least one
 * weight is always above 0: Istio refuses a route in which all are 0.
 *
 * What is read is tested, and `resourceVersion` guards the whole object.
 */
export function editTraffic(virtualService: MeshObject, edit: TrafficEdit): readonly JsonPatchOperation[] {
  const routes = steeredRoutes(virtualService, edit.host, edit.routes);
  const earlier = versionsRoutedBy(virtualService, edit.uid);
  const entry = { ...edit.position, versions: [...new Set([edit.stable.version, edit.canary.version])] };
  // A Rollout that is going is Safe now: nobody will look for its position any more.
  const isLast = edit.position.state === 'safe' && edit.position.reason === 'Deleted';
  const position = isLast ? withoutPosition(virtualService, edit.uid) : writePosition(virtualService, edit.uid, entry);
  return [
    ...guardVersion(virtualService),
    ...routes.flatMap(testsOfRoute),
    ...routes.flatMap(route => editRoute(route, edit, earlier)),
    ...setAnnotation(virtualService, POSITION_ANNOTATION, position),
  ];
}

/** Tests of what tells a route and its destinations apart, and of their weights. */
export function testsOfRoute(route: HttpRoute): readonly JsonPatchOperation[] {
  const at = ['spec', 'http', route.index];
  const destinations = route.destinations.flatMap(({ index, writtenHost, subset, weight }) => [
    ...testOf(pointer(...at, 'route', index, 'destination', 'host'), writtenHost),
    ...testOf(pointer(...at, 'route', index, 'destination', 'subset'), subset),
    ...testOf(pointer(...at, 'route', index, 'weight'), weight),
  ]);
  const identity =
    route.name === undefined ? testOf(pointer(...at, 'match'), route.match) : testOf(pointer(...at, 'name'), route.name);
  return [...identity, ...destinations];
}

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

function editRoute(route: HttpRoute, edit: TrafficEdit, earlier: readonly string[]): readonly JsonPatchOperation[] {
  const inRole = (role: Role) => route.destinations.filter(destination => roleOf(destination, edit, earlier) === role);
  const foreign = totalWeight(inRole('foreign'), route);
  const ours = route.destinations.filter(destination => roleOf(destination, edit, earlier) !== 'foreign');
  const total = foreign > 0 ? totalWeight(ours, route) : 100;
  const percent = edit.stable.version === edit.canary.version ? 0 : edit.weightPercent;
  if (total === 0) {
    if (percent === 0) return [];
    throw new NothingToShareError(describeRoute(route));
  }
  const share = splitWeights(total, percent);
  const stable = mainOf(inRole('stable'), edit.stable.subset);
  const pinned = stable === undefined ? ours.find(destination => destination.subset === undefined) : undefined;
  const canary = mainOf(inRole('canary'), edit.canary.subset);
  const additions = [
    ...(stable === undefined && pinned === undefined ? addition(route, edit, edit.stable.subset, share.stable) : []),
    ...(canary === undefined ? addition(route, edit, edit.canary.subset, share.canary) : []),
  ];
  const wanted = new Map(ours.map(destination => [destination, 0]));
  const stableOne = stable ?? pinned;
  if (stableOne !== undefined) wanted.set(stableOne, share.stable);
  if (canary !== undefined) wanted.set(canary, share.canary);
  const alone = route.destinations.length + additions.length === 1;
  return [
    ...(pinned === undefined ? [] : [pin(route, pinned, edit.stable.subset)]),
    ...(alone ? [] : [...wanted].flatMap(([destination, weight]) => setWeight(route, destination, weight))),
    ...additions,
  ];
}

const totalWeight = (destinations: readonly Destination[], route: HttpRoute): number =>
  destinations.reduce((total, destination) => total + effectiveWeight(destination, route), 0);

const pin = (route: HttpRoute, destination: Destination, subset: string): JsonPatchOperation => ({
  op: 'add',
  path: pointer('spec', 'http', route.index, 'route', destination.index, 'destination', 'subset'),
  value: subset,
});

function setWeight(route: HttpRoute, destination: Destination, weight: number): readonly JsonPatchOperation[] {
  if ((destination.weight ?? 0) === weight) return [];
  const path = pointer('spec', 'http', route.index, 'route', destination.index, 'weight');
  return [{ op: destination.weight === undefined ? 'add' : 'replace', path, value: weight }];
}

/** A new destination at the end, written like the first one to the host; none for weight 0, which may have no subset yet. */
function addition(route: HttpRoute, edit: TrafficEdit, subset: string, weight: number): readonly JsonPatchOperation[] {
  const model = route.destinations.find(destination => destination.host === edit.host);
  if (weight === 0 || model === undefined) return [];
  const port = model.port === undefined ? {} : { port: model.port };
  const value = { destination: { host: model.writtenHost, subset, ...port }, weight };
  return [{ op: 'add', path: pointer('spec', 'http', route.index, 'route', '-'), value }];
}
