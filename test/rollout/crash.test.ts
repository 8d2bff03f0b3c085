import { describe, expect, it } from 'vitest';
import { World, type WorldOptions } from '../../src/simulation/world.ts';
import { check, HALF, MINUTE, SECOND, specOf } from './check.ts';

/** 0 → 50 → 100, good or bad, with a process that dies at one write. */
const story = (bad: boolean, crash?: WorldOptions['crash']): World => {
  const world = new World({
    spec: specOf(HALF),
    truth: { errors: version => (bad && version === 'v2' ? 0.3 : 0) },
    ...(crash ? { crash } : {}),
  }).run(8 * SECOND);
  world.setPods('v2', 3);
  world.commit({ version: 'v2' });
  return world.run(2 * MINUTE);
};

const weights = (world: World): readonly number[] => world.meshWrites.map(({ weight }) => weight);

/** Number of times that the shortest of its stays at 50 % lasted, in ms. */
const stayMs = ({ meshWrites: [half, next] }: World): number => (next?.atMs ?? 0) - (half?.atMs ?? 0);

const writesOf = ({ counts }: World): number => counts.mesh + counts.subset + counts.status + counts.request + counts.finalizer;

describe('a process that dies before or after any single write', () => {
  const cases = (bad: boolean) =>
    Array.from({ length: writesOf(story(bad)) }, (_, i) =>
      (['before', 'after'] as const).map(when => ({ write: i + 1, when })),
    ).flat();

  it.each(cases(false))('R4: good, $when write $write: the same weights, and no step shorter than its pause', crash => {
    const world = story(false, crash);
    check(world, { phase: 'Healthy', stable: 'v2', mesh: [100] });
    expect(weights(world)).toEqual([50, 100]);
    expect(stayMs(world)).toBeGreaterThanOrEqual(20 * SECOND);
    expect(world.status?.history?.filter(({ action }) => action === 'promoted')).toHaveLength(1);
  });

  it.each(cases(true))('R4: bad, $when write $write: the same weights, rolled back', crash => {
    const world = story(true, crash);
    check(world, { phase: 'RolledBack', reason: 'GateFailed', stable: 'v1', mesh: [0] });
    expect(weights(world)).toEqual([50, 0]);
    expect(world.status?.history?.filter(({ action }) => action === 'rolledBack')).toHaveLength(1);
  });

  it('R4: dying at every measurement for a while delays, and changes nothing else', () => {
    const world = new World({ spec: specOf(HALF) }).run(8 * SECOND);
    world.setPods('v2', 3);
    world.commit({ version: 'v2' });
    for (let i = 0; i < 60; i++) {
      world.crash();
      world.run(700);
    }
    check(world.run(MINUTE), { phase: 'Healthy', stable: 'v2' });
    expect(weights(world)).toEqual([50, 100]);
    expect(stayMs(world)).toBeGreaterThanOrEqual(20 * SECOND);
  });
});
