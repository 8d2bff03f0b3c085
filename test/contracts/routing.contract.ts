import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fitsShare } from '../mesh/chance.ts';
import { type Echo, type Reply, sendTo, startEcho } from '../mesh/echo.ts';
import { type Evaluation, evaluate, type MeshObject } from '../mesh/evaluate.ts';
import { generateCases } from '../mesh/generate.ts';
import { changed } from '../mesh/headers.ts';
import type { MeshRequest } from '../mesh/request.ts';

/** An object of Istio. */
export interface IstioObject extends MeshObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: unknown;
}

/** A mesh with a gateway and one application, `app` on port 3002, whose versions are servers of the test. */
export interface RoutingWorld {
  readonly namespace: string;
  readonly gatewayUrl: string;
  /** Port of the Gateway `public`, which serves all hosts below `namespace.example.com`. */
  readonly port: number;
  /** Creates objects, each a second younger than the one before where ages matter. Rejects with what the API server says. */
  apply(objects: readonly IstioObject[]): Promise<void>;
  close(): Promise<void>;
}

const VERSIONS = ['v1', 'v2', 'v3'] as const;
const GATEWAY_LABELS = { istio: 'ingressgateway', app: 'gateway' };
/** Of what the generator makes. Another one finds other cases. */
const SEED = 20261121;
const CASES = 40;
const AT_ONCE = 16;

const to = (subset: string, weight?: number, more: object = {}) => ({
  destination: { host: 'app', subset },
  ...(weight === undefined ? {} : { weight }),
  ...more,
});

