import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addShares, NO_SHARE, shareEvidence, type TwoSides } from '../../../src/rollout/judge/shareBaseline.ts';
import { median, seeded } from '../random.ts';
import { atMost, poisson } from './samples.ts';

const sides = (canaryBad: number, canary: number, stableBad: number, stable: number): TwoSides => ({
  canary: { bad: canaryBad, total: canary },
  stable: { bad: stableBad, total: stable },
});

/** The mixture as it is written down: the mean over the ratios of the product over the bad ones. */
const direct = (intervals: readonly TwoSides[], d: number, phi: number): number => {
  let sum = 0;
  for (let i = 0; i < 24; i++) {
    const r = Math.exp(Math.log(1.25) + (i * Math.log(40)) / 23);
    let product = 1;
    for (const { canary, stable } of intervals) {
      if (canary.total === 0 || stable.total === 0) continue;
      const p0 = (d * canary.total) / (d * canary.total + stable.total);
      const pr = (r * d * canary.total) / (r * d * canary.total + stable.total);
      for (let bad = 0; bad < canary.bad; bad++) product *= (pr / p0) ** (1 / phi);
      for (let bad = 0; bad < stable.bad; bad++) product *= ((1 - pr) / (1 - p0)) ** (1 / phi);
    }
    sum += product;
  }
  return Math.log(sum / 24);
};

const side = (most: number) =>
  fc.tuple(fc.nat(most), fc.nat(most)).map(([a, b]) => ({ bad: Math.min(a, b), total: Math.max(a, b) }));
const interval = (most: number) => fc.record({ canary: side(most), stable: side(most) });
const tolerance = fc.double({ min: 0.5, max: 4, noNaN: true });
const dispersion = fc.double({ min: 1, max: 30, noNaN: true });

const added = (intervals: readonly TwoSides[], how = { tolerance: 1.5, dispersion: 1 }) =>
  intervals.reduce((sums, one) => addShares(sums, one, how), NO_SHARE);

