import { describe, expect, it } from 'vitest';
import type { World, WorldOptions } from '../../src/simulation/world.ts';
import { check, HALF, MINUTE, mark, restingWorld, SECOND, specOf, worldInProgress } from './check.ts';
import { watchLaws } from './laws.ts';

/** v2 has just become stable. */
const promoted = (options: Partial<WorldOptions> = {}): World => {
  const world = worldInProgress({ onDecision: watchLaws(), ...options }).run(MINUTE);
  check(world, { phase: 'Healthy', stable: 'v2' });
  return world;
};
const weights = (world: World): readonly number[] => world.meshWrites.map(({ weight }) => weight);

describe('the way back', () => {
  it('R10: to the version before, with the same pods and within the window: one write to 100', () => {
    const world = promoted();
    const before = mark(world);
    world.commit({ version: 'v1' });
    check(world.run(4 * SECOND), { mesh: [0], step: 1, writes: { mesh: 1 } }, before);
    check(world.run(MINUTE), { phase: 'Healthy', stable: 'v1', mesh: [0], writes: { mesh: 1 } }, before);
    expect(world.status?.previous?.version).toBe('v2');
  });

  const ordinary = (change: (world: World) => void, options: Partial<WorldOptions> = {}): void => {
    const world = promoted(options);
    change(world);
    world.commit({ version: 'v1' });
    world.run(5 * MINUTE);
    check(world, { phase: 'Healthy', stable: 'v1', mesh: [0] });
    expect(weights(world)).toEqual([50, 100, 50, 100]);
  };

  it('R10: outside the window it is an ordinary rollout; an hour unless the spec says otherwise', () => {
    ordinary(world => void world.run(60 * MINUTE));
    ordinary(world => void world.run(2 * MINUTE), { spec: specOf(HALF, { rollbackWindow: '1m' }) });
    const world = promoted().run(58 * MINUTE);
    world.commit({ version: 'v1' });
    world.run(MINUTE);
    expect(weights(world)).toEqual([50, 100, 100]);
  });

  it('R10: with other pods, or too few of them, too', () => {
    ordinary(world => world.setPods('v1', 3, 'v1b'));
    ordinary(world => world.setPods('v1', 2));
  });

  it('R10: a provider that is away does not hold it', () => {
    const world = promoted();
    world.truth = { ...world.truth, down: () => true };
    world.commit({ version: 'v1' });
    check(world.run(15 * SECOND), { mesh: [0], phase: 'Progressing' });
    world.truth = { ...world.truth, down: () => false };
    check(world.run(MINUTE), { phase: 'Healthy', stable: 'v1' });
  });

  it('R10, R25: failures that reach no pod are watched on it', () => {
    const world = promoted();
    world.commit({ version: 'v1' });
    world.run(3 * SECOND);
    world.truth = { ...world.truth, unattributed: () => 0.5 };
    check(world.run(MINUTE), { phase: 'RolledBack', reason: 'UnattributedFailures', stable: 'v2', mesh: [100] });
  });

  it('R10: a restart changes nothing', () => {
    const world = promoted();
    world.crash();
    world.commit({ version: 'v1' });
    world.run(2_500).crash();
    check(world.run(MINUTE), { phase: 'Healthy', stable: 'v1' });
    expect(weights(world)).toEqual([50, 100, 100]);
  });

  it('R10: set to stable in progress: Safe, then Healthy; a pause is over', () => {
    const world = worldInProgress({ spec: specOf([{ setWeight: 50, pause: {} }]) });
    world.ask({ verb: 'pause' });
    world.run(5 * SECOND).commit({ version: 'v1' });
    check(world.run(20 * SECOND), { phase: 'Healthy', stable: 'v1', mesh: [0] });
    expect(world.status?.pause).toBeUndefined();
    expect(world.hasFinalizer).toBe(false);
  });

  it('R10: set to stable when rolled back: Healthy, and not stalled any more', () => {
    const world = worldInProgress();
    world.ask({ verb: 'abort' });
    check(world.run(10 * SECOND), { phase: 'RolledBack' });
    world.commit({ version: 'v1' });
    check(world.run(SECOND), { phase: 'Healthy', stable: 'v1', mesh: [0] });
    expect(world.status?.conditions?.find(({ type }) => type === 'Stalled')?.status).toBe('False');
    world.ask({ verb: 'retry' });
    world.run(SECOND);
    expect(world.status?.lastRequest?.outcome).toMatch(/refused: nothing was rolled back/);
  });
});

describe('what other tools read', () => {
  it('R12: Ready is never True at the generation that wants another version', () => {
    const world = restingWorld({ onDecision: watchLaws(), truth: { down: () => true } });
    world.setPods('v2', 3);
    world.commit({ version: 'v2' });
    world.run(10 * SECOND);
    world.commit({ paused: true });
    world.run(10 * SECOND);
    world.commit({ strategy: {} });
    check(world.run(10 * SECOND), { phase: 'Invalid' });
    expect(world.status?.conditions?.find(({ type }) => type === 'Ready')?.status).toBe('False');
  });
});