async function inTurns<T>(items: readonly T[], work: (item: T, index: number) => Promise<void>): Promise<void> {
  const entries = items.entries();
  const worker = async () => {
    for (const [index, item] of entries) await work(item, index);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** What Envoy does with VirtualServices, by the evaluator in test/mesh, and what else the rest of the tests relies on. */
export function routingContract(server: string, open: (echo: Echo) => Promise<RoutingWorld>, seed = SEED): void {
  describe(`routing in ${server}`, () => {
    let world: RoutingWorld;
    let echo: Echo;
    let marks = 0;
    let probes = 0;

    const hostOf = (name: string) => `${name}.${world.namespace}.example.com`;
    const istio = (kind: string, name: string, spec: object): IstioObject => ({
      apiVersion: 'networking.istio.io/v1',
      kind,
      metadata: { name, namespace: world.namespace },
      spec,
    });
    const forHost = (name: string, http: readonly object[]) =>
      istio('VirtualService', name, { hosts: [hostOf(name)], gateways: ['public'], http });
    const send = (request: Omit<MeshRequest, 'gateway'>): Promise<Reply> => {
      const query = Object.entries(request.query ?? {}).map(([name, value]) => `${name}=${value}`);
      return sendTo(world.gatewayUrl, { ...request, path: [request.path ?? '/', ...query].join(query.length > 0 ? '?' : '') });
    };
    /** Applies objects; returns when the gateway obeys the last of them, and with it all others. */
    const obeyed = async (...objects: readonly IstioObject[]) => {
      marks += 1;
      const mark = `mark-${marks}`;
      await world.apply([...objects, forHost(mark, [{ directResponse: { status: 299 } }])]);
      const deadlineMs = performance.now() + 60_000;
      while ((await send({ host: hostOf(mark) })).status !== 299) {
        if (performance.now() > deadlineMs) throw new Error(`waiting for ${mark} to be obeyed: not within 60 s`);
        await new Promise(resolve => setTimeout(resolve, 20));
      }
    };
    const versionOf = async (name: string, request: Partial<MeshRequest> = {}) => {
      const { version, status } = await send({ host: hostOf(name), ...request });
      return version || status;
    };
    const expected = (virtualServices: readonly MeshObject[], request: Omit<MeshRequest, 'gateway'>): Evaluation =>
      evaluate(
        { virtualServices },
        {
          ...request,
          gateway: `${world.namespace}/public`,
          port: world.port,
          sourceLabels: GATEWAY_LABELS,
          sourceNamespace: 'istio-system',
        },
      );

    beforeAll(async () => {
      echo = await startEcho(VERSIONS);
      world = await open(echo);
      await obeyed(
        istio('DestinationRule', 'app', { host: 'app', subsets: VERSIONS.map(name => ({ name, labels: { version: name } })) }),
      );
    });
    afterAll(async () => {
      await world.close();
      echo.close();
    });

    it(`sends requests where the evaluator says: ${CASES} generated cases, seed ${seed}`, async () => {
      const around = { gateway: 'public', namespace: world.namespace, port: world.port };
      let routeNumber = 0;
      /** Every route says its number in the answer. */
      const marked = (http: readonly object[], delegate: string) =>
        http.map(route => {
          routeNumber += 1;
          if ('delegate' in route) return { ...route, delegate: { name: delegate } };
          return { ...route, headers: { response: { set: { 'x-route': String(routeNumber) } } } };
        });
      const cases = generateCases(around, seed, CASES).map(({ services, requests }, index) => ({
        requests: requests.map(request => ({ ...request, host: hostOf(request.host) })),
        objects: services.flatMap(({ hosts, http, delegate }, place) => {
          const name = `case-${index}-${place}`;
          const root = { hosts: hosts.map(hostOf), gateways: ['public'], http: marked(http, `${name}-delegate`) };
          const inner = delegate ? [istio('VirtualService', `${name}-delegate`, { http: marked(delegate, '') })] : [];
          return [...inner, istio('VirtualService', name, root)];
        }),
      }));
      await obeyed(...cases.flatMap(({ objects }) => objects));
      const wrong: string[] = [];
      const taken = new Set<string>();
      let unrouted = 0;
      const all = cases.flatMap(({ objects, requests }) => requests.map(request => ({ objects, request })));
      await inTurns(all, async ({ objects, request }) => {
        const wanted = expected(objects, request);
        const { status, version, headers } = await send(request);
        if (wanted.kind === 'none') unrouted += 1;
        taken.add(String(headers['x-route']));
        const isRight =
          wanted.kind === 'route'
            ? wanted.destinations.some(item => item.subset === version) &&
              changed({}, wanted.destinations[0]?.headers.response ?? [])['x-route']?.[0] === headers['x-route']
            : wanted.kind === 'none' && status === 404;
        if (!isRight) {
          const got = `${status} ${version} route ${String(headers['x-route'])}`;
          wrong.push(JSON.stringify({ got, wanted, request, specs: objects.map(({ spec }) => spec) }));
        }
      });
      expect(wrong.slice(0, 3)).toEqual([]);
      // the cases are worth their time: several routes of each are taken, and some requests fit none
      expect(taken.size).toBeGreaterThan(2 * CASES);
      expect(unrouted).toBeGreaterThan(all.length / 100);
    });

    it('R28: shares requests by weight, and a header route stands before them', async () => {
      const routes: Readonly<Record<string, readonly object[]>> = {
        'share-half': [to('v1', 30), to('v2', 30)],
        'share-one': [to('v1', 99), to('v2', 1)],
        'share-three': [to('v1', 50), to('v2', 30), to('v3', 20)],
        'share-open': [to('v1', 100), to('v2')],
        'share-alone': [to('v2', 0)],
      };
      const jason = { match: [{ headers: { 'end-user': { exact: 'jason' } } }], route: [to('v3')] };
      const objects = Object.entries(routes).map(([name, route]) => forHost(name, [jason, { route }]));
      await obeyed(...objects);
      const tries = 600;
      const counts = new Map<string, number>();
      const names = Object.keys(routes);
      await inTurns(
        Array.from({ length: tries * names.length }, (_, index) => names[index % names.length] ?? ''),
        async name => {
          const key = `${name} ${await versionOf(name)}`;
          counts.set(key, (counts.get(key) ?? 0) + 1);
        },
      );
      for (const name of names) {
        const wanted = expected(objects, { host: hostOf(name) });
        if (wanted.kind !== 'route') throw new Error(`${name} is not routed`);
        for (const version of VERSIONS) {
          const share = wanted.destinations.find(item => item.subset === version)?.fraction ?? 0;
          const hits = counts.get(`${name} ${version}`) ?? 0;
          expect({ name, version, share, hits, fits: fitsShare(hits, tries, share) }).toMatchObject({ fits: true });
        }
        expect(await versionOf(name, { headers: { 'end-user': 'jason' } })).toBe('v3');
      }
    });

    it('copies requests for their percentage, as they leave the route, and never traces them', async () => {
      const mirrored = (name: string, fields: object) =>
        forHost(name, [
          {
            headers: { request: { set: { 'x-route': 'route' } } },
            rewrite: { uri: '/new' },
            match: [{ uri: { prefix: '/old' } }],
            route: [to('v1', 100, { headers: { request: { add: { 'x-destination': 'v1' } } } })],
            ...fields,
          },
        ]);
      const subset = (name: string) => ({ host: 'app', subset: name });
      await obeyed(
        mirrored('copies', {
          mirrors: [{ destination: subset('v2'), percentage: { value: 50 } }, { destination: subset('v3') }],
        }),
        mirrored('copy', { mirror: subset('v2'), mirrorPercentage: { value: 100 } }),
        mirrored('no-copy', { mirror: subset('v2'), mirrorPercentage: { value: 0 } }),
        mirrored('lost-copy', { mirror: subset('nowhere') }),
      );
      const tries = 400;
      const sent = await sendProbes('copies', tries);
      const others = await Promise.all(['copy', 'no-copy', 'lost-copy'].map(name => sendProbes(name, 20)));
      await new Promise(resolve => setTimeout(resolve, 300));
      const countOf = (probe: readonly string[], version: string) =>
        probe.flatMap(echo.arrivals).filter(arrival => arrival.version === version).length;
      expect([countOf(sent, 'v1'), countOf(sent, 'v3')]).toEqual([tries, tries]);
      const half = countOf(sent, 'v2');
      expect({ half, fits: fitsShare(half, tries, 0.5) }).toMatchObject({ fits: true });
      expect(others.map(probe => countOf(probe, 'v2'))).toEqual([20, 0, 0]);
      const [original, copy] = ['v1', 'v3'].map(version => echo.arrivals(sent[0] ?? '').find(item => item.version === version));
      const pick = (arrival: typeof copy, names: readonly string[]) => names.map(name => arrival?.headers[name]?.[0]);
      const same = ['host', 'x-route', 'x-destination', 'x-request-id', 'x-b3-traceid'];
      expect(pick(copy, same)).toEqual(pick(original, same));
      expect([original?.url, copy?.url]).toEqual(['/new/1', '/new/1']);
      const marks = ['x-b3-sampled', 'x-envoy-internal'];
      expect(pick(original, marks)).toEqual(['1', undefined]);
      expect(pick(copy, marks)).toEqual(['0', 'true']);
      expect(pick(copy, ['x-b3-spanid'])).not.toEqual(pick(original, ['x-b3-spanid']));
    });
    const sendProbes = async (name: string, count: number) => {
      const sent = Array.from({ length: count }, () => {
        probes += 1;
        return String(probes);
      });
      await inTurns(sent, async probe => {
        const reply = await send({ host: hostOf(name), path: '/old/1', headers: { 'x-probe': probe } });
        expect(reply.version).toBe('v1');
      });
      return sent;
    };

    it('changes headers of requests and answers in the order of the evaluator; a cookie is added beside others', async () => {
      const levels = (level: string) => ({
        headers: {
          request: { set: { 'x-set': level }, add: { 'x-add': level }, remove: ['x-gone'] },
          response: { set: { 'x-app': level }, add: { 'set-cookie': `${level}=1; Path=/; Max-Age=60; HttpOnly` } },
        },
      });
      const objects = [
        forHost('headers-alone', [{ ...levels('route'), route: [to('v1', 100, levels('destination'))] }]),
        forHost('headers-two', [{ ...levels('route'), route: [to('v1', 100, levels('destination')), to('v2', 0)] }]),
        forHost('headers-same', [{ headers: { request: { remove: ['x-set'], set: { 'x-set': 'set' } } }, route: [to('v1')] }]),
      ];
      await obeyed(...objects);
      for (const { metadata } of objects) {
        probes += 1;
        const probe = String(probes);
        const lines = { 'x-set': ['caller'], 'x-add': ['caller', 'twice'], 'x-gone': ['1'], 'x-probe': [probe] };
        const reply = await send({ host: hostOf(metadata.name), headers: lines });
        const wanted = expected(objects, { host: hostOf(metadata.name) });
        const { request = [], response = [] } = (wanted.kind === 'route' && wanted.destinations[0]?.headers) || {};
        expect(echo.arrivals(probe)[0]?.headers).toMatchObject(changed(lines, request));
        expect(echo.arrivals(probe)[0]?.headers['x-gone'] === undefined).toBe(metadata.name !== 'headers-same');
        const answered = changed({ 'x-app': ['app'], 'set-cookie': ['app=1'] }, response);
        expect(reply.headers).toMatchObject({ 'x-app': answered['x-app']?.[0], 'set-cookie': answered['set-cookie'] });
      }
    });

    it('finds one cookie among several, compares header lines one by one and parameters as they are written', async () => {
      const hit = (name: string, match: object) => forHost(name, [{ match: [match], route: [to('v2')] }, { route: [to('v1')] }]);
      await obeyed(
        hit('cookie', { headers: { cookie: { regex: '(?:.*;\\s*)?name=value(?:;.*)?' } } }),
        hit('line', { headers: { 'x-a': { exact: 'b' } } }),
        hit('agent', { headers: { 'user-agent': { exact: 'a,b' } } }),
        hit('raw', { queryParams: { q: { exact: 'a%20b' } } }),
        hit('path', { uri: { exact: '/a/b' } }),
      );
      const cookies = ['name=value', 'a=b; name=value', 'name=value; c=d', 'a=b;name=value;c=d'];
      const others = ['name=values', 'myname=value', 'a=name=value', ''];
      for (const cookie of cookies)
        expect({ cookie, version: await versionOf('cookie', { headers: { cookie } }) }).toEqual({ cookie, version: 'v2' });
      for (const cookie of others)
        expect({ cookie, version: await versionOf('cookie', { headers: { cookie } }) }).toEqual({ cookie, version: 'v1' });
      expect(await versionOf('line', { headers: { 'x-a': ['a', 'b'] } })).toBe('v2');
      expect(await versionOf('line', { headers: { 'x-a': 'a,b' } })).toBe('v1');
      expect(await versionOf('agent', { headers: { 'user-agent': ['a', 'b'] } })).toBe('v2');
      expect(await versionOf('raw', { query: { q: 'a%20b' } })).toBe('v2');
      expect(await versionOf('path', { path: '/a/./x/../b' })).toBe('v2');
      expect(await versionOf('path', { path: '/a//b' })).toBe('v1');
      expect((await send({ host: `${hostOf('LINE')}:8080`, headers: { 'x-a': 'b' } })).version).toBe('v2');
    });

    it('fails as Envoy does: without a route, a subset, or anything to send to', async () => {
      await obeyed(
        forHost('fail-subset', [{ route: [to('nowhere')] }]),
        forHost('fail-host', [{ route: [{ destination: { host: 'nobody' } }] }]),
        forHost('fail-port', [{ route: [{ destination: { host: 'app', port: { number: 9999 } } }] }]),
        forHost('fail-match', [{ match: [{ uri: { prefix: '/only' } }], route: [to('v1')] }]),
        forHost('redirect', [{ redirect: { uri: '/else', redirectCode: 302 } }]),
      );
      const names = ['fail-subset', 'fail-host', 'fail-port', 'fail-match', 'redirect', 'nothing'];
      expect(await Promise.all(names.map(name => versionOf(name)))).toEqual([503, 503, 503, 404, 302, 404]);
      expect((await send({ host: hostOf('redirect') })).headers.location).toBe(`http://${hostOf('redirect')}/else`);
    });

    const only = { route: [to('v1')] };
    const asking = (match: object) => [{ match: [match], ...only }];
    const RE2 = /: error parsing regexp: .*; Istio uses RE2 style regex-based match/;
    it.each<{ what: string; http: readonly object[]; says: string | RegExp; spec?: object }>([
      {
        what: 'mirror and mirrors',
        http: [{ ...only, mirror: { host: 'app' }, mirrors: [{ destination: { host: 'app' } }] }],
        says: 'HTTP route cannot contain both mirror and mirrors',
      },
      {
        what: 'too many copies',
        http: [{ ...only, mirror: { host: 'app' }, mirrorPercentage: { value: 101 } }],
        says: 'mirror_percentage must have a max value of 100 (it has 101.000000)',
      },
      {
        what: 'too many copies in the list',
        http: [{ ...only, mirrors: [{ destination: { host: 'app' }, percentage: { value: 100.5 } }] }],
        says: 'mirror percentage must have a max value of 100 (it has 100.500000)',
      },
      {
        what: 'fewer copies than none',
        http: [{ ...only, mirrors: [{ destination: { host: 'app' }, percentage: { value: -1 } }] }],
        says: 'mirror percentage must have a min value of 0 (it has -1.000000)',
      },
      { what: 'weights of nothing', http: [{ route: [to('v1', 0), to('v2', 0)] }], says: 'total destination weight = 0' },
      { what: 'a negative weight', http: [{ route: [to('v1', -1), to('v2', 3)] }], says: 'weight -1 < 0' },
      {
        what: 'an empty prefix',
        http: asking({ headers: { a: { prefix: '' } } }),
        says: '"headers": prefix string match should not be empty',
      },
      {
        what: 'an empty expression',
        http: asking({ uri: { regex: '' } }),
        says: '"uri": regex string match should not be empty',
      },
      { what: 'an expression for presence', http: asking({ headers: { a: { regex: '*' } } }), says: RE2 },
      { what: 'a look ahead', http: asking({ queryParams: { a: { regex: '(?=a)' } } }), says: RE2 },
      { what: 'a reference back', http: asking({ withoutHeaders: { a: { regex: '(a)\\1' } } }), says: RE2 },
      {
        what: 'a long expression',
        http: asking({ headers: { a: { regex: 'a'.repeat(1025) } } }),
        says: '"headers": regex is too large, max length allowed is 1024',
      },
      {
        what: 'a name that no header has',
        http: asking({ headers: { 'x a': { exact: '1' } } }),
        says: 'header name x a is not a valid header name',
      },
      { what: 'a port out of range', http: asking({ port: 70000 }), says: 'port number 70000 must be in the range 1..65535' },
      { what: 'a subset that is no label', http: [{ route: [to('V 1')] }], says: 'subset name is invalid: V 1' },
      { what: 'a route that does nothing', http: [{ name: 'x' }], says: 'HTTP route, redirect or direct_response is required' },
      {
        what: 'a delegate beside a route',
        http: [{ name: 'r', delegate: { name: 'd' }, ...only }],
        says: 'root HTTP route r must not specify route',
      },
      {
        what: 'a delegate with gateways',
        http: [only],
        spec: { hosts: [] },
        says: 'delegate virtual service must have no gateways specified',
      },
      {
        what: 'an open variable',
        http: [{ route: [to('v1', 1, { headers: { response: { add: { 'x-p': 'a%b' } } } })] }],
        says: "header value configuration: invalid header configuration. Un-terminated variable expression 'a%b'",
      },
    ])('refuses $what, in the words of istiod', async ({ http, says, spec }) => {
      const object = istio('VirtualService', 'refused', { hosts: [hostOf('refused')], gateways: ['public'], http, ...spec });
      const refused = await world.apply([object]).catch((error: Error) => error.message);
      expect(refused).toContain('admission webhook "rev.validation.istio.io" denied the request: configuration is invalid: ');
      if (typeof says === 'string') expect(refused).toContain(`configuration is invalid: ${says}`);
      else expect(refused).toMatch(says);
    });

    it('tells all that is wrong at once', async () => {
      const object = forHost('refused', [{ match: [{ headers: { a: { prefix: '' } } }], route: [to('v1', 0), to('v2', 0)] }]);
      const refused = await world.apply([object]).catch((error: Error) => error.message);
      expect(refused).toContain(
        '2 errors occurred:\n\t* "headers": prefix string match should not be empty\n\t* total destination weight = 0\n\n',
      );
    });

    it('lets pass what looks wrong and is not', async () => {
      await obeyed(
        forHost('fine', [
          { name: 'a', match: [{ uri: { prefix: '' }, headers: { 'X-Upper': { exact: '' } } }], ...only },
          { name: 'a', match: [{ withoutHeaders: { b: { regex: '*' } } }], route: [to('v2')] },
          { name: 'a', match: [{}], route: [to('v3')] },
        ]),
      );
      expect(await versionOf('fine', { headers: { 'x-upper': '', b: '1' } })).toBe('v1');
      expect(await versionOf('fine')).toBe('v2');
      expect(await versionOf('fine', { headers: { b: '1' } })).toBe('v3');
    });
  });
}
