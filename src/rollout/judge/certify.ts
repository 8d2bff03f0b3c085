import type { BaselineSums } from '../observation.ts';
import type { PlanCertify } from '../status.ts';
import { logMeanExp, storable } from './logSums.ts';
import { addRatios, gridOf, makesSense, type TwoSides } from './shareBaseline.ts';

export type CertifySums = NonNullable<BaselineSums['certify']>;

/** How many times better than the border of what is not good enough; spread over the whole range, as nothing is known. */
const GRID = gridOf([0.02, 0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.75]);

export const NO_CERTIFY: CertifySums = { ratio: GRID.ratios.map(() => 0), floor: GRID.ratios.map(() => 0) };

/** Chance that a version which is not good enough is certified all the same. */
const BETA = 0.05;

/**
 * Proof that the new version is good enough: evidence against "it fails at least `ratio` times as often as stable" (the test
 * of shareBaseline.ts with ratios below 1) and against "at least `floor` percent of its requests fail" (the one of
 * sequentialLimit.ts, likewise). One interval more; the second needs no requests of stable. Divided by the
 * dispersion: bursts that happen to stay away for a while are no proof. (Ville 1939; Robbins 1970; Lindon & Malek, NeurIPS 2022.)
 */
export const addCertified = (
  sums: CertifySums,
  interval: TwoSides,
  { ratio, floor, dispersion = 1 }: Pick<PlanCertify, 'ratio' | 'floor'> & { readonly dispersion?: number | undefined },
): CertifySums => ({
  ratio: addRatios(sums.ratio, interval, { grid: GRID, tolerance: ratio, dispersion }),
  floor: addBelowFloor(sums.floor, interval, { p0: floor / 100, dispersion }),
});

const addBelowFloor = (
  sums: readonly number[],
  { canary, stable }: TwoSides,
  { p0, dispersion }: { readonly p0: number; readonly dispersion: number },
): readonly number[] => {
  if (!makesSense(canary) || !makesSense(stable) || canary.total === 0 || !(p0 > 0 && p0 < 1)) return sums;
  return sums.map((sum, i) => {
    const ofGood = Math.log1p(-(GRID.ratios[i] ?? 1) * p0) - Math.log1p(-p0);
    return storable(sum + (canary.bad * (GRID.logs[i] ?? 0) + (canary.total - canary.bad) * ofGood) / dispersion);
  });
};

/** Either of the two is proved, each with half of the chance to be wrong (beta 0.05 together). */
export const isCertified = ({ ratio, floor }: CertifySums): boolean => {
  const enough = Math.log(2 / BETA);
  return logMeanExp(ratio) >= enough || logMeanExp(floor) >= enough;
};
