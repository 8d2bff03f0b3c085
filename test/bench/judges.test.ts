import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { EXPERIMENT_NAMES, runBench } from './judge/bench.ts';
import { calm } from './judge/conditions.ts';
import { quantile, shareText, wilson } from './judge/figures.ts';
import { fixedSample, pValue } from './judge/judges/fixedSample.ts';
import { isHigher, kayenta } from './judge/judges/mannWhitney.ts';
import { sluice } from './judge/judges/sluice.ts';
import { argo, flagger } from './judge/judges/thresholds.ts';
import { type Judge, type Result, runRelease } from './judge/rollout.ts';
import { quantileMs } from './judge/sums.ts';
import { EDGES_MS, type Side, type Tick, type World } from './judge/world.ts';

const TICK_MS = 15_000;

const side = (requests: number, errors: number, slow = 0): Side => ({
  requests,
  errors,
  buckets: EDGES_MS.map(edgeMs => (edgeMs === 50 ? requests - slow : edgeMs === 1_000 ? slow : 0)),
  calls: [],
});

/** 1,000 requests of each version in each tick, 1 error of stable; of the new version what the minute says. */
const worldOf = (errorsInMinute: (minute: number) => number, requests = 1_000, slow = 0): World => ({
  tick: (fromMs): Tick => ({
    fromMs,
    untilMs: fromMs + TICK_MS,
    canary: side(requests, errorsInMinute(Math.floor(fromMs / 60_000)), slow),
    stable: side(1_000, 1),
  }),
  blocks: () => [],
});

const steps = [
  { weight: 50, pauseMs: 300_000 },
  { weight: 60, pauseMs: 300_000 },
];

const judged = (judge: Judge, world: World): Result => {
  const past = Array.from({ length: 40 }, (_, i) => world.tick((i - 40) * TICK_MS, 0, 0));
  return runRelease(world, { steps, tickMs: TICK_MS, hasSpans: false, past, blocks: () => [] }, judge, 3_600_000);
};

const GOOD = worldOf(() => 1);
const BAD = worldOf(() => 100);

describe('judges on data made by hand', () => {
  const all = [sluice(), flagger(1), flagger(5), argo(0), argo(3), kayenta, fixedSample];

  it.each(all)('$name lets a version through that is as good as stable', judge => {
    expect(judged(judge, GOOD).end).toBe('healthy');
  });

  it.each(all)('$name rolls back a version with a hundred times the errors', judge => {
    expect(judged(judge, BAD).end).toBe('rolled back');
  });

  it('Flagger counts failed checks over the whole release, and goes back at the look after the last one', () => {
    expect(judged(flagger(1), BAD).atMs).toBe(60_000);
    expect(judged(flagger(5), BAD).atMs).toBe(180_000);
    const oneBadMinute = worldOf(minute => (minute === 2 ? 100 : 0));
    expect(judged(flagger(1), oneBadMinute).end).toBe('rolled back');
    expect(judged(flagger(5), oneBadMinute).end).toBe('healthy');
  });

  it('Flagger and Argo Rollouts take no requests for a failure', () => {
    const silent = worldOf(() => 0, 0);
    expect([judged(flagger(1), silent).end, judged(argo(0), silent).end]).toEqual(['rolled back', 'rolled back']);
  });

  it('Argo Rollouts goes on by time until more measurements have failed than allowed', () => {
    expect(judged(argo(0), BAD).atMs).toBe(30_000);
    expect(judged(argo(3), BAD).atMs).toBe(120_000);
  });

  it('thresholds see more than 1 % above 500 ms', () => {
    expect(
      judged(
        argo(0),
        worldOf(() => 0, 1_000, 11),
      ).end,
    ).toBe('rolled back');
    expect(
      judged(
        argo(0),
        worldOf(() => 0, 1_000, 10),
      ).end,
    ).toBe('healthy');
  });

  it('Sluice names the gate, and goes back on errors within two looks', () => {
    const { atMs, why } = judged(sluice(), BAD);
    expect(atMs).toBe(30_000);
    expect(why).toContain('success-rate');
  });

  it('Sluice holds a version with too few requests, where the others decide', () => {
    const quiet = worldOf(() => 0, 0);
    expect(judged(sluice(), quiet).end).toBe('undecided');
  });

  it('Mann-Whitney: a shift beyond its own uncertainty is high, the same values or lower ones are not', () => {
    const control = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
    expect(
      isHigher(
        control.map(value => value + 20),
        control,
      ),
    ).toBe(true);
    expect(
      isHigher(
        control.map(value => value + 0.5),
        control,
      ),
    ).toBe(false);
    expect(
      isHigher(
        control.map(value => value - 20),
        control,
      ),
    ).toBe(false);
    expect([isHigher([0, 0, 0], [0, 0, 0]), isHigher([1, 1], [0, 0]), isHigher([], control)]).toEqual([false, true, false]);
  });

  it('two proportions: the chance of so many more', () => {
    expect(pValue({ bad: 15, total: 100 }, { bad: 5, total: 100 })).toBeCloseTo(0.0092, 3);
    expect(pValue({ bad: 0, total: 100 }, { bad: 0, total: 100 })).toBe(1);
  });

  it('quantiles are linear inside a bucket, as Prometheus has them', () => {
    expect(quantileMs(side(100, 0, 20), 0.9)).toBeCloseTo(750);
    expect(quantileMs(side(0, 0), 0.9)).toBeNaN();
  });
});

describe('figures', () => {
  it('a share has a confidence interval, also when nothing was found', () => {
    const { low, high } = wilson({ count: 0, of: 300 });
    expect([low, high.toFixed(4)]).toEqual([0, '0.0126']);
    expect(shareText({ count: 5, of: 100 })).toBe('5.0 % (2.2 to 11.2)');
  });

  it('quantiles take the nearest rank', () => {
    expect([quantile([3, 1, 2], 0.5), quantile([], 0.5)]).toEqual([2, Number.NaN]);
  });
});

describe('the benchmark', () => {
  it('gives the same report for the same seed, letter by letter, and another for another', { timeout: 60_000 }, () => {
    const run = (seed: number) => JSON.stringify(runBench({ seed, runs: 4 }, ['healthy', 'effects'], () => undefined));
    const report = run(1);
    expect(run(1)).toBe(report);
    expect(run(2)).not.toBe(report);
    expect(report).toContain('<svg');
  });

  it.each(EXPERIMENT_NAMES)('figures of %s have their place on the page', name => {
    const page = readFileSync('docs/judge-bench.md', 'utf8');
    expect(page.split(`<!-- begin ${name} -->`)[1]).toContain(`<!-- end ${name} -->`);
  });

  it('conditions are calm unless something is said', () => {
    expect(calm({ requestsPerS: 1, steps, errorRate: 0 })).toMatchObject({ incidentsPerHour: 0, day: { amplitude: 0 } });
  });
});
