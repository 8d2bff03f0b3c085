import { describe, expect, it } from 'vitest';
import { check, MINUTE, worldInProgress } from './check.ts';

describe('a whole rollout', () => {
  it('goes 0 → 50 → 100 on evidence and ends Healthy', () => {
    const world = worldInProgress();
    check(world, { phase: 'Progressing', reason: 'StepEntered', step: 1, weight: 50, mesh: [50] });
    world.run(MINUTE);
    check(world, { phase: 'Healthy', reason: 'Promoted', stable: 'v2', mesh: [100] });
    expect(world.meshWrites.map(({ weight }) => weight)).toEqual([50, 100]);
  });
});
