import { describe, expect, it } from 'vitest';
import { POSITION_ANNOTATION } from '../../../src/adapters/istio/position.ts';
import { fieldsOf, type MeshObject } from '../../../src/adapters/istio/resource.ts';
import { createIstioRouter } from '../../../src/adapters/istio/router.ts';
import type { ResolvedTarget, Rollout, Routes, SteeredObject } from '../../../src/rollout/index.ts';
import { apply, edit, HOST, httpOf, namesOf } from './edits.ts';
import { fakeMesh } from './fakeMesh.ts';
import { position, REVIEWS_RULE, virtualService } from './samples.ts';

const OBJECT = virtualService(`
http:
- {name: rest, match: [{uri: {prefix: /rest}}], route: [{destination: {host: other}}]}
- {name: primary, timeout: 3s, route: [{destination: {host: reviews, subset: v1}, weight: 100}, {destination: {host: reviews, subset: v2}, weight: 0}]}`);

const TARGET: ResolvedTarget = {
  router: 'istio',
  host: HOST,
  versionLabel: 'version',
  virtualServices: ['bookinfo/reviews'],
  routes: ['primary'],
  destinationRule: 'bookinfo/reviews',
};

const rolloutOf = (uid: string, name: string): Rollout => ({
  uid,
  namespace: 'bookinfo',
  name,
  generation: 1,
  spec: { version: 'v2', strategy: { canary: { steps: [] } } },
});

const HEADER: Routes = { headerRoutes: [{ match: [{ headers: { 'end-user': { exact: 'jason' } } }] }] };
const MIRROR: Routes = { mirror: { percentage: 50 } };
const STICKY: Routes = { sticky: { cookie: 'c', drawnAt: [10] } };

const write = (beside: Routes, weight = 0) => edit(weight, { beside, position: { ...position(), weight, routes: 'digest' } });

/** As the router sees the object for that Rollout; `undefined`: it is not among those that carry traffic of ours. */
const seen = (object: MeshObject, uid = 'uid-1', name = 'reviews', target = TARGET): SteeredObject | undefined => {
  const { deps } = fakeMesh([object], [REVIEWS_RULE]);
  const found = createIstioRouter(deps).observe(rolloutOf(uid, name), target, []);
  if (found.kind === 'problem') throw new Error(found.message);
  return found.objects[0];
};

const withHttp = (object: MeshObject, http: readonly unknown[]): MeshObject => ({
  ...object,
  spec: { ...fieldsOf(object.spec), http },
});
const withoutAnnotations = (object: MeshObject): MeshObject => ({ ...object, metadata: { ...object.metadata, annotations: {} } });

/** The routes with one of them changed. */
const changing = (object: MeshObject, name: string, change: object): MeshObject =>
  withHttp(
    object,
    httpOf(object).map(route => (route['name'] === name ? { ...route, ...change } : route)),
  );

const SHAPES: readonly (readonly [name: string, object: MeshObject])[] = [
  ['header route', apply(OBJECT, write(HEADER))],
  ['mirror', apply(OBJECT, write(MIRROR))],
  ['cookie', apply(OBJECT, write(STICKY, 50))],
  ['header route and mirror', apply(OBJECT, write({ ...HEADER, ...MIRROR }))],
];

