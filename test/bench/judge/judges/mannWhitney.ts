import type { Judge } from '../rollout.ts';
import { quantileMs } from '../sums.ts';
import type { Side, Tick } from '../world.ts';

/** Two-sided, 98 %. */
const Z = 2.326347874;
/** A difference counts when it lies beyond this share of the estimated shift. */
const TOLERANCE = 0.25;

/**
 * Is the first list higher? As Kayenta's judge decides it: the lower end of the confidence interval of the shift between
 * the two lists (Hodges and Lehmann, normal approximation with ties and continuity) against a part of the shift itself.
 */
export const isHigher = (experiment: readonly number[], control: readonly number[]): boolean => {
  if (experiment.length === 0 || control.length === 0) return false;
  const lowest = Math.min(...experiment) - Math.max(...control);
  const highest = Math.max(...experiment) - Math.min(...control);
  // two constants: there is no uncertainty about the shift
  if (lowest === highest) return lowest > 0;
  const root = (quantile: number): number => shiftAt(experiment, control, { quantile, lowest, highest });
  return root(Z) > TOLERANCE * Math.abs(root(0));
};

/** The shift at which the rank sum has this standardised value; it falls as the shift grows. By bisection. */
const shiftAt = (
  experiment: readonly number[],
  control: readonly number[],
  { quantile, lowest, highest }: { readonly quantile: number; readonly lowest: number; readonly highest: number },
): number => {
  let [low, high] = [lowest, highest];
  const precision = (highest - lowest) * 1e-4;
  while (high - low > precision) {
    const middle = (low + high) / 2;
    if (standardRankSum(experiment, control, middle) > quantile) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
};

const standardRankSum = (experiment: readonly number[], control: readonly number[], shift: number): number => {
  const marked = [...experiment.map(value => [value - shift, 1] as const), ...control.map(value => [value, 0] as const)];
  marked.sort(([a], [b]) => a - b);
  const [n, m] = [experiment.length, control.length];
  let [sum, ties] = [0, 0];
  for (let i = 0; i < marked.length; ) {
    let j = i;
    while (j < marked.length && marked[j]?.[0] === marked[i]?.[0]) j += 1;
    const rank = (i + 1 + j) / 2;
    for (let k = i; k < j; k++) sum += (marked[k]?.[1] ?? 0) * rank;
    ties += (j - i) ** 3 - (j - i);
    i = j;
  }
  const distance = sum - (n * (n + 1)) / 2 - (n * m) / 2;
  const deviation = Math.sqrt(((n * m) / 12) * (n + m + 1 - ties / ((n + m) * (n + m - 1))));
  return deviation === 0 ? 0 : (distance - Math.sign(distance) * 0.5) / deviation;
};

const METRICS: readonly ((side: Side) => number)[] = [
  ({ errors, requests }) => errors / requests,
  side => quantileMs(side, 0.99),
];

const pointsOf = (ticks: readonly Tick[], version: 'canary' | 'stable', metric: (side: Side) => number): readonly number[] =>
  ticks.map(tick => metric(tick[version])).filter(value => Number.isFinite(value));

/**
 * Kayenta: at the end of each step error rate and p99, one point for each scrape since the first raise, new version against
 * stable. One metric of two that is high gives a score of 50, below the 75 of the documented examples, which ends the release.
 */
export const kayenta: Judge = {
  name: 'Kayenta-style Mann-Whitney',
  begin: ({ steps }) => ({
    steps,
    look: ({ isPauseOver, ticks }) => {
      if (!isPauseOver) return 'stay';
      const isWorse = METRICS.some(metric => isHigher(pointsOf(ticks, 'canary', metric), pointsOf(ticks, 'stable', metric)));
      return isWorse ? 'back' : 'go';
    },
  }),
};