describe('the share of bad ones, new against stable', () => {
  it('R17: equals the mixture of likelihood ratios, computed directly', () => {
    fc.assert(
      fc.property(fc.array(interval(12), { maxLength: 8 }), tolerance, dispersion, (intervals, d, phi) => {
        const evidence = shareEvidence(added(intervals, { tolerance: d, dispersion: phi }));
        expect(evidence).toBeCloseTo(direct(intervals, d, phi), 4);
      }),
      { seed: 1, numRuns: 500 },
    );
  });

  it('R17: is a fair bet: given the number of bad ones, its mean is 1 at the border and less below', () => {
    for (const [d, canary, stable, bad] of [
      [1.5, 10, 90, 12],
      [1, 50, 50, 15],
      [2, 300, 20, 9],
    ] as const) {
      for (const truth of [1, 0.7]) {
        const p = (truth * d * canary) / (truth * d * canary + stable);
        let mean = 0;
        let ways = 1;
        for (let ofCanary = 0; ofCanary <= bad; ofCanary++) {
          const sums = addShares(NO_SHARE, sides(ofCanary, 1e6 * canary, bad - ofCanary, 1e6 * stable), {
            tolerance: d,
            dispersion: 1,
          });
          mean += ways * p ** ofCanary * (1 - p) ** (bad - ofCanary) * Math.exp(shareEvidence(sums));
          ways *= (bad - ofCanary) / (ofCanary + 1);
        }
        if (truth === 1) expect(mean).toBeCloseTo(1, 4);
        else expect(mean).toBeLessThan(1);
      }
    }
  });

  it.each([
    [1, 0.1, 0.01],
    [1.5, 0.5, 0.002],
    [1.5, 0.1, 0.05],
  ])(
    'R17: tolerance %d, share %d, stable fails %d: a version at the border is rejected as seldom as promised',
    (d, share, base) => {
      const [random, runs, alpha] = [seeded(21), 1_500, 0.05];
      let rejected = 0;
      for (let run = 0; run < runs; run++) {
        let sums = NO_SHARE;
        for (let look = 0; look < 120; look++) {
          // Load, weights and the base rate all move; the ratio of the two rates does not.
          const load = 200 * (1 + Math.sin(look / 9));
          const rate = base * (look % 40 < 5 ? 3 : 1);
          const canary = Math.ceil(load * (look < 60 ? share : Math.min(0.5, 2 * share)));
          const stable = Math.ceil(load) - canary + 1;
          const one = sides(
            Math.min(canary, poisson(random, canary * Math.min(1, rate * d))),
            canary,
            Math.min(stable, poisson(random, stable * rate)),
            stable,
          );
          sums = addShares(sums, one, { tolerance: d, dispersion: 1 });
          if (shareEvidence(sums) >= Math.log(1 / alpha)) {
            rejected++;
            break;
          }
        }
      }
      expect(rejected / runs).toBeLessThanOrEqual(atMost(alpha, runs));
      expect(rejected, 'the test is not idle').toBeGreaterThan(0);
    },
  );

  /** Bad ones of both versions together when the test fails; the new version has 10 % of the requests. */
  const needed = (random: () => number, d: number, ratio: number): number => {
    const chance = (ratio * 0.1) / (ratio * 0.1 + 0.9);
    let sums = NO_SHARE;
    for (let bad = 1; bad <= 6_000; bad++) {
      const ofCanary = random() < chance ? 1 : 0;
      sums = addShares(sums, sides(ofCanary, 10, 1 - ofCanary, 90), { tolerance: d, dispersion: 1 });
      if (shareEvidence(sums) >= Math.log(100)) return bad;
    }
    return Number.POSITIVE_INFINITY;
  };

  it.each([
    [1, 1.5, 747],
    [1, 2, 194],
    [1, 3, 60],
    [1, 5, 20],
    [1, 10, 9],
    [1.5, 2, 1_103],
    [1.5, 3, 145],
    [1.5, 5, 35],
    [1.5, 10, 12],
  ])('R17: tolerance %d: %d times the rate of stable needs about %d errors (median, share 10 percent)', (d, ratio, errors) => {
    const random = seeded(5);
    const found = median(Array.from({ length: errors > 700 ? 81 : 201 }, () => needed(random, d, ratio)));
    expect(Math.abs(found / errors - 1), `${found} errors`).toBeLessThan(0.15);
  });

  it('R17: tolerance 1.5: the evidence against 1.5 times the rate of stable dwindles', () => {
    const random = seeded(6);
    expect(Array.from({ length: 9 }, () => needed(random, 1.5, 1.5))).toEqual(Array(9).fill(Number.POSITIVE_INFINITY));
    const large = added(Array.from({ length: 1_000 }, () => sides(15, 1_000, 90, 9_000)));
    expect(shareEvidence(large)).toBeLessThan(-100);
  });

  it('R17: neither the order of intervals nor cutting them in proportion matters, whatever the weights', () => {
    const cuts = fc.integer({ min: 2, max: 5 });
    fc.assert(
      fc.property(fc.array(interval(1_000), { maxLength: 10 }), cuts, dispersion, (intervals, parts, phi) => {
        const how = { tolerance: 1.5, dispersion: phi };
        const whole = added(intervals, how);
        const other = added([...intervals].reverse(), how);
        const times = ({ bad, total }: TwoSides['canary']) => ({ bad: bad * parts, total: total * parts });
        const large = intervals.map(({ canary, stable }) => ({ canary: times(canary), stable: times(stable) }));
        const cut = added(
          intervals.flatMap(one => Array.from({ length: parts }, () => one)),
          how,
        );
        const uncut = added(large, how);
        for (let i = 0; i < 24; i++) {
          expect(other[i]).toBeCloseTo(whole[i] ?? Number.NaN, 4);
          expect(cut[i]).toBeCloseTo(uncut[i] ?? Number.NaN, 4);
        }
      }),
      { seed: 3, numRuns: 200 },
    );
  });

  it('R17: an interval without requests of one version, or with counts that make no sense, adds nothing', () => {
    const before = added([sides(3, 100, 1, 100)]);
    const none = [sides(0, 0, 5, 100), sides(5, 100, 0, 0), sides(0, 100, 0, 100), sides(-1, 100, 1, 100)];
    const wrong = [sides(5, 4, 1, 100), sides(1, 100, 101, 100), sides(Number.NaN, 100, 1, 100), sides(1, Number.NaN, 1, 100)];
    const infinite = [
      sides(1, Number.POSITIVE_INFINITY, 1, 100),
      sides(1, -5, 1, 100),
      sides(1, 10, 1, Number.POSITIVE_INFINITY),
    ];
    for (const one of [...none, ...wrong, ...infinite]) {
      expect(addShares(before, one, { tolerance: 1.5, dispersion: 1 })).toEqual(before);
    }
    expect(addShares(before, sides(1, 10, 1, 10), { tolerance: Number.NaN, dispersion: 1 })).toEqual(before);
  });

  it('R17: is a number for any counts, weights and dispersion, and stays as large as it was', () => {
    const any = fc.oneof(interval(100), interval(1_000_000_000), fc.constant(sides(1e9, 1e9, 1e9, 1e9)));
    const phis = fc.oneof(dispersion, fc.constantFrom(0, 1, Number.NaN, Number.POSITIVE_INFINITY));
    fc.assert(
      fc.property(
        fc.array(any, { maxLength: 20 }),
        fc.double({ min: 1e-6, max: 1e6, noNaN: true }),
        phis,
        (intervals, d, phi) => {
          const sums = added(intervals, { tolerance: d, dispersion: phi });
          expect(sums).toHaveLength(24);
          expect(sums.every(Number.isFinite)).toBe(true);
          expect(Number.isFinite(shareEvidence(sums))).toBe(true);
        },
      ),
      { seed: 4, numRuns: 500 },
    );
  });
});
