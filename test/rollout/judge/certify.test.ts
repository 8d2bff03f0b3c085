import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addCertified, type CertifySums, isCertified, NO_CERTIFY } from '../../../src/rollout/judge/certify.ts';
import { logMeanExp } from '../../../src/rollout/judge/logSums.ts';
import type { TwoSides } from '../../../src/rollout/judge/shareBaseline.ts';
import { median, seeded } from '../random.ts';
import { atMost, poisson } from './samples.ts';

const DEFAULTS = { ratio: 3, floor: 0.5 };
const GRID = [0.02, 0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.75];

const side = (most: number) =>
  fc.tuple(fc.nat(most), fc.nat(most)).map(([a, b]) => ({ bad: Math.min(a, b), total: Math.max(a, b) }));
const intervals = (most: number) => fc.array(fc.record({ canary: side(most), stable: side(most) }), { maxLength: 8 });
const added = (all: readonly TwoSides[], how = DEFAULTS): CertifySums =>
  all.reduce((sums, one) => addCertified(sums, one, how), NO_CERTIFY);

/** Looks every 15 s; when it is certified, in s. */
const certifiedAfter = (random: () => number, rates: { perSecond: number; canary: number; stable: number }, mostS: number) => {
  let sums = NO_CERTIFY;
  for (let s = 15; s <= mostS; s += 15) {
    const total = Math.max(1, Math.round(rates.perSecond * 15 * 0.5));
    const count = (rate: number) => ({ bad: Math.min(total, poisson(random, total * rate)), total });
    sums = addCertified(sums, { canary: count(rates.canary), stable: count(rates.stable) }, DEFAULTS);
    if (isCertified(sums)) return s;
  }
  return Number.POSITIVE_INFINITY;
};

describe('proof that the new version is good enough', () => {
  it('R17: equals both mixtures of likelihood ratios, computed directly', () => {
    fc.assert(
      fc.property(
        intervals(12),
        fc.double({ min: 1, max: 5, noNaN: true }),
        fc.double({ min: 0.1, max: 60, noNaN: true }),
        (all, d, floor) => {
          let [ratios, floors] = [0, 0];
          for (const r of GRID) {
            let [ofRatio, ofFloor] = [1, 1];
            for (const { canary, stable } of all) {
              for (let i = 0; i < canary.total; i++) ofFloor *= i < canary.bad ? r : (1 - (r * floor) / 100) / (1 - floor / 100);
              if (canary.total === 0 || stable.total === 0) continue;
              const p0 = (d * canary.total) / (d * canary.total + stable.total);
              const pr = (r * d * canary.total) / (r * d * canary.total + stable.total);
              for (let i = 0; i < canary.bad; i++) ofRatio *= pr / p0;
              for (let i = 0; i < stable.bad; i++) ofRatio *= (1 - pr) / (1 - p0);
            }
            ratios += ofRatio / GRID.length;
            floors += ofFloor / GRID.length;
          }
          const sums = added(all, { ratio: d, floor });
          expect(logMeanExp(sums.ratio)).toBeCloseTo(Math.log(ratios), 4);
          expect(logMeanExp(sums.floor)).toBeCloseTo(Math.log(floors), 4);
        },
      ),
      { seed: 1, numRuns: 300 },
    );
  });

  it.each([
    ['both borders at once', { perSecond: 40, canary: 0.005, stable: 0.005 / 3 }],
    ['at the ratio, far above the floor', { perSecond: 10, canary: 0.06, stable: 0.02 }],
    ['at the floor, far above the ratio', { perSecond: 40, canary: 0.005, stable: 0.0002 }],
  ])('R17: %s: certified by mistake as seldom as promised', (_, rates) => {
    const [random, runs] = [seeded(31), 1_000];
    let wrong = 0;
    for (let run = 0; run < runs; run++) wrong += certifiedAfter(random, rates, 1_800) === Number.POSITIVE_INFINITY ? 0 : 1;
    expect(wrong / runs).toBeLessThanOrEqual(atMost(0.05, runs));
    expect(wrong, 'the test is not idle').toBeGreaterThan(0);
  });

  it.each([
    [100, 30, 90],
    [10, 240, 360],
    [1, 40 * 60, 55 * 60],
  ])(
    'R17: a healthy version (0.1 percent errors, half of %d requests/s) is certified after %d to %d s (median)',
    (perSecond, least, most) => {
      const random = seeded(7);
      const healthy = { perSecond, canary: 0.001, stable: 0.001 };
      const seconds = median(Array.from({ length: 200 }, () => certifiedAfter(random, healthy, 8_000)));
      expect(seconds).toBeGreaterThanOrEqual(least);
      expect(seconds).toBeLessThanOrEqual(most);
    },
  );

  it('R17: the floor needs no requests of stable, and nonsense adds nothing', () => {
    const alone = added([{ canary: { bad: 0, total: 2_000 }, stable: { bad: 0, total: 0 } }]);
    expect(alone.ratio).toEqual(NO_CERTIFY.ratio);
    expect(isCertified(alone)).toBe(true);
    expect(isCertified(NO_CERTIFY)).toBe(false);
    const counts = { bad: 1, total: 10 };
    for (const wrong of [
      { bad: 11, total: 10 },
      { bad: Number.NaN, total: 1 },
      { bad: 0, total: Number.POSITIVE_INFINITY },
    ]) {
      expect(addCertified(alone, { canary: wrong, stable: counts }, DEFAULTS)).toEqual(alone);
      expect(addCertified(alone, { canary: counts, stable: wrong }, DEFAULTS)).toEqual(alone);
    }
    for (const floor of [0, 100, Number.NaN]) {
      expect(added([{ canary: counts, stable: counts }], { ratio: 3, floor }).floor).toEqual(NO_CERTIFY.floor);
    }
  });

  it('R17: is a number for any counts', () => {
    fc.assert(
      fc.property(intervals(1_000_000_000), all => {
        const { ratio, floor } = added(all);
        expect([...ratio, ...floor].every(Number.isFinite)).toBe(true);
      }),
      { seed: 2, numRuns: 300 },
    );
  });
});
