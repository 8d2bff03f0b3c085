import { beforeAll, describe, expect, inject, it } from 'vitest';
import { openBed } from './bed/bed.ts';
import type { Cut, RequestName } from './cuttingProxy.ts';
import { installSluice } from './installed.ts';
import { BAD, GOOD, type Plot } from './plots.ts';
import { describeCut, isLeftToChance, type Played, playAll } from './stage.ts';
import { deviation, type Timeline } from './timeline.ts';

const bed = openBed(inject('bedDirectory'));
const ALL_MS = 600_000;

const EXPECTED: Timeline = {
  weights: ['v1:100', 'v1:75 v2:25', 'v1:50 v2:50', 'v2:100'],
  // they come and go in the same write as the weight
  beside: [false, true, false],
  unexplained: [],
  // a version that became stable is no canary any more
  told: [0, 25, 50, 100, 0],
  reasons: ['Adopted', 'Started', 'StepEntered', 'Promoted'],
  history: ['adopted', 'started', 'promoted'],
  phase: 'Healthy',
  reason: 'Promoted',
  stableVersion: 'v2',
  finalizer: [false, true, false],
  shortened: [],
  startedAgain: [],
};

const BACK: Timeline = {
  weights: ['v1:100', 'v1:50 v2:50', 'v1:100'],
  beside: [false, true, false],
  unexplained: [],
  told: [0, 50, 0],
  reasons: ['Adopted', 'Started', 'StepEntered', 'GateFailed'],
  history: ['adopted', 'started', 'rolledBack'],
  phase: 'RolledBack',
  reason: 'GateFailed',
  stableVersion: 'v1',
  finalizer: [false, true, false],
  shortened: [],
  startedAgain: [],
};

/** Whoever reads and is killed leaves nothing behind: with the answer or without it is the same. */
const cutsOf = (requests: readonly RequestName[]): readonly Cut[] =>
  requests.flatMap(request =>
    (request.what.startsWith('GET ') ? (['before'] as const) : (['before', 'after'] as const)).map(when => ({
      ...request,
      when,
    })),
  );

/** Plays the plot once for each cut. Answers what is not as expected. */
async function deviations(plot: Plot, cuts: readonly Cut[], undisturbed: Played, expected: Timeline): Promise<readonly object[]> {
  const results = await playAll(
    bed,
    cuts.map(cut => ({ plot, cut })),
  );
  return cuts.flatMap((cut, index): readonly object[] => {
    const result = results[index];
    const name = describeCut(cut);
    if (!result || result instanceof Error) return [{ name, error: result?.message }];
    const { timeline, load, isCut } = result;
    const missed = isCut || isLeftToChance(cut, undisturbed.requests) ? {} : { isCut };
    const lost = plot.errorRate === undefined && load.failed > 0 ? { load } : {};
    const found = { ...deviation(timeline, expected), ...lost, ...missed };
    return Object.keys(found).length > 0 ? [{ name, ...found }] : [];
  });
}

describe.runIf(bed.has('envoy', 'prometheus', 'git'))('a controller that is killed at any single request', () => {
  let good: Played;
  let bad: Played;

  beforeAll(async () => {
    await installSluice(bed);
    const [first, second] = await playAll(bed, [{ plot: GOOD }, { plot: BAD }]);
    if (!first || first instanceof Error) throw first;
    if (!second || second instanceof Error) throw second;
    good = first;
    bad = second;
  });

  it('plays both stories as expected when nothing is cut, with requests of every kind', () => {
    expect([good.timeline, bad.timeline]).toEqual([EXPECTED, BACK]);
    expect(good.load.failed).toBe(0);
    const kinds = [...new Set(good.requests.map(({ what }) => what))];
    const writes = kinds.filter(what => !what.startsWith('GET ')).sort();
    const rollout = ['PATCH rollouts', 'PATCH rollouts/status', 'PATCH virtualservices', 'PATCH destinationrules'];
    expect(writes).toEqual(expect.arrayContaining([...rollout, 'POST configmaps', 'POST events']));
    const reads = ['GET pods', 'GET pods?watch', 'GET rollouts?watch', 'GET virtualservices?watch'];
    expect(kinds).toEqual(expect.arrayContaining(reads));
  });

  it(
    'R3, R4: a good version goes the same way, shortens no step and loses no request',
    async () => {
      const cuts = cutsOf(good.requests);
      console.info(`everyRequest: ${cuts.length} cuts at ${good.requests.length} requests`);
      expect(await deviations(GOOD, cuts, good, EXPECTED)).toEqual([]);
    },
    ALL_MS,
  );

  it(
    'R3, R23: a version with errors goes back the same way',
    async () => {
      const back = bad.requests.findLastIndex(({ what }) => what === 'PATCH virtualservices');
      expect(await deviations(BAD, cutsOf(bad.requests.slice(back)), bad, BACK)).toEqual([]);
    },
    ALL_MS,
  );
});
