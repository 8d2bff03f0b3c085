import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decide, isWorthStoring, type RolloutStatus } from '../../src/rollout/index.ts';
import { START_MS, type World } from '../../src/simulation/world.ts';
import { MINUTE } from './check.ts';
import { BEGIN_MS, build, type Drawn, turnGood, worlds } from './randomWorlds.ts';

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

export const live = (drawn: Drawn): World => {
  const { troubleMs, lookMs } = drawn;
  const world = build(drawn).run(BEGIN_MS + troubleMs + lookMs);
  turnGood(world, drawn.spec.strategy);
  world.run(lookMs);
  for (let ms = lookMs; ms < GOOD_MS && !world.isGone && !isAtRest(world); ms += lookMs) world.run(lookMs);
  return world;
};

const isAtRest = ({ status, request, isDeleting, hasFinalizer }: World): boolean =>
  isDeleting ? !hasFinalizer : request === undefined && hasEnded(status);

const demand = (isSo: boolean, law: string, { status }: World): void => {
  if (!isSo) expect.unreachable(`${law}, but: ${JSON.stringify(status, undefined, 1)}`);
};

export const checkEnd = (world: World): void => {
  const { status } = world;
  const isOver = hasEnded(status);
  if (world.isDeleting) demand(!world.hasFinalizer, 'R30: deletion is never blocked', world);
  else {
    demand(isOver || NOTHING_TO_JUDGE.test(status?.message ?? ''), 'it ends, or asks a person', world);
    demand(!isOver || world.request === undefined, 'R22: a request is taken away once it is answered', world);
  }
  if (world.isGone) return;
  const again = decide(world.rollout(), world.observe(), world.nowMs);
  const isStill = again.actions.every(({ kind }) => kind !== 'setTraffic' && kind !== 'ensureSubset');
  demand(isStill && !isWorthStoring(status, again.status), 'R2: deciding again writes and stores nothing new', world);
  for (const { name, weights } of world.objects) {
    const sum = Object.values(weights.versions).reduce((total, weight) => total + weight, weights.foreign);
    demand(sum === 100, `R28: the weights of ${name} add up to 100`, world);
  }
};

/** One part of the random worlds; parts run side by side, each with a seed of its own. `SLUICE_WORLDS` are those of all parts. */
export const propertyTests = (part: number, parts: number): void => {
  const seed = Number(process.env['SLUICE_SEED'] ?? START_MS % 1_000_003) + part;
  const numRuns = Math.ceil(Number(process.env['SLUICE_WORLDS'] ?? 6_000) / parts);
  describe(`in each of ${numRuns} worlds (SLUICE_SEED=${seed - part}, part ${part + 1})`, () => {
    it('R1–R36: the laws hold at every decision, and once the world turns good the rollout ends or asks a person', () => {
      fc.assert(
        fc.property(worlds, drawn => checkEnd(live(drawn))),
        { seed, numRuns },
      );
    }, 3_600_000);
  });
};
