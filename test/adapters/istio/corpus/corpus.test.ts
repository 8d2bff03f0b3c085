import { describe, expect, it } from 'vitest';
import { type Fields, fieldsOf, keyOf, listOf, type MeshObject } from '../../../../src/adapters/istio/resource.ts';
import { createIstioRouter } from '../../../../src/adapters/istio/router.ts';
import { SystemError } from '../../../../src/controller/ports.ts';
import { driftOf, type Routes } from '../../../../src/rollout/index.ts';
import { routesDigest } from '../../../../src/rollout/mesh/routes.ts';
import { applyPatch } from '../applyPatch.ts';
import { fakeMesh } from '../fakeMesh.ts';
import { changesTo, type Edit, edited, tampered } from './changes.ts';
import { type Case, httpOf, readCorpus } from './read.ts';
import { checkRequests, requestsTo } from './requests.ts';
import { checkOrder, checkOutside, checkShares, same, type Write } from './rules.ts';
import { open, rolloutOf, type Step, steeringOf, type World } from './world.ts';

const CORPUS = readCorpus();
const STEERABLE = CORPUS.filter(({ refused }) => refused === undefined);

const JASON: Routes = { headerRoutes: [{ match: [{ headers: { 'end-user': { exact: 'jason' } } }] }] };
const TWO_HEADERS: Routes = {
  headerRoutes: [
    { match: [{ headers: { 'end-user': { exact: 'jason' } } }, { headers: { 'x-region': { exact: 'eu-1' } } }] },
    { match: [{ headers: { 'x-preview': { exact: '1' } } }] },
  ],
};
const MIRROR: Routes = { mirror: { percentage: 25 } };
const STICKY: Routes = { sticky: { cookie: 'side', ttlMs: 3_600_000, drawnAt: [] } };
const STICKY_AGAIN: Routes = { sticky: { cookie: 'side', ttlMs: 3_600_000, drawnAt: [10] } };

/** What Sluice does with a mesh, write by write. */
const OPERATIONS: Readonly<Record<string, readonly Step[]>> = {
  'raise and lower': [{ percent: 10 }, { percent: 50 }, { percent: 100 }, { percent: 10 }],
  'header route on and off': [{ percent: 0, routes: JASON }, { percent: 10, routes: TWO_HEADERS }, { percent: 10 }],
  'mirror on and off': [{ percent: 0, routes: MIRROR }, { percent: 0, routes: { ...MIRROR, ...JASON } }, { percent: 0 }],
  'stickiness on and off': [
    { percent: 10, routes: STICKY },
    { percent: 50, routes: { ...STICKY_AGAIN, ...JASON } },
    { percent: 50 },
  ],
  finish: [{ percent: 50, routes: JASON }, { percent: 100 }],
  'roll back': [{ percent: 50, routes: { ...STICKY, ...JASON } }, { percent: 0 }],
  'a next version while the one before still has some': [{ percent: 50 }, { percent: 30, stable: 'v2', canary: 'v4' }],
};

/** The parts of a write that this case refuses. */
const refusalOf = (one: Case, { percent, routes = {} }: Step): string | undefined => {
  if (one.unwritable !== undefined && percent > 0) return one.unwritable;
  if (routes.headerRoutes !== undefined && one.refuses['header'] !== undefined) return one.refuses['header'];
  if (routes.sticky !== undefined && one.refuses['sticky'] !== undefined) return one.refuses['sticky'];
  return routes.mirror === undefined ? undefined : one.refuses['mirror'];
};

async function refused(action: () => Promise<void>): Promise<string> {
  try {
    await action();
    return 'it was written';
  } catch (error) {
    return error instanceof SystemError ? error.message : `not a SystemError: ${String(error)}`;
  }
}

const isEdit = ({ op, path }: { readonly op: string; readonly path: string }): boolean =>
  op !== 'test' && path !== '/metadata/resourceVersion' && path !== '/metadata/annotations/sluice.dev~1position';

/** Checks one write by all rules; says how many requests were looked at. */
async function checkWrite(one: Case, world: World, step: Step, write: Write): Promise<number> {
  const refusal = refusalOf(one, step);
  if (refusal !== undefined) {
    expect(await refused(() => world.write(step))).toContain(refusal);
    return 0;
  }
  const before = world.now();
  await world.write(step);
  const after = world.now();
  const steering = steeringOf(one);
  for (const [index, object] of one.virtualServices.entries()) {
    const [start, old, now] = [object, before[index] ?? object, after[index] ?? object];
    const steered = one.steered.get(keyOf(object)) ?? [];
    checkOutside(start, now, steered, steering, write);
    checkOrder(start, now, steered, steering, write);
    const routes = (of: MeshObject): readonly Fields[] => httpOf(of).filter(({ name }) => !String(name).startsWith('sluice-'));
    if (one.unwritable !== undefined) continue;
    for (const route of steered) checkShares(routes(old)[route] ?? {}, routes(now)[route] ?? {}, object, steering, write);
  }
  checkObserved(one, world, step, write);
  await checkIdempotent(world, step);
  if (one.unwritable !== undefined || step.canary !== undefined) return 0;
  const requests = requestsTo(one.virtualServices, 6, step.percent + one.name.length);
  return checkRequests(requests, { before: one.virtualServices, after, steered: one.steered }, steering, write);
}

