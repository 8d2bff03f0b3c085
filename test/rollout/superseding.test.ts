import { describe, expect, it } from 'vitest';
import { OBJECT, type World, type WorldOptions } from '../../src/simulation/world.ts';
import { check, HALF, MINUTE, mark, SECOND, SUCCESS_RATE, specOf, worldInProgress } from './check.ts';
import { watchLaws } from './laws.ts';

const FOREVER = { spec: specOf([{ setWeight: 50, pause: {} }, { setWeight: 80 }]) };
const GATEWAY = 'weather/gateway';

/** v2 has its share, and nothing of v1 is left to go back to. */
const stableDown = (options: Partial<WorldOptions> = {}): World => {
  const world = worldInProgress({ ...FOREVER, onDecision: watchLaws(), ...options });
  world.setPods('v1', 0);
  return world;
};
const shares = (world: World, object = OBJECT) =>
  ['v1', 'v2', 'v3', 'v4'].map(version => Math.round(world.weightOf(version, object)));
const fix = (world: World, version = 'v3'): World => {
  world.setPods(version, 3);
  world.commit({ version });
  return world;
};

describe('a newer version', () => {
  it('R9: with stable ready all traffic goes back first, then the newest starts at step 1', () => {
    const world = fix(worldInProgress(FOREVER));
    check(world.run(20 * SECOND), { phase: 'Paused', step: 1, stable: 'v1', weight: 50 });
    expect(shares(world)).toEqual([50, 0, 50, 0]);
    expect(world.meshWrites.map(({ weight }) => weight)).toEqual([50, 0, 50]);
    expect(world.status?.history?.map(({ action }) => action)).toContain('superseded');
  });

  it('R9: with no ready pod of stable it takes exactly the share of the one before, in one write', () => {
    const world = stableDown();
    const before = mark(world);
    fix(world).run(5 * SECOND);
    expect(shares(world)).toEqual([50, 0, 50, 0]);
    check(world, { writes: { mesh: 1, finalizer: 0 } }, before);
    expect(world.status).toMatchObject({ stableVersion: 'v1', canaryVersion: 'v3', step: { index: 1, name: 'takeover' } });
  });

  it('R9: so too when the one before has failed, and also when it was going back already', () => {
    const failed = stableDown({ truth: { errors: version => (version === 'v2' ? 0.5 : 0) } });
    check(failed.run(20 * SECOND), { reason: 'WaitingForStable', mesh: [50] });
    fix(failed).run(5 * SECOND);
    expect(shares(failed)).toEqual([50, 0, 50, 0]);

    const goingBack = worldInProgress({ ...FOREVER, onDecision: watchLaws() });
    goingBack.meshRefuses = 'patching: 500';
    goingBack.ask({ verb: 'abort' });
    goingBack.run(2 * SECOND).setPods('v1', 0);
    goingBack.meshRefuses = undefined;
    check(goingBack.run(2 * SECOND), { phase: 'RollingBack', mesh: [50] });
    fix(goingBack).run(5 * SECOND);
    expect(shares(goingBack)).toEqual([50, 0, 50, 0]);
  });

  it('R9: rounding gives stable nothing that it did not have', () => {
    const world = stableDown({ objects: { [OBJECT]: { versions: { v1: 67 }, foreign: 33 } } });
    expect(shares(world)).toEqual([34, 33, 0, 0]);
    fix(world).run(5 * SECOND);
    expect(shares(world)).toEqual([34, 0, 33, 0]);
  });

  it('R9, R21: what takes over all traffic bakes all the same before it is stable', () => {
    const spec = { ...specOf([{ setWeight: 50 }]), strategy: { canary: { steps: [{ setWeight: 50 }], bake: '40s' } } };
    const world = worldInProgress({ spec, onDecision: watchLaws() });
    check(world.run(20 * SECOND), { step: 2, mesh: [100] });
    world.setPods('v1', 0);
    fix(world).run(5 * SECOND);
    expect(shares(world)).toEqual([0, 0, 100, 0]);
    check(world.run(20 * SECOND), { stable: 'v1', phase: 'Progressing' });
    check(world.run(MINUTE), { stable: 'v3', phase: 'Healthy' });
  });

  it('R9: until it has pods the one before stays where it is, guarded, and goes back once stable can take it', () => {
    const world = stableDown();
    world.commit({ version: 'v3' });
    check(world.run(MINUTE), {
      mesh: [50],
      message: /no pod of v3 exists yet; .*; traffic stays where it is, because v1 has no/,
    });
    world.setPods('v1', 2);
    world.run(10 * SECOND);
    expect(shares(world)).toEqual([100, 0, 0, 0]);
    check(world, { phase: 'Pending', reason: 'WaitingForPods' });
  });

  it('R9: a provider that is away keeps the one before an attempt in progress', () => {
    const world = stableDown().run(MINUTE);
    world.truth = { ...world.truth, down: () => true };
    fix(world).run(MINUTE);
    expect(world.status?.canaryVersion).toBe('v2');
    world.setPods('v1', 2);
    expect(shares(world.run(10 * SECOND))).toEqual([100, 0, 0, 0]);
  });

  it('R9: stable that is back before the newest took over: Safe first after all', () => {
    const world = stableDown();
    world.meshRefuses = 'patching: 500';
    fix(world).run(5 * SECOND);
    expect(world.status).toMatchObject({ canaryVersion: 'v3', step: { index: 0 } });
    world.setPods('v1', 2);
    world.meshRefuses = undefined;
    world.run(15 * SECOND);
    expect(world.meshWrites.map(({ weight }) => weight)).toEqual([50, 0, 50]);
    expect(world.status?.step).not.toMatchObject({ name: 'takeover' });
  });

  it('R9, R10: set back to stable before the newest took over: waits for stable, then Healthy with all traffic there', () => {
    const world = stableDown();
    world.meshRefuses = 'patching: 500';
    fix(world).run(5 * SECOND);
    world.meshRefuses = undefined;
    world.setPods('v3', 0);
    world.commit({ version: 'v1' });
    world.run(10 * SECOND);
    expect(shares(world)).toEqual([50, 50, 0, 0]);
    expect(world.status?.phase).not.toBe('Healthy');
    world.setPods('v1', 2);
    check(world.run(10 * SECOND), { phase: 'Healthy', stable: 'v1' });
    expect(shares(world)).toEqual([100, 0, 0, 0]);
  });

  it('R6, R9: what somebody gave to the one before in the meantime is not shifted to stable either', () => {
    const world = stableDown();
    world.beforeMeshWrite = () => world.edit(OBJECT, { v1: 40, v2: 60 });
    fix(world).run(20 * SECOND);
    expect(shares(world)).toEqual([40, 60, 0, 0]);
    check(world, { reason: 'WaitingForStable', message: /somebody took traffic off v1/ });
  });

  it('R9: several versions in a row; the ones in between are never stable', () => {
    const world = stableDown();
    fix(world).run(5 * SECOND);
    fix(world, 'v4').run(5 * SECOND);
    expect(shares(world)).toEqual([50, 0, 0, 50]);
    check(world.run(2 * MINUTE), { phase: 'Healthy', stable: 'v4' });
    expect(world.status?.history?.filter(({ action }) => action === 'promoted')).toHaveLength(1);
  });

  it('R9, R29: in every object', () => {
    const weights = { versions: { v1: 100 }, foreign: 0 };
    const world = fix(stableDown({ objects: { [GATEWAY]: weights, [OBJECT]: weights } })).run(5 * SECOND);
    expect([shares(world, GATEWAY), shares(world, OBJECT)]).toEqual([
      [50, 0, 50, 0],
      [50, 0, 50, 0],
    ]);
  });
});

