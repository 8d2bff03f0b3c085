import { type Fields, fieldsOf, keyOf, listOf, type MeshObject, namespaceOf } from '../../../../src/adapters/istio/resource.ts';
import { type MeshObject as Evaluated, type Evaluation, evaluate } from '../../../mesh/evaluate.ts';
import type { MeshRequest } from '../../../mesh/request.ts';
import { matches } from '../../../mesh/routeMatch.ts';
import { destinationsOf, httpOf } from './read.ts';
import { intended, isOurRoute, type Steering, same, sideOf, type Write } from './rules.ts';

/** Chooses by turns, so that every run asks the same. */
export function chooser(seed: number): <T>(from: readonly [T, ...T[]]) => T {
  let state = seed >>> 0;
  return from => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return from[(state >>> 8) % from.length] ?? from[0];
  };
}

const PATHS = [
  '/',
  '/reviews',
  '/reviews/1',
  '/Reviews',
  '/api/v1/products/3',
  '/productpage',
  '/a',
  '/c',
  '/old',
  '/ratings',
] as const;
const HEADERS: readonly [Fields, ...Fields[]] = [
  {},
  { 'end-user': 'jason' },
  { 'end-user': 'tester' },
  { 'end-user': 'jason', 'x-region': 'eu-1' },
  { 'x-api-version': '2', 'user-agent': 'Mozilla Chrome/140.0', 'x-trace': '1' },
  { cookie: 'a=1; group=b' },
  { cookie: 'group=b', 'end-user': 'jason' },
  { 'x-preview': '1' },
];
const QUERIES = [{}, { page: '1' }, { stage: 'prod', debug: '7' }] as const;
const LABELS = [{}, { app: 'productpage', version: 'v2' }, { app: 'productpage' }] as const;

const qualified = (gateway: string, namespace: string): string =>
  gateway === 'mesh' || gateway.includes('/') ? gateway : `${namespace}/${gateway}`;

/** Requests to the hosts of these objects, by sidecars and gateways. */
export function requestsTo(objects: readonly MeshObject[], count: number, seed: number): readonly MeshRequest[] {
  const doors = objects.flatMap(object => {
    const { hosts, gateways } = fieldsOf(object.spec);
    const names = listOf(hosts).map(host => String(host).replace('*', 'reviews'));
    const entrances = listOf(gateways).length === 0 ? ['mesh'] : listOf(gateways).map(String);
    return names.flatMap(host => entrances.map(gateway => ({ host, gateway: qualified(gateway, namespaceOf(object)) })));
  });
  const [first, ...others] = doors;
  if (first === undefined) return [];
  const choose = chooser(seed);
  return Array.from({ length: count }, () => ({
    ...choose([first, ...others]),
    path: choose(PATHS),
    method: choose(['GET', 'GET', 'POST']),
    scheme: choose(['http', 'https']),
    headers: Object.fromEntries(Object.entries(choose(HEADERS)).map(([name, value]) => [name, String(value)])),
    query: choose<MeshRequest['query'] & object>(QUERIES),
    sourceLabels: choose<MeshRequest['sourceLabels'] & object>(LABELS),
    sourceNamespace: choose(['bookinfo', 'bookinfo', 'testing']),
    port: 9080,
  }));
}

const MARK = 'x-corpus-route';

const evaluated = (object: MeshObject): Evaluated => ({
  metadata: { name: object.metadata?.name ?? '', namespace: namespaceOf(object) },
  spec: object.spec,
});

/** The objects with a mark in each http route that tells where it stands; delegation keeps it. */
const marked = (object: MeshObject): Evaluated =>
  evaluated({
    ...object,
    spec: {
      ...fieldsOf(object.spec),
      ...(httpOf(object).length === 0
        ? {}
        : { http: httpOf(object).map((route, index) => ({ ...route, [MARK]: `${keyOf(object)} ${index}` })) }),
    },
  });

const policiesOf = ({ fields }: { readonly fields: Fields }): unknown => {
  const { [MARK]: _, name: __, match: ___, route: ____, mirrors: _____, ...policies } = fields;
  return policies;
};

/** What a person sees of it. */
const seen = (found: Evaluation): unknown =>
  found.kind === 'route'
    ? { kind: found.kind, shares: found.shares, mirrors: found.mirrors, policies: policiesOf(found) }
    : { ...found, fields: undefined };

/** What the destinations of steered routes have browsers remember, by the side that was met. */
function cookiesIn({ after, steered }: Change, steering: Steering, write: Write): readonly (readonly [string, string])[] {
  return after.flatMap(object => {
    const routes = httpOf(object).filter(route => !isOurRoute(route, steering));
    const readings = (steered.get(keyOf(object)) ?? []).flatMap(index => destinationsOf(routes[index] ?? {}, object));
    return readings.flatMap(reading => {
      const { response } = fieldsOf(reading.entry['headers']);
      const cookie = String(fieldsOf(fieldsOf(response)['add'])['set-cookie'] ?? '').split(';')[0] ?? '';
      return cookie === '' ? [] : [[sideOf(reading, steering, write), cookie] as const];
    });
  });
}

