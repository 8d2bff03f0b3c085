import { describe, expect, it } from 'vitest';
import { type Evaluation, evaluate, type MeshObject, shareKey } from './evaluate.ts';
import { changed } from './headers.ts';
import type { MeshRequest } from './request.ts';

const REVIEWS = 'reviews.default.svc.cluster.local';
const GATEWAY = 'default/bookinfo-gateway';

const service = (name: string, spec: object, metadata: object = {}): MeshObject => ({ metadata: { name, ...metadata }, spec });
const to = (subset: string, weight?: number, host = 'reviews') => ({
  destination: { host, subset },
  ...(weight === undefined ? {} : { weight }),
});
const reviews = (http: readonly object[]) => [service('reviews', { hosts: ['reviews'], http })];

/** Subset and percent of each destination, or what else became of the request. */
function outcome(found: Evaluation): string {
  if (found.kind !== 'route') return found.kind;
  return found.destinations.map(({ subset, fraction }) => `${subset} ${Math.round(fraction * 1000) / 10}`).join(', ');
}

const ask = (virtualServices: readonly MeshObject[], request: Partial<MeshRequest> = {}) =>
  evaluate({ virtualServices }, { host: 'reviews', ...request });
const where = (virtualServices: readonly MeshObject[], request: Partial<MeshRequest> = {}) =>
  outcome(ask(virtualServices, request));
/** Where a request goes whose route asks for something, and `other` when it does not fit. */
const matched = (match: readonly object[], request: Partial<MeshRequest> = {}) =>
  where(reviews([{ match, route: [to('hit')] }, { route: [to('other')] }]), request).replace(' 100', '');

describe('where requests go, by Istio’s published examples', () => {
  it('Bookinfo: everything to one version', () => {
    const found = ask(reviews([{ route: [to('v1')] }]));
    expect(found).toMatchObject({ kind: 'route', virtualService: 'default/reviews', route: '' });
    expect(found.kind === 'route' && found.shares).toEqual({ [`${REVIEWS}|v1|`]: 1 });
  });

  it('Bookinfo: jason sees v2, everybody else v1', () => {
    const http = [{ match: [{ headers: { 'end-user': { exact: 'jason' } } }], route: [to('v2')] }, { route: [to('v1')] }];
    expect(where(reviews(http), { headers: { 'End-User': 'jason' } })).toBe('v2 100');
    expect(where(reviews(http), { headers: { 'end-user': 'jasons' } })).toBe('v1 100');
    expect(where(reviews(http))).toBe('v1 100');
  });

  it('Bookinfo: weights, by the short and by the full name', () => {
    const http = [{ route: [to('v1', 50), to('v3', 50)] }];
    for (const host of ['reviews', 'reviews.default', 'reviews.default.svc', REVIEWS, 'Reviews']) {
      expect(where(reviews(http), { host })).toBe('v1 50, v3 50');
    }
    expect(where(reviews(http), { host: 'reviews', sourceNamespace: 'elsewhere' })).toBe('none');
  });

  it('Bookinfo: the gateway knows a few paths and nothing else', () => {
    const uris = [{ exact: '/productpage' }, { prefix: '/static' }, { exact: '/login' }, { prefix: '/api/v1/products' }];
    const http = [
      { match: uris.map(uri => ({ uri })), route: [{ destination: { host: 'productpage', port: { number: 9080 } } }] },
    ];
    const objects = [service('bookinfo', { hosts: ['*'], gateways: ['bookinfo-gateway'], http })];
    const get = (path: string) => ask(objects, { host: 'shop.example.com', path, gateway: GATEWAY });
    const page = get('/productpage');
    expect(page.kind === 'route' && page.shares).toEqual({ 'productpage.default.svc.cluster.local||9080': 1 });
    expect(get('/static/app.css').kind).toBe('route');
    expect(get('/productpage/2').kind).toBe('none');
    expect(ask(objects, { host: 'productpage' }).kind).toBe('none');
  });

  it('the mirroring task: all answers come from v1, v2 has copies', () => {
    const route = { route: [to('v1', 100)], mirror: { host: 'reviews', subset: 'v2' }, mirrorPercentage: { value: 12.5 } };
    expect(ask(reviews([route]))).toMatchObject({ mirrors: [{ host: REVIEWS, subset: 'v2', fraction: 0.125 }] });
    const copies = (fields: object) => {
      const found = ask(reviews([{ route: [to('v1')], ...fields }]));
      return found.kind === 'route' ? found.mirrors.map(({ subset, fraction }) => [subset, fraction]) : undefined;
    };
    expect(copies({ mirror: { host: 'reviews', subset: 'v2' } })).toEqual([['v2', 1]]);
    expect(copies({ mirror: { host: 'reviews', subset: 'v2' }, mirrorPercentage: { value: 0 } })).toEqual([]);
    expect(copies({ mirror: { host: 'reviews', subset: 'v2' }, mirrorPercentage: {} })).toEqual([]);
    expect(copies({ mirror: { host: 'reviews', subset: 'v2' }, mirrorPercent: 40 })).toEqual([['v2', 0.4]]);
    const many = [
      { destination: { host: 'reviews', subset: 'v2' } },
      { destination: { host: 'old' }, percentage: { value: 50 } },
    ];
    expect(copies({ mirrors: many })).toEqual([
      ['v2', 1],
      ['', 0.5],
    ]);
  });

  it('a delegate: the root chooses the path, the team its versions', () => {
    const delegated = (match?: readonly object[]) => [
      service('bookinfo', {
        hosts: ['bookinfo.com'],
        gateways: ['bookinfo-gateway'],
        http: [
          { name: 'root', match: [{ uri: { prefix: '/reviews' } }], delegate: { name: 'reviews', namespace: 'nsB' } },
          { route: [to('page')] },
        ],
      }),
      service('reviews', { http: [{ name: 'leaf', ...(match ? { match } : {}), route: [to('v2')] }] }, { namespace: 'nsB' }),
    ];
    const go = (objects: readonly MeshObject[], path: string, headers = {}) =>
      ask(objects, { host: 'bookinfo.com', gateway: GATEWAY, path, headers });
    const found = go(delegated(), '/reviews/1');
    expect(found).toMatchObject({ route: 'root-leaf', destinations: [{ host: 'reviews.nsB.svc.cluster.local'.toLowerCase() }] });
    expect(outcome(go(delegated(), '/else'))).toBe('page 100');
    expect(outcome(go(delegated([{ uri: { prefix: '/reviews/best' } }]), '/reviews/best'))).toBe('v2 100');
    expect(outcome(go(delegated([{ uri: { prefix: '/reviews/best' } }]), '/reviews/1'))).toBe('page 100');
    expect(outcome(go(delegated([{ uri: { prefix: '/other' } }]), '/other'))).toBe('page 100');
    const jason = delegated([{ headers: { 'end-user': { exact: 'jason' } } }]);
    expect(outcome(go(jason, '/reviews', { 'end-user': 'jason' }))).toBe('v2 100');
    expect(outcome(go(jason, '/else', { 'end-user': 'jason' }))).toBe('page 100');
    expect(outcome(go(jason, '/reviews'))).toBe('page 100');
    expect(outcome(go(delegated().slice(0, 1), '/reviews'))).toBe('page 100');
  });
});

