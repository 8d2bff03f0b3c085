import { describe, expect, it } from 'vitest';
import { OBJECT, START_MS, World } from '../../src/simulation/world.ts';
import { check, HALF, MINUTE, restingWorld, SECOND, specOf, worldInProgress } from './check.ts';
import { watchLaws } from './laws.ts';

const RIVAL = 'weather/forecast-old';

describe('two Rollouts on one route', () => {
  it('R12: the younger one adopts and pins nothing, and names the older one', () => {
    const objects = { [OBJECT]: { versions: { '*': 100 }, foreign: 0 } };
    const world = new World({ spec: specOf(HALF), objects, subsets: [], onDecision: watchLaws() });
    world.olderRival = RIVAL;
    check(world.run(MINUTE), {
      phase: 'Invalid',
      reason: 'InvalidSpec',
      message: /spec\.host is steered by the older Rollout weather\/forecast-old/,
      writes: { mesh: 0, subset: 0, status: 1 },
    });
    world.olderRival = undefined;
    check(world.run(10 * SECOND), { phase: 'Healthy', stable: 'v1', reason: 'Adopted' });
  });

  it('R12: a resting one is Invalid while the older one is there, and starts nothing', () => {
    const world = restingWorld({ onDecision: watchLaws() });
    world.olderRival = RIVAL;
    check(world.run(SECOND), { phase: 'Invalid', stable: 'v1' });
    world.setPods('v2', 3);
    world.commit({ version: 'v2' });
    check(world.run(MINUTE), { phase: 'Invalid', mesh: [0] });
    world.olderRival = undefined;
    check(world.run(MINUTE), { phase: 'Healthy', stable: 'v2' });
  });

  it('R12: in progress it stands still, and goes on afterwards', () => {
    const world = worldInProgress({ onDecision: watchLaws() });
    world.olderRival = RIVAL;
    check(world.run(MINUTE), { phase: 'Invalid', step: 1, mesh: [50], message: /step 1\/2 at 50%: spec\.host/ });
    world.olderRival = undefined;
    check(world.run(MINUTE), { phase: 'Healthy', stable: 'v2' });
  });

  it('R12: what protects goes on', () => {
    const world = worldInProgress({
      onDecision: watchLaws(),
      truth: { errors: (version, ms) => (version === 'v2' && ms > START_MS + 30 * SECOND ? 0.5 : 0) },
    });
    world.olderRival = RIVAL;
    check(world.run(MINUTE), { phase: 'Invalid', mesh: [0] });
    expect(world.status?.history?.at(-1)).toMatchObject({ action: 'rolledBack', reason: 'GateFailed' });
  });
});
