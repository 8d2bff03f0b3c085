import { describe, expect, it } from 'vitest';
import { detectable, detectsSentence, type Expected } from '../../src/rollout/gates/detects.ts';
import { judgeGate } from '../../src/rollout/gates/gates.ts';
import { addInterval, noSums } from '../../src/rollout/judge/baseline.ts';
import type { BaselineSums, Counts } from '../../src/rollout/observation.ts';
import type { GateStatus, PlanGate } from '../../src/rollout/status.ts';
import { START_MS } from '../../src/simulation/world.ts';
import { poisson } from './judge/samples.ts';
import { seeded } from './random.ts';

const RATE: PlanGate = {
  name: 'success-rate',
  source: { kind: 'prometheus', provider: 'default', metric: 'success-rate' },
  judge: 'sequential',
  min: 99,
  minSamples: 50,
  failureLimit: 1,
  onNoData: 'hold',
  noDataDeadlineMs: 600_000,
  alpha: 0.002,
  dispersion: 1,
  baseline: { tolerance: 1.5, limit: 99 },
};
const SPANS: PlanGate = {
  ...RATE,
  name: 'p99',
  source: { kind: 'zipkin', provider: 'default', percentile: 99 },
  baseline: { tolerance: 1.1, edgesMs: [100, 250], limit: 500 },
};
const withoutLimit = ({ min: _, ...gate }: PlanGate): PlanGate => gate;
const withoutBaseline = ({ baseline: _, ...gate }: PlanGate): PlanGate => gate;

const STEP_MS = 300_000;
/** Half of so many requests per second for five minutes, when 0.5 % of stable's fail. */
const halfOf = (perSecond: number): Expected => {
  const samples = (perSecond / 2) * (STEP_MS / 1_000);
  return { samples, stableSamples: samples, stableShare: 0.005 };
};

/** Ascending, in requests per second to the host: 10 a minute up to 1,000 a second. */
const RATES = [10 / 60, 1, 10, 100, 1_000];

