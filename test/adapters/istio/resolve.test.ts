import { describe, expect, it } from 'vitest';
import { hostOf } from '../../../src/adapters/istio/resolve.ts';
import type { MeshObject } from '../../../src/adapters/istio/resource.ts';
import { createIstioRouter } from '../../../src/adapters/istio/router.ts';
import type { IstioRouterSpec, Rollout } from '../../../src/rollout/index.ts';
import { fakeMesh } from './fakeMesh.ts';
import { destinationRule, position, REVIEWS_RULE, virtualService } from './samples.ts';

const HOST = 'reviews.bookinfo.svc.cluster.local';

const rollout = (istio: IstioRouterSpec = {}, more: Partial<Rollout> = {}): Rollout => ({
  uid: 'uid-1',
  namespace: 'bookinfo',
  name: 'reviews',
  generation: 1,
  spec: { version: 'v2', initialVersion: 'v1', strategy: { canary: { steps: [] } }, router: { istio } },
  ...more,
});

/** Keys of the objects that are steered, or what is to be mended. */
function found(objects: readonly MeshObject[], istio?: IstioRouterSpec, rules: readonly MeshObject[] = [REVIEWS_RULE]): unknown {
  const mesh = createIstioRouter(fakeMesh(objects, rules).deps).resolve(rollout(istio), ['v1', 'v2']);
  return mesh.kind === 'problem' ? mesh.message : [...mesh.target.virtualServices, ...mesh.target.routes];
}

const root = (http: string, metadata: MeshObject['metadata'] = {}) =>
  virtualService(`{hosts: [bookinfo.example.com], gateways: [edge], http: [${http}]}`, { name: 'site', ...metadata });
const delegation = (name: string, prefix = '/') => `{match: [{uri: {prefix: ${prefix}}}], delegate: {name: ${name}}}`;
const leaf = (name: string, route = '') =>
  virtualService(`http: [{${route === '' ? '' : `name: ${route}, `}route: [{destination: {host: reviews, subset: v1}}]}]`, {
    name,
  });
const elsewhere = virtualService('http: [{route: [{destination: {host: ratings}}]}]', { name: 'ratings-routes' });

