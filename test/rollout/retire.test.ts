import { describe, expect, it } from 'vitest';
import type { RolloutSpec } from '../../src/rollout/index.ts';
import { OBJECT, type World, type WorldOptions } from '../../src/simulation/world.ts';
import { check, HALF, MINUTE, mark, SECOND, specOf, worldInProgress } from './check.ts';
import { watchLaws } from './laws.ts';

type Retire = NonNullable<RolloutSpec['retire']>;

/** v2 has replaced v1 a moment ago; the subset of v1 is one that Sluice added. */
const promoted = (retire: Retire, options: Partial<WorldOptions> = {}): World => {
  const world = worldInProgress({ spec: specOf(HALF, { retire }), onDecision: watchLaws(), ...options });
  world.mesh.addedSubsets.add('v1');
  return world.run(MINUTE);
};
const SCALE: Retire = { action: 'scaleToZero' };
const destinations = (world: World): readonly string[] => Object.keys(world.mesh.object(OBJECT).weights.versions);
const total = ({ mesh, subset, status, finalizer, scale }: World['counts']): number => mesh + subset + status + finalizer + scale;

describe('what the old version leaves behind', () => {
  it('R21: stays for 30 minutes, and the message says until when', () => {
    const world = promoted(SCALE);
    check(world, { phase: 'Healthy', stable: 'v2', message: /v1 is to be retired at 2026-11-21T14:3\d:\d\dZ/ });
    const before = mark(world);
    check(world.run(28 * MINUTE), { phase: 'Healthy', writes: { mesh: 0, subset: 0, status: 0, scale: 0 } }, before);
    expect(destinations(world)).toEqual(['v1', 'v2']);
    expect(world.pods['v1']?.ready).toBe(3);
  });

  it('R21: then goes in order: weight, obeyed, subset, scale', () => {
    const world = promoted({ ...SCALE, after: '10m' }).run(8 * MINUTE);
    const before = mark(world);
    world.run(70 * SECOND);
    for (let at = 0; world.counts.mesh === before.mesh && at < 100; at++) world.run(SECOND);
    expect(destinations(world)).toEqual(['v2']);
    check(world, { phase: 'Healthy', writes: { mesh: 1, subset: 0, scale: 0 }, message: /v1 is being retired/ }, before);
    check(world.run(28 * SECOND), { writes: { mesh: 1, subset: 0, scale: 0 } }, before);
    check(
      world.run(3 * SECOND),
      { phase: 'Healthy', reason: 'Retired', writes: { mesh: 1, subset: 1, scale: 1, status: 2 } },
      before,
    );
    expect([...world.mesh.subsets]).toEqual(['v2']);
    expect(world.pods['v1']).toBeUndefined();
    expect(world.status?.history?.at(-1)).toMatchObject({ action: 'retired', from: 'v1', to: 'v2', reason: 'Retired' });
    expect(world.status?.retire).toMatchObject({ version: 'v1', done: true });
    expect(world.announced.at(-1)).toMatchObject({ reason: 'Retired', type: 'Normal' });
  });

  it('R21: what still gets requests, although no route leads there, is neither scaled nor loses its subset', () => {
    let isObeyed = false;
    const world = promoted({ ...SCALE, after: '1m' }, { truth: { disobeyedShare: () => (isObeyed ? 0 : 0.02) } });
    isObeyed = true;
    world.run(5 * SECOND);
    isObeyed = false;
    check(world.run(5 * MINUTE), { phase: 'Healthy', message: /v1 is not retired yet: it still gets requests.*by itself/ });
    const before = mark(world);
    check(world.run(20 * MINUTE), { writes: { mesh: 0, subset: 0, status: 0, scale: 0 } }, before);
    expect([world.counts.scale, world.mesh.subsets.has('v1')]).toEqual([0, true]);
    world.crash();
    isObeyed = true;
    check(world.run(MINUTE), { reason: 'Retired', writes: { subset: 1, scale: 1 } }, before);
  });

  it('R16, R21: a provider that does not answer is waited for', () => {
    let isDown = false;
    const world = promoted({ ...SCALE, after: '1m' }, { truth: { down: () => isDown } });
    isDown = true;
    check(world.run(30 * MINUTE), { phase: 'Healthy', message: /the provider does not say whether it still gets requests/ });
    expect(world.counts.scale).toBe(0);
    isDown = false;
    check(world.run(MINUTE), { reason: 'Retired' });
  });

  it('R21: without requests, or without a provider, it is the time that counts', () => {
    const quiet = promoted({ ...SCALE, after: '1m' });
    quiet.truth = { requestsPerSecond: 0 };
    check(quiet.run(2 * MINUTE), { reason: 'Retired' });
    const gates = { analysis: { gates: [] } };
    const blind = promoted(
      { ...SCALE, after: '1m' },
      {
        spec: specOf(HALF, { ...gates, retire: { ...SCALE, after: '1m' } }),
        installation: { prometheus: [], zipkin: [] },
      },
    );
    check(blind.run(2 * MINUTE), { reason: 'Retired' });
  });

  it('R5, R21: when it is done nothing is written any more', () => {
    const world = promoted({ ...SCALE, after: '10m' }).run(15 * MINUTE);
    check(world, { reason: 'Retired' });
    const before = mark(world);
    world.crash();
    world.setPods('v1', 2);
    check(world.run(120 * MINUTE), { reason: 'Retired', writes: { mesh: 0, subset: 0, status: 0, scale: 0 } }, before);
  });

  it('R21: removeSubset leaves the pods alone, none leaves everything', () => {
    const world = promoted({ action: 'removeSubset', after: '1m' }).run(5 * MINUTE);
    check(world, { reason: 'Retired' });
    expect([...world.mesh.subsets]).toEqual(['v2']);
    expect(world.pods['v1']?.ready).toBe(3);
    const kept = promoted({ action: 'none', after: '1m' });
    const before = mark(kept);
    check(kept.run(120 * MINUTE), { phase: 'Healthy', writes: { mesh: 0, subset: 0, status: 0, scale: 0 } }, before);
  });

  it('R21, R27: a subset that Sluice did not add stays', () => {
    const world = promoted({ ...SCALE, after: '1m' });
    world.mesh.addedSubsets.delete('v1');
    check(world.run(5 * MINUTE), { reason: 'Retired' });
    expect([...world.mesh.subsets]).toEqual(['v1', 'v2']);
    expect(world.counts.scale).toBe(1);
  });

  it('R21: nothing that another route refers to is removed or scaled; it goes on when that is gone', () => {
    const world = promoted({ ...SCALE, after: '1m' });
    world.mesh.references['v1'] = ['other/mirror'];
    check(world.run(10 * MINUTE), {
      phase: 'Healthy',
      message: /v1 is not retired: VirtualService other\/mirror still refers to it/,
    });
    expect(world.mesh.subsets.has('v1')).toBe(true);
    const before = mark(world);
    check(world.run(60 * MINUTE), { writes: { mesh: 0, status: 0, subset: 0, scale: 0 } }, before);
    world.mesh.references['v1'] = [];
    world.at(world.livedMs + SECOND, () => {});
    check(world.run(MINUTE), { reason: 'Retired' });
  });

  it('R21: pods that a route without a subset leads to are not scaled; it goes on when that is gone', () => {
    const world = promoted({ ...SCALE, after: '1m' });
    world.mesh.plainRoutes = ['edge/plain'];
    check(world.run(10 * MINUTE), {
      phase: 'Healthy',
      message: /the pods of v1 are not scaled to 0: VirtualService edge\/plain leads to all pods/,
    });
    expect([world.counts.scale, world.mesh.subsets.has('v1')]).toEqual([0, false]);
    const before = mark(world);
    check(world.run(60 * MINUTE), { writes: { mesh: 0, status: 0, subset: 0, scale: 0 } }, before);
    world.mesh.plainRoutes = [];
    world.at(world.livedMs + SECOND, () => {});
    check(world.run(MINUTE), { reason: 'Retired', writes: { scale: 1 } }, before);
  });

  it('R20, R21: a freeze keeps the way back: nothing is retired until it ends', () => {
    const world = promoted({ ...SCALE, after: '1m' });
    world.freeze = { by: 'alice', since: '2026-11-21T14:00:00Z' };
    const before = mark(world);
    check(world.run(20 * MINUTE), { message: /v1 is to be retired at .*, but alice has frozen the installation/ });
    check(world, { phase: 'Healthy', writes: { mesh: 0, subset: 0, scale: 0, status: 1 } }, before);
    expect(world.status?.previous?.until).toBeDefined();
    world.freeze = undefined;
    check(world.run(5 * SECOND), { message: /^v2 is stable at 100%; v1 is being retired$/ });
    check(world.run(MINUTE), { reason: 'Retired' });
  });

  it('R20, R21: a freeze while it is being retired keeps what is left', () => {
    const world = promoted({ ...SCALE, after: '1m' });
    for (let at = 0; world.status?.retire === undefined && at < 100; at++) world.run(SECOND);
    world.freeze = { by: 'alice', since: '2026-11-21T14:00:00Z' };
    check(world.run(20 * MINUTE), { message: /v1 is to be retired at .*, but alice has frozen the installation/ });
    expect([world.counts.scale, world.mesh.subsets.has('v1')]).toEqual([0, true]);
    world.freeze = undefined;
    check(world.run(MINUTE), { reason: 'Retired' });
  });

  it('R21, R26: nothing that gets traffic again is retired', () => {
    const world = promoted({ ...SCALE, after: '1m' });
    world.edit(OBJECT, { v1: 50, v2: 50 }, { manager: 'kubectl-edit' });
    const before = mark(world);
    check(world.run(60 * MINUTE), { phase: 'Healthy', reason: 'Drift', writes: { mesh: 0, subset: 0, scale: 0 } }, before);
    expect(world.pods['v1']?.ready).toBe(3);
  });

  it('R10, R21: with its first write the short way back ends', () => {
    const world = promoted({ ...SCALE, after: '1m' }).run(50 * SECOND);
    expect(world.status?.retire).toMatchObject({ version: 'v1' });
    expect(world.status?.previous).toEqual({ version: 'v1', podHash: 'v1a' });
    world.commit({ version: 'v1' });
    check(world.run(10 * SECOND), { phase: 'Progressing', step: 1 });
    expect(world.status?.plan?.steps.length).toBe(2);
    check(world.run(2 * MINUTE), { phase: 'Healthy', stable: 'v1' });
  });

  it('R21: a new rollout interrupts it; what is in use then is never touched', () => {
    const world = promoted({ ...SCALE, after: '1m' }).run(50 * SECOND);
    world.setPods('v3', 3);
    world.commit({ version: 'v3', strategy: { canary: { steps: [{ setWeight: 50, pause: { duration: '1h' } }] } } });
    check(world.run(30 * MINUTE), { phase: 'Progressing', step: 1 });
    expect(world.counts.scale).toBe(0);
    world.commit({ version: 'v2' });
    check(world.run(5 * MINUTE), { phase: 'Healthy', reason: 'Retired', stable: 'v2' });
    expect([world.pods['v1'], world.pods['v3']?.ready]).toEqual([undefined, 3]);
  });

  it('R21: the way back and forth: each old version is retired in its own time', () => {
    const world = promoted({ ...SCALE, after: '5m' }).run(10 * MINUTE);
    check(world, { reason: 'Retired' });
    world.setPods('v1', 3, 'v1b');
    world.commit({ version: 'v1' });
    check(world.run(2 * MINUTE), { phase: 'Healthy', stable: 'v1' });
    expect(world.pods['v2']?.ready).toBe(3);
    check(world.run(10 * MINUTE), { phase: 'Healthy', reason: 'Retired' });
    expect([world.pods['v1']?.ready, world.pods['v2']]).toEqual([3, undefined]);
    world.setPods('v2', 3, 'v2b');
    world.commit({ version: 'v2' });
    check(world.run(3 * MINUTE), { phase: 'Healthy', stable: 'v2', message: /v1 is to be retired/ });
    check(world.run(10 * MINUTE), { reason: 'Retired' });
    expect([world.pods['v1'], world.pods['v2']?.ready]).toEqual([undefined, 3]);
  });

  it('R21, R30: a Rollout that is deleted retires nothing', () => {
    const world = promoted({ ...SCALE, after: '1m' });
    world.hasForeignFinalizer = true;
    world.isDeleting = true;
    const before = mark(world);
    world.run(60 * MINUTE);
    check(world, { writes: { mesh: 0, subset: 0, scale: 0 } }, before);
  });

  it('R21: nobody asks for it any more: the message says so no longer', () => {
    const world = promoted(SCALE);
    world.commit({ retire: { action: 'none' } });
    check(world.run(SECOND), { message: /nothing to do until the version changes/ });
  });

  it('R21, R3: each write once, whatever write a crash came before or after', () => {
    const story = (crash?: WorldOptions['crash']) => promoted({ ...SCALE, after: '1m' }, crash ? { crash } : {}).run(10 * MINUTE);
    const whole = story();
    const { mesh, subset, scale } = whole.counts;
    const all = total(whole.counts);
    for (let write = all - 6; write <= all; write++) {
      for (const when of ['before', 'after'] as const) {
        const world = story({ write, when });
        check(world, { phase: 'Healthy', reason: 'Retired', stable: 'v2' });
        expect(destinations(world), `crash ${when} write ${write}`).toEqual(['v2']);
        const after = when === 'after' ? 1 : 0;
        expect(world.counts.mesh + world.counts.subset + world.counts.scale).toBeGreaterThanOrEqual(
          mesh + subset + scale - after,
        );
        expect(world.counts.mesh + world.counts.subset + world.counts.scale).toBeLessThanOrEqual(mesh + subset + scale);
        expect(world.pods['v1']).toBeUndefined();
      }
    }
  });
});
