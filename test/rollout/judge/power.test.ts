import { describe, expect, it } from 'vitest';
import { detectableRatio, detectableShare, samplesToReject, spansToDetect } from '../../../src/rollout/judge/power.ts';
import { addRanks, type Call, NO_RANKS, rankEvidence, ranksOf } from '../../../src/rollout/judge/rankBet.ts';
import { logEvidence } from '../../../src/rollout/judge/sequentialLimit.ts';
import { addShares, NO_SHARE, shareEvidence } from '../../../src/rollout/judge/shareBaseline.ts';
import { goodBefore, seeded } from '../random.ts';
import { normal, poisson } from './samples.ts';

const RUNS = 400;

/** Share of runs that a limit rejects within so many samples. */
const rejectedBy = (
  samples: number,
  { p0, p1, alpha, dispersion }: { p0: number; p1: number; alpha: number; dispersion: number },
) => {
  const random = seeded(17);
  let rejected = 0;
  for (let run = 0; run < RUNS; run++) {
    let total = 0;
    for (let bad = 1; ; bad++) {
      total += goodBefore(random, p1) + 1;
      if (total > samples) break;
      if (logEvidence({ bad, total }, p0, dispersion) >= Math.log(1 / alpha)) {
        rejected++;
        break;
      }
    }
  }
  return rejected / RUNS;
};

describe('what a limit can find', () => {
  it.each([
    { p0: 0.01, p1: 0.2, alpha: 0.002 },
    { p0: 0.01, p1: 0.05, alpha: 0.002 },
    { p0: 0.01, p1: 0.02, alpha: 0.01 },
    { p0: 0.001, p1: 0.005, alpha: 0.005 },
    { p0: 0.1, p1: 0.15, alpha: 0.01 },
  ])('R17: rejects $p1 against $p0 in about 9 of 10 runs within samplesToReject', limit => {
    const samples = samplesToReject({ ...limit, dispersion: 1 });
    const found = rejectedBy(samples ?? 0, { ...limit, dispersion: 1 });
    expect(found, `${samples} samples`).toBeGreaterThan(0.86);
    expect(found).toBeLessThan(0.985);
  });

  it.each([
    { p0: 0.01, alpha: 0.002, samples: 100 },
    { p0: 0.01, alpha: 0.002, samples: 3_000 },
    { p0: 0.05, alpha: 0.01, samples: 20 },
    { p0: 0.0005, alpha: 0.01, samples: 100_000 },
  ])('R17: detectableShare is found in about 9 of 10 runs: $samples samples, limit $p0', limit => {
    const p1 = detectableShare({ ...limit, dispersion: 1 }) ?? 0;
    const found = rejectedBy(limit.samples, { ...limit, p1, dispersion: 1 });
    expect(found, `${p1}`).toBeGreaterThan(0.86);
    expect(found).toBeLessThan(0.985);
  });

  it('R17: both answers agree, and more samples, less dispersion or a larger alpha find more', () => {
    const limit = { p0: 0.01, alpha: 0.002, dispersion: 1 };
    const samples = samplesToReject({ ...limit, p1: 0.03 }) ?? 0;
    expect(detectableShare({ ...limit, samples })).toBeCloseTo(0.03, 3);
    const share = (change: object) => detectableShare({ ...limit, samples: 1_000, ...change }) ?? 0;
    expect(share({ samples: 2_000 })).toBeLessThan(share({}));
    expect(share({ dispersion: 2 })).toBeGreaterThan(share({}));
    expect(share({ alpha: 0.01 })).toBeLessThan(share({}));
  });

  it('R17: knows what can never be found, and a limit that allows none', () => {
    const limit = { p0: 0.01, alpha: 0.01, dispersion: 1 };
    expect(detectableShare({ ...limit, samples: 0 })).toBeUndefined();
    expect(detectableShare({ ...limit, samples: 1 })).toBeUndefined();
    for (const p1 of [0, 0.005, 0.01, 0.011]) expect(samplesToReject({ ...limit, p1 })).toBeUndefined();
    expect(detectableShare({ ...limit, p0: 0, samples: 100 })).toBeCloseTo(1 - 0.1 ** 0.01, 12);
    expect(samplesToReject({ ...limit, p0: 0, p1: 0.1 })).toBe(22);
    expect(samplesToReject({ ...limit, p0: 0, p1: 1 })).toBe(1);
    expect(samplesToReject({ ...limit, p0: 0, p1: 0 })).toBeUndefined();
    expect(detectableShare({ ...limit, p0: 1, samples: 100 })).toBeUndefined();
    expect(samplesToReject({ ...limit, p0: 1, p1: 1 })).toBeUndefined();
  });
});

