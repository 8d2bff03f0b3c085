import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PlanGate } from '../../../src/rollout/index.ts';
import {
  addInterval,
  type BaselineInterval,
  baselineEvidence,
  decodeSums,
  encodeSums,
  noSums,
} from '../../../src/rollout/judge/baseline.ts';
import { addCertified, NO_CERTIFY } from '../../../src/rollout/judge/certify.ts';
import { addRanks, type Call, NO_RANKS, rankEvidence, ranksOf } from '../../../src/rollout/judge/rankBet.ts';
import { addShares, NO_SHARE, shareEvidence, type TwoSides } from '../../../src/rollout/judge/shareBaseline.ts';
import { median, seeded } from '../random.ts';
import { atMost, normal } from './samples.ts';

type Gate = Pick<PlanGate, 'source' | 'baseline' | 'dispersion'>;

const prometheus = { kind: 'prometheus', provider: 'default' } as const;
const edgesMs = [100, 400];
const certify = { ratio: 3, floor: 0.5, onUndecided: 'hold' } as const;
const errors: Gate = { source: { ...prometheus, metric: 'success-rate' }, baseline: { limit: 99, tolerance: 1.5 } };
const certified: Gate = { ...errors, baseline: { limit: 99, tolerance: 1.5, certify } };
const buckets: Gate = {
  source: { ...prometheus, metric: 'latency', percentile: 99 },
  baseline: { limit: 500, tolerance: 1.1, edgesMs },
};
const spans: Gate = {
  source: { kind: 'zipkin', provider: 'default', percentile: 99 },
  baseline: { limit: 500, tolerance: 1.1, edgesMs },
};
const gates = { errors, certified, buckets, spans };

const sides = (canaryBad: number, canary: number, stableBad: number, stable: number): TwoSides => ({
  canary: { bad: canaryBad, total: canary },
  stable: { bad: stableBad, total: stable },
});
const added = (gate: Gate, ...intervals: readonly BaselineInterval[]) =>
  intervals.reduce((sums, interval) => addInterval(sums, interval, gate), noSums(gate));

const calls = (...durations: readonly number[]): Call[] => durations.map((ms, i) => [i, ms]);

