import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decide, isWorthStoring, type RolloutStatus } from '../../src/rollout/index.ts';
import { START_MS, type World } from '../../src/simulation/world.ts';
import { MINUTE, SECOND } from './check.ts';
import { build, type Drawn, TROUBLE_MS, turnGood, worlds } from './randomWorlds.ts';

const ENDED = ['Healthy', 'RolledBack'];
/** What a person is asked for, in so many words. */
const FOR_A_PERSON =
  /until a person promotes|resume puts them back|resume to go on|resume to try|needs the approval of|put its weights right|set spec\.initialVersion/;
/** A step that sends the new version nothing gives its gates nothing to judge (R14). */
const NOTHING_TO_JUDGE = /at 0%.*goes on by itself when every gate passes/;
/** How long a world that has turned good may take, looked at so often. */
const GOOD_MS = 6 * MINUTE;
const LOOK_MS = 30 * SECOND;

const hasEnded = (status: RolloutStatus | undefined): boolean =>
  ENDED.includes(status?.phase ?? '') || FOR_A_PERSON.test(status?.message ?? '');

const live = (drawn: Drawn): World => {
  const world = build(drawn).run(TROUBLE_MS + 10 * SECOND);
  turnGood(world, { canary: { steps: drawn.spec.steps } });
  world.run(LOOK_MS);
  for (let ms = LOOK_MS; ms < GOOD_MS && !world.isGone && !isAtRest(world); ms += LOOK_MS) world.run(LOOK_MS);
  return world;
};

const isAtRest = ({ status, request, isDeleting }: World): boolean => !isDeleting && request === undefined && hasEnded(status);

const checkEnd = (world: World): void => {
  const { status } = world;
  if (world.isDeleting) expect(world.hasFinalizer, 'R30: deletion is never blocked').toBe(false);
  const done = world.isDeleting || hasEnded(status);
  expect(done || NOTHING_TO_JUDGE.test(status?.message ?? ''), `${status?.phase} ${status?.reason}: ${status?.message}`).toBe(
    true,
  );
  if (done && !world.isDeleting) expect(world.request, 'R22: a request is taken away once it is answered').toBeUndefined();
  if (world.isGone) return;
  const again = decide(world.rollout(), world.observe(), world.nowMs);
  expect(again.actions.filter(({ kind }) => kind === 'setTraffic' || kind === 'ensureSubset')).toEqual([]);
  expect(isWorthStoring(status, again.status), 'R2: deciding again stores nothing new').toBe(false);
  for (const { weights } of world.objects) {
    expect(
      Object.values(weights.versions).reduce((sum, weight) => sum + weight, weights.foreign),
      'weights sum',
    ).toBe(100);
  }
};

/** One part of the random worlds; parts run side by side, each with a seed of its own. `SLUICE_WORLDS` are those of all parts. */
export const propertyTests = (part: number, parts: number): void => {
  const seed = Number(process.env['SLUICE_SEED'] ?? START_MS % 1_000_003) + part;
  const numRuns = Math.ceil(Number(process.env['SLUICE_WORLDS'] ?? 2_000) / parts);
  describe(`in each of ${numRuns} worlds (SLUICE_SEED=${seed - part}, part ${part + 1})`, () => {
    it('R1–R36: the laws hold at every decision, and once the world turns good the rollout ends or asks a person', () => {
      fc.assert(
        fc.property(worlds, drawn => checkEnd(live(drawn))),
        { seed, numRuns },
      );
    }, 3_600_000);
  });
};
