import { describe, expect, it } from 'vitest';
import { fieldsOf, listOf, type MeshObject } from '../../../src/adapters/istio/resource.ts';
import { createIstioRouter } from '../../../src/adapters/istio/router.ts';
import { SystemError } from '../../../src/controller/ports.ts';
import type { IstioRouterSpec, MatchSpec, MeshObservation, Rollout, SetTraffic, Target } from '../../../src/rollout/index.ts';
import { fakeMesh } from './fakeMesh.ts';
import { destinationRule, position, REVIEWS_RULE, virtualService } from './samples.ts';

const HOST = 'reviews.bookinfo.svc.cluster.local';
const OWNER = { uid: 'uid-1', name: 'reviews' };

const REVIEWS = virtualService(`
hosts: [reviews]
http: [{route: [{destination: {host: reviews, subset: v1}, weight: 100}, {destination: {host: reviews, subset: v2}, weight: 0}]}]`);

const rollout = (istio?: IstioRouterSpec, more: Partial<Rollout> = {}): Rollout => ({
  uid: 'uid-1',
  namespace: 'bookinfo',
  name: 'reviews',
  generation: 1,
  spec: { version: 'v2', initialVersion: 'v1', strategy: { canary: { steps: [] } }, ...(istio ? { router: { istio } } : {}) },
  ...more,
});

const TARGET: Target = {
  router: 'istio',
  host: HOST,
  versionLabel: 'version',
  virtualServices: ['bookinfo/reviews'],
  routes: [],
  destinationRule: 'bookinfo/reviews',
  stable: 'v1',
  canary: 'v2',
};

const resolve = (virtualServices: MeshObject[], rules: MeshObject[], wanted = rollout()): MeshObservation =>
  createIstioRouter(fakeMesh(virtualServices, rules).deps).resolve(wanted, ['v1', 'v2']);

const setTraffic = (weight: number, more: Partial<SetTraffic> = {}): SetTraffic => ({
  kind: 'setTraffic',
  target: TARGET,
  object: 'bookinfo/reviews',
  resourceVersion: '7',
  weight,
  position: position(),
  ...more,
});

const kindOf = async (promise: Promise<void>): Promise<string> => {
  try {
    await promise;
    return 'done';
  } catch (error) {
    return error instanceof SystemError ? `${error.kind}: ${error.message}` : String(error);
  }
};