describe('what stands because of us', () => {
  it.each(SHAPES)('R3: has the digest of its position: %s', (_name, object) => {
    expect(seen(object)).toMatchObject({ routes: 'digest', position: { routes: 'digest' } });
  });

  it.each(SHAPES)('R3: whatever the order of its keys: %s', (_name, object) => {
    const reversed = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(reversed);
      if (typeof value !== 'object' || value === null) return value;
      return Object.fromEntries(
        Object.entries(value)
          .reverse()
          .map(([key, inner]) => [key, reversed(inner)]),
      );
    };
    expect(seen({ ...object, spec: reversed(object.spec) })?.routes).toBe('digest');
  });

  it.each(SHAPES)('R26: is nothing when somebody put the old file back: %s', (_name, object) => {
    const restored = seen(withHttp(object, httpOf(OBJECT)));
    expect(restored).toMatchObject({ position: { routes: 'digest' } });
    expect(restored).not.toHaveProperty('routes');
  });

  it.each(SHAPES)('R26: is not what it was when somebody changed it: %s', (_name, object) => {
    const text = JSON.stringify(object.spec);
    const changed = text
      .replace('"exact":"jason"', '"exact":"anna"')
      .replace('"value":50', '"value":5')
      .replace('HttpOnly; ', '');
    expect(changed).not.toBe(text);
    const { routes } = seen({ ...object, spec: JSON.parse(changed) }) ?? {};
    expect(routes).toMatch(/^[0-9a-f]{16}$/);
  });

  it.each(SHAPES)("R26: users' own changes beside it are none of it: %s", (_name, object) => {
    const slower = changing(object, 'primary', {
      timeout: '9s',
      mirrors: [...((httpOf(object).at(-1)?.['mirrors'] as []) ?? []), {}],
    });
    const named = withHttp(slower, [{ name: 'first', redirect: {} }, ...httpOf(slower), { name: 'last', redirect: {} }]);
    expect(seen(named)?.routes).toBe('digest');
  });

  it.each(SHAPES)('R21, R30: goes in one write, with the position when the Rollout goes: %s', (_name, object) => {
    const safe = apply(object, edit(0));
    expect(safe.spec).toEqual(OBJECT.spec);
    expect(seen(safe)).not.toHaveProperty('routes');
    const last = apply(object, edit(0, { position: { ...position(2), state: 'safe', reason: 'Deleted', weight: 0 } }));
    expect(last.spec).toEqual(OBJECT.spec);
    expect(last.metadata?.annotations).toEqual({});
  });

  it('R3: routes are known by their names when the annotation was lost, and go with the next write', () => {
    for (const shape of [HEADER, STICKY]) {
      const lost = withoutAnnotations(apply(OBJECT, write(shape, 50)));
      expect(seen(lost)?.routes).toMatch(/^[0-9a-f]{16}$/);
      expect(apply(lost, edit(0)).spec).toEqual(OBJECT.spec);
    }
  });

  it.each([undefined, [], [{}], [{ name: 'x' }], [{ headers: { 'end-user': {} } }, {}]])(
    'R26: a header route of ours with the match %j takes every request, and is what it was after the next write',
    match => {
      const written = apply(OBJECT, write(HEADER));
      expect(seen(written)).not.toHaveProperty('takesAll');
      const opened = JSON.parse(JSON.stringify(changing(written, 'sluice-reviews-primary', { match })));
      expect(seen(opened)).toMatchObject({ takesAll: true });
      expect(httpOf(apply(opened, write(HEADER)))).toEqual(httpOf(written));
    },
  );

  it('R26: a header route behind the steered one is not what was written', () => {
    const [rest, own, primary] = httpOf(apply(OBJECT, write(HEADER)));
    const behind = withHttp(apply(OBJECT, write(HEADER)), [rest, primary, own]);
    expect(seen(behind)?.routes).toMatch(/^[0-9a-f]{16}$/);
    expect(namesOf(apply(behind, write(HEADER)))).toEqual(['rest', 'sluice-reviews-primary', 'primary']);
  });

  it('R26: stays what it was when the steered route is renamed', () => {
    const renamed = changing(apply(OBJECT, write(HEADER)), 'primary', { name: 'main' });
    expect(seen(renamed)?.routes).toBe('digest');
    expect(namesOf(apply(renamed, write(HEADER)))).toEqual(['rest', 'sluice-reviews-main', 'main']);
    expect(namesOf(apply(renamed, edit(0)))).toEqual(['rest', 'main']);
  });

  it('R23: an object that has nothing but a route of ours is not Safe', () => {
    const [rest, own] = httpOf(apply(OBJECT, write(HEADER)));
    const alone = withHttp(apply(OBJECT, write(HEADER)), [rest, own]);
    expect(seen(alone)).toMatchObject({ weights: { versions: {}, foreign: 0 } });
    expect(seen(apply(alone, edit(0)))).toBeUndefined();
  });
});

