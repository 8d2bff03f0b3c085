import type { Counts } from '../observation.ts';
import { logMeanExp } from './logSums.ts';

/**
 * Is a share of bad ones above its limit? A test that may be looked at as often as one likes; the answer is ln E.
 *
 * Null hypothesis: each of `total` samples is bad with a probability of at most p0 (0..1). The evidence E is a mixture of
 * likelihood ratios of "p0 times r" against p0, over a grid of r in [1.25, 50]:
 * `E = mean over r of (p_r/p0)^bad ((1-p_r)/(1-p0))^(total-bad)`. Under the null E is a supermartingale that starts at 1, so
 * P(E ever >= 1/alpha) <= alpha (Ville, 1939; Wald's mixture method as in Robbins, Ann. Math. Statist. 41, 1970). E depends
 * on the cumulative counts only: a restart loses nothing, and the order does not matter. `dispersion` (phi) divides each
 * log ratio: the 1/phi-th power of a fair bet is not better than fair.
 */
export const logEvidence = ({ bad, total }: Counts, p0: number, dispersion = 1): number => {
  if (bad === 0 && p0 <= 0) return 0;
  if (p0 <= 0) return Number.POSITIVE_INFINITY;
  if ((1 + p0) / 2 >= 1) return 0;
  const phi = Math.max(dispersion || 1, 1);
  return logMeanExp(limitLogRatios(p0).map(({ ofBad, ofGood }) => (bad * ofBad + (total - bad) * ofGood) / phi));
};

/** Likelihood ratio of one bad and of one good sample, for each alternative; logarithms. */
type LogRatios = readonly { readonly ofBad: number; readonly ofGood: number }[];

const MOST_KNOWN = 1_000;
const known = new Map<number, LogRatios>();

/** Limits are few and asked about often, so their logarithms are worked out once. 0 < p0 < 1. */
export const limitLogRatios = (p0: number): LogRatios => {
  const before = known.get(p0);
  if (before !== undefined) return before;
  const ratios = alternatives(p0).map(p => ({ ofBad: Math.log(p / p0), ofGood: Math.log((1 - p) / (1 - p0)) }));
  if (known.size >= MOST_KNOWN) known.clear();
  known.set(p0, ratios);
  return ratios;
};

/** How many times worse than allowed the new version may be: 24 points, evenly spaced on a logarithmic scale. */
export const RATIOS: readonly number[] = Array.from({ length: 24 }, (_, i) => 1.25 * (50 / 1.25) ** (i / 23));

/** The grid, kept below 1: a ratio that would pass it stands half-way between p0 and 1. */
const alternatives = (p0: number): readonly number[] => RATIOS.map(r => Math.min(r * p0, (1 + p0) / 2));
