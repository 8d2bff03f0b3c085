import { logMeanExp } from './logSums.ts';

/** A log likelihood ratio, added up over the samples, under some truth. */
export type Moments = { readonly mean: number; readonly variance: number };

/** Deviations below the mean that one normal number in ten falls short of. */
const ONE_OF_TEN = 1.2816;

/**
 * The evidence that a mixture has reached, or exceeds, in about 9 cases of 10. The log ratios of its alternatives rise and
 * fall together, so it is the mixture of what each of them exceeds in 9 of 10. Looks before the last one make it a little
 * more likely still.
 */
export const inNineOfTen = (logRatios: readonly Moments[]): number =>
  logMeanExp(logRatios.map(({ mean, variance }) => mean - ONE_OF_TEN * Math.sqrt(variance)));

/** Where `holds` begins to be true, on a logarithmic scale between two bounds, to 0.1 %. */
export const smallest = (from: number, to: number, holds: (value: number) => boolean): number | undefined => {
  if (!holds(to)) return undefined;
  let [low, high] = [from, to];
  while (high / low > 1.001) {
    const middle = Math.sqrt(low * high);
    if (holds(middle)) high = middle;
    else low = middle;
  }
  return high;
};