describe('which route takes a request', () => {
  it('blocks are alternatives, the fields of one must all hold', () => {
    const match = [{ headers: { a: { exact: '1' }, b: { prefix: 'x' } } }, { method: { exact: 'PUT' } }];
    expect(matched(match, { headers: { a: '1', b: 'xy' } })).toBe('hit');
    expect(matched(match, { headers: { a: '1' } })).toBe('other');
    expect(matched(match, { method: 'PUT' })).toBe('hit');
  });

  it('an expression asks for the whole value, of one line of a header', () => {
    const chrome = [{ headers: { 'user-agent': { regex: '.*Chrome.*' } } }];
    expect(matched(chrome, { headers: { 'user-agent': 'Mozilla/5.0 Chrome/140 Safari/537' } })).toBe('hit');
    expect(matched([{ headers: { a: { regex: 'b' } } }], { headers: { a: 'abc' } })).toBe('other');
    expect(matched([{ headers: { a: { regex: '(?i)ABC' } } }], { headers: { a: 'abc' } })).toBe('hit');
    expect(matched([{ headers: { a: { exact: 'y' } } }], { headers: { a: ['x', 'y'] } })).toBe('hit');
    expect(matched([{ headers: { a: { exact: 'x,y' } } }], { headers: { a: ['x', 'y'] } })).toBe('other');
    expect(matched([{ headers: { 'user-agent': { exact: 'x,y' } } }], { headers: { 'user-agent': ['x', 'y'] } })).toBe('hit');
    const cookie = [{ headers: { cookie: { regex: '(?:.*;\\s*)?side=new(?:;.*)?' } } }];
    for (const value of ['side=new', 'a=b; side=new', 'side=new; c=d', 'a=b;side=new;c=d']) {
      expect(matched(cookie, { headers: { cookie: value } })).toBe('hit');
    }
    for (const value of ['side=newer', 'inside=new', 'a=side=new', 'a=b side=new']) {
      expect(matched(cookie, { headers: { cookie: value } })).toBe('other');
    }
    expect(() => matched([{ headers: { a: { regex: '(?P<name>a)' } } }], { headers: { a: 'a' } })).toThrow('RE2');
  });

  it('an empty StringMatch asks for presence, and so does the expression *', () => {
    for (const any of [{}, { regex: '*' }]) {
      expect(matched([{ headers: { a: any } }], { headers: { a: '' } })).toBe('hit');
      expect(matched([{ headers: { a: any } }])).toBe('other');
      expect(matched([{ withoutHeaders: { a: any } }])).toBe('hit');
      expect(matched([{ withoutHeaders: { a: any } }], { headers: { a: '' } })).toBe('other');
      expect(matched([{ queryParams: { q: any } }], { query: { q: '' } })).toBe('hit');
      expect(matched([{ queryParams: { q: any } }])).toBe('other');
    }
  });

  it('for withoutHeaders a missing header is an empty one', () => {
    expect(matched([{ withoutHeaders: { a: { exact: '1' } } }])).toBe('hit');
    expect(matched([{ withoutHeaders: { a: { exact: '1' } } }], { headers: { a: '1' } })).toBe('other');
    expect(matched([{ withoutHeaders: { a: { regex: '.*' } } }])).toBe('other');
  });

  it('the other things to ask for', () => {
    expect(matched([{ uri: { exact: '/a' }, ignoreUriCase: true }], { path: '/A' })).toBe('hit');
    expect(matched([{ uri: { regex: '/v[0-9]+' } }], { path: '/v10' })).toBe('hit');
    expect(matched([{ uri: { prefix: '/A' } }], { path: '/ab' })).toBe('other');
    expect(matched([{ authority: { prefix: 'rev' } }])).toBe('hit');
    expect(matched([{ scheme: { exact: 'https' } }])).toBe('other');
    expect(matched([{ port: 9080 }], { port: 9080 })).toBe('hit');
    expect(matched([{ port: 9080 }], { port: 80 })).toBe('other');
    expect(matched([{ queryParams: { q: { regex: '[ab]+' } } }], { query: { q: 'abab' } })).toBe('hit');
    expect(matched([{ sourceNamespace: 'default' }], { sourceNamespace: 'default' })).toBe('hit');
    expect(matched([{}])).toBe('hit');
  });

  it('labels of the caller count, except in a block that names gateways', () => {
    const sourceLabels = { app: 'page', version: 'v2' };
    expect(matched([{ sourceLabels: { app: 'page' } }], { sourceLabels })).toBe('hit');
    expect(matched([{ sourceLabels: { app: 'page' } }])).toBe('other');
    expect(matched([{ sourceLabels: { app: 'page' }, gateways: ['mesh'] }])).toBe('hit');
    expect(matched([{ gateways: ['public'] }])).toBe('other');
  });

  it('gateways by short, full and old names', () => {
    for (const name of ['public', 'default/public', './public', 'public.default.svc.cluster.local']) {
      const http = [{ match: [{ gateways: [name] }], route: [to('hit')] }, { route: [to('other')] }];
      const objects = [service('reviews', { hosts: ['reviews'], gateways: ['mesh', name], http })];
      expect(where(objects)).toBe('other 100');
      expect(where(objects, { host: REVIEWS, gateway: 'default/public' })).toBe('hit 100');
      expect(where(objects, { host: REVIEWS, gateway: 'other/public' })).toBe('none');
    }
  });
});

