import { describe, expect, it } from 'vitest';
import { leftoverOf } from '../../../src/adapters/istio/leftover.ts';
import { recordOf } from '../../../src/adapters/istio/position.ts';
import { annotationOf, type MeshObject } from '../../../src/adapters/istio/resource.ts';
import { removeDestinations, removeSubsets } from '../../../src/adapters/istio/retirePatch.ts';
import { createIstioRouter } from '../../../src/adapters/istio/router.ts';
import type { RemoveDestination, ResolvedTarget, Rollout } from '../../../src/rollout/index.ts';
import { applyPatch } from './applyPatch.ts';
import { fakeMesh } from './fakeMesh.ts';
import { destinationRule, position, virtualService } from './samples.ts';

const OWNER = { uid: 'uid-1', name: 'reviews' };

const TARGET: ResolvedTarget = {
  router: 'istio',
  host: 'reviews.bookinfo.svc.cluster.local',
  versionLabel: 'version',
  virtualServices: ['bookinfo/reviews'],
  routes: ['main', 'mobile'],
  destinationRule: 'bookinfo/reviews',
};

const RULE = destinationRule(
  `
host: reviews
subsets:
- {name: v1, labels: {version: v1}}
- {name: v2, labels: {version: v2}}
- {name: v3, labels: {version: v3}}
`,
  { annotations: { 'sluice.dev/subsets': '["v1","v2"]', team: 'a' } },
);

const routes = (text: string, more: MeshObject['metadata'] = {}): MeshObject =>
  virtualService(`hosts: [reviews]\nhttp: ${text}`, more);

const REVIEWS = routes(
  `
- name: main
  timeout: 3s
  route:
  - {destination: {host: reviews, subset: v1}, weight: 0}
  - {destination: {host: other}, weight: 10}
  - {destination: {host: reviews, subset: v1, port: {number: 9080}}, weight: 0}
  - {destination: {host: reviews, subset: v2}, weight: 90}
- name: mobile
  match: [{headers: {agent: {exact: phone}}}]
  route:
  - {destination: {host: reviews.bookinfo.svc.cluster.local, subset: v2}, weight: 100}
  - {destination: {host: reviews, subset: v1}}
`,
  { annotations: { 'sluice.dev/position': '{"someone":{"seq":4},"uid-1":{"seq":8,"versions":["v1","v2"]}}' } },
);

const removal: RemoveDestination = {
  kind: 'removeDestination',
  target: TARGET,
  object: 'bookinfo/reviews',
  resourceVersion: '7',
  version: 'v1',
  position: { ...position(9), state: 'done', reason: 'Retired', weight: 0, step: 0 },
};

const routesOf = (object: MeshObject): unknown => (object.spec as { http: unknown }).http;

