import fc from 'fast-check';
import type { MeshRequest } from './request.ts';

/** An http route, its match, or a request, as plain data. */
type Data = Readonly<Record<string, unknown>>;

/** VirtualServices for one host, and requests to it. */
export interface RoutingCase {
  /** Without the domain: `c7` or `a.c7`. */
  readonly services: readonly {
    readonly hosts: readonly string[];
    readonly http: readonly Data[];
    readonly delegate?: readonly Data[];
  }[];
  readonly requests: readonly Omit<MeshRequest, 'gateway'>[];
}

/** What the generator needs to know of the world. */
export interface Surroundings {
  readonly gateway: string;
  readonly namespace: string;
  readonly port: number;
}

const TEXTS = ['red', 'redder', 'blue', 'RED', ''] as const;
const EXPRESSIONS = ['red|blue', 'red.*', '.*e.*', '[a-z]+', '(?i)red', '.*', '(?:.*;\\s*)?side=new(?:;.*)?'] as const;
const PATHS = ['/', '/api', '/api/v1', '/API', '/shop', '/shop/1'] as const;
const COOKIES = ['side=new', 'a=b; side=new', 'side=newer', 'a=b'] as const;
const SUBSETS = ['v1', 'v2', 'v3'] as const;

const pick = <T>(...from: readonly T[]) => fc.constantFrom(...from);

const asked = fc.oneof(
  fc.record({ exact: pick(...TEXTS) }),
  fc.record({ prefix: pick('r', 'red', 'b') }),
  fc.record({ regex: pick(...EXPRESSIONS) }),
  fc.constant({}),
);

const uri = fc.oneof(
  fc.record({ exact: pick(...PATHS) }),
  fc.record({ prefix: pick('/', '/a', '/api', '/shop/') }),
  fc.record({ regex: pick('/api.*', '/[a-z]+', '.*') }),
);

const headers = fc.oneof(
  fc.record({ 'x-a': asked }),
  fc.record({ 'x-a': asked, 'x-b': asked }),
  fc.record({ cookie: fc.record({ regex: pick(...EXPRESSIONS) }) }),
  fc.record({ 'X-B': fc.record({ exact: pick('red', 'blue') }) }),
);

const ofProxy = ({ gateway, namespace, port }: Surroundings) =>
  fc.oneof(
    fc.record({
      gateways: pick(['mesh'], [gateway], [`${namespace}/${gateway}`, 'mesh'], [`${gateway}.${namespace}.svc.cluster.local`]),
    }),
    fc.record({ sourceLabels: pick({ istio: 'ingressgateway' }, { app: 'other' }) }),
    fc.record({ sourceNamespace: pick('istio-system', 'elsewhere') }),
    fc.record({ port: pick(port, 9999) }),
    fc.record({ gateways: fc.constant([gateway]), sourceLabels: fc.constant({ app: 'other' }) }),
  );

const ofMessage = fc.oneof(
  fc.record({ uri }),
  fc.record({ uri, ignoreUriCase: fc.constant(true) }),
  fc.record({ headers }),
  fc.record({ withoutHeaders: fc.record({ 'x-a': asked }) }),
  fc.record({ queryParams: fc.record({ q: asked }) }),
  fc.record({ method: pick({ exact: 'POST' }, { regex: 'GET|PUT' }) }),
);

const ofAnything = (around: Surroundings) =>
  fc.oneof(ofMessage, ofProxy(around), fc.record({ scheme: pick({ exact: 'http' }, { exact: 'https' }) }));

/** A match block: one to three conditions, the first on what is sent. Rarely an empty one, since nothing below it counts. */
const block = (around: Surroundings): fc.Arbitrary<Data> =>
  fc
    .tuple(ofMessage, ofAnything(around), ofAnything(around), fc.integer({ min: 0, max: 24 }))
    .map(([first, second, third, size]): Data => {
      if (size === 0) return {};
      return { ...first, ...(size > 10 ? second : {}), ...(size > 20 ? third : {}) };
    });

