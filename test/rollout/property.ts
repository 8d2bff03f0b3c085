import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decide, isWorthStoring, type RolloutStatus } from '../../src/rollout/index.ts';
import { START_MS, type World } from '../../src/simulation/world.ts';
import { MINUTE } from './check.ts';
import { turnGood } from './randomEvents.ts';
import { BEGIN_MS, build, type Drawn, worlds } from './randomWorlds.ts';

const ENDED = ['Healthy', 'RolledBack'];
/** What a person is asked for, in so many words. */
const FOR_A_PERSON =
  /until a person promotes|resume puts them back|resume to go on|resume to try|needs the approval of|put its weights right|set spec\.initialVersion|when the step is made larger/;
/** A step that sends the new version nothing gives its gates nothing to judge (R14). */
const NOTHING_TO_JUDGE = /at 0%.*goes on by itself when every gate passes/;
/** How long a world that has turned good may take. */
const GOOD_MS = 6 * MINUTE;

const hasEnded = (status: RolloutStatus | undefined): boolean =>
  ENDED.includes(status?.phase ?? '') || FOR_A_PERSON.test(status?.message ?? '');

const live = (drawn: Drawn): World => {
  const { troubleMs, lookMs } = drawn;
  const world = build(drawn).run(BEGIN_MS + troubleMs + lookMs);
  turnGood(world, drawn.strategy);
  world.run(lookMs);
  for (let ms = lookMs; ms < GOOD_MS && !world.isGone && !isAtRest(world); ms += lookMs) world.run(lookMs);
  return world;
};

const isAtRest = ({ status, request, isDeleting, hasFinalizer }: World): boolean =>
  isDeleting ? !hasFinalizer : request === undefined && hasEnded(status);

const demand = (isSo: boolean, law: string, { status }: World): void => {
  if (!isSo) expect.unreachable(`${law}, but: ${JSON.stringify(status, undefined, 1)}`);
};

const checkEnd = (world: World): void => {
  const isOver = hasEnded(world.status);
  if (world.isDeleting) demand(!world.hasFinalizer, 'R30: deletion is never blocked', world);
  else {
    demand(isOver || NOTHING_TO_JUDGE.test(world.status?.message ?? ''), 'it ends, or asks a person', world);
    demand(!isOver || world.request === undefined, 'R22: a request is taken away once it is answered', world);
  }
  if (world.isGone) return;
  // some things become worth storing with time, so it looks at this very moment first
  world.run(1);
  const again = decide(world.rollout(), world.observe(), world.nowMs);
  const isStill = again.actions.every(({ kind }) => kind !== 'setTraffic' && kind !== 'ensureSubset');
  demand(isStill && !isWorthStoring(world.status, again.status), 'R2: deciding again writes and stores nothing new', world);
  for (const { name, weights } of world.objects) {
    const sum = Object.values(weights.versions).reduce((total, weight) => total + weight, weights.foreign);
    demand(sum === 100, `R28: the weights of ${name} add up to 100`, world);
  }
};

/** All random worlds of the core, of which the properties of one rule alone have a few each; twenty times as many in `.ci/run`. */
const WORLDS = Number(process.env['SLUICE_WORLDS'] ?? 2_500);
export const SEED = Number(process.env['SLUICE_SEED'] ?? START_MS % 1_000_003);

/** So many worlds has the property of one rule, whose worlds are long and looked at closely: one of 250, but never too few. */
export const FEW_WORLDS = Math.ceil(Math.max(WORLDS / 250, Math.min(WORLDS, 100)));

/** Where nobody waits for it, what is drawn otherwise is done in full. */
export const IS_THOROUGH = WORLDS >= 100_000;

/** One part of the random worlds; parts run side by side, each with a seed of its own. */
export const propertyTests = (part: number, parts: number): void => {
  const seed = SEED + part;
  const numRuns = Math.ceil(WORLDS / parts);
  describe(`in each of ${numRuns} worlds (SLUICE_SEED=${SEED}, part ${part + 1} of ${parts})`, () => {
    it('R1–R36: the laws hold at every decision, and once the world turns good the rollout ends or asks a person', () => {
      let decisions = 0;
      const before = process.cpuUsage();
      fc.assert(
        fc.property(worlds, drawn => {
          const world = live(drawn);
          decisions += world.counts.decisions;
          checkEnd(world);
        }),
        { seed, numRuns },
      );
      const { user, system } = process.cpuUsage(before);
      const each = `${(decisions / numRuns).toFixed(1)} decisions and ${((user + system) / 1_000 / numRuns).toFixed(2)} ms of CPU each`;
      console.info(`${numRuns} of ${WORLDS} random worlds, part ${part + 1} of ${parts}, SLUICE_SEED=${SEED}: ${each}`);
    }, 3_600_000);
  });
};