describe('a process that dies while a newer version takes over', () => {
  const story = (crash?: WorldOptions['crash']): World => {
    const spec = specOf([{ setWeight: 50, pause: {} }], { analysis: { interval: '5s', gates: [SUCCESS_RATE] } });
    const world = stableDown({ spec, ...(crash ? { crash } : {}) });
    fix(world).run(2 * MINUTE);
    return world;
  };
  const { mesh, subset, status, request, finalizer } = story().counts;
  const writes = mesh + subset + status + request + finalizer;
  const crashes = Array.from({ length: writes }, (_, i) => (['before', 'after'] as const).map(when => ({ write: i + 1, when })));

  it.each(crashes.flat())('R9: $when write $write: the same end, and v1 never gets more', crash => {
    const world = story(crash);
    check(world, { phase: 'Healthy', stable: 'v3' });
    expect(shares(world)).toEqual([0, 0, 100, 0]);
    expect(world.meshWrites.map(({ weight }) => weight)).toEqual([50, 50, 100]);
  });
});

it('R8: new pods of the same version: Safe, then step 1 again, also while a person pauses', () => {
  const world = worldInProgress({ spec: specOf(HALF) });
  world.ask({ verb: 'pause' });
  world.run(5 * SECOND).setPods('v2', 3, 'v2b');
  check(world.run(MINUTE), { phase: 'Paused', step: 0, mesh: [0], message: /resume to go on/ });
  world.ask({ verb: 'resume' });
  check(world.run(2 * MINUTE), { phase: 'Healthy', stable: 'v2' });
});
