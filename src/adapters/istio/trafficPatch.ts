import { type Sticky, splitWeights } from '../../rollout/index.ts';
import { headerRoutesBefore } from './headerRoutes.ts';
import { guardVersion, pointer, setAnnotation, testOf } from './jsonPatch.ts';
import { mirrorsWith } from './mirrorEntry.ts';
import { bareOf, digestOfOwn, type Own, ownIn, ownName } from './own.ts';
import { type OwnRecord, POSITION_ANNOTATION, versionsRoutedBy, withoutPosition, writePosition } from './position.ts';
import { type Fields, fieldsOf, type JsonPatchOperation, listOf, type MeshObject } from './resource.ts';
import { editRouteList, type Wanted } from './routeList.ts';
import { type Shared, shareOut } from './shares.ts';
import { checkCookieFits, stickyRoutesBefore, withCookies } from './stickyRoutes.ts';
import { RouteRefusedError, type TrafficEdit } from './trafficEdit.ts';
import { describeRoute, type HttpRoute, httpRoutesOf } from './virtualService.ts';

/** Thrown when foreign destinations have all of a route and the new version is to get something (R28). */
export class NothingToShareError extends RouteRefusedError {
  constructor(route: string) {
    super(`destinations that are not ours have the whole weight of ${route}; give some of it to the stable version`);
    this.name = 'NothingToShareError';
  }
}

/**
 * A JSON Patch that gives the two versions their share of each steered route, puts header routes, mirror and cookie beside
 * it, takes away those that are not wanted any more, and stores the position with it all (R3, R27, R28).
 *
 * Weights: only those of destinations of ours change, as `shareOut` says. Without foreign weight the two share 100, else
 * what ours have now. A route of which ours have nothing is left as it is when the new version is to get nothing anyway;
 * else NothingToShareError is thrown. Thus at least one weight is always above 0: Istio refuses a route in which all are 0.
 *
 * What is read is tested, and `resourceVersion` guards the whole object. Throws RouteRefusedError for what cannot be put
 * beside users' own fields; never for a write that only takes away.
 */