describe('what is left of a version', () => {
  const leftover = (...objects: readonly MeshObject[]) => leftoverOf('v1', TARGET, objects, RULE);

  it('R21: destinations that get nothing in steered routes, and our own subset', () => {
    expect(leftover(REVIEWS)).toEqual({
      version: 'v1',
      destinationsIn: ['bookinfo/reviews'],
      referredBy: [],
      hasOwnSubset: true,
    });
    expect(leftoverOf('v3', TARGET, [REVIEWS], RULE)).toMatchObject({ destinationsIn: [], hasOwnSubset: false });
  });

  it.each([
    [
      'a destination with weight',
      '[{name: main, route: [{destination: {host: reviews, subset: v1}, weight: 1}, {destination: {host: reviews, subset: v2}, weight: 99}]}]',
    ],
    ['the only destination', '[{name: main, route: [{destination: {host: reviews, subset: v1}, weight: 0}]}]'],
    [
      'a route in which nobody gets anything',
      '[{name: main, route: [{destination: {host: reviews, subset: v1}, weight: 0}, {destination: {host: reviews, subset: v2}, weight: 0}]}]',
    ],
    ['a mirror', '[{name: main, mirror: {host: reviews, subset: v1}, route: [{destination: {host: reviews, subset: v2}}]}]'],
    [
      'one of several mirrors',
      '[{name: main, mirrors: [{destination: {host: reviews, subset: v1}}], route: [{destination: {host: reviews, subset: v2}}]}]',
    ],
    [
      'a header route of ours',
      '[{name: sluice-reviews-main, match: [{port: 80}], route: [{destination: {host: reviews, subset: v1}}]}, {name: main, route: [{destination: {host: reviews, subset: v2}}]}]',
    ],
    [
      'a route that is not steered',
      '[{name: beta, route: [{destination: {host: reviews, subset: v1}, weight: 0}, {destination: {host: reviews, subset: v2}, weight: 100}]}, {name: main, route: [{destination: {host: reviews, subset: v2}}]}]',
    ],
  ])('R21: %s is a reference that stays', (_, text) => {
    expect(leftover(routes(text))).toMatchObject({ destinationsIn: [], referredBy: ['bookinfo/reviews'] });
  });

  it('R21: other VirtualServices count, also of other namespaces and other protocols; other hosts do not', () => {
    const tcp = virtualService('tcp: [{route: [{destination: {host: reviews.bookinfo.svc.cluster.local, subset: v1}}]}]', {
      namespace: 'edge',
      name: 'tcp',
    });
    const elsewhere = virtualService('http: [{route: [{destination: {host: reviews, subset: v1}}]}]', {
      namespace: 'edge',
      name: 'own',
    });
    expect(leftover(tcp, elsewhere).referredBy).toEqual(['edge/tcp']);
  });

  it('R21: a route that names no subset leads to its pods too, so they still get requests', () => {
    const plain = virtualService('http: [{route: [{destination: {host: reviews.bookinfo.svc.cluster.local}}]}]', {
      namespace: 'edge',
      name: 'plain',
    });
    const other = virtualService('http: [{route: [{destination: {host: ratings.bookinfo}}]}]', {
      namespace: 'edge',
      name: 'other',
    });
    expect(leftover(REVIEWS, plain, other)).toEqual({ ...leftover(REVIEWS), reachedBy: ['edge/plain'] });
  });

  it('R5, R21: is looked for only while a version is to be retired', () => {
    const { deps } = fakeMesh([REVIEWS], [RULE]);
    const rollout = (retire: 'none' | 'removeSubset'): Rollout => ({
      uid: 'uid-1',
      namespace: 'bookinfo',
      name: 'reviews',
      generation: 1,
      spec: { version: 'v2', strategy: { canary: { steps: [] } }, retire: { action: retire } },
      status: { phase: 'Healthy', reason: 'UpToDate', message: '', stableVersion: 'v2', previous: { version: 'v1' } },
    });
    const router = createIstioRouter(deps);
    expect(router.observe(rollout('none'), TARGET, [])).not.toHaveProperty('leftover');
    expect(router.observe(rollout('removeSubset'), TARGET, [])).toMatchObject({ leftover: { version: 'v1' } });
  });
});