/** R26: what was written is no drift in the eyes of the core. */
function checkObserved(one: Case, { router, target, mesh }: World, { percent, routes = {} }: Step, write: Write): void {
  const observed = router.observe(rolloutOf(one), target, []);
  if (observed.kind === 'problem') throw new Error(observed.message);
  same(
    observed.objects.map(({ name }) => name),
    target.virtualServices,
  );
  for (const { weights, ...object } of observed.objects) {
    same(object.routes, routesDigest(routes));
    if (one.unwritable === undefined) same(driftOf(weights, write.stable, write.canary, percent), 'none');
  }
  same(
    mesh.requests.filter(request => !request.startsWith('patch ')),
    [],
  );
}

async function checkIdempotent({ mesh, write }: World, step: Step): Promise<void> {
  const written = mesh.patches.length;
  await write(step);
  same(mesh.patches.slice(written).flat().filter(isEdit), []);
}

/** R28: what stood beside the weights leaves nothing behind. */
async function checkNothingLeft(one: Case, { now }: World, steps: readonly Step[]): Promise<void> {
  const plain = open(one);
  for (const step of steps) if (refusalOf(one, step) === undefined) await plain.write({ percent: step.percent });
  const specs = (objects: readonly MeshObject[]) => JSON.stringify(objects.map(({ spec }) => spec));
  same(specs(now()), specs(plain.now()));
}

describe('the corpus', () => {
  it('has its size, and a name for each case', () => {
    const objects = CORPUS.flatMap(({ virtualServices }) => virtualServices);
    expect(objects.length).toBeGreaterThan(100);
    expect(new Set(CORPUS.map(({ name }) => name)).size).toBe(CORPUS.length);
    expect(CORPUS.filter(({ name }) => name.startsWith('a document'))).toEqual([]);
  });

  it.each(CORPUS.filter(({ refused: sentence }) => sentence !== undefined))('is refused: $name', one => {
    const mesh = fakeMesh(one.virtualServices, one.rules);
    const resolved = createIstioRouter(mesh.deps).resolve(rolloutOf(one), ['v1', 'v2']);
    expect(resolved).toMatchObject({ kind: 'problem', message: expect.stringContaining(one.refused ?? '') });
  });

  it.each(STEERABLE)('R29: the objects that are steered: $name', one => {
    const { target } = open(one);
    const objects = [...one.steered.keys()];
    expect([...target.virtualServices].sort()).toEqual(objects.sort());
  });
});

describe('writes to every VirtualService of the corpus', () => {
  let asked = 0;

  for (const [name, steps] of Object.entries(OPERATIONS)) {
    it(`R27, R28: ${name}`, async () => {
      for (const one of STEERABLE) {
        const world = open(one);
        const earlier = [...one.earlier];
        for (const step of steps) {
          const { percent, routes = {}, stable = 'v1', canary = 'v2' } = step;
          try {
            asked += await checkWrite(one, world, step, { percent, routes, stable, canary, earlier: [...earlier] });
          } catch (error) {
            throw new Error(`${one.file}, "${one.name}", ${JSON.stringify(step)}`, { cause: error });
          }
          earlier.push(stable, canary);
        }
        if (name.endsWith('on and off') && one.unwritable === undefined) await checkNothingLeft(one, world, steps);
      }
    });
  }

  it('asks enough requests that are steered', () => {
    expect(asked).toBeGreaterThan(3500);
  });

  it('R26: what somebody changed is put down', async () => {
    let changed = 0;
    for (const one of STEERABLE.filter(({ unwritable }) => unwritable === undefined)) {
      const world = open(one);
      const step = { percent: 30, ...(one.refuses['header'] === undefined ? { routes: JASON } : {}) };
      await world.write(step);
      const specs = () => JSON.stringify(world.now().map(({ spec }) => spec));
      const written = specs();
      for (const object of world.now().filter(found => one.steered.has(keyOf(found))))
        world.mesh.put('VirtualService', tampered(object, steeringOf(one)));
      if (specs() === written) continue;
      changed += 1;
      const observed = world.router.observe(rolloutOf(one), world.target, []);
      if (observed.kind === 'problem') throw new Error(observed.message);
      const seen = observed.objects.map(({ weights, routes }) => [
        driftOf(weights, 'v1', 'v2', 30),
        routes === routesDigest(step.routes ?? {}),
      ]);
      expect(seen.flat().some(found => found === 'up' || found === false)).toBe(true);
      await world.write(step);
      expect(specs()).toBe(written);
    }
    expect(changed).toBeGreaterThan(80);
  });

  it('R27: a write is refused when what it relies on has changed, whatever the resource version says', async () => {
    for (const one of STEERABLE) {
      const world = open(one);
      await world.write({ percent: 0, ...(one.refuses['header'] === undefined ? { routes: JASON } : {}) });
      for (const [index, key] of world.target.virtualServices.entries()) {
        const object = one.virtualServices.find(found => keyOf(found) === key);
        const operations = world.mesh.patches[index];
        if (object === undefined || operations === undefined) throw new Error(`${one.name}: ${key} was not written`);
        for (const changed of changesTo(object, one.steered.get(key)?.[0] ?? 0)) {
          expect(() => applyPatch(changed, operations)).toThrow(/^(test failed|no parent)/);
        }
      }
    }
  });
});