describe('resolving', () => {
  it('finds the objects that have the name of the Rollout', () => {
    const { stable: _stable, canary: _canary, ...target } = TARGET;
    expect(resolve([REVIEWS], [REVIEWS_RULE])).toEqual({
      kind: 'resolved',
      target,
      objects: [{ name: 'bookinfo/reviews', resourceVersion: '7', weights: { versions: { v1: 100, v2: 0 }, foreign: 0 } }],
      subsets: {
        v1: { name: 'v1', seenAtMs: 1000 },
        v2: { name: 'v2', seenAtMs: 1000 },
        v3: { name: 'v3', seenAtMs: 1000 },
      },
    });
  });

  it('finds the only objects for the host under other names', () => {
    const found = resolve(
      [virtualService('http: [{name: primary, route: [{destination: {host: reviews}}]}]', { name: 'edge' })],
      [destinationRule(`{host: ${HOST}}`, { name: 'rule' })],
    );
    expect(found).toMatchObject({
      target: { virtualServices: ['bookinfo/edge'], routes: ['primary'], destinationRule: 'bookinfo/rule' },
      objects: [{ weights: { versions: { '*': 100 }, foreign: 0 } }],
    });
  });

  it('takes the named objects, routes and label in their order', () => {
    const split = (subset: string) => `{name: ${subset}, route: [{destination: {host: reviews, subset: ${subset}}}]}`;
    const gateway = virtualService(`http: [${split('a')}, ${split('b')}, ${split('c')}]`, {
      name: 'gateway',
      namespace: 'edge',
      annotations: { 'sluice.dev/allow': 'shop, bookinfo' },
    });
    const full = { ...gateway, spec: JSON.parse(JSON.stringify(gateway.spec).replaceAll('"reviews"', `"${HOST}"`)) };
    const wanted = rollout({ virtualServices: ['edge/gateway', 'reviews'], routes: ['a', 'b'], destinationRule: 'reviews' });
    const mesh = virtualService(`http: [${split('a')}]`);
    expect(resolve([mesh, full], [REVIEWS_RULE], wanted)).toMatchObject({
      kind: 'resolved',
      target: { virtualServices: ['edge/gateway', 'bookinfo/reviews'], routes: ['a', 'b'] },
    });
  });

  const plain = (name: string) => `{${name === '' ? '' : `name: ${name}, `}route: [{destination: {host: reviews}}]}`;
  const wildcard = destinationRule('host: "*.local"', { name: 'mtls', namespace: 'istio-system' });
  const foreignVirtualService = virtualService(`http: [{route: [{destination: {host: ${HOST}}}]}]`, {
    name: 'gw',
    namespace: 'edge',
  });

  const problems: [string, MeshObject[], MeshObject[], IstioRouterSpec, string, boolean][] = [
    ['nothing is there', [], [], {}, 'no VirtualService routes to', true],
    [
      'the VirtualService routes elsewhere',
      [virtualService('http: [{route: [{destination: {host: x}}]}]')],
      [],
      {},
      'has no http route',
      true,
    ],
    [
      'it only delegates',
      [virtualService('http: [{name: d, delegate: {name: x}}]')],
      [],
      {},
      '"d" delegates to VirtualService bookinfo/x, which does not',
      true,
    ],
    [
      'a named object is missing',
      [REVIEWS],
      [REVIEWS_RULE],
      { virtualServices: ['x'] },
      'VirtualService bookinfo/x does not exist',
      false,
    ],
    ['only another namespace routes', [foreignVirtualService], [REVIEWS_RULE], {}, 'edge/gw; annotate', false],
    [
      'another namespace does not allow it',
      [foreignVirtualService],
      [REVIEWS_RULE],
      { virtualServices: ['edge/gw'] },
      'does not allow',
      false,
    ],
    [
      'several VirtualServices route',
      ['a', 'b'].map(name => virtualService(`http: [${plain('')}]`, { name })),
      [REVIEWS_RULE],
      {},
      'several VirtualServices route to reviews.bookinfo.svc.cluster.local: bookinfo/a, bookinfo/b',
      false,
    ],
    [
      'several routes',
      [virtualService(`http: [${plain('a')}, ${plain('b')}]`)],
      [REVIEWS_RULE],
      {},
      '"a", http route "b"; set router',
      false,
    ],
    ['several unnamed', [virtualService(`http: [${plain('')}, ${plain('')}]`)], [REVIEWS_RULE], {}, 'give each a name', false],
    [
      'a named route is missing',
      [virtualService(`http: [${plain('a')}]`)],
      [REVIEWS_RULE],
      { routes: ['a', 'b'] },
      'no http route "b"',
      false,
    ],
    [
      'no named route is there',
      [virtualService(`http: [${plain('a')}]`)],
      [REVIEWS_RULE],
      { routes: ['b'] },
      'none of the http routes "b"',
      false,
    ],
    ['no DestinationRule', [REVIEWS], [], {}, 'no DestinationRule is for', false],
    [
      'only a wider DestinationRule',
      [REVIEWS],
      [wildcard],
      {},
      'istio-system/mtls (host *.local) applies to it and would be replaced',
      false,
    ],
    [
      'the DestinationRule is for another host',
      [REVIEWS],
      [wildcard],
      { destinationRule: 'istio-system/mtls' },
      'does not allow it',
      false,
    ],
    [
      'several DestinationRules',
      [REVIEWS],
      ['a', 'b'].map(name => destinationRule('host: reviews', { name })),
      {},
      'several DestinationRules are for',
      false,
    ],
    [
      'the named rule is wrong',
      [REVIEWS],
      [destinationRule('host: ratings')],
      { destinationRule: 'reviews' },
      'is for host ratings.',
      false,
    ],
  ];
  it.each(problems)('tells what to mend when %s', (_name, virtualServices, rules, istio, message, nothingRoutes) => {
    const found = resolve(virtualServices, rules, rollout(istio));
    expect(found).toEqual({ kind: 'problem', message: expect.stringContaining(message), nothingRoutes });
  });

  it('R7: routes that pin different versions are not adopted as pinned', () => {
    const pinned = (subset: string) => `{name: ${subset}, route: [{destination: {host: reviews, subset: ${subset}}}]}`;
    const found = resolve(
      [virtualService(`http: [${pinned('v1')}, ${pinned('v2')}]`)],
      [REVIEWS_RULE],
      rollout({ routes: ['v1', 'v2'] }),
    );
    expect(found).toMatchObject({ objects: [{ weights: { versions: { v1: 100, v2: 100 }, foreign: 0 } }] });
  });

  it('steers the host of the spec', () => {
    const wanted = rollout(undefined, { name: 'web', spec: { ...rollout().spec, host: 'reviews' } });
    expect(resolve([REVIEWS], [REVIEWS_RULE], wanted)).toMatchObject({
      target: { host: HOST, virtualServices: ['bookinfo/reviews'] },
    });
  });
});

