import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromMillionths, logMeanExp, logSumExp, storable, toMillionths } from '../../../src/rollout/judge/logSums.ts';

describe('sums of numbers known by their logarithms', () => {
  it('R17: equal the plain sum and mean where those can be computed', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -50, max: 50, noNaN: true }), { minLength: 1, maxLength: 40 }), logs => {
        const sum = logs.reduce((total, log) => total + Math.exp(log), 0);
        expect(logSumExp(logs)).toBeCloseTo(Math.log(sum), 9);
        expect(logMeanExp(logs)).toBeCloseTo(Math.log(sum / logs.length), 9);
      }),
      { seed: 1, numRuns: 500 },
    );
  });

  it('R17: take -Infinity for zero and overflow nowhere', () => {
    const none = Number.NEGATIVE_INFINITY;
    expect(logSumExp([none, 3, none])).toBe(3);
    expect(logMeanExp([none, 0])).toBeCloseTo(Math.log(0.5), 12);
    expect(logSumExp([none, none])).toBe(none);
    expect(logMeanExp([none])).toBe(none);
    expect(logSumExp([1e300, 1e300])).toBe(1e300);
    expect(logSumExp([-1e300, 5])).toBe(5);
    expect(logSumExp([Number.POSITIVE_INFINITY, 1])).toBe(Number.POSITIVE_INFINITY);
  });

  it('R17: a stored logarithm is the one in memory, and no other', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true }), log => {
        const kept = storable(log);
        expect(storable(kept)).toBe(kept);
        expect(fromMillionths(toMillionths(kept))).toBe(kept);
        if (Math.abs(log) < 1e8) expect(Math.abs(kept - log)).toBeLessThanOrEqual(0.51e-6);
      }),
      { seed: 2, numRuns: 2_000 },
    );
    expect(Object.is(storable(-1e-9), 0)).toBe(true);
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, 0.5, 2e15, -2e15]) expect(fromMillionths(bad)).toBeUndefined();
  });
});