describe('what a baseline can find', () => {
  it.each([
    { baseShare: 0.001, canary: 15_000, stable: 15_000, tolerance: 1.5, alpha: 0.002 },
    { baseShare: 0.001, canary: 30_000, stable: 270_000, tolerance: 1.5, alpha: 0.01 },
    { baseShare: 0.01, canary: 300, stable: 300, tolerance: 1.5, alpha: 0.002 },
    { baseShare: 0.0005, canary: 100_000, stable: 100_000, tolerance: 1, alpha: 0.01 },
  ])('R17: detectableRatio is found in about 9 of 10 runs: $canary and $stable requests, share $baseShare', pair => {
    const ratio = detectableRatio({ ...pair, dispersion: 1 }) ?? 0;
    const random = seeded(18);
    let found = 0;
    const looks = 60;
    for (let run = 0; run < RUNS; run++) {
      let sums = NO_SHARE;
      for (let look = 0; look < looks; look++) {
        const side = (total: number, share: number) => ({ bad: Math.min(total, poisson(random, total * share)), total });
        const interval = {
          canary: side(pair.canary / looks, pair.baseShare * ratio),
          stable: side(pair.stable / looks, pair.baseShare),
        };
        sums = addShares(sums, interval, { tolerance: pair.tolerance, dispersion: 1 });
        if (shareEvidence(sums) >= Math.log(1 / pair.alpha)) {
          found++;
          break;
        }
      }
    }
    expect(found / RUNS, `ratio ${ratio}`).toBeGreaterThan(0.86);
    expect(found / RUNS).toBeLessThan(0.985);
  });

  it('R17: more requests find less, and where nothing fails nothing is known', () => {
    const pair = { baseShare: 0.001, canary: 10_000, stable: 10_000, tolerance: 1.5, alpha: 0.01, dispersion: 1 };
    const ratio = (change: object) => detectableRatio({ ...pair, ...change }) ?? 0;
    expect(ratio({})).toBeGreaterThan(1.5);
    expect(ratio({ canary: 1_000_000, stable: 1_000_000 })).toBeLessThan(ratio({}));
    expect(ratio({ canary: 1e12, stable: 1e12 })).toBeGreaterThan(1.5);
    expect(ratio({ dispersion: 3 })).toBeGreaterThan(ratio({}));
    for (const change of [{ baseShare: 0 }, { canary: 0 }, { stable: 0 }, { canary: 2, stable: 2 }, { baseShare: Number.NaN }]) {
      expect(detectableRatio({ ...pair, ...change })).toBeUndefined();
    }
  });

  it.each([
    { ratio: 1.25, tolerance: 1, stablePerNew: 9 },
    { ratio: 1.5, tolerance: 1.1, stablePerNew: 1 },
    { ratio: 2, tolerance: 1.1, stablePerNew: 4.5 },
  ])(
    'R17: durations $ratio times as long are found within spansToDetect: tolerance $tolerance, $stablePerNew stable calls each',
    how => {
      const sigma = 0.6;
      const edgesMs = [1.2816, 2.3263].map(z => 100 * Math.exp(sigma * z));
      const spans = spansToDetect({ ...how, edgesMs, alpha: 0.01, dispersion: 1 }) ?? 0;
      const random = seeded(19);
      const [perLook, runs] = [Math.max(4, Math.floor(spans / 30)), 200];
      let found = 0;
      for (let run = 0; run < runs; run++) {
        let sums = NO_RANKS;
        for (let seen = perLook; seen <= spans; seen += perLook) {
          const some = (count: number, times: number): Call[] =>
            Array.from({ length: count }, (_, i) => [i / count, 100 * times * Math.exp(sigma * normal(random))] as const);
          const stable = some(Math.floor(perLook * how.stablePerNew), 1);
          sums = addRanks(sums, ranksOf(some(perLook, how.ratio), stable, how.tolerance));
          if (rankEvidence(sums) - Math.log(3) >= Math.log(100)) {
            found++;
            break;
          }
        }
      }
      expect(found / runs, `${spans} spans`).toBeGreaterThan(0.84);
      expect(found / runs).toBeLessThan(0.99);
    },
  );

  it('R17: spansToDetect is unknown without two different percentiles, and where the tolerance allows it', () => {
    const how = { ratio: 1.5, tolerance: 1.1, stablePerNew: 1, edgesMs: [100, 200], alpha: 0.01, dispersion: 1 };
    expect(spansToDetect(how)).toBeGreaterThan(10);
    for (const edgesMs of [[], [100], [100, 100], [200, 100]]) expect(spansToDetect({ ...how, edgesMs })).toBeUndefined();
    for (const ratio of [1, 1.1, Number.NaN]) expect(spansToDetect({ ...how, ratio })).toBeUndefined();
    expect(spansToDetect({ ...how, stablePerNew: 0 })).toBeUndefined();
    expect(spansToDetect({ ...how, dispersion: 4 })).toBeGreaterThan(spansToDetect(how) ?? 0);
  });
});