describe('observing an attempt', () => {
  it('R29: an object that is gone is absent', () => {
    const { deps, caches } = fakeMesh([REVIEWS], [REVIEWS_RULE]);
    caches.VirtualService.remove('bookinfo', 'reviews');
    caches.DestinationRule.remove('bookinfo', 'reviews');
    expect(createIstioRouter(deps).observe(rollout(), TARGET, [])).toMatchObject({ kind: 'resolved', objects: [], subsets: {} });
  });

  it('tells when the steered route cannot be found among several', () => {
    const route = (name: string) => `{name: ${name}, route: [{destination: {host: reviews}}]}`;
    const { deps } = fakeMesh([virtualService(`http: [${route('a')}, ${route('b')}]`)], [REVIEWS_RULE]);
    const found = createIstioRouter(deps).observe(rollout(), { ...TARGET, routes: ['primary'] }, []);
    expect(found).toMatchObject({ kind: 'problem', message: expect.stringContaining('named "primary"') });
  });

  it('R3: a subset is as old as the time since this process saw it, and new when it comes back', () => {
    const { deps, put, nowMs } = fakeMesh([REVIEWS], [REVIEWS_RULE]);
    const router = createIstioRouter(deps);
    const seen = (version: string) => {
      const found = router.observe(rollout(), TARGET, []);
      return found.kind === 'resolved' ? found.subsets[version]?.seenAtMs : undefined;
    };
    expect(seen('v2')).toBe(1000);
    nowMs.value = 2000;
    put(
      'DestinationRule',
      destinationRule('{host: reviews, subsets: [{name: v2, labels: {version: v2}}, {name: v4, labels: {version: v4}}]}'),
    );
    nowMs.value = 3000;
    expect([seen('v1'), seen('v2'), seen('v4')]).toEqual([undefined, 1000, 2000]);
    put('DestinationRule', destinationRule('{host: reviews, subsets: [{name: v2, labels: {version: v2, zone: a}}]}'));
    expect([seen('v2'), seen('v4')]).toEqual([3000, undefined]);
  });
});

