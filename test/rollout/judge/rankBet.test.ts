import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addRanks, type Call, NO_RANKS, rankEvidence, ranksOf } from '../../../src/rollout/judge/rankBet.ts';
import { median, seeded } from '../random.ts';
import { atMost, normal } from './samples.ts';

const at = (durations: readonly number[]): Call[] => durations.map((ms, i) => [i / durations.length, ms]);
const evidence = (ranks: readonly number[]) => rankEvidence(addRanks(NO_RANKS, ranks));

/** Log-normal durations with a median of 1 and sigma 0.6. */
const duration = (random: () => number) => Math.exp(0.6 * normal(random));
const some = (random: () => number, count: number, times = 1) =>
  at(Array.from({ length: count }, () => times * duration(random)));

describe('bets on ranks', () => {
  it('R17: equal the mean over the stakes of the products, computed directly', () => {
    const ranks = fc.array(
      fc.tuple(fc.nat(18), fc.constantFrom(1, 2, 9)).map(([half, size]) => Math.min(1, half / (2 * size))),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(ranks, fc.double({ min: 1, max: 20, noNaN: true }), (us, phi) => {
        let sum = 0;
        for (let stake = 0.1; stake < 1.85; stake += 0.1) {
          let product = 1;
          for (const u of us) product *= (1 + stake * (u - 0.5)) ** (1 / phi);
          sum += product;
        }
        expect(rankEvidence(addRanks(NO_RANKS, us, phi))).toBeCloseTo(Math.log(sum / 18), 4);
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it('R17: a rank is the share of its own stable calls that are faster, ties half, after the tolerance', () => {
    expect(ranksOf(at([5]), at([1, 2, 5, 9]), 1)).toEqual([2.5 / 4]);
    expect(ranksOf(at([10]), at([1, 2, 5, 9]), 2)).toEqual([2.5 / 4]);
    expect(ranksOf(at([3, 3]), at([1, 2, 8, 9]), 1)).toEqual([1, 0]);
    expect(ranksOf(at([3, 3, 3, 3]), at([1, 9]), 1)).toEqual([1, 0]);
    expect(ranksOf(at([1]), at(Array.from({ length: 99 }, (_, i) => (i < 9 ? 0 : 2))), 1)).toEqual([1]);
    expect(ranksOf([], at([1]), 1)).toEqual([]);
    expect(ranksOf(at([1]), [], 1)).toEqual([]);
  });

  it('R17: which calls are paired depends on starts and counts, never on a duration', () => {
    const list = fc.array(fc.tuple(fc.nat(50), fc.double()), { maxLength: 250 });
    fc.assert(
      fc.property(list, list, (a, b) => {
        const [canary, stable] = [a, b].map(calls => [...calls].sort((x, y) => x[0] - y[0]));
        if (canary === undefined || stable === undefined) return;
        const ranks = ranksOf(canary, stable, 1);
        const likewise = ranksOf(
          canary.map(([start]) => [start, 7]),
          stable.map(([start]) => [start, 7]),
          1,
        );
        expect(ranks).toHaveLength(likewise.length);
        expect(likewise.every(u => u === 0.5)).toBe(true);
        expect(ranks.every(u => u >= 0 && u <= 1)).toBe(true);
        expect(ranks.length).toBeLessThanOrEqual(Math.min(canary.length, stable.length));
        expect(Number.isFinite(evidence(ranks))).toBe(true);
      }),
      { seed: 2, numRuns: 300 },
    );
  });

  it('R17: each stable call serves at most once, and hardly one is lost', () => {
    for (const [canary, stable, least] of [
      [50, 50, 50],
      [1_000, 1_000, 1_000],
      [100, 900, 100],
      [900, 100, 100],
      [3, 1_000, 3],
    ] as const) {
      // The i-th stable call is marked by a duration of its own; a new call's rank then tells how many of them it met.
      const ranks = ranksOf(at(Array(canary).fill(1)), at(Array(stable).fill(0)), 1);
      expect(ranks.every(u => u === 1)).toBe(true);
      expect(ranks.length).toBeGreaterThanOrEqual(least * 0.95);
      for (const marked of [0, Math.floor(stable / 2), stable - 1]) {
        const one = at(Array.from({ length: stable }, (_, i) => (i === marked ? 9 : 0)));
        expect(ranksOf(at(Array(canary).fill(1)), one, 1).filter(u => u < 1).length).toBeLessThanOrEqual(1);
      }
    }
  });

  it.each([
    ['constant weights', 0.5, 0.5],
    ['few new calls', 0.1, 0.1],
    ['a weight that rises within each interval', 0.05, 0.5],
  ])('R17: %s: equal versions in slow spells that both share are rejected as seldom as promised', (_, before, after) => {
    const [random, runs, alpha] = [seeded(9), 80, 0.05];
    let rejected = 0;
    for (let run = 0; run < runs; run++) {
      let sums = NO_RANKS;
      let [slow, until] = [false, 0];
      for (let s = 0; s < 600; s += 60) {
        const [canary, stable]: [Call[], Call[]] = [[], []];
        for (let i = 0; i < 1_200; i++) {
          const t = s + i / 20;
          if (t > until) {
            slow = !slow;
            until += -Math.log(1 - random()) * (slow ? 8 : 20);
          }
          const call: Call = [t, (slow ? 3 : 1) * duration(random)];
          (random() < (i < 600 ? before : after) ? canary : stable).push(call);
        }
        sums = addRanks(sums, ranksOf(canary, stable, 1));
        if (rankEvidence(sums) >= Math.log(1 / alpha)) {
          rejected++;
          break;
        }
      }
    }
    expect(rejected / runs).toBeLessThanOrEqual(atMost(alpha, runs));
  });

  it('R17: independent calls of equal versions are rejected as seldom as promised, and sometimes', () => {
    const [random, runs, alpha] = [seeded(10), 600, 0.1];
    let rejected = 0;
    for (let run = 0; run < runs; run++) {
      let sums = NO_RANKS;
      for (let look = 0; look < 60; look++) {
        sums = addRanks(sums, ranksOf(some(random, 4, 1.1), some(random, 9), 1.1));
        if (rankEvidence(sums) >= Math.log(1 / alpha)) {
          rejected++;
          break;
        }
      }
    }
    expect(rejected / runs).toBeLessThanOrEqual(atMost(alpha, runs));
    expect(rejected).toBeGreaterThan(0);
  });

  it.each([
    [1.1, 520],
    [1.25, 80],
    [1.5, 32],
    [2, 16],
  ])('R17: durations %d times as long are found after about %d new spans (median, nine stable ones each)', (times, spans) => {
    const random = seeded(3);
    const found = Array.from({ length: times < 1.2 ? 101 : 301 }, () => {
      let sums = NO_RANKS;
      for (let seen = 1; seen <= 5_000; seen++) {
        sums = addRanks(sums, ranksOf(some(random, 1, times), some(random, 9), 1));
        if (rankEvidence(sums) >= Math.log(100)) return seen;
      }
      return Number.POSITIVE_INFINITY;
    });
    expect(Math.abs(median(found) / spans - 1), `${median(found)} spans`).toBeLessThan(0.2);
  });

  it('R17: what is no rank is left out, nothing leaves the sums as they are, and they never grow', () => {
    const before = addRanks(NO_RANKS, [0.9, 1, 0.2]);
    expect(addRanks(before, [])).toEqual(before);
    expect(addRanks(before, [Number.NaN, -0.1, 1.1])).toEqual(before);
    expect(addRanks(before, [1], Number.POSITIVE_INFINITY)).toEqual(before);
    expect(addRanks(before, [1], Number.NaN)).toEqual(addRanks(before, [1]));
    const many = addRanks(before, Array(100_000).fill(1));
    expect(many).toHaveLength(18);
    expect(many.every(Number.isFinite)).toBe(true);
  });
});