/** Where a route goes; the caller gives it its mark. */
const destinations = fc.oneof(
  fc.record({ subset: pick(...SUBSETS) }).map(({ subset }) => [{ destination: { host: 'app', subset } }]),
  fc
    .uniqueArray(pick(...SUBSETS), { minLength: 2, maxLength: 3 })
    .map(subsets =>
      subsets.map((subset, index) => ({ destination: { host: 'app', subset }, weight: index === 0 ? 30 : 10 * index })),
    ),
  fc.constant([{ destination: { host: 'app', subset: 'v1' }, weight: 0 }]),
);

/** Routes with conditions. */
const narrowRoutes = (around: Surroundings) =>
  fc.array(fc.record({ match: fc.array(block(around), { minLength: 1, maxLength: 2 }), route: destinations }), {
    minLength: 1,
    maxLength: 4,
  });

/** The same, some with a last route for the rest. */
const routes = (around: Surroundings) =>
  fc
    .tuple(narrowRoutes(around), fc.option(destinations, { freq: 1 }))
    .map(([narrow, rest]) => (rest ? [...narrow, { route: rest }] : narrow));

const request: fc.Arbitrary<Omit<MeshRequest, 'gateway' | 'host'>> = fc
  .record({
    path: pick(...PATHS),
    method: pick('GET', 'GET', 'POST'),
    a: fc.option(fc.oneof(pick(...TEXTS), fc.constant(['red', 'blue'])), { nil: undefined }),
    b: fc.option(pick('red', 'blue'), { nil: undefined }),
    cookie: fc.option(pick(...COOKIES), { nil: undefined }),
    q: fc.option(pick(...TEXTS, 'r%65d'), { nil: undefined }),
  })
  .map(({ path, method, a, b, cookie, q }) => ({
    path,
    method,
    headers: {
      ...(a === undefined ? {} : { 'x-a': a }),
      ...(b === undefined ? {} : { 'x-b': b }),
      ...(cookie === undefined ? {} : { cookie }),
    },
    query: q === undefined ? {} : { q },
  }));

/** One case: a VirtualService alone, two of one host, a narrow and a wide host, or a root with a delegate. `host` is its name in the world. */
function caseOf(around: Surroundings, host: string): fc.Arbitrary<RoutingCase> {
  const asks = (hosts: readonly string[]) =>
    fc
      .array(fc.record({ host: pick(...hosts), request }), { minLength: 20, maxLength: 20 })
      .map(list => list.map(item => ({ ...item.request, host: item.host })));
  const open = routes(around);
  const narrow = narrowRoutes(around);
  const alone = fc.record({ services: open.map(http => [{ hosts: [host], http }]), requests: asks([host]) });
  const twice = fc.record({
    services: fc.tuple(open, open).map(([first, second]) => [
      { hosts: [host], http: first },
      { hosts: [host], http: second },
    ]),
    requests: asks([host]),
  });
  const wide = fc.record({
    services: fc.tuple(open, open).map(([first, second]) => [
      { hosts: [`*.${host}`], http: first },
      { hosts: [`a.${host}`], http: second },
    ]),
    requests: asks([`a.${host}`, `b.${host}`, `a.b.${host}`]),
  });
  const delegated = fc.record({
    services: fc.tuple(narrow, open, destinations).map(([outer, inner, rest]) => [
      {
        hosts: [host],
        http: [...outer.map(({ match }) => ({ match, delegate: true })), { route: rest }],
        delegate: inner,
      },
    ]),
    requests: asks([host]),
  });
  return fc.oneof(alone, twice, wide, delegated);
}

/** The same cases for a seed, each for a host of its own: `c0`, `c1`, ... Small cases are not preferred. */
export function generateCases(around: Surroundings, seed: number, count: number): readonly RoutingCase[] {
  const cases = Array.from({ length: count }, (_, index) => fc.noBias(caseOf(around, `c${index}`)));
  return fc.sample(fc.tuple(...cases), { seed, numRuns: 1 }).flat();
}
