import type { Counts } from '../observation.ts';

/**
 * Is a share of bad ones above its limit? A test that may be looked at as often as one likes.
 *
 * Null hypothesis: each of `total` samples is bad with a probability of at most p0. The evidence E is a mixture of
 * likelihood ratios of "p0 times r" against p0, over a grid of r in [1.25, 50]. Under the null E is a supermartingale
 * that starts at 1, so P(E ever >= 1/alpha) <= alpha (Ville, 1939; Wald's mixture method as in Robbins, Ann. Math.
 * Statist. 41, 1970). E depends on the cumulative counts only: a restart loses nothing, and the order does not matter.
 */
export const logEvidence = ({ bad, total }: Counts, p0: number): number => {
  if (bad === 0 && p0 <= 0) return 0;
  if (p0 <= 0) return Number.POSITIVE_INFINITY;
  if ((1 + p0) / 2 >= 1) return 0;
  const terms = logRatios(p0).map(([ofBad, ofGood]) => bad * ofBad + (total - bad) * ofGood);
  return logSumExp(terms) - Math.log(terms.length);
};

/** Likelihood ratio of one bad and of one good sample, for each alternative; logarithms. */
type LogRatios = readonly (readonly [ofBad: number, ofGood: number])[];

const MOST_KNOWN = 1_000;
const known = new Map<number, LogRatios>();

/** Limits are few and asked about often, so their logarithms are worked out once. */
const logRatios = (p0: number): LogRatios => {
  const before = known.get(p0);
  if (before !== undefined) return before;
  const ratios = alternatives(p0).map(p => [Math.log(p / p0), Math.log((1 - p) / (1 - p0))] as const);
  if (known.size >= MOST_KNOWN) known.clear();
  known.set(p0, ratios);
  return ratios;
};

const RATIOS = Array.from({ length: 24 }, (_, i) => 1.25 * (50 / 1.25) ** (i / 23));

/** The grid, kept below 1: a ratio that would pass it stands half-way between p0 and 1. */
const alternatives = (p0: number): readonly number[] => RATIOS.map(r => Math.min(r * p0, (1 + p0) / 2));

const logSumExp = (values: readonly number[]): number => {
  const top = Math.max(...values);
  return top + Math.log(values.reduce((sum, value) => sum + Math.exp(value - top), 0));
};