describe('writing', () => {
  it('R3: weight and position go in one request, and the cache shows them at once', async () => {
    const { deps, requests } = fakeMesh([REVIEWS], [REVIEWS_RULE]);
    const router = createIstioRouter(deps);
    await router.setTraffic(setTraffic(50), OWNER);
    expect(requests).toEqual(['patch VirtualService bookinfo/reviews']);
    expect(router.observe(rollout(), TARGET, [])).toMatchObject({
      objects: [{ resourceVersion: '8', weights: { versions: { v1: 50, v2: 50 }, foreign: 0 }, position: position() }],
    });
  });

  it('uses the names that the DestinationRule gives the versions', async () => {
    const rule = destinationRule(
      '{host: reviews, subsets: [{name: old, labels: {version: v1}}, {name: new, labels: {version: v2}}]}',
    );
    const { deps, caches } = fakeMesh([virtualService('http: [{route: [{destination: {host: reviews, subset: old}}]}]')], [rule]);
    await createIstioRouter(deps).setTraffic(setTraffic(50), OWNER);
    const written = fieldsOf(listOf(fieldsOf(caches.VirtualService.get('bookinfo', 'reviews')?.spec)['http'])[0])['route'];
    expect(written).toEqual([
      { destination: { host: 'reviews', subset: 'old' }, weight: 50 },
      { destination: { host: 'reviews', subset: 'new' }, weight: 50 },
    ]);
  });

  it('R23: goes back without the DestinationRule', async () => {
    const object = virtualService(
      'http: [{route: [{destination: {host: reviews, subset: v1}, weight: 1}, {destination: {host: reviews, subset: v2}, weight: 9}]}]',
    );
    const { deps } = fakeMesh([object], []);
    const router = createIstioRouter(deps);
    await router.setTraffic(setTraffic(0), OWNER);
    expect(router.observe(rollout(), TARGET, [])).toMatchObject({ objects: [{ weights: { versions: { v1: 100, v2: 0 } } }] });
  });

  it('drops a write of what is not as it was observed, without a request', async () => {
    const { deps, requests } = fakeMesh([REVIEWS], [REVIEWS_RULE]);
    const outcome = await kindOf(createIstioRouter(deps).setTraffic(setTraffic(50, { resourceVersion: '6' }), OWNER));
    expect(outcome).toContain('conflict: setting 50 % in VirtualService bookinfo/reviews: it has changed');
    expect(requests).toEqual([]);
  });

  it('R23: reads the object once after a conflict, so that the next decision is made on fresh data', async () => {
    const { deps, requests, changeUnseen } = fakeMesh([REVIEWS], [REVIEWS_RULE]);
    changeUnseen('VirtualService', { ...REVIEWS, metadata: { ...REVIEWS.metadata, annotations: { owner: 'a' } } });
    const router = createIstioRouter(deps);
    expect(await kindOf(router.setTraffic(setTraffic(50), OWNER))).toMatch(/^conflict: /);
    expect(requests).toEqual(['patch VirtualService bookinfo/reviews', 'get VirtualService bookinfo/reviews']);
    expect(await kindOf(router.setTraffic(setTraffic(50, { resourceVersion: '8' }), OWNER))).toBe('done');
  });

  it('says what cannot be written', async () => {
    const all = virtualService(
      'http: [{route: [{destination: {host: reviews, subset: v1}, weight: 0}, {destination: {host: legacy}, weight: 1}]}]',
    );
    const { deps, caches, requests } = fakeMesh([all], [REVIEWS_RULE]);
    const router = createIstioRouter(deps);
    expect(await kindOf(router.setTraffic(setTraffic(50), OWNER))).toMatch(/^refused: .*have the whole weight of http route 0/);
    caches.VirtualService.put(virtualService('{}'));
    expect(await kindOf(router.setTraffic(setTraffic(50), OWNER))).toMatch(/^notFound: .*no http route/);
    caches.VirtualService.remove('bookinfo', 'reviews');
    expect(await kindOf(router.setTraffic(setTraffic(50), OWNER))).toMatch(/^notFound: .*does not exist any more/);
    expect(requests).toEqual([]);
  });

  it('R13: adds a subset once', async () => {
    const { deps, requests, nowMs } = fakeMesh([REVIEWS], [REVIEWS_RULE]);
    const router = createIstioRouter(deps);
    await router.ensureSubset(TARGET, 'v2');
    expect(requests).toEqual([]);
    nowMs.value = 5000;
    await router.ensureSubset(TARGET, 'v4');
    await router.ensureSubset(TARGET, 'v4');
    expect(requests).toEqual(['patch DestinationRule bookinfo/reviews']);
    expect(router.observe(rollout(), TARGET, [])).toMatchObject({ subsets: { v4: { name: 'v4', seenAtMs: 5000 } } });
  });

  it('says why a subset cannot be added', async () => {
    const rule = destinationRule('{host: reviews, subsets: [{name: v2, labels: {version: v1}}]}');
    const { deps, caches } = fakeMesh([REVIEWS], [rule]);
    const router = createIstioRouter(deps);
    expect(await kindOf(router.ensureSubset(TARGET, 'v2'))).toMatch(/^refused: .*there is a subset "v2" already/);
    caches.DestinationRule.remove('bookinfo', 'reviews');
    expect(await kindOf(router.ensureSubset(TARGET, 'v2'))).toMatch(/^notFound: /);
  });
});