describe('the sums of a baseline', () => {
  const shares = [sides(9, 100, 12, 900), sides(3, 100, 2, 900)];
  const both = { canary: calls(5, 9), stable: calls(1, 7, 2, 8) };

  it('R17: error rates: the share, and certify where it is asked for', () => {
    const [first] = shares;
    if (first === undefined) throw new Error('no share');
    const share = addShares(NO_SHARE, first, { tolerance: 1.5, dispersion: 4 });
    const sums = added({ ...certified, dispersion: 4 }, { shares: [first] });
    expect(sums).toEqual({ ...first, shares: [share], certify: addCertified(NO_CERTIFY, first, { ...certify, dispersion: 4 }) });
    expect(baselineEvidence(sums)).toBeCloseTo(shareEvidence(share), 12);
    expect(noSums(errors)).toEqual({ canary: { bad: 0, total: 0 }, stable: { bad: 0, total: 0 }, shares: [NO_SHARE] });
  });

  it('R17: latency from buckets: the average of the slow shares, with the tolerance to the fourth', () => {
    const sums = added(buckets, { shares });
    const parts = shares.map(one => addShares(NO_SHARE, one, { tolerance: 1.1 ** 4, dispersion: 1 }));
    expect(sums).toEqual({ ...shares[0], shares: parts });
    const mean = parts.reduce((sum, part) => sum + Math.exp(shareEvidence(part)) / 2, 0);
    expect(baselineEvidence(sums)).toBeCloseTo(Math.log(mean), 9);
  });

  it('R17: latency from spans: the average of the rank bet and the slow shares, with the tolerance in the durations', () => {
    const sums = added({ ...spans, dispersion: 2 }, { shares, calls: both });
    const parts = shares.map(one => addShares(NO_SHARE, one, { tolerance: 1, dispersion: 2 }));
    const ranks = addRanks(NO_RANKS, ranksOf(both.canary, both.stable, 1.1), 2);
    expect(sums).toEqual({ ...shares[0], shares: parts, ranks });
    const all = [...parts.map(shareEvidence), rankEvidence(ranks)];
    expect(baselineEvidence(sums)).toBeCloseTo(Math.log(all.reduce((sum, log) => sum + Math.exp(log) / 3, 0)), 9);
  });

  it('R17: latency without edges: calls are counted, none of them slow', () => {
    const noEdges: Gate = { ...spans, baseline: { limit: 500, tolerance: 1.1 } };
    const sums = added(noEdges, { shares: [], calls: both });
    expect(sums).toMatchObject({ canary: { bad: 0, total: 2 }, stable: { bad: 0, total: 4 }, shares: [] });
    expect(baselineEvidence(sums)).toBe(rankEvidence(sums.ranks ?? []));
    const nothing: Gate = { ...buckets, baseline: { limit: 500, tolerance: 1.1 } };
    expect(baselineEvidence(added(nothing, { shares: [] }))).toBe(0);
  });

  it('R17: a part that an interval does not have stays as it was, and nonsense adds nothing', () => {
    const before = added(spans, { shares, calls: both });
    expect(addInterval(before, { shares: [], calls: { canary: [], stable: [] } }, spans)).toEqual(before);
    expect(addInterval(before, { shares: [sides(5, 4, 0, 9), sides(0, Number.NaN, 0, 9)] }, spans)).toEqual(before);
    expect(addInterval(before, { shares, calls: both }, { source: spans.source })).toEqual(before);
  });

  it('R17: tolerance to the fourth: what 10 % more time does to the share of slow calls (log-normal, sigma 0.6)', () => {
    // Share beyond a percentile after all durations grew by 10 %, by Monte Carlo.
    const random = seeded(3);
    let [p90, p99, n] = [0, 0, 400_000];
    for (let i = 0; i < n; i++) {
      const z = normal(random) + Math.log(1.1) / 0.6;
      if (z > 1.2816) p90++;
      if (z > 2.3263) p99++;
    }
    n /= 100;
    expect(p90 / n / 10).toBeCloseTo(1.31, 1);
    expect(p99 / n).toBeCloseTo(1.51, 1);
    expect(1.1 ** 4).toBeGreaterThan(1.31);
    expect(1.1 ** 4).toBeLessThan(1.51);
  });

  it('R17: latency: a version as slow as the tolerance allows is rejected as seldom as promised', () => {
    const [random, runs, alpha] = [seeded(8), 400, 0.1];
    let rejected = 0;
    for (let run = 0; run < runs; run++) {
      let sums = noSums(spans);
      for (let look = 0; look < 40; look++) {
        const some = (count: number, times: number): Call[] =>
          Array.from({ length: count }, (_, i) => [i / count, 50 * times * Math.exp(0.6 * normal(random))] as const);
        const two = { canary: some(8, 1.1), stable: some(24, 1) };
        const slower = (list: readonly Call[], ms: number) => ({
          bad: list.filter(([, took]) => took > ms).length,
          total: list.length,
        });
        const slow = edgesMs.map(ms => ({ canary: slower(two.canary, 1.1 * ms), stable: slower(two.stable, ms) }));
        sums = addInterval(sums, { shares: slow, calls: two }, spans);
        if (baselineEvidence(sums) >= Math.log(1 / alpha)) {
          rejected++;
          break;
        }
      }
    }
    expect(rejected / runs).toBeLessThanOrEqual(atMost(alpha, runs));
    expect(rejected, 'the test is not idle').toBeGreaterThan(0);
  });
});