describe('which VirtualService is asked', () => {
  const forHost = (name: string, hosts: readonly string[], http: readonly object[] = [{ route: [to(name)] }], age?: string) =>
    service(name, { hosts, gateways: ['g'], http }, age ? { creationTimestamp: age } : {});
  const at = (objects: readonly MeshObject[], host: string, path = '/') => where(objects, { host, path, gateway: 'default/g' });

  it('the one with the most specific host', () => {
    const objects = [
      forHost('any', ['*']),
      forHost('wide', ['*.com']),
      forHost('narrow', ['*.b.com']),
      forHost('one', ['a.b.com']),
    ];
    expect(['a.b.com', 'x.b.com', 'x.com', 'x.org', 'b.com'].map(host => at(objects, host))).toEqual([
      'one 100',
      'narrow 100',
      'wide 100',
      'any 100',
      'wide 100',
    ]);
  });

  it('a gateway joins those of one host by age, with the routes that take everything last', () => {
    const young = forHost(
      'young',
      ['a.com'],
      [{ match: [{ uri: { prefix: '/y' } }], route: [to('young')] }],
      '2026-02-01T00:00:00Z',
    );
    const old = forHost('old', ['a.com'], undefined, '2026-01-01T00:00:00Z');
    const middle = forHost('middle', ['a.com'], undefined, '2026-01-15T00:00:00Z');
    expect(['/', '/y'].map(path => at([young, middle, old], 'a.com', path))).toEqual(['old 100', 'young 100']);
  });

  it('a sidecar obeys the oldest alone', () => {
    const asked = (name: string, prefix: string, creationTimestamp: string) =>
      service(name, { hosts: ['reviews'], http: [{ match: [{ uri: { prefix } }], route: [to(name)] }] }, { creationTimestamp });
    const objects = [asked('young', '/y', '2026-02-01T00:00:00Z'), asked('old', '/o', '2026-01-01T00:00:00Z')];
    expect(['/o', '/y'].map(path => where(objects, { path }))).toEqual(['old 100', 'none']);
  });

  it('a service without one is reached straight', () => {
    const services = [service('ratings', { ports: [{ port: 9080 }] })];
    expect(evaluate({ virtualServices: [], services }, { host: 'ratings' }).kind).toBe('service');
    expect(evaluate({ virtualServices: [], services }, { host: 'ratings', gateway: GATEWAY }).kind).toBe('none');
  });
});

