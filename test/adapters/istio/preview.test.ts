import { describe, expect, it } from 'vitest';
import { createMeshPreview, foreseeMesh } from '../../../src/adapters/istio/preview.ts';
import type { MeshObject } from '../../../src/adapters/istio/resource.ts';
import { createIstioRouter } from '../../../src/adapters/istio/router.ts';
import type { StoredRollout } from '../../../src/controller/ports.ts';
import type { MeshObjectView } from '../../../src/controller/view-ports.ts';
import {
  compilePlan,
  type PlanStep,
  planHash,
  type RolloutSpec,
  type RolloutStatus,
  type VersionPods,
} from '../../../src/rollout/index.ts';
import { fakeMesh } from './fakeMesh.ts';
import { destinationRule, position, REVIEWS_RULE, virtualService } from './samples.ts';

const ALL_ON_V1 = virtualService('http: [{route: [{destination: {host: reviews, subset: v1}}]}]', {
  annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{}', note: 'kept' },
});
const ONLY_V1 = destinationRule('{host: reviews, subsets: [{name: v1, labels: {version: v1}}]}');

const SPEC: RolloutSpec = {
  version: 'v2',
  strategy: {
    canary: {
      steps: [
        { setWeight: 10, pause: {} },
        { name: 'half', setWeight: 50, pause: {} },
      ],
    },
  },
};
const WHEN = {
  first: 'step 1/3 at 10%',
  half: 'step 2/3 half at 50%',
  end: 'step 3/3 bake at 100%, and then v2 is stable',
  back: 'way back: all traffic on v1',
};

const rollout = (status?: Partial<RolloutStatus>, spec: Partial<RolloutSpec> = {}): StoredRollout => ({
  uid: 'uid-1',
  namespace: 'bookinfo',
  name: 'reviews',
  generation: 1,
  resourceVersion: '1',
  creationTimestamp: '2026-11-21T10:00:00Z',
  spec: { ...SPEC, ...spec },
  ...(status === undefined ? {} : { status: { phase: 'Healthy', reason: 'UpToDate', message: '', ...status } }),
});

const TARGET = {
  router: 'istio',
  host: 'reviews.bookinfo.svc.cluster.local',
  versionLabel: 'version',
  virtualServices: ['bookinfo/reviews'],
  routes: [],
  destinationRule: 'bookinfo/reviews',
  stable: 'v1',
  canary: 'v2',
} as const;

const NO_PROVIDERS = { prometheus: [], zipkin: [] };

const inStep = (index: number, weight: number, spec: RolloutSpec = SPEC): Partial<RolloutStatus> => ({
  phase: 'Progressing',
  stableVersion: 'v1',
  canaryVersion: 'v2',
  revision: '7c1f09d2',
  seq: index,
  planHash: planHash(spec),
  plan: compilePlan(spec, NO_PROVIDERS, undefined),
  target: TARGET,
  traffic: { weight },
  step: { index, count: 3 },
});

const pods = (...hashes: readonly string[]): VersionPods => ({ ready: 1, total: 1, hashes, workloads: [] });

const previewOf = (objects: readonly MeshObject[], rules: readonly MeshObject[], running: Record<string, VersionPods> = {}) => {
  const mesh = fakeMesh(objects, rules);
  return createMeshPreview({ ...mesh.deps, pods: { versions: () => running } });
};

/** Weights in each destination, as `v1 50, v2 50`. */
const weightsIn = (object: object): string => {
  const { spec } = object as { spec: { http?: { route: { destination: { subset?: string }; weight?: number }[] }[] } };
  return (spec.http ?? [])
    .map(({ route }) => route.map(({ destination: { subset = '*' }, weight }) => `${subset} ${weight ?? '-'}`).join(', '))
    .join(' | ');
};
const told = ({ later }: MeshObjectView): Record<string, string> =>
  Object.fromEntries(later.map(({ when, object }) => [when, weightsIn(object)]));

