import { describe, expect, it } from 'vitest';
import type { Simulated } from '../../src/simulation/scenario/simulate.ts';
import { watchLaws } from '../rollout/laws.ts';
import { IS_THOROUGH } from '../rollout/property.ts';
import { play, type Story, stories } from './files.ts';

/** Stories with outages that last are long, and played often. */
const TIMEOUT_MS = 180_000;

type Crash = { readonly write: number; readonly when: 'before' | 'after' };

/** What must be the same whenever the process dies: the weights of each object, one after the other, and the end. */
const outcomeOf = ({ world }: Simulated) => ({
  weights: Object.fromEntries(
    [...new Set(world.meshWrites.map(({ object }) => object))].map(name => [
      name,
      world.meshWrites.filter(({ object }) => object === name).map(({ versions }) => JSON.stringify(versions)),
    ]),
  ),
  phase: world.status?.phase,
  stable: world.status?.stableVersion,
});

const crashesOf = ({ world: { counts } }: Simulated): readonly Crash[] => {
  const { decisions: _decisions, measured: _measured, ...written } = counts;
  const writes = Object.values(written).reduce((sum, count) => sum + count, 0);
  return Array.from({ length: writes }, (_, i) => (['before', 'after'] as const).map(when => ({ write: i + 1, when }))).flat();
};

/** One in four, another one in each scenario that follows; in `.ci/run` before and after every write. */
const isDrawn = ({ write, when }: Crash, index: number): boolean =>
  IS_THOROUGH || (2 * write + (when === 'before' ? 0 : 1) + index) % 4 === 0;

/** Each scenario of a part of them, again and again, with a process that dies before or after one single write. */
export const crashTests = (part: number, parts: number): void => {
  describe('a process that dies before or after any single write', () => {
    const own = stories().filter((_, index) => index % parts === part);
    it.each(own.map((story, index) => [story.title, story, index] as const))(
      'R3, R4: the same weights and the same end: %s',
      (_, story, index) => {
        const quiet = play(story);
        for (const crash of crashesOf(quiet)) if (isDrawn(crash, index)) dies(story, quiet, crash);
      },
      TIMEOUT_MS,
    );
  });
};

const dies = (story: Story, quiet: Simulated, crash: Crash): void => {
  const told = `when the process dies ${crash.when} write ${crash.write}`;
  const crashed = play(story, { crash, onDecision: watchLaws(Number.POSITIVE_INFINITY) });
  expect(outcomeOf(crashed), told).toEqual(outcomeOf(quiet));
};
