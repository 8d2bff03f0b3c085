import { isDeepStrictEqual } from 'node:util';
import { expect } from 'vitest';
import { type Fields, fieldsOf, listOf, type MeshObject } from '../../../../src/adapters/istio/resource.ts';
import type { Routes } from '../../../../src/rollout/index.ts';
import { destinationsOf, httpOf, type Reading } from './read.ts';

/** What is steered, and which subsets stand for which version. */
export type Steering = {
  /** Full name. */
  readonly host: string;
  readonly rollout: string;
  readonly versionOf: (subset: string) => string;
  readonly subsetOf: (version: string) => string;
};

/** What one write was meant to make of an object. */
export type Write = {
  readonly percent: number;
  readonly routes: Routes;
  readonly stable: string;
  readonly canary: string;
  /** Versions that this Rollout steered before, also in other attempts. */
  readonly earlier: readonly string[];
};

/** As `toEqual` of vitest, which is too slow to be asked a hundred thousand times. */
export function same(actual: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(actual, expected)) expect(actual).toEqual(expected);
}

type Side = 'stable' | 'canary' | 'ours' | 'foreign';

/** Of whom the destination is in the eyes of R27 and R28. */
export function sideOf({ host, subset }: Pick<Reading, 'host' | 'subset'>, steering: Steering, write: Write): Side {
  if (host !== steering.host) return 'foreign';
  if (subset === undefined) return 'ours';
  const version = steering.versionOf(subset);
  if (version === write.stable) return 'stable';
  if (version === write.canary) return 'canary';
  return write.earlier.includes(version) ? 'ours' : 'foreign';
}

export const isOurRoute = (route: Fields, { rollout }: Steering): boolean =>
  String(route['name']).startsWith(`sluice-${rollout}-`);

const without = (fields: Fields, ...keys: readonly string[]): Fields =>
  Object.fromEntries(Object.entries(fields).filter(([key]) => !keys.includes(key)));

/** Without the cookie that Sluice has a destination set, and without what that leaves empty. */
function withoutCookie(entry: Fields): Fields {
  const { response } = fieldsOf(entry['headers']);
  const { add } = fieldsOf(response);
  if (fieldsOf(add)['set-cookie'] === undefined) return entry;
  const put = (fields: Fields, key: string, value: Fields): Fields =>
    Object.keys(value).length === 0 ? without(fields, key) : { ...fields, [key]: value };
  const left = put(fieldsOf(response), 'add', without(fieldsOf(add), 'set-cookie'));
  return put(entry, 'headers', put(fieldsOf(entry['headers']), 'response', left));
}

/** A steered route without our paths: weights and subsets of our destinations, the cookie, our mirror. */
function bare(
  route: Fields,
  count: number,
  object: MeshObject,
  [steering, write, mirrors]: readonly [Steering, Write, unknown],
): Fields {
  const entries = destinationsOf(route, object)
    .slice(0, count)
    .map(reading => {
      const { entry } = reading;
      if (sideOf(reading, steering, write) === 'foreign') return entry;
      return { ...without(withoutCookie(entry), 'weight'), destination: without(fieldsOf(entry['destination']), 'subset') };
    });
  const rest = mirrors === undefined ? without(route, 'mirrors') : { ...route, mirrors };
  return { ...rest, route: entries };
}

/** R27: outside of our paths everything is equal and in equal order. */
export function checkOutside(
  before: MeshObject,
  after: MeshObject,
  steered: readonly number[],
  steering: Steering,
  write: Write,
): void {
  const routes = httpOf(after).filter(route => !isOurRoute(route, steering));
  const shown = (object: MeshObject, http: readonly Fields[]): string => {
    const { annotations, ...metadata } = fieldsOf(object.metadata);
    const kept = without(fieldsOf(annotations), 'sluice.dev/position');
    const outside = http.map((route, index) => {
      const old = httpOf(before)[index] ?? {};
      if (!steered.includes(index)) return route;
      return bare(route, listOf(old['route']).length, object, [steering, write, old['mirrors']]);
    });
    const spec = httpOf(object).length === 0 ? object.spec : { ...fieldsOf(object.spec), http: outside };
    return JSON.stringify([{ ...object, metadata: without(metadata, 'resourceVersion'), spec }, kept]);
  };
  same(shown(after, routes), shown(before, httpOf(before)));
  for (const index of steered) checkAppended(httpOf(before)[index] ?? {}, routes[index] ?? {}, after, [steering, write]);
}

