import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Block, dispersionOf } from '../../../src/rollout/judge/dispersion.ts';
import { addShares, NO_SHARE, shareEvidence } from '../../../src/rollout/judge/shareBaseline.ts';
import { seeded } from '../random.ts';
import { burst, poisson } from './samples.ts';

type Shape = {
  readonly pods: number;
  readonly minutes: number;
  readonly requests: number;
  readonly bad: (pod: number, minute: number) => number;
};

const blocksOf = ({ pods, minutes, requests, bad }: Shape): Block[] =>
  Array.from({ length: pods * minutes }, (_, i) => {
    const [pod, minute] = [i % pods, Math.floor(i / pods)];
    return { pod: `pod-${pod}`, atMs: minute * 60_000, requests, bad: Math.min(requests, bad(pod, minute)) };
  });

const average = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

describe('over-dispersion', () => {
  it('R17: is Pearson chi-squared over its degrees of freedom, for blocks of the same size', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(40), { minLength: 90, maxLength: 90 }), bads => {
        const blocks = blocksOf({ pods: 3, minutes: 30, requests: 50, bad: (pod, minute) => bads[minute * 3 + pod] ?? 0 });
        const p = bads.reduce((sum, bad) => sum + bad, 0) / (50 * 90);
        const chi2 = bads.reduce((sum, bad) => sum + (bad - 50 * p) ** 2 / (50 * p * (1 - p)), 0);
        expect(dispersionOf(blocks).value).toBeCloseTo(Math.max(1, chi2 / 89), 9);
      }),
      { seed: 1, numRuns: 100 },
    );
  });

  it('R17: is about 1 for independent failures, also with unequal pods and rare failures', () => {
    const random = seeded(2);
    for (const [load, share] of [
      [1, 0.01],
      [100, 0.0001],
      [100, 0.01],
      [1_000, 0.005],
    ] as const) {
      const values = Array.from({ length: 200 }, () => {
        const blocks = blocksOf({ pods: 4, minutes: 40, requests: 1, bad: () => 0 });
        return dispersionOf(
          blocks.map((block, i) => {
            const requests = load * (i % 4 === 0 ? 100 : i % 4);
            return { ...block, requests, bad: Math.min(requests, poisson(random, requests * share)) };
          }),
        ).value;
      });
      expect(average(values), `${load} requests, ${share}`).toBeLessThan(1.12);
      expect(Math.max(...values)).toBeLessThan(2);
    }
  });

  it('R17: finds bursts: with k = 1 and 20 expected failures per block it is about 21', () => {
    const random = seeded(3);
    const values = Array.from(
      { length: 100 },
      () =>
        dispersionOf(blocksOf({ pods: 5, minutes: 40, requests: 2_000, bad: () => poisson(random, 20 * burst(random, 1)) }))
          .value,
    );
    expect(average(values)).toBeGreaterThan(18);
    expect(average(values)).toBeLessThan(23);
  });

  it('R17: a base rate that drifts, or one bad pod, makes it larger, never smaller', () => {
    const random = seeded(4);
    const drifting = blocksOf({
      pods: 5,
      minutes: 40,
      requests: 2_000,
      bad: (_, minute) => poisson(random, minute < 20 ? 10 : 20),
    });
    const uneven = blocksOf({ pods: 5, minutes: 40, requests: 2_000, bad: pod => poisson(random, pod === 0 ? 60 : 10) });
    expect(dispersionOf(drifting).value).toBeGreaterThan(2);
    expect(dispersionOf(uneven).value).toBeGreaterThan(10);
  });

  it('R17: one failure is no burst, wherever it stands', () => {
    for (const requests of [1, 100, 1_000_000]) {
      const quiet = blocksOf({ pods: 3, minutes: 30, requests: 1_000_000, bad: () => 0 });
      const [first, ...rest] = quiet;
      if (first === undefined) continue;
      expect(dispersionOf([...rest, { ...first, requests, bad: 1 }]).value).toBeLessThan(1.03);
      expect(dispersionOf(quiet).value).toBe(1);
    }
  });

  it('R17: fewer than three pods, or less than half an hour: 2, and what was there', () => {
    const bad = () => 1;
    expect(dispersionOf([])).toEqual({ value: 2, within: 2, pods: 0, minutes: 0 });
    expect(dispersionOf(blocksOf({ pods: 2, minutes: 60, requests: 9, bad }))).toEqual({
      value: 2,
      within: 2,
      pods: 2,
      minutes: 60,
    });
    expect(dispersionOf(blocksOf({ pods: 9, minutes: 29, requests: 9, bad }))).toEqual({
      value: 2,
      within: 2,
      pods: 9,
      minutes: 29,
    });
    expect(dispersionOf(blocksOf({ pods: 3, minutes: 30, requests: 9, bad }))).toEqual({
      value: 1,
      within: 1,
      pods: 3,
      minutes: 30,
    });
    expect(dispersionOf(blocksOf({ pods: 3, minutes: 30, requests: 0, bad }))).toEqual({
      value: 2,
      within: 2,
      pods: 0,
      minutes: 0,
    });
  });

  it('R17: what all pods have in common counts overall, not within the minutes', () => {
    const incident = (minute: number) => (minute % 10 === 0 ? 30 : 1);
    const shared = dispersionOf(blocksOf({ pods: 3, minutes: 40, requests: 100, bad: (_pod, minute) => incident(minute) }));
    expect(shared.value).toBeGreaterThan(10);
    expect(shared.within).toBe(1);
    const ofOne = dispersionOf(
      blocksOf({ pods: 3, minutes: 40, requests: 100, bad: (pod, minute) => (pod === 0 ? incident(minute) : 1) }),
    );
    expect(ofOne.within).toBeGreaterThan(5);
  });

  it('R17: is a number from 1 to 100 for any blocks', () => {
    const number = fc.oneof(fc.nat(100), fc.nat(1_000_000_000), fc.constantFrom(-1, Number.NaN, Number.POSITIVE_INFINITY));
    const block = fc.record({ pod: fc.constantFrom('a', 'b', 'c', 'd'), atMs: fc.nat(7_200_000), requests: number, bad: number });
    fc.assert(
      fc.property(fc.array(block, { maxLength: 300, minLength: 200 }), blocks => {
        const { value, within } = dispersionOf(blocks);
        expect(Math.min(value, within)).toBeGreaterThanOrEqual(1);
        expect(Math.max(value, within)).toBeLessThanOrEqual(100);
      }),
      { seed: 5, numRuns: 200 },
    );
  });
});

