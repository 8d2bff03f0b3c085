import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { percentileOf } from '../../../src/rollout/index.ts';

describe('percentileOf', () => {
  it('is the nearest rank of the sorted samples', () => {
    const samples = fc.array(fc.nat(2_000), { minLength: 1, maxLength: 300 });
    fc.assert(
      fc.property(samples, fc.integer({ min: 1, max: 100 }), (durations, percentile) => {
        const sorted = [...durations].sort((a, b) => a - b);
        const expected = sorted[Math.ceil((percentile * sorted.length) / 100) - 1];
        expect(
          percentileOf(
            durations.map(ms => [ms, 1] as const),
            percentile,
          ),
        ).toBe(expected);
      }),
      { seed: 4, numRuns: 500 },
    );
  });

  it('counts as often as a bucket says, in any order', () => {
    expect(
      percentileOf(
        [
          [250, 1],
          [100, 98],
          [500, 1],
        ],
        99,
      ),
    ).toBe(250);
    expect(
      percentileOf(
        [
          [100, 98],
          [250, 1],
          [500, 1],
        ],
        100,
      ),
    ).toBe(500);
    expect(
      percentileOf(
        [
          [100, 0],
          [250, 5],
        ],
        1,
      ),
    ).toBe(250);
  });

  it('knows nothing without samples, nor in a bucket without an upper edge', () => {
    expect(percentileOf([], 99)).toBeUndefined();
    expect(percentileOf([[100, 0]], 99)).toBeUndefined();
    expect(
      percentileOf(
        [
          [100, 1],
          [Number.POSITIVE_INFINITY, 99],
        ],
        50,
      ),
    ).toBeUndefined();
    expect(
      percentileOf(
        [
          [100, 50],
          [Number.POSITIVE_INFINITY, 50],
        ],
        50,
      ),
    ).toBe(100);
  });
});
