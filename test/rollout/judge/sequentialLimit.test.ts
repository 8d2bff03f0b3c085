import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { logEvidence } from '../../../src/rollout/judge/sequentialLimit.ts';
import { goodBefore, median, seeded } from '../random.ts';

/** The same mixture written down directly: the mean over the ratios of the product over the samples. */
const direct = (bad: number, total: number, p0: number, phi = 1): number => {
  let sum = 0;
  for (let i = 0; i < 24; i++) {
    const p = Math.min(p0 * Math.exp(Math.log(1.25) + (i * Math.log(40)) / 23), (1 + p0) / 2);
    let product = 1;
    for (let sample = 0; sample < total; sample++) product *= sample < bad ? p / p0 : (1 - p) / (1 - p0);
    sum += product ** (1 / phi);
  }
  return sum / 24;
};

/** Number of samples after which a limit at p0 is rejected, looking after every sample; none: not within `most`. */
const rejectedAfter = (random: () => number, { p, p0, alpha, most }: { p: number; p0: number; alpha: number; most: number }) => {
  let total = 0;
  for (let bad = 1; ; bad++) {
    total += goodBefore(random, p) + 1;
    if (total > most) return undefined;
    // Good samples only lower the evidence, so it can cross the line at bad ones alone.
    if (logEvidence({ bad, total }, p0) >= Math.log(1 / alpha)) return total;
  }
};

describe('the evidence against a limit', () => {
  it('R17: equals the mixture of likelihood ratios, computed directly', () => {
    fc.assert(
      fc.property(fc.nat(60), fc.nat(60), fc.double({ min: 0.001, max: 0.9, noNaN: true }), (a, b, p0) => {
        const [bad, total] = [Math.min(a, b), Math.max(a, b)];
        const expected = direct(bad, total, p0);
        expect(logEvidence({ bad, total }, p0)).toBeCloseTo(Math.log(expected), 6);
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it('R17: the dispersion divides each log ratio: the same mixture, of roots of the products', () => {
    const phis = fc.double({ min: 1, max: 100, noNaN: true });
    fc.assert(
      fc.property(fc.nat(60), fc.nat(60), fc.double({ min: 0.001, max: 0.9, noNaN: true }), phis, (a, b, p0, phi) => {
        const [bad, total] = [Math.min(a, b), Math.max(a, b)];
        expect(logEvidence({ bad, total }, p0, phi)).toBeCloseTo(Math.log(direct(bad, total, p0, phi)), 6);
      }),
      { seed: 12, numRuns: 300 },
    );
    for (const phi of [0, 0.3, Number.NaN]) {
      expect(logEvidence({ bad: 9, total: 100 }, 0.01, phi)).toBe(logEvidence({ bad: 9, total: 100 }, 0.01));
    }
  });

  it('R17: starts at 1 and is a fair bet: its mean under the null stays 1', () => {
    expect(logEvidence({ bad: 0, total: 0 }, 0.01)).toBeCloseTo(0, 12);
    for (const [p0, n] of [
      [0.01, 60],
      [0.05, 40],
      [0.3, 30],
    ] as const) {
      let mean = 0;
      let ways = 1;
      for (let bad = 0; bad <= n; bad++) {
        mean += ways * p0 ** bad * (1 - p0) ** (n - bad) * Math.exp(logEvidence({ bad, total: n }, p0));
        ways *= (n - bad) / (bad + 1);
      }
      expect(mean).toBeCloseTo(1, 9);
    }
  });

  it('R17: rejects a version exactly at its limit with at most the promised probability, however often one looks', () => {
    const random = seeded(7);
    const alpha = 0.05;
    for (const p0 of [0.01, 0.1]) {
      const runs = 3_000;
      let rejected = 0;
      for (let run = 0; run < runs; run++)
        rejected += rejectedAfter(random, { p: p0, p0, alpha, most: 150 / p0 }) === undefined ? 0 : 1;
      const deviation = Math.sqrt((alpha * (1 - alpha)) / runs);
      expect(rejected / runs, `at p0 ${p0}`).toBeLessThanOrEqual(alpha + 3 * deviation);
      expect(rejected, 'the test is not idle').toBeGreaterThan(0);
    }
  });

  it('R17: a healthy version (0.5 % errors, limit 99 %) is rejected in at most one of a thousand rollouts of 10 minutes at 60 requests/min', () => {
    const random = seeded(11);
    let rejected = 0;
    for (let run = 0; run < 2_000; run++)
      rejected += rejectedAfter(random, { p: 0.005, p0: 0.01, alpha: 0.01, most: 600 }) === undefined ? 0 : 1;
    expect(rejected).toBeLessThanOrEqual(2);
  });

  it.each([
    [0.01, 20, 10, 20],
    [0.01, 5, 110, 160],
    [0.01, 2, 1_200, 1_800],
    [1 / 500, 20, 10, 20],
    [1 / 500, 5, 140, 190],
    [1 / 500, 2, 1_500, 2_100],
  ])(
    'R17: alpha %d, 60 requests/min: %d percent errors are rejected after %d to %d s (median)',
    (alpha, percent, atLeast, atMost) => {
      const random = seeded(percent);
      const seconds = Array.from(
        { length: 600 },
        () => rejectedAfter(random, { p: percent / 100, p0: 0.01, alpha, most: 100_000 }) ?? Number.POSITIVE_INFINITY,
      );
      expect(median(seconds)).toBeGreaterThanOrEqual(atLeast);
      expect(median(seconds)).toBeLessThanOrEqual(atMost);
    },
  );

  it('is a number for every count and limit', () => {
    const counts = fc.oneof(fc.nat(100), fc.nat(1_000_000_000), fc.constant(1_000_000_000));
    const shares = fc.oneof(fc.constantFrom(0, 1, 1e-300, 1 - 1e-12, 0.01), fc.double({ min: 0, max: 1, noNaN: true }));
    fc.assert(
      fc.property(counts, counts, shares, (a, b, p0) => {
        const value = logEvidence({ bad: Math.min(a, b), total: Math.max(a, b) }, p0);
        expect(Number.isNaN(value)).toBe(false);
        if (p0 > 0) expect(value).toBeLessThan(Number.POSITIVE_INFINITY);
      }),
      { seed: 2, numRuns: 2_000 },
    );
    expect(logEvidence({ bad: 1e9, total: 1e9 }, 0.01)).toBeGreaterThan(1e9);
    expect(logEvidence({ bad: 0, total: 1e9 }, 0)).toBe(0);
    expect(logEvidence({ bad: 1, total: 1e9 }, 0)).toBe(Number.POSITIVE_INFINITY);
    expect(logEvidence({ bad: 1e9, total: 1e9 }, 1)).toBe(0);
  });

  it('grows with each bad sample and shrinks with each good one, so the order of samples cannot matter', () => {
    fc.assert(
      fc.property(fc.nat(500), fc.nat(5_000), fc.double({ min: 0.0001, max: 0.99, noNaN: true }), (bad, good, p0) => {
        const now = logEvidence({ bad, total: bad + good }, p0);
        expect(logEvidence({ bad: bad + 1, total: bad + good + 1 }, p0)).toBeGreaterThan(now);
        expect(logEvidence({ bad, total: bad + good + 1 }, p0)).toBeLessThan(now + 1e-12);
      }),
      { seed: 3, numRuns: 500 },
    );
  });
});