/** What we appended leads to our host and to versions of ours. */
function checkAppended(old: Fields, route: Fields, object: MeshObject, [steering, write]: readonly [Steering, Write]): void {
  for (const reading of destinationsOf(route, object).slice(listOf(old['route']).length)) {
    const side = sideOf(reading, steering, write);
    same(side === 'foreign', false);
  }
  const [mirrors, own] = [listOf(route['mirrors']), write.routes.mirror];
  const left = listOf(old['mirrors']);
  same(mirrors.slice(0, left.length), left);
  const added = mirrors.slice(left.length).map(fieldsOf);
  same(
    added.map(({ destination, percentage }) => [fieldsOf(destination)['subset'], percentage]),
    own === undefined ? [] : [[steering.subsetOf(write.canary), { value: own.percentage }]],
  );
}

const sum = (readings: readonly Reading[]): number => readings.reduce((total, { weight }) => total + weight, 0);

/** Weight units of both versions after a write: rounding never favours the new one (R28). */
export function intended(
  before: readonly Reading[],
  steering: Steering,
  write: Write,
): { readonly canary: number; readonly total: number } {
  const foreign = before.filter(reading => sideOf(reading, steering, write) === 'foreign');
  const total = sum(foreign) > 0 ? sum(before) - sum(foreign) : 100;
  return { canary: write.percent >= 100 ? total : Math.floor((total * write.percent) / 100), total };
}

/** R28: the two versions have what foreign destinations leave, in the intended shares; nobody else of ours has anything. */
export function checkShares(before: Fields, after: Fields, object: MeshObject, steering: Steering, write: Write): void {
  const readings = destinationsOf(after, object);
  const weightOf = (side: Side) => sum(readings.filter(reading => sideOf(reading, steering, write) === side));
  const { canary, total } = intended(destinationsOf(before, object), steering, write);
  const foreign = destinationsOf(before, object).filter(reading => sideOf(reading, steering, write) === 'foreign');
  expect({
    stable: weightOf('stable'),
    canary: weightOf('canary'),
    ours: weightOf('ours'),
    foreign: weightOf('foreign'),
  }).toEqual({
    ...{ stable: total - canary, canary, ours: 0, foreign: sum(foreign) },
  });
}

/** R28: routes of ours stand directly before the steered route that they copy, and differ in match and destinations only. */
export function checkOrder(
  before: MeshObject,
  after: MeshObject,
  steered: readonly number[],
  steering: Steering,
  write: Write,
): void {
  const routes = httpOf(after);
  const { headerRoutes = [], sticky } = write.routes;
  const isDrawing = sticky !== undefined && write.percent > 0 && write.percent < 100;
  const most = headerRoutes.length + (isDrawing ? 2 + sticky.drawnAt.length : 0);
  const names = routes.filter(route => isOurRoute(route, steering)).map(route => route['name']);
  same(new Set(names).size, names.length);
  let own: Fields[] = [];
  let index = 0;
  for (const route of routes) {
    if (isOurRoute(route, steering)) {
      own.push(route);
      continue;
    }
    const old = httpOf(before)[index] ?? {};
    if (steered.includes(index)) {
      same(Math.min(own.length, most), own.length);
      for (const copy of own) checkCopy(old, copy, steering, write);
    } else same(own, []);
    own = [];
    index += 1;
  }
  same(own, []);
}

function checkCopy(old: Fields, copy: Fields, steering: Steering, write: Write): void {
  same(without(copy, 'name', 'match', 'route'), without(old, 'name', 'match', 'route'));
  same(listOf(copy['match']).length > 0, true);
  if (String(copy['name']).includes('-cookie-')) return;
  const [only, second] = listOf(copy['route']).map(entry => fieldsOf(fieldsOf(entry)['destination']));
  same([only?.['subset'], second], [steering.subsetOf(write.canary), undefined]);
}