describe('how requests are shared', () => {
  it.each([
    { weights: [30, 30], shares: 'a 50, b 50' },
    { weights: [1, 2], shares: 'a 33.3, b 66.7' },
    { weights: [100, undefined], shares: 'a 100' },
    { weights: [0, 0], shares: 'refused' },
  ])('weights $weights are $shares', ({ weights, shares }) => {
    expect(where(reviews([{ route: weights.map((weight, index) => to(index === 0 ? 'a' : 'b', weight)) }]))).toBe(shares);
  });

  it('a destination that is alone has everything, whatever its weight', () => {
    for (const weight of [undefined, 0, 10]) expect(where(reviews([{ route: [to('a', weight)] }]))).toBe('a 100');
  });

  it('equal destinations are added up; ports and missing subsets are told', () => {
    const found = evaluate(
      {
        virtualServices: reviews([{ route: [to('v1', 20), to('v2', 30), to('v1', 50)] }]),
        destinationRules: [service('reviews', { host: REVIEWS, subsets: [{ name: 'v1' }] })],
        services: [service('reviews', { ports: [{ port: 9080 }] })],
      },
      { host: 'reviews' },
    );
    if (found.kind !== 'route') throw new Error(`not routed: ${found.kind}`);
    expect(found.shares).toEqual({ [`${REVIEWS}|v1|9080`]: 0.7, [shareKey({ host: REVIEWS, subset: 'v2', port: 9080 })]: 0.3 });
    expect(found.destinations.map(item => item.isMissing)).toEqual([false, true, false]);
  });

  it('redirects and direct answers go nowhere', () => {
    expect(where(reviews([{ redirect: { uri: '/x' } }]))).toBe('redirect');
    expect(where(reviews([{ directResponse: { status: 503 } }]))).toBe('directResponse');
  });
});

describe('headers', () => {
  const cookies = { response: { add: { 'Set-Cookie': 'side=new' } } };
  const level = (set: string, more: object = {}) => ({ headers: { request: { set: { X: set }, ...more } } });
  const requestHeaders = (route: object, destinations: readonly object[]) => {
    const found = ask(reviews([{ ...route, route: destinations }]));
    if (found.kind !== 'route') throw new Error(`not routed: ${found.kind}`);
    return changed({ gone: ['1'] }, found.destinations[0]?.headers.request ?? []);
  };

  it('a cookie that is added stands beside the others', () => {
    const found = ask(reviews([{ route: [{ ...to('v1', 50), headers: cookies }, to('v2', 50)] }]));
    if (found.kind !== 'route') throw new Error(`not routed: ${found.kind}`);
    const [first, second] = found.destinations.map(item => changed({ 'set-cookie': ['a=b'] }, item.headers.response));
    expect([first, second]).toEqual([{ 'set-cookie': ['a=b', 'side=new'] }, { 'set-cookie': ['a=b'] }]);
  });

  it('a destination has the last word when it is alone, its route when it is not', () => {
    const remove = { remove: ['Gone'], add: { X: 'more' } };
    const alone = requestHeaders(level('route'), [{ ...to('v1'), ...level('destination', remove) }]);
    expect(alone).toEqual({ x: ['destination', 'more'] });
    expect(requestHeaders(level('route'), [{ ...to('v1', 1), ...level('destination') }, to('v2', 1)])).toEqual({
      x: ['route'],
      gone: ['1'],
    });
  });
});