/** Share of healthy half hours that are rejected when failures come in bursts of one pod and minute; half of all requests. */
const falseAlarms = (how: { k: number; tolerance: number; isDivided: boolean }): number => {
  const [random, runs, pods, requests, share] = [seeded(6), 300, 5, 600, 0.005];
  const bad = () => poisson(random, requests * share * burst(random, how.k));
  let rejected = 0;
  for (let run = 0; run < runs; run++) {
    const history = blocksOf({ pods, minutes: 40, requests, bad });
    const dispersion = how.isDivided ? dispersionOf(history).value : 1;
    let sums = NO_SHARE;
    const both = () => Array.from({ length: pods }, bad).reduce((sum, count) => sum + Math.min(requests, count), 0);
    for (let minute = 0; minute < 30; minute++) {
      const total = pods * requests;
      const interval = { canary: { bad: both(), total }, stable: { bad: both(), total } };
      sums = addShares(sums, interval, { tolerance: how.tolerance, dispersion });
      if (shareEvidence(sums) >= Math.log(100)) {
        rejected++;
        break;
      }
    }
  }
  return rejected / runs;
};

describe('failures in bursts of 60 s', () => {
  it.each([
    [1, 1, 0.15, 0.25],
    [0.3, 1, 0.35, 0.55],
    [1, 1.5, 0.005, 0.05],
    [0.3, 1.5, 0.1, 0.25],
  ])(
    'R17: k = %d, tolerance %d: taken for independent, %d to %d of healthy versions are rejected; with the dispersion hardly any',
    (k, tolerance, least, most) => {
      const plain = falseAlarms({ k, tolerance, isDivided: false });
      expect(plain).toBeGreaterThan(least);
      expect(plain).toBeLessThan(most);
      expect(falseAlarms({ k, tolerance, isDivided: true })).toBeLessThanOrEqual(0.01);
    },
  );
});
