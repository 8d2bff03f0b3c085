import { describe, expect, it } from 'vitest';
import { OBJECT, type World } from '../../src/simulation/world.ts';
import { check, HALF, MINUTE, mark, restingWorld, SECOND, specOf, worldInProgress } from './check.ts';

const conditions = (world: World) =>
  Object.fromEntries((world.status?.conditions ?? []).map(({ type, status, reason }) => [type, `${status} ${reason}`]));

describe('a spec with a mistake, while nothing is in progress', () => {
  it('R12, R36: is told once, and leaves the Rollout Healthy', () => {
    const world = restingWorld();
    const [told, before] = [world.announced.length, mark(world)];
    world.commit({ strategy: {} });
    check(
      world.run(60 * MINUTE),
      { phase: 'Healthy', reason: 'InvalidSpec', stable: 'v1', writes: { status: 1, mesh: 0 } },
      before,
    );
    check(world, {
      message: /^v1 has all traffic and is stable; but the spec has a mistake, .* mended: spec\.strategy /,
    });
    expect(conditions(world)).toMatchObject({ Ready: 'True InvalidSpec', Stalled: 'False InvalidSpec' });
    world.crash();
    world.run(MINUTE);
    expect(world.announced.slice(told)).toMatchObject([{ type: 'Warning', reason: 'InvalidSpec' }]);
    world.commit({ strategy: specOf(HALF).strategy });
    check(world.run(SECOND), { phase: 'Healthy', reason: 'UpToDate', message: /stable$/ });
  });

  it('R12: a new version in the same spec is Invalid, as ever', () => {
    const world = restingWorld();
    world.commit({ strategy: {} });
    world.run(SECOND);
    world.setPods('v2', 3);
    world.commit({ version: 'v2' });
    check(world.run(SECOND), { phase: 'Invalid', message: /^v1 stays at 100%: spec\.strategy/ });
    world.commit({ version: 'v1' });
    check(world.run(SECOND), { phase: 'Healthy', reason: 'InvalidSpec' });
    world.commit({ version: 'v2', strategy: specOf(HALF).strategy });
    check(world.run(MINUTE), { phase: 'Healthy', stable: 'v2' });
  });

  it('R12, R26: weights that somebody changed are more urgent, and what is in the message stays', () => {
    const world = worldInProgress().run(MINUTE);
    world.commit({ strategy: {} });
    world.run(SECOND).edit(OBJECT, { v1: 60, v2: 40 });
    check(world.run(5 * SECOND), { phase: 'Healthy', reason: 'Drift', message: /resume puts them back.*has a mistake/ });
    world.ask({ verb: 'resume' });
    check(world.run(5 * SECOND), { phase: 'Healthy', reason: 'InvalidSpec', mesh: [100] });
  });

  it('R12, R21: what the old version left behind is retired all the same', () => {
    const spec = specOf(HALF, { retire: { action: 'scaleToZero', after: '5m' } });
    const world = worldInProgress({ spec }).run(MINUTE);
    world.commit({ strategy: {} });
    check(world.run(SECOND), { reason: 'InvalidSpec', message: /v1 is to be retired at .*has a mistake/ });
    check(world.run(20 * MINUTE), { phase: 'Healthy', reason: 'InvalidSpec', message: /v1 is retired.*has a mistake/ });
    expect(world.counts.scale).toBe(1);
  });

  it('R12: so is a version that was rolled back, with the reason why it was', () => {
    const world = worldInProgress();
    world.ask({ verb: 'abort' });
    world.run(10 * SECOND).commit({ strategy: {} });
    check(world.run(MINUTE), {
      phase: 'RolledBack',
      reason: 'Aborted',
      message: /commit another version to go on; but the spec/,
    });
    const before = mark(world);
    check(world.run(MINUTE), { writes: { status: 0 } }, before);
  });
});