describe('routes of others', () => {
  const theirs = { ...write(HEADER), uid: 'uid-2', rollout: 'other' };
  const both = apply(apply(OBJECT, theirs), write(HEADER));

  it('R27: are not ours, and stay', () => {
    expect(namesOf(both)).toEqual(['rest', 'sluice-other-primary', 'sluice-reviews-primary', 'primary']);
    expect(namesOf(apply(both, edit(0)))).toEqual(['rest', 'sluice-other-primary', 'primary']);
    expect(seen(apply(both, edit(0)))).not.toHaveProperty('routes');
    expect(seen(both, 'uid-2', 'other')?.routes).toBe('digest');
  });

  it('R27: are told apart although their names could be ours', () => {
    const text = `http: [{name: b-c, match: [{port: 1}], route: [{destination: {host: reviews, subset: v1}}]},
      {name: c, route: [{destination: {host: reviews, subset: v1}}]}]`;
    const first = apply(virtualService(text), { ...write(HEADER), uid: 'uid-1', rollout: 'a', routes: ['b-c'] });
    const second = apply(first, { ...write(HEADER), uid: 'uid-2', rollout: 'a-b', routes: ['c'] });
    expect(namesOf(second)).toEqual(['sluice-a-b-c', 'b-c', 'sluice-a-b-c-2', 'c']);
    expect(seen(second, 'uid-1', 'a', { ...TARGET, routes: ['b-c'] })?.routes).toBe('digest');
    expect(seen(second, 'uid-2', 'a-b', { ...TARGET, routes: ['c'] })?.routes).toBe('digest');
    expect(namesOf(apply(second, { ...edit(0), uid: 'uid-1', rollout: 'a', routes: ['b-c'] }))).toEqual([
      'b-c',
      'sluice-a-b-c-2',
      'c',
    ]);
  });

  it('R30: what a Rollout of this name left when it was deleted is ours', () => {
    const left = apply(OBJECT, { ...write(HEADER), uid: 'uid-0' });
    expect(seen(left)?.routes).toMatch(/^[0-9a-f]{16}$/);
    expect(apply(left, edit(0)).spec).toEqual(OBJECT.spec);
  });

  it('R27: an entry without anything of ours has no record', () => {
    const entries = JSON.parse(apply(OBJECT, edit(50)).metadata?.annotations?.[POSITION_ANNOTATION] ?? '');
    expect(entries['uid-1']).not.toHaveProperty('own');
  });
});

describe('a mirror whose record was lost', () => {
  const mirrored = apply(OBJECT, write(MIRROR));
  const lost = withoutAnnotations(mirrored);
  const status = {
    step: { index: 1, count: 2 },
    plan: { steps: [{ weight: 0, pauseMs: null, ...MIRROR }], gates: [], intervalMs: 1, initialDelayMs: 0, settleMs: 0 },
    target: { ...TARGET, stable: 'v1', canary: 'v2' },
  };
  const inMirrorStep = {
    ...rolloutOf('uid-1', 'reviews'),
    status: { ...status, phase: 'Progressing', reason: 'StepEntered', message: '' },
  } satisfies Rollout;

  it('R3, R23: is known by the step, and goes with the way back', async () => {
    const mesh = fakeMesh([lost], [REVIEWS_RULE]);
    const router = createIstioRouter(mesh.deps);
    const found = () => router.observe(inMirrorStep, TARGET, []);
    expect(found()).toMatchObject({ objects: [{ routes: expect.any(String) }] });
    const back = {
      target: status.target,
      object: 'bookinfo/reviews',
      resourceVersion: '7',
      weight: 0,
      position: { ...position(), state: 'safe' },
    } as const;
    await router.setTraffic({ kind: 'setTraffic', ...back }, inMirrorStep);
    expect(found()).not.toHaveProperty('objects.0.routes');
    expect(fieldsOf(mesh.deps.virtualServices.get('bookinfo', 'reviews')?.spec)).toEqual(OBJECT.spec);
  });

  it("R27: and is a user's own before the step that mirrors, and where our position says that there is none", () => {
    const { deps } = fakeMesh([lost], [REVIEWS_RULE]);
    const before = { ...inMirrorStep, status: { ...inMirrorStep.status, step: { index: 0, count: 2 } } };
    expect(createIstioRouter(deps).observe(before, TARGET, [])).not.toHaveProperty('objects.0.routes');
    const positioned = apply(lost, edit(0));
    expect(httpOf(positioned)).toEqual(httpOf(lost));
    expect(seen(positioned)).not.toHaveProperty('routes');
  });

  it('R7: is known by the record of a Rollout of this name that was deleted and made anew', () => {
    expect(seen(mirrored, 'uid-2')).toMatchObject({ routes: expect.any(String) });
    expect(seen(mirrored, 'uid-2', 'others')).not.toHaveProperty('routes');
    expect(httpOf(apply(mirrored, edit(0, { uid: 'uid-2' })))).toEqual(httpOf(OBJECT));
  });
});