describe('subsets of every DestinationRule of the corpus', () => {
  it('R13, R27: one is added where it is missing, once, and nothing else changes', async () => {
    let added = 0;
    for (const one of STEERABLE) {
      const { router, target, mesh } = open(one);
      const ruleNow = () => mesh.server.get(`DestinationRule ${target.destinationRule}`);
      const before = ruleNow();
      const others = one.rules.filter(rule => keyOf(rule) !== target.destinationRule);
      for (const version of ['v1', 'v2', 'v5']) {
        await router.ensureSubset(target, version);
        await router.ensureSubset(target, version);
      }
      const { subsets: old, ...rest } = fieldsOf(before?.spec);
      const { subsets, ...left } = fieldsOf(ruleNow()?.spec);
      same(left, rest);
      same(listOf(subsets).slice(0, listOf(old).length), listOf(old));
      const names = listOf(subsets)
        .slice(listOf(old).length)
        .map(subset => fieldsOf(subset)['name']);
      same(ruleNow()?.metadata?.annotations?.['sluice.dev/subsets'], JSON.stringify(names));
      same(mesh.patches.length, names.length);
      same(
        others.map(rule => mesh.server.get(`DestinationRule ${keyOf(rule)}`)),
        others,
      );
      const observed = router.observe(rolloutOf(one), target, []);
      if (observed.kind === 'problem') throw new Error(observed.message);
      same(
        Object.keys(observed.subsets)
          .filter(version => ['v1', 'v2', 'v5'].includes(version))
          .sort(),
        ['v1', 'v2', 'v5'],
      );
      added += names.length;
    }
    expect(added).toBeGreaterThan(STEERABLE.length);
  });
});

describe('the checks themselves', () => {
  const [one] = STEERABLE.filter(({ name }) => name === 'everything that a route can say');
  const write: Write = { percent: 20, routes: JASON, stable: 'v1', canary: 'v2', earlier: [] };
  const change = async () => {
    if (one === undefined) throw new Error('the case is gone');
    const world = open(one);
    await world.write({ percent: 20, routes: JASON });
    const [before] = one.virtualServices;
    const [after] = world.now();
    if (before === undefined || after === undefined) throw new Error('the object is gone');
    return { before, after, steering: steeringOf(one), steered: one.steered, one };
  };

  const wrong: readonly [string, Edit, number][] = [
    ['another time-out', fields => Object.assign(fields, { timeout: '11s' }), 1],
    ['a time-out of the header route', fields => Object.assign(fields, { timeout: '11s' }), 0],
    ['a match', fields => Object.assign(fields, { match: [{ uri: { prefix: '/' } }] }), 1],
    [
      'a match of the header route',
      fields => Object.assign(fields, { match: [{ headers: { 'end-user': { exact: 'jason' } } }] }),
      0,
    ],
    ['a field more', fields => Object.assign(fields, { more: 1 }), 1],
    ['all to the new version', fields => Object.assign(fields, { route: listOf(fields['route']).slice(1) }), 1],
    ['the wrong version', fields => Object.assign(fields, { route: [{ destination: { host: 'reviews', subset: 'v1' } }] }), 0],
    [
      'a foreign destination',
      fields => Object.assign(fields, { route: [...listOf(fields['route']), { destination: { host: 'x' } }] }),
      1,
    ],
    ['a mirror', fields => Object.assign(fields, { mirrors: [{ destination: { host: 'reviews', subset: 'v2' } }] }), 1],
  ];
  it.each(wrong)('see %s', async (_name, edit, index) => {
    const { before, after, steering, steered, one: found } = await change();
    const all = (now: MeshObject) => {
      checkOutside(before, now, [0], steering, write);
      checkOrder(before, now, [0], steering, write);
      checkShares(httpOf(before)[0] ?? {}, httpOf(now)[1] ?? {}, now, steering, write);
      checkRequests(requestsTo(found.virtualServices, 200, 1), { before: [before], after: [now], steered }, steering, write);
    };
    all(after);
    expect(() => all(edited(after, index, edit))).toThrow();
  });

  it('see header routes in the wrong place', async () => {
    const { before, after, steering } = await change();
    const spec = { ...fieldsOf(after.spec), http: [...httpOf(after)].reverse() };
    expect(() => checkOrder(before, { ...after, spec }, [0], steering, write)).toThrow();
  });
});