describe('what a step can find, in words', () => {
  it.each([
    [
      'a limit and a comparison',
      10 / 60,
      RATE,
      /^finds errors from 27.* % on, or from \d+.* times stable's on, in 5m at 5 requests\/min/,
    ],
    ['a comparison alone', 20, withoutLimit(RATE), /^finds errors from 5\.\d+ times stable's on, in 5m at 10 requests\/s/],
    [
      'a limit alone',
      1_000,
      withoutBaseline(RATE),
      /^finds errors from 1\.\d+ % on, in 5m at 500 requests\/s of the new version$/,
    ],
    [
      'spans',
      1,
      SPANS,
      /^finds slow ones from 8\.\d+ % on, or from [\d.]+ times as many slower than stable's p90 on, in 5m at 30 spans\/min of the new version$/,
    ],
  ])('R36: %s, %d requests/s', (_, perSecond, gate, sentence) => {
    expect(detectsSentence(gate, halfOf(perSecond), STEP_MS)).toMatch(sentence);
  });

  it('R36: nothing at all with so few samples that all of them could be bad by chance', () => {
    const few = { samples: 2, stableSamples: 2, stableShare: 0.005 };
    expect(detectable(RATE, few)).toEqual({});
    expect(detectsSentence(RATE, few, STEP_MS)).toBe('finds nothing in 5m at 0.4 requests/min of the new version');
    expect(detectable(withoutLimit(RATE), { samples: 1e6, stableSamples: 0, stableShare: 0 })).toEqual({});
  });

  it('R36: requests that reach no pod are called lost', () => {
    const unattributed: PlanGate = {
      ...withoutBaseline(withoutLimit(RATE)),
      name: 'unattributed',
      source: { kind: 'unattributed', provider: 'default' },
      max: 1,
    };
    expect(detectsSentence(unattributed, halfOf(20), STEP_MS)).toMatch(/^finds lost requests from 2\.\d+ % on, in 5m at/);
  });

  it('R17: with more requests smaller shares are found, with failures in bursts only larger ones', () => {
    const found = RATES.map(perSecond => detectable(RATE, halfOf(perSecond)));
    for (const [i, { share = 0, ratio = 0 }] of found.entries()) {
      if (i === 0) continue;
      expect(share).toBeLessThan(found[i - 1]?.share ?? 0);
      expect(ratio).toBeLessThan(found[i - 1]?.ratio ?? 0);
    }
    const bursts = detectable({ ...RATE, dispersion: 2 }, halfOf(10));
    expect(bursts.share).toBeGreaterThan(found[2]?.share ?? 1);
    expect(bursts.ratio).toBeGreaterThan(found[2]?.ratio ?? 1);
  });
});

const LOOKS = 20;

/** Share of rollouts in which the gate fails within the step, looked at every 15 s, when the new version is that bad. */
const failsIn = (gate: PlanGate, { samples, stableSamples, stableShare }: Expected, badShare: number): number => {
  const draw = seeded(91);
  const runs = 200;
  let failed = 0;
  for (let run = 0; run < runs; run++) if (failsOnce(gate, { samples, stableSamples, stableShare, badShare }, draw)) failed++;
  return failed / runs;
};

const failsOnce = (
  gate: PlanGate,
  { samples, stableSamples, stableShare, badShare }: Expected & { readonly badShare: number },
  draw: () => number,
): boolean => {
  const side = (total: number, share: number): Counts => ({ bad: Math.min(total, poisson(draw, total * share)), total });
  let sums: BaselineSums = noSums(gate);
  let counts: Counts = { bad: 0, total: 0 };
  let state: GateStatus | undefined;
  for (let look = 1; look <= LOOKS; look++) {
    const canary = side(samples / LOOKS, badShare);
    const stable = side(stableSamples / LOOKS, stableShare);
    sums = addInterval(sums, { shares: sums.shares.map(() => ({ canary, stable })) }, gate);
    counts = { bad: counts.bad + canary.bad, total: counts.total + canary.total };
    const atMs = START_MS + (look * STEP_MS) / LOOKS;
    const compared = gate.baseline === undefined ? {} : { baseline: sums, stable: sums.stable };
    const measurement = { kind: 'counts', atMs, untilMs: atMs, counts, ...compared } as const;
    state = judgeGate(gate, state, measurement, { sinceMs: START_MS, pauseMs: STEP_MS });
    if (state.verdict === 'Fail') return true;
  }
  return false;
};

describe('what is said to be found, is found in about 9 of 10 rollouts', () => {
  it('R17: by a limit, at 10 requests/s', () => {
    const gate = withoutBaseline(RATE);
    const { share = 0 } = detectable(gate, halfOf(10));
    const found = failsIn(gate, halfOf(10), share);
    expect(found, `${share}`).toBeGreaterThan(0.84);
    expect(found).toBeLessThan(0.99);
    expect(failsIn(gate, halfOf(10), share / 2)).toBeLessThan(0.5);
  });

  it('R17: by a comparison, at 100 requests/s', () => {
    const gate = withoutLimit(RATE);
    const { ratio = 0 } = detectable(gate, halfOf(100));
    const found = failsIn(gate, halfOf(100), 0.005 * ratio);
    expect(found, `${ratio}`).toBeGreaterThan(0.84);
    expect(found).toBeLessThan(0.99);
    expect(failsIn(gate, halfOf(100), 0.005 * 1.5)).toBeLessThan(0.02);
  });

  it('R17: by a comparison of buckets, at 100 requests/s: the tolerance and the number of edges count', () => {
    const source = { kind: 'prometheus', provider: 'default', metric: 'latency', percentile: 99 } as const;
    const gate: PlanGate = { ...SPANS, source };
    const expected = { ...halfOf(100), stableShare: 0.1 };
    const { ratio = 0 } = detectable(gate, expected);
    expect(ratio).toBeGreaterThan(1.1 ** 4);
    expect(failsIn(withoutLimit(gate), expected, 0.1 * ratio)).toBeGreaterThan(0.84);
  });
});

describe('what status says', () => {
  const measured = (total: number) => ({
    kind: 'counts' as const,
    atMs: START_MS + 60_000,
    untilMs: START_MS + 60_000,
    counts: { bad: 0, total },
    stable: { bad: 0, total },
    baseline: addInterval(noSums(RATE), { shares: [{ canary: { bad: 0, total }, stable: { bad: 0, total } }] }, RATE),
  });
  const SINCE = { sinceMs: START_MS, pauseMs: STEP_MS };

  it('R36: from the first sufficient measurement on, for the whole pause, and it stays', () => {
    expect(judgeGate(RATE, undefined, measured(49), SINCE).detects).toBeUndefined();
    const first = judgeGate(RATE, undefined, measured(600), SINCE);
    expect(first.detects).toMatch(/^finds errors from \d.* in 5m at 10 requests\/s of the new version$/);
    const later = { ...measured(5_000), atMs: START_MS + 75_000, untilMs: START_MS + 75_000 };
    expect(judgeGate(RATE, first, later, SINCE).detects).toBe(first.detects);
  });

  it('R36: nothing of unattributed, which asks about no version', () => {
    const gate: PlanGate = {
      ...withoutBaseline(withoutLimit(RATE)),
      source: { kind: 'unattributed', provider: 'default' },
      max: 1,
    };
    expect(judgeGate(gate, undefined, measured(600), SINCE)).not.toHaveProperty('detects');
  });
});
