import type { Counts } from '../observation.ts';
import { logMeanExp, storable } from './logSums.ts';
import { RATIOS } from './sequentialLimit.ts';

/** What both versions did in the same interval. */
export type TwoSides = { readonly canary: Counts; readonly stable: Counts };

/** Ratios with their logarithms. */
export type Grid = { readonly ratios: readonly number[]; readonly logs: readonly number[] };

export const gridOf = (ratios: readonly number[]): Grid => ({ ratios, logs: ratios.map(Math.log) });

const GRID = gridOf(RATIOS);

/** Log likelihood ratios before the first interval, one for each ratio of the grid. */
export const NO_SHARE: readonly number[] = RATIOS.map(() => 0);

/**
 * Is the new version's share of bad ones more than `tolerance` times that of stable? Adds one interval to the log
 * likelihood ratios of "r times worse than allowed" against "just allowed", for each r of the grid.
 *
 * Given how many bad ones both versions had, those of the new version are binomial with p0 = d n_c / (d n_c + n_b) when it
 * is just allowed, and with p_r = r d n_c / (r d n_c + n_b) when it is r times worse; d is the tolerance, n are requests. So
 * `log ratio = e_c ln(p_r/p0) + e_b ln((1-p_r)/(1-p0)) = e_c ln r - (e_c + e_b) ln(1 + p0 (r-1))`. The rate itself does not
 * occur: load, incidents that both share, and changing weights do no harm. (Lindon & Malek, Anytime-valid inference for
 * multinomial count data, NeurIPS 2022; the mixture as in Robbins 1970, the bound by Ville 1939.)
 *
 * `dispersion` divides what the interval adds. An interval in which one version had no requests, or whose counts make no
 * sense, adds nothing.
 */
export const addShares = (
  sums: readonly number[],
  interval: TwoSides,
  { tolerance, dispersion }: { readonly tolerance: number; readonly dispersion: number },
): readonly number[] => addRatios(sums, interval, { grid: GRID, tolerance, dispersion });

/** The same for any grid of ratios; those below 1 speak for the new version (certify). */
export const addRatios = (
  sums: readonly number[],
  { canary, stable }: TwoSides,
  { grid, tolerance, dispersion }: { readonly grid: Grid; readonly tolerance: number; readonly dispersion: number },
): readonly number[] => {
  if (!makesSense(canary) || !makesSense(stable) || canary.total === 0 || stable.total === 0 || !(tolerance > 0)) return sums;
  const bad = canary.bad + stable.bad;
  if (bad === 0) return sums;
  const phi = Math.max(dispersion || 1, 1);
  const p0 = (tolerance * canary.total) / (tolerance * canary.total + stable.total);
  const { ratios, logs } = grid;
  return sums.map((sum, i) =>
    storable(sum + (canary.bad * (logs[i] ?? 0) - bad * Math.log1p(p0 * ((ratios[i] ?? 1) - 1))) / phi),
  );
};

/** Finite, not negative, and not more bad ones than there are. */
export const makesSense = ({ bad, total }: Counts): boolean => bad >= 0 && bad <= total && total < Number.POSITIVE_INFINITY;

/** ln E: the mean over the grid. The new version is worse than allowed when it reaches ln(1/alpha). */
export const shareEvidence = (sums: readonly number[]): number => logMeanExp(sums);