describe('a root VirtualService that delegates', () => {
  const site = root(`${delegation('ratings-routes', '/ratings')}, ${delegation('reviews-routes')}`);

  it('R27: its delegates that route to the host are steered, not the root', () => {
    expect(found([site, elsewhere, leaf('reviews-routes')], { virtualServices: ['site'] })).toEqual(['bookinfo/reviews-routes']);
  });

  it('is found by the name of the Rollout', () => {
    const own = root(delegation('b'), { name: 'reviews' });
    expect(found([own, leaf('a'), leaf('b', 'main')])).toEqual(['bookinfo/b', 'main']);
  });

  it('R29: delegates keep the order of its routes, and stand where the root was named', () => {
    const two = root(`${delegation('z', '/z')}, ${delegation('a')}, ${delegation('z', '/y')}`);
    const objects = [two, leaf('a'), leaf('z', 'main'), leaf('mesh')];
    expect(found(objects, { virtualServices: ['mesh', 'site'] })).toEqual(['bookinfo/mesh', 'bookinfo/z', 'bookinfo/a', 'main']);
    expect(found(objects, { virtualServices: ['site', 'a'] })).toEqual(['bookinfo/z', 'bookinfo/a', 'main']);
  });

  it('is steered itself too, where it routes to the host beside', () => {
    const both = root(`${delegation('a', '/a')}, {name: rest, route: [{destination: {host: reviews}}]}`);
    expect(found([both, leaf('a', 'main')], { virtualServices: ['site'] })).toEqual([
      'bookinfo/site',
      'bookinfo/a',
      'rest',
      'main',
    ]);
  });

  it('names of routes choose among its delegates', () => {
    const two = root(`${delegation('a', '/a')}, ${delegation('b')}`);
    const objects = [two, leaf('a', 'left'), leaf('b', 'right')];
    expect(found(objects, { virtualServices: ['site'], routes: ['right'] })).toEqual(['bookinfo/b', 'right']);
    expect(found(objects, { virtualServices: ['site'], routes: ['middle'] })).toContain('has none of the http routes "middle"');
  });

  it('may be in another namespace: what is written there has to allow it, what is only read has not', () => {
    const edge = { namespace: 'edge', name: 'site' };
    const away = root('{delegate: {name: reviews-routes, namespace: bookinfo}}', edge);
    expect(found([away, leaf('reviews-routes')], { virtualServices: ['edge/site'] })).toEqual(['bookinfo/reviews-routes']);
    const near = root('{delegate: {name: reviews-routes, namespace: team}}');
    const full = `http: [{route: [{destination: {host: ${HOST}, subset: v1}}]}]`;
    const closed = virtualService(full, { namespace: 'team', name: 'reviews-routes' });
    expect(found([near, closed], { virtualServices: ['site'] })).toBe(
      'VirtualService team/reviews-routes is in another namespace and does not allow it: annotate it with sluice.dev/allow: bookinfo',
    );
    const annotations = { 'sluice.dev/allow': 'shop,bookinfo' };
    const open = virtualService(full, { namespace: 'team', name: 'reviews-routes', annotations });
    expect(found([near, open], { virtualServices: ['site'] })).toEqual(['team/reviews-routes']);
  });

  it('without a namespace the delegate is looked for in its own, and short hosts are meant in that of the delegate', () => {
    const edge = root('{delegate: {name: reviews-routes}}', { namespace: 'edge' });
    const annotations = { 'sluice.dev/allow': 'bookinfo' };
    const same = virtualService('http: [{route: [{destination: {host: reviews}}]}]', {
      ...{ namespace: 'edge', name: 'reviews-routes', annotations },
    });
    expect(found([edge, same, leaf('reviews-routes')], { virtualServices: ['edge/site'] })).toContain(
      'delegates to VirtualService edge/reviews-routes, which has no http route to reviews.bookinfo.svc.cluster.local',
    );
  });

  it('a delegate that is missing is said, unless another one routes to the host', () => {
    expect(found([site, elsewhere], { virtualServices: ['site'] })).toBe(
      `VirtualService bookinfo/site has no http route with destination ${HOST} (http route 0 (unnamed) delegates to VirtualService ` +
        `bookinfo/ratings-routes, which has no http route to ${HOST}, http route 1 (unnamed) delegates to VirtualService ` +
        'bookinfo/reviews-routes, which does not exist): create VirtualService bookinfo/reviews-routes with one and without ' +
        'hosts, or set router.istio.virtualServices',
    );
    expect(found([site, leaf('reviews-routes')], { virtualServices: ['site'] })).toEqual(['bookinfo/reviews-routes']);
  });

  it('one with hosts is no delegate', () => {
    const withHosts = virtualService('{hosts: [reviews], http: [{route: [{destination: {host: reviews}}]}]}', { name: 'a' });
    expect(found([root(delegation('a')), withHosts], { virtualServices: ['site'] })).toContain(
      'bookinfo/a, which has hosts of its own, so that Istio does not use it): give VirtualService bookinfo/a one and no hosts',
    );
  });

  it('redirects beside are no reason to look for delegates', () => {
    const moved = root('{redirect: {uri: /new}}');
    expect(found([moved], { virtualServices: ['site'] })).toContain(
      '(http route 0 (unnamed) redirects or answers itself): add one',
    );
  });
});

describe('writing to a delegate', () => {
  it('R27: the root stays as it is', async () => {
    const mesh = fakeMesh([root(delegation('routes'), { name: 'reviews' }), leaf('routes')], [REVIEWS_RULE]);
    const router = createIstioRouter(mesh.deps);
    const resolved = router.resolve(rollout(), ['v1', 'v2']);
    if (resolved.kind === 'problem') throw new Error(resolved.message);
    const target = { ...resolved.target, stable: 'v1', canary: 'v2' };
    const write = { kind: 'setTraffic', target, object: 'bookinfo/routes', resourceVersion: '7', weight: 30 } as const;
    await router.setTraffic({ ...write, position: position() }, { uid: 'uid-1', name: 'reviews' });
    expect(mesh.requests).toEqual(['patch VirtualService bookinfo/routes']);
    expect(router.observe(rollout(), resolved.target, [])).toMatchObject({
      objects: [{ name: 'bookinfo/routes', weights: { versions: { v1: 70, v2: 30 } } }],
    });
  });
});