describe('a header route in a delegate', () => {
  it('R28: is refused where the root would make it take the requests of every caller', async () => {
    const delegate = virtualService('http: [{route: [{destination: {host: reviews, subset: v1}}]}]');
    const root = virtualService('hosts: [shop]\nhttp: [{match: [{gateways: [mesh]}], delegate: {name: reviews}}]', {
      name: 'shop',
    });
    const write = (match: MatchSpec) => {
      const router = createIstioRouter(fakeMesh([delegate, root], [REVIEWS_RULE]).deps);
      return kindOf(router.setTraffic(setTraffic(0, { routes: { headerRoutes: [{ match: [match] }] } }), OWNER));
    };
    expect(await write({ sourceLabels: { app: 'tester' } })).toMatch(
      /^refused: .*in http route 0 \(unnamed\) of VirtualService bookinfo\/shop, which delegates to it, no single match can ask for sourceLabels/,
    );
    expect(await write({ headers: { 'end-user': { exact: 'jason' } } })).toBe('done');
  });
});

describe('a subset that is not named like its version', () => {
  const routed = virtualService(`
hosts: [reviews]
http: [{route: [{destination: {host: reviews, subset: stable}, weight: 100}, {destination: {host: reviews, subset: canary}}]}]`);
  const ruleWith = (...names: readonly ['stable' | 'canary', string][]) =>
    destinationRule(
      `{host: reviews, subsets: [${names.map(([name, of]) => `{name: ${name}, labels: {version: ${of}}}`).join()}]}`,
    );

  it('R23, R26: stands for it when somebody took it out of the rule, too, and is put back under its name', async () => {
    const { deps, put, caches } = fakeMesh([routed], [ruleWith(['stable', 'v1'], ['canary', 'v2'])]);
    const router = createIstioRouter(deps);
    await router.setTraffic(setTraffic(30), OWNER);
    put('DestinationRule', ruleWith());
    const split = { objects: [{ weights: { versions: { v1: 70, v2: 30 } } }], subsets: {} };
    expect(router.observe(rollout(), TARGET, [])).toMatchObject(split);
    const resourceVersion = caches.VirtualService.get('bookinfo', 'reviews')?.metadata?.resourceVersion ?? '';
    await router.setTraffic(setTraffic(0, { resourceVersion }), OWNER);
    expect(router.observe(rollout(), TARGET, [])).toMatchObject({ objects: [{ weights: { versions: { v1: 100, v2: 0 } } }] });
    await router.ensureSubset(TARGET, 'v1');
    await router.ensureSubset(TARGET, 'v2');
    expect(caches.DestinationRule.get('bookinfo', 'reviews')?.spec).toEqual(ruleWith(['stable', 'v1'], ['canary', 'v2']).spec);
  });

  it('R27: is not taken for one of another host in the same object', async () => {
    const two = virtualService(`
hosts: [shop]
http:
- {match: [{uri: {prefix: /r}}], route: [{destination: {host: reviews, subset: stable}, weight: 100}, {destination: {host: reviews, subset: canary}}]}
- {name: other, route: [{destination: {host: ratings, subset: old}, weight: 100}, {destination: {host: ratings, subset: canary}}]}`);
    const ratings = {
      ...TARGET,
      host: 'ratings.bookinfo.svc.cluster.local',
      routes: ['other'],
      destinationRule: 'bookinfo/ratings',
    };
    const theirs = destinationRule(
      '{host: ratings, subsets: [{name: old, labels: {version: v1}}, {name: canary, labels: {version: v9}}]}',
      {
        name: 'ratings',
      },
    );
    const { deps, put, caches } = fakeMesh([two], [ruleWith(['stable', 'v1'], ['canary', 'v2']), theirs]);
    const router = createIstioRouter(deps);
    await router.setTraffic(setTraffic(30), OWNER);
    const resourceVersion = caches.VirtualService.get('bookinfo', 'reviews')?.metadata?.resourceVersion ?? '';
    const target = { ...ratings, canary: 'v9' };
    await router.setTraffic(setTraffic(40, { target, resourceVersion }), { uid: 'uid-2', name: 'ratings' });
    put('DestinationRule', ruleWith());
    put('DestinationRule', destinationRule('{host: ratings}', { name: 'ratings' }));
    expect(router.observe(rollout(), TARGET, [])).toMatchObject({ objects: [{ weights: { versions: { v1: 70, v2: 30 } } }] });
    await router.ensureSubset(TARGET, 'v1');
    await router.ensureSubset(ratings, 'v1');
    const names = ['reviews', 'ratings'].map(name => fieldsOf(caches.DestinationRule.get('bookinfo', name)?.spec)['subsets']);
    expect(names).toMatchObject([[{ name: 'stable' }], [{ name: 'old' }]]);
  });

  it('means what the rule says as long as it is there', async () => {
    const { deps, put } = fakeMesh([routed], [ruleWith(['stable', 'v1'], ['canary', 'v2'])]);
    const router = createIstioRouter(deps);
    await router.setTraffic(setTraffic(30), OWNER);
    put('DestinationRule', ruleWith(['stable', 'v1'], ['canary', 'v3']));
    expect(router.observe(rollout(), TARGET, [])).toMatchObject({ objects: [{ weights: { versions: { v1: 70, v3: 30 } } }] });
    await router.ensureSubset(TARGET, 'v2');
    expect(router.observe(rollout(), TARGET, [])).toMatchObject({ subsets: { v2: { name: 'v2' } } });
  });
});

describe('changes', () => {
  it('are reported with the hosts that they concern, also those that they take away', () => {
    const { deps, put, caches } = fakeMesh([REVIEWS], [REVIEWS_RULE]);
    const seen: string[] = [];
    createIstioRouter(deps).onChange(({ namespace, host }) => seen.push(`${namespace} ${host ?? 'any'}`));
    const take = () => seen.splice(0);
    put('VirtualService', virtualService('{hosts: ["*"], http: [{route: [{destination: {host: ratings}}]}]}'));
    expect(take()).toEqual([`bookinfo ${HOST}`, 'bookinfo ratings.bookinfo.svc.cluster.local']);
    put('VirtualService', virtualService('{hosts: ["*"], http: [{redirect: {}}]}', { name: 'moved' }));
    expect(take()).toEqual(['bookinfo any']);
    put('DestinationRule', destinationRule('host: "*.local"', { name: 'wide' }));
    expect(take()).toEqual(['bookinfo any']);
    caches.DestinationRule.remove('bookinfo', 'reviews');
    expect(take()).toEqual([`bookinfo ${HOST}`]);
  });
});