describe('what the latency baseline of spans needs', () => {
  /** New spans until the gate fails; tolerance 1, alpha 0.01, nine stable spans for each, log-normal with sigma 0.6. */
  const needed = (random: () => number, change: (ms: number) => number): number => {
    const edges = [1.2816, 2.3263].map(z => 100 * Math.exp(0.6 * z));
    const gate: Gate = { ...spans, baseline: { limit: 500, tolerance: 1, edgesMs: edges } };
    const some = (count: number) => calls(...Array.from({ length: count }, () => 100 * Math.exp(0.6 * normal(random))));
    const slower = (list: readonly Call[], ms: number) => ({
      bad: list.filter(([, took]) => took > ms).length,
      total: list.length,
    });
    let sums = noSums(gate);
    for (let seen = 2; seen <= 4_000; seen += 2) {
      const two = { canary: some(2).map(([atMs, ms]): Call => [9 * atMs, change(ms)]), stable: some(18) };
      const shares = edges.map(ms => ({ canary: slower(two.canary, ms), stable: slower(two.stable, ms) }));
      sums = addInterval(sums, { shares, calls: two }, gate);
      if (baselineEvidence(sums) >= Math.log(100)) return seen;
    }
    return Number.POSITIVE_INFINITY;
  };

  // The rank bet alone needs so many for a shift, the slow shares alone for the tail; the average of three costs ln 3 more.
  it.each([
    ['all 10 percent slower', 520, 51, (ms: number) => 1.1 * ms],
    ['all 25 percent slower', 80, 151, (ms: number) => 1.25 * ms],
    ['all 50 percent slower', 32, 151, (ms: number) => 1.5 * ms],
    ['all twice as slow', 16, 151, (ms: number) => 2 * ms],
    ['2 percent 500 ms slower', 490, 51, (ms: number, random: () => number) => (random() < 0.02 ? ms + 500 : ms)],
  ] as const)('R17: %s: little more than the %d spans of the right test alone', (_, alone, runs, change) => {
    const random = seeded(42);
    const found = median(Array.from({ length: runs }, () => needed(random, ms => change(ms, random))));
    expect(found).toBeGreaterThan(0.9 * alone);
    expect(found).toBeLessThan(1.45 * alone);
  });
});

describe('sums as text', () => {
  const counts = fc
    .tuple(fc.nat(2 ** 31 - 1), fc.nat(2 ** 31 - 1))
    .map(([a, b]) => ({ bad: Math.min(a, b), total: Math.max(a, b) }));
  const twoSides = fc.record({ canary: counts, stable: counts });
  const durations = fc.array(fc.double({ min: 0, max: 1e5, noNaN: true }), { maxLength: 30 }).map(list => calls(...list));
  const interval = fc.record({
    shares: fc.tuple(twoSides, twoSides),
    calls: fc.record({ canary: durations, stable: durations }),
  });

  it.each(Object.entries(gates))('R17: %s: are read exactly as they were written, in less than 1 kB', (_, gate) => {
    fc.assert(
      fc.property(fc.array(interval, { maxLength: 12 }), fc.double({ min: 1, max: 9, noNaN: true }), (intervals, dispersion) => {
        const sums = added({ ...gate, dispersion }, ...intervals);
        const text = encodeSums(sums);
        expect(text.length).toBeLessThan(1_000);
        const read = decodeSums(text, gate);
        expect(read).toEqual(sums);
        // So a restart changes nothing that comes after it either.
        for (const next of intervals)
          if (read !== undefined) expect(addInterval(read, next, gate)).toEqual(addInterval(sums, next, gate));
      }),
      { seed: 5, numRuns: 150 },
    );
  });

  it('R17: of another gate, cut off, or damaged, are not read at all', () => {
    const text = Object.fromEntries(
      Object.entries(gates).map(([name, gate]) => [
        name,
        encodeSums(
          added(gate, { shares: [sides(7, 90, 8, 100), sides(2, 90, 1, 100)], calls: { canary: calls(4), stable: calls(2) } }),
        ),
      ]),
    );
    for (const [name, written] of Object.entries(text)) {
      for (const [reader, gate] of Object.entries(gates)) expect(decodeSums(written, gate) === undefined).toBe(name !== reader);
    }
    const good = text['errors'] ?? '';
    const numbers = good.split(';');
    const broken = ['', ';', '1', '2;', good.slice(0, -5), `${good};0`, `${good},0`, good.replace('1;', '2;')];
    const wrongCounts = [
      `1;9,8,0,0;${numbers[2]}`,
      `1;-1,8,0,0;${numbers[2]}`,
      `1;0,8,0;${numbers[2]}`,
      `1;0,8,0,0,0;${numbers[2]}`,
    ];
    const wrongLogs = [
      good.replace(/[^,]+$/, 'NaN,'),
      good.replace(/[^,]+$/, '1.5'),
      good.replace(/[^,]+$/, 'zzzzzzzzzzz'),
      good.replace(/[^,]+$/, '-0'),
    ];
    for (const wrong of [...broken, ...wrongCounts, ...wrongLogs]) expect(decodeSums(wrong, errors), wrong).toBeUndefined();
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom('1', ';', ',', 'a', '-', '0') })), any => {
        expect(decodeSums(any, errors)).toBeUndefined();
      }),
      { seed: 6, numRuns: 500 },
    );
  });
});