const withCookie = (request: MeshRequest, cookie: string): MeshRequest => {
  const own = request.headers?.['cookie'];
  return { ...request, headers: { ...request.headers, cookie: own === undefined ? cookie : `${String(own)}; ${cookie}` } };
};

type Change = {
  readonly before: readonly MeshObject[];
  readonly after: readonly MeshObject[];
  /** Indexes of steered routes by the key of their object. */
  readonly steered: ReadonlyMap<string, readonly number[]>;
};

/**
 * Requests go where the rules say: those that a steered route takes to the new version if they match a header route, else
 * to all destinations in their shares; all others as before. Says how many requests were steered.
 */
export function checkRequests(requests: readonly MeshRequest[], change: Change, steering: Steering, write: Write): number {
  const [before, after] = [change.before.map(marked), change.after.map(evaluated)];
  const cookies = cookiesIn(change, steering, write);
  let count = 0;
  for (const [number, asked] of requests.entries()) {
    const [met, cookie] = cookies[number % (cookies.length + 1)] ?? [];
    const request = cookie === undefined ? asked : withCookie(asked, cookie);
    const old = evaluate({ virtualServices: before }, request);
    const now = evaluate({ virtualServices: after }, request);
    if (old.kind === 'refused') continue;
    try {
      if (checkRequest(old, now, request, [change, steering, { ...write, ...percentOf(met) }])) count += 1;
    } catch (error) {
      throw new Error(`${JSON.stringify(request)}: ${error instanceof Error ? error.message : error}`, { cause: error });
    }
  }
  return count;
}

/** Whether a steered route took it. */
function checkRequest(
  old: Evaluation,
  now: Evaluation,
  request: MeshRequest,
  [change, steering, write]: readonly [Change, Steering, Write],
): boolean {
  const [key = '', index = ''] = old.kind === 'route' ? String(old.fields[MARK]).split(' ') : [];
  const object = change.before.find(one => keyOf(one) === key);
  if (old.kind !== 'route' || object === undefined || change.steered.get(key)?.includes(Number(index)) !== true) {
    same(seen(now), seen(old));
    return false;
  }
  if (now.kind !== 'route') throw new Error('it has no route any more');
  same(policiesOf(now), policiesOf(old));
  same(sharesByVersion(now, steering, write), expectedShares(object, Number(index), request, [steering, write]));
  const isCopied = write.routes.mirror !== undefined && !takesHeaderRoute(request, write, namespaceOf(object));
  same(now.mirrors.length, old.mirrors.length + (isCopied ? 1 : 0));
  return true;
}

/** Who met a side stays there. */
const percentOf = (met: string | undefined): { readonly percent?: number } =>
  met === undefined ? {} : { percent: met === 'canary' ? 100 : 0 };

const takesHeaderRoute = (request: MeshRequest, { routes }: Write, namespace: string): boolean =>
  (routes.headerRoutes ?? []).some(({ match }) => matches({ match }, request, namespace));

const rounded = (shares: ReadonlyMap<string, number>): Fields =>
  Object.fromEntries([...shares].filter(([, share]) => share > 0).map(([name, share]) => [name, Math.round(share * 1e9) / 1e9]));

/** Share by version, foreign ones by host and subset. */
function sharesByVersion(found: Extract<Evaluation, { kind: 'route' }>, steering: Steering, write: Write): Fields {
  const shares = new Map<string, number>();
  for (const { host, subset, fraction } of found.destinations) {
    const side = sideOf({ host, subset: subset === '' ? undefined : subset }, steering, write);
    const name = side === 'foreign' ? `${host} ${subset}` : side;
    shares.set(name, (shares.get(name) ?? 0) + fraction);
  }
  return rounded(shares);
}

function expectedShares(
  object: MeshObject,
  index: number,
  request: MeshRequest,
  [steering, write]: readonly [Steering, Write],
): Fields {
  if (takesHeaderRoute(request, write, namespaceOf(object))) return { canary: 1 };
  const readings = destinationsOf(httpOf(object)[index] ?? {}, object);
  const { canary, total } = intended(readings, steering, write);
  const foreign = readings.filter(reading => sideOf(reading, steering, write) === 'foreign');
  const all = total + foreign.reduce((weights, { weight }) => weights + weight, 0);
  const shares = new Map([
    ['canary', canary / all],
    ['stable', (total - canary) / all],
  ]);
  for (const { host, subset = '', weight } of foreign) {
    const name = `${host} ${subset}`;
    shares.set(name, (shares.get(name) ?? 0) + weight / all);
  }
  return rounded(shares);
}