describe('a change', () => {
  it('of a root concerns the hosts of its delegates, before and after', () => {
    const { deps, put, caches } = fakeMesh([leaf('a'), elsewhere], []);
    const seen: string[] = [];
    createIstioRouter(deps).onChange(({ host }) => seen.push(host ?? 'any'));
    const take = () => seen.splice(0).sort();
    put('VirtualService', root(delegation('a')));
    expect(take()).toEqual(['bookinfo.example.com', HOST]);
    put('VirtualService', root(delegation('ratings-routes')));
    expect(take()).toEqual(['bookinfo.example.com', 'ratings.bookinfo.svc.cluster.local', HOST]);
    caches.VirtualService.remove('bookinfo', 'site');
    expect(take()).toEqual(['bookinfo.example.com', 'ratings.bookinfo.svc.cluster.local']);
  });

  it('is told to the namespace of the service too, where the routes or rules stand elsewhere', () => {
    const { deps, put } = fakeMesh([], []);
    const seen: string[] = [];
    createIstioRouter(deps).onChange(({ namespace, host }) => seen.push(`${namespace} ${host ?? 'any'}`));
    const full = `http: [{route: [{destination: {host: ${HOST}}}, {destination: {host: api.example.com}}]}]`;
    put('VirtualService', virtualService(full, { namespace: 'team', name: 'routes' }));
    expect(seen.splice(0)).toEqual([`team ${HOST}`, `bookinfo ${HOST}`, 'team api.example.com']);
    put('DestinationRule', destinationRule(`host: ${HOST}`, { namespace: 'istio-system' }));
    expect(seen).toEqual([`istio-system ${HOST}`, `bookinfo ${HOST}`]);
  });

  it('of a root with a delegate that is missing may concern any host', () => {
    const { deps, put } = fakeMesh([], []);
    const seen: string[] = [];
    createIstioRouter(deps).onChange(({ host }) => seen.push(host ?? 'any'));
    put('VirtualService', root(delegation('a')));
    expect(seen).toEqual(['any']);
  });
});

describe('names of hosts', () => {
  it.each([
    ['reviews', 'reviews.bookinfo.svc.cluster.local'],
    ['Reviews', 'reviews.bookinfo.svc.cluster.local'],
    ['reviews.shop', 'reviews.shop.svc.cluster.local'],
    ['reviews.shop.svc', 'reviews.shop.svc.cluster.local'],
    ['reviews.shop.svc.cluster.local.', 'reviews.shop.svc.cluster.local'],
    ['reviews.example.com', 'reviews.example.com'],
  ])('in a Rollout, %s is %s', (host, full) => {
    expect(hostOf(rollout({}, { spec: { ...rollout().spec, host } }))).toBe(full);
  });

  it('in routes, one with a dot is not completed, and that is said', () => {
    const half = virtualService('http: [{name: main, route: [{destination: {host: reviews.bookinfo, subset: v1}}]}]');
    expect(found([half])).toBe(
      `VirtualService bookinfo/reviews has no http route with destination ${HOST} (http route "main" names host reviews.bookinfo, ` +
        `which Istio does not complete: write ${HOST}): add one, or set router.istio.virtualServices`,
    );
  });

  it('in rules, too: a subset there would not be one of the service', () => {
    const half = destinationRule('{host: reviews.bookinfo, subsets: [{name: v1, labels: {version: v1}}]}');
    expect(found([leaf('reviews')], {}, [half])).toBe(
      `no DestinationRule is for ${HOST}: Istio does not complete host reviews.bookinfo of bookinfo/reviews, write it in full`,
    );
  });
});

describe('the DestinationRule', () => {
  const rule = (namespace: string, name: string, allow?: string, host = HOST) =>
    destinationRule(`host: "${host}"`, { namespace, name, ...(allow ? { annotations: { 'sluice.dev/allow': allow } } : {}) });
  const ruleOf = (rules: readonly MeshObject[]) => {
    const mesh = createIstioRouter(fakeMesh([leaf('reviews')], rules).deps).resolve(rollout(), ['v1', 'v2']);
    return mesh.kind === 'problem' ? mesh.message : mesh.target.destinationRule;
  };

  it('is the one of the own namespace before those that others allow', () => {
    expect(ruleOf([rule('shop', 'reviews', 'bookinfo'), rule('bookinfo', 'any')])).toBe('bookinfo/any');
    expect(ruleOf([rule('istio-system', 'reviews', 'bookinfo')])).toBe('istio-system/reviews');
  });

  it('one for everybody would be replaced, be it for this host alone', () => {
    expect(ruleOf([rule('istio-system', 'reviews')])).toContain('istio-system/reviews (host reviews.bookinfo.svc.cluster.local)');
    expect(ruleOf([rule('istio-system', 'mtls', undefined, '*.svc.cluster.local')])).toContain('copy the trafficPolicy');
    expect(ruleOf([rule('bookinfo', 'all', undefined, '*.bookinfo.svc.cluster.local')])).toContain('bookinfo/all');
  });

  it('one for the callers of another namespace would not', () => {
    expect(ruleOf([rule('shop', 'reviews')])).toBe(
      `no DestinationRule is for ${HOST}: create DestinationRule bookinfo/reviews with a subset for each version`,
    );
  });
});