describe('what lies ahead of the routing objects', () => {
  it('R13: a version that is wanted: its subset, the next step, the end and the way back; fields of the server are left out', () => {
    const { objects, problem } = previewOf([ALL_ON_V1], [ONLY_V1]).preview(rollout({ stableVersion: 'v1' }));
    expect(problem).toBeUndefined();
    const [routing, rule] = objects;
    expect(routing?.now).toEqual({
      apiVersion: 'networking.istio.io/v1',
      kind: 'VirtualService',
      metadata: { namespace: 'bookinfo', name: 'reviews', annotations: { note: 'kept' } },
      spec: { http: [{ route: [{ destination: { host: 'reviews', subset: 'v1' } }] }] },
    });
    expect(objects.map(told)[0]).toEqual({
      [WHEN.first]: 'v1 90, v2 10',
      [WHEN.end]: 'v1 0, v2 100',
      [WHEN.back]: 'v1 100, v2 0',
    });
    expect(rule?.later.map(({ object }) => (object as MeshObject).spec)).toEqual(
      Array(3).fill({
        host: 'reviews',
        subsets: [
          { name: 'v1', labels: { version: 'v1' } },
          { name: 'v2', labels: { version: 'v2' } },
        ],
      }),
    );
  });

  it('nothing is written, and the caches and their objects are as before', () => {
    const mesh = fakeMesh([ALL_ON_V1], [ONLY_V1]);
    const before = JSON.stringify([ALL_ON_V1, ONLY_V1]);
    createMeshPreview(mesh.deps).preview(rollout({ stableVersion: 'v1' }));
    expect(mesh.requests).toEqual([]);
    expect(JSON.stringify([ALL_ON_V1, ONLY_V1])).toBe(before);
    expect(mesh.deps.virtualServices.get('bookinfo', 'reviews')).toBe(ALL_ON_V1);
  });

  it('an attempt in progress goes on from its step; an object that stays as it is has no moments', () => {
    const now = virtualService(
      'http: [{route: [{destination: {host: reviews, subset: v1}, weight: 90}, {destination: {host: reviews, subset: v2}, weight: 10}]}]',
    );
    const { objects } = previewOf([now], [REVIEWS_RULE]).preview(rollout(inStep(1, 10)));
    expect(objects.map(told)).toEqual([
      { [WHEN.half]: 'v1 50, v2 50', [WHEN.end]: 'v1 0, v2 100', [WHEN.back]: 'v1 100, v2 0' },
      {},
    ]);
  });

  it('R10, R11, R23: what is going back goes nowhere else; a version that was set back, and another target, too', () => {
    const now = virtualService(
      'http: [{route: [{destination: {host: reviews, subset: v1}, weight: 90}, {destination: {host: reviews, subset: v2}, weight: 10}]}]',
    );
    const preview = previewOf([now], [REVIEWS_RULE]);
    const expected = { 'going back: all traffic on v1': 'v1 100, v2 0' };
    expect(told(first(preview.preview(rollout({ ...inStep(1, 10), phase: 'RollingBack' }))))).toEqual(expected);
    expect(told(first(preview.preview(rollout(inStep(1, 10), { version: 'v1' }))))).toEqual(expected);
    expect(told(first(preview.preview(rollout({ ...inStep(1, 10), targetHash: 'other' }))))).toEqual(expected);
  });

  it('R9: a newer version: first back, then its steps', () => {
    const now = virtualService(
      'http: [{route: [{destination: {host: reviews, subset: v1}, weight: 90}, {destination: {host: reviews, subset: v2}, weight: 10}]}]',
    );
    const mesh = fakeMesh([now], [REVIEWS_RULE]);
    const { moments } = foreseeMesh(mesh.deps, rollout(inStep(1, 10), { version: 'v3' }));
    expect(moments.map(({ when, objects: [routing] }) => [when, weightsIn(routing?.object ?? {})])).toEqual([
      ['going back: all traffic on v1', 'v1 100, v2 0'],
      ['then v3: step 1/3 at 10%', expect.stringMatching(/^v1 90, .*v3 10/)],
      ['then v3: step 2/3 half at 50%', expect.stringMatching(/^v1 50, .*v3 50/)],
      ['then v3: step 3/3 bake at 100%, and then v3 is stable', expect.stringMatching(/^v1 0, .*v3 100/)],
      ['way back: all traffic on v1', expect.stringMatching(/^v1 100, .*v3 0/)],
    ]);
  });

  it('R11: steps that were edited go on with the next greater weight', () => {
    const edited = {
      canary: {
        steps: [
          { setWeight: 5, pause: {} },
          { setWeight: 30, pause: {} },
        ],
      },
    };
    const { moments } = foreseeMesh(fakeMesh([ALL_ON_V1], [REVIEWS_RULE]).deps, rollout(inStep(1, 10), { strategy: edited }));
    expect(moments.map(({ when }) => when)).toEqual([
      'as edited, step 1/2 at 30%',
      'as edited, step 2/2 bake at 100%, and then v2 is stable',
      WHEN.back,
    ]);
  });

  it('Healthy: nothing lies ahead; rolled back: only after a retry', () => {
    const preview = previewOf([ALL_ON_V1], [REVIEWS_RULE]);
    const healthy = preview.preview(rollout({ stableVersion: 'v1' }, { version: 'v1' }));
    expect(healthy.objects.map(({ kind, later }) => [kind, later])).toEqual([
      ['VirtualService', []],
      ['DestinationRule', []],
    ]);
    const rolledBack = preview.preview(rollout({ phase: 'RolledBack', stableVersion: 'v1', canaryVersion: 'v2' }));
    expect(Object.keys(told(first(rolledBack)))).toEqual([
      `after a retry: ${WHEN.first}`,
      `after a retry: ${WHEN.end}`,
      WHEN.back,
    ]);
  });

  it('R10: the version before, with the pods of then, comes back in one step', () => {
    const previous = { version: 'v2', podHash: 'abc', until: '2030-01-01T00:00:00Z' };
    const status = { stableVersion: 'v1', previous };
    const whens = (running: Record<string, VersionPods>) =>
      Object.keys(told(first(previewOf([ALL_ON_V1], [REVIEWS_RULE], running).preview(rollout(status)))));
    expect(whens({ v1: pods('x'), v2: pods('abc') })[0]).toBe('step 1/1 way back at 100%, and then v2 is stable');
    expect(whens({ v1: pods('x'), v2: pods('other') })[0]).toBe(WHEN.first);
  });

  it('R7: a route without subsets is pinned first, to what runs', () => {
    const open = virtualService('http: [{route: [{destination: {host: reviews}}]}]');
    const { objects, problem } = previewOf([open], [ONLY_V1], { v1: pods('x') }).preview(rollout());
    expect(problem).toBeUndefined();
    expect(told(first({ objects }))).toEqual({
      'pinned: all traffic on v1, by name': 'v1 -',
      [WHEN.end]: 'v1 0, v2 100',
      [WHEN.back]: 'v1 100, v2 0',
    });
    const two = previewOf([open], [ONLY_V1], { v1: pods('x'), v2: pods('y') }).preview(rollout());
    expect(two.problem).toBe(
      'nothing says yet which version of reviews.bookinfo.svc.cluster.local is stable; set spec.initialVersion to it',
    );
    expect(two.objects.map(({ later }) => later)).toEqual([[], []]);
  });

  it('header routes and mirrors stand in the objects, and are taken away at the end', () => {
    const match = [{ headers: { 'end-user': { exact: 'jason' } } }];
    const steps = [{ setWeight: 0, setHeaderRoute: { match }, setMirrorRoute: { percentage: 20 }, pause: {} }];
    const { objects } = previewOf([ALL_ON_V1], [REVIEWS_RULE]).preview(
      rollout({ stableVersion: 'v1' }, { strategy: { canary: { steps } } }),
    );
    const { later } = first({ objects });
    expect(later.map(({ when }) => when)).toEqual([
      'step 1/2 at 0% with a header route and a mirror of 20%',
      'step 2/2 bake at 100%, and then v2 is stable',
      WHEN.back,
    ]);
    const texts = later.map(({ object }) => JSON.stringify(object));
    expect(texts.map(text => [text.includes('jason'), text.includes('mirror')])).toEqual([
      [true, true],
      [false, false],
      [false, false],
    ]);
    expect(texts.join('')).not.toContain('sluice.dev/position');
  });

  it('an experiment ends where it began', () => {
    // biome-ignore lint/suspicious/noThenProperty: the name is part of the contract, and a spec is never awaited
    const abTest = { match: [{ headers: { beta: { exact: 'yes' } } }], duration: '1h', then: 'end' } as const;
    const { objects } = previewOf([ALL_ON_V1], [REVIEWS_RULE]).preview(
      rollout({ stableVersion: 'v1' }, { strategy: { abTest } }),
    );
    expect(first({ objects }).later.map(({ when }) => when)).toEqual([
      'step 1/1 experiment at 0% with a header route',
      'end: all traffic back on v1',
      WHEN.back,
    ]);
  });

  it('what cannot be resolved, or would be refused, is a sentence', () => {
    expect(previewOf([], []).preview(rollout({ stableVersion: 'v1' }))).toEqual({
      objects: [],
      problem: expect.stringContaining('no VirtualService routes to reviews.bookinfo.svc.cluster.local'),
    });
    const noneAllowed = previewOf([ALL_ON_V1], [ONLY_V1]).preview(
      rollout({ stableVersion: 'v1' }, { router: { istio: { createMissing: 'none' } } }),
    );
    expect(noneAllowed.problem).toBe(
      `${WHEN.first} cannot be written: using subset v2 of DestinationRule bookinfo/reviews: it has none, and spec.router.istio.createMissing is none; add it`,
    );
    expect(noneAllowed.objects.map(({ kind }) => kind)).toEqual(['VirtualService', 'DestinationRule']);
    const foreign = virtualService(
      'http: [{route: [{destination: {host: other}, weight: 100}, {destination: {host: reviews, subset: v1}, weight: 0}]}]',
    );
    expect(previewOf([foreign], [REVIEWS_RULE]).preview(rollout({ stableVersion: 'v1' })).problem).toMatch(
      /^step 1\/3 at 10% cannot be written: setting 10 % in VirtualService bookinfo\/reviews: /,
    );
  });

  it('R29: each of several objects, in their order', () => {
    const gateway = virtualService('http: [{route: [{destination: {host: reviews, subset: v1}}]}]', { name: 'gateway' });
    const { objects } = previewOf([ALL_ON_V1, gateway], [REVIEWS_RULE]).preview(
      rollout({ stableVersion: 'v1' }, { router: { istio: { virtualServices: ['gateway', 'reviews'] } } }),
    );
    expect(objects.map(({ kind, name, later }) => [kind, name, later[0] && weightsIn(later[0].object)])).toEqual([
      ['VirtualService', 'gateway', 'v1 90, v2 10'],
      ['VirtualService', 'reviews', 'v1 90, v2 10'],
      ['DestinationRule', 'reviews', undefined],
    ]);
  });

  it('R27: what it shows is what the router writes', async () => {
    const mesh = fakeMesh([ALL_ON_V1], [REVIEWS_RULE]);
    const { objects } = createMeshPreview(mesh.deps).preview(rollout({ stableVersion: 'v1' }));
    const [{ weight, ...routes }] = compilePlan(SPEC, NO_PROVIDERS, undefined).steps as readonly [PlanStep];
    await createIstioRouter(mesh.deps).setTraffic(
      {
        kind: 'setTraffic',
        target: TARGET,
        object: 'bookinfo/reviews',
        resourceVersion: '7',
        weight,
        routes,
        position: position(),
      },
      rollout(),
    );
    const written = mesh.deps.virtualServices.get('bookinfo', 'reviews');
    expect(first({ objects }).later[0]?.object).toMatchObject({ spec: written?.spec });
  });
});

const first = ({ objects }: { readonly objects: readonly MeshObjectView[] }): MeshObjectView => {
  const [object] = objects;
  if (object === undefined) throw new Error('no object');
  return object;
};