describe('removing a destination', () => {
  it('R21, R27: takes only what gets nothing, from each steered route, and leaves the rest as it stands', () => {
    const after = applyPatch(REVIEWS, removeDestinations(REVIEWS, RULE, removal, 'uid-1'));
    expect(routesOf(after)).toEqual([
      {
        name: 'main',
        timeout: '3s',
        route: [
          { destination: { host: 'other' }, weight: 10 },
          { destination: { host: 'reviews', subset: 'v2' }, weight: 90 },
        ],
      },
      {
        name: 'mobile',
        match: [{ headers: { agent: { exact: 'phone' } } }],
        route: [{ destination: { host: 'reviews.bookinfo.svc.cluster.local', subset: 'v2' }, weight: 100 }],
      },
    ]);
  });

  it('R3, R27: the position travels with it; those of others, and the versions that we routed to, stay', () => {
    const after = applyPatch(REVIEWS, removeDestinations(REVIEWS, RULE, removal, 'uid-1'));
    expect(JSON.parse(annotationOf(after, 'sluice.dev/position') ?? '')).toMatchObject({
      someone: { seq: 4 },
      'uid-1': { seq: 9, state: 'done', reason: 'Retired', versions: ['v1', 'v2'] },
    });
  });

  it('R27: what else of ours stands there is still known', () => {
    const own = { rollout: 'reviews', http: ['sluice-reviews-main'], mirror: 'v2', cookie: 'c', written: '0011' };
    const annotations = { 'sluice.dev/position': JSON.stringify({ 'uid-1': { ...position(8), versions: ['v1'], own } }) };
    const object = { ...REVIEWS, metadata: { ...REVIEWS.metadata, annotations } };
    expect(recordOf(applyPatch(object, removeDestinations(object, RULE, removal, 'uid-1')), 'uid-1')).toEqual(own);
  });

  it('R27: tests what was read, and the resource version', () => {
    const operations = removeDestinations(REVIEWS, RULE, removal, 'uid-1');
    expect(operations[0]).toEqual({ op: 'replace', path: '/metadata/resourceVersion', value: '7' });
    expect(operations).toContainEqual({ op: 'test', path: '/spec/http/0/route/2/weight', value: 0 });
    expect(operations.filter(({ op }) => op === 'remove').map(({ path }) => path)).toEqual([
      '/spec/http/1/route/1',
      '/spec/http/0/route/2',
      '/spec/http/0/route/0',
    ]);
  });

  it('R21: with nothing to remove nothing is written', async () => {
    const mesh = fakeMesh([REVIEWS], [RULE]);
    await createIstioRouter(mesh.deps).removeDestination({ ...removal, version: 'v3' }, OWNER);
    expect(mesh.requests).toEqual([]);
  });

  it('R3: an object that has changed since is a conflict', async () => {
    const mesh = fakeMesh([REVIEWS], [RULE]);
    await expect(
      createIstioRouter(mesh.deps).removeDestination({ ...removal, resourceVersion: '6' }, OWNER),
    ).rejects.toMatchObject({ kind: 'conflict' });
    expect(mesh.requests).toEqual([]);
  });
});

describe('removing a subset', () => {
  it('R21, R27: takes ours, and its name from the annotation', () => {
    const after = applyPatch(RULE, removeSubsets(RULE, 'version', 'v1'));
    expect(after.spec).toEqual({
      host: 'reviews',
      subsets: [
        { name: 'v2', labels: { version: 'v2' } },
        { name: 'v3', labels: { version: 'v3' } },
      ],
    });
    expect(after.metadata?.annotations).toEqual({ 'sluice.dev/subsets': '["v2"]', team: 'a' });
  });

  it('R27: one that we did not add stays', () => {
    expect(removeSubsets(RULE, 'version', 'v3')).toEqual([]);
    const broken = destinationRule('{host: reviews, subsets: [{name: v1, labels: {version: v1}}]}', {
      annotations: { 'sluice.dev/subsets': '{' },
    });
    expect(removeSubsets(broken, 'version', 'v1')).toEqual([]);
  });

  it('R27: an unnamed subset before it is counted', () => {
    const odd = destinationRule('{host: reviews, subsets: [{labels: {a: b}}, {name: v1, labels: {version: v1}}]}', {
      annotations: { 'sluice.dev/subsets': '["v1"]' },
    });
    expect(applyPatch(odd, removeSubsets(odd, 'version', 'v1')).spec).toEqual({
      host: 'reviews',
      subsets: [{ labels: { a: 'b' } }],
    });
  });

  it('R21: as long as anything refers to it, it is refused', async () => {
    const mesh = fakeMesh([REVIEWS], [RULE]);
    await expect(createIstioRouter(mesh.deps).removeSubset(TARGET, 'v1')).rejects.toMatchObject({
      kind: 'refused',
      message: expect.stringContaining('VirtualService bookinfo/reviews refers to it'),
    });
    expect(mesh.requests).toEqual([]);
  });

  it('R21: destination first, then subset; each is one request, and a second time none', async () => {
    const mesh = fakeMesh([REVIEWS], [RULE]);
    const router = createIstioRouter(mesh.deps);
    await router.removeDestination(removal, OWNER);
    await router.removeSubset(TARGET, 'v1');
    await router.removeSubset(TARGET, 'v1');
    expect(mesh.requests).toEqual(['patch VirtualService bookinfo/reviews', 'patch DestinationRule bookinfo/reviews']);
  });
});