export function editTraffic(virtualService: MeshObject, edit: TrafficEdit): readonly JsonPatchOperation[] {
  const own = ownIn(virtualService, edit);
  const { steered } = own;
  const earlier = versionsRoutedBy(virtualService, edit.uid);
  const named = namedRoutes(virtualService, own, edit, earlier);
  const wanted = new Map(
    steered.map((route): [number, Wanted] => [
      route.index,
      { fields: steer(route, own, edit, earlier), before: named.get(route.index) ?? [] },
    ]),
  );
  const { tests, edits, http } = editRouteList(listOf(fieldsOf(virtualService.spec)['http']), own.routes, wanted);
  const written = { ...virtualService, spec: { ...fieldsOf(virtualService.spec), http } };
  const names = [...named.values()].flat().flatMap(({ name }) => (typeof name === 'string' ? [name] : []));
  return [
    ...guardVersion(virtualService),
    ...distinct([...steered.flatMap(testsOfRoute), ...tests]),
    ...edits,
    ...setAnnotation(virtualService, POSITION_ANNOTATION, annotationAfter(virtualService, written, edit, names)),
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

const distinct = (operations: readonly JsonPatchOperation[]): readonly JsonPatchOperation[] => [
  ...new Map(operations.map(operation => [operation.path, operation])).values(),
];

/** Nothing moves while a version is pinned. */
const percentOf = ({ stable, canary, weightPercent }: TrafficEdit): number =>
  stable.version === canary.version ? 0 : weightPercent;

/** With one version for everybody there is nothing to remember. */
const stickyOf = (edit: TrafficEdit): Sticky | undefined =>
  percentOf(edit) > 0 && percentOf(edit) < 100 ? edit.beside?.sticky : undefined;

/** A steered route as it is to stand. */
function steer(route: HttpRoute, own: Own, edit: TrafficEdit, earlier: readonly string[]): Fields {
  const bare = bareOf(route, own);
  const percent = percentOf(edit);
  const shared = shareOut(bare, edit, earlier, total => splitWeights(total, percent));
  if (shared === undefined && percent > 0) throw new NothingToShareError(describeRoute(route));
  const sticky = stickyOf(edit);
  const destinations: readonly Shared[] = shared ?? bare.destinations;
  if (sticky !== undefined) checkCookieFits(bare, destinations);
  const mirror = edit.beside?.mirror;
  return {
    ...bare.fields,
    route: sticky === undefined ? destinations.map(({ fields }) => fields) : withCookies(destinations, sticky, edit),
    ...(mirror === undefined ? {} : { mirrors: mirrorsWith(route, edit, mirror.percentage, own.mirror) }),
  };
}

/** Http routes of ours before each steered one, by its index: header routes first, whatever cookie somebody has. */
function namedRoutes(
  virtualService: MeshObject,
  own: Own,
  edit: TrafficEdit,
  earlier: readonly string[],
): ReadonlyMap<number, readonly Fields[]> {
  const ours = new Set(own.routes.map(({ index }) => index));
  const taken = new Set(httpRoutesOf(virtualService).flatMap(({ index, name = '' }) => (ours.has(index) ? [] : [name])));
  const sticky = stickyOf(edit);
  const found = own.steered.map(route => {
    const bare = bareOf(route, own);
    return {
      route,
      headers: headerRoutesBefore(bare, edit),
      sticky: sticky === undefined ? [] : stickyRoutesBefore(bare, edit, sticky, earlier),
    };
  });
  refuseUnreachable(found);
  const named = found.map(({ route, headers, sticky: kept }) => {
    const stem = ownName(edit.rollout, route.name);
    const all = [...headers.flatMap(fields => (fields === undefined ? [] : { ending: '', fields })), ...kept];
    return [route.index, all.map(({ ending, fields }) => ({ ...fields, name: freeName(`${stem}${ending}`, taken) }))] as const;
  });
  return new Map(named);
}

/** The name, or one that goes on with a number; it is taken then. */
function freeName(wanted: string, taken: Set<string>): string {
  let name = wanted;
  for (let number = 2; taken.has(name); number += 1) name = `${wanted}-${number}`;
  taken.add(name);
  return name;
}

/** A header route that no request can ever take, in none of the steered routes. */
function refuseUnreachable(found: readonly { readonly route: HttpRoute; readonly headers: readonly (Fields | undefined)[] }[]) {
  const [first, ...others] = found;
  const isNowhere = first?.headers.some((fields, entry) => [fields, ...others.map(one => one.headers[entry])].every(isAbsent));
  if (isNowhere !== true) return;
  const where = found.map(({ route }) => describeRoute(route)).join(' or ');
  throw new RouteRefusedError(
    `the header route can never match: no request that ${where} takes meets its conditions; change one of the two`,
  );
}

const isAbsent = (value: unknown): boolean => value === undefined;

/** The position, and what is ours in the object as it is `written`, to know it again. */
function annotationAfter(
  virtualService: MeshObject,
  written: MeshObject,
  edit: TrafficEdit,
  http: readonly string[],
): string | undefined {
  const { uid, rollout, position, stable, canary, beside } = edit;
  // A Rollout that is going is Safe now: nobody will look for its position any more.
  if (position.state === 'safe' && position.reason === 'Deleted') return withoutPosition(virtualService, uid);
  const sticky = stickyOf(edit);
  const marks = {
    rollout,
    http,
    ...(beside?.mirror === undefined ? {} : { mirror: canary.subset }),
    ...(sticky === undefined ? {} : { cookie: sticky.cookie }),
  };
  const after = ownIn(written, edit, marks);
  const digest = digestOfOwn(after);
  const own: OwnRecord | undefined = digest === undefined ? undefined : { ...marks, written: digest };
  const versions = [...new Set([stable.version, canary.version])];
  return writePosition(virtualService, uid, { ...position, versions, subsets: otherNames(after, edit, versions), own });
}

/** Subsets of the two versions that are not named like them. */
function otherNames(
  { steered }: Own,
  { host, versionOf }: TrafficEdit,
  versions: readonly string[],
): Readonly<Record<string, string>> | undefined {
  const named = steered.flatMap(({ destinations }) =>
    destinations.flatMap(({ host: to, subset }) =>
      to === host && subset !== undefined ? [[subset, versionOf(subset)] as const] : [],
    ),
  );
  const other = named.filter(([subset, version]) => subset !== version && versions.includes(version));
  return other.length === 0 ? undefined : Object.fromEntries(other);
}
