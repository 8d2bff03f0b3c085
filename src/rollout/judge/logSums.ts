/**
 * ln of the sum of exp(value): adds numbers of which only the logarithms are at hand, without overflow. Entries of -Infinity
 * count as zero; -Infinity without any other entry.
 */
export const logSumExp = (values: readonly number[]): number => {
  let top = Number.NEGATIVE_INFINITY;
  for (const value of values) if (value > top) top = value;
  if (!Number.isFinite(top)) return top;
  let sum = 0;
  for (const value of values) sum += Math.exp(value - top);
  return top + Math.log(sum);
};

/** ln of the mean of exp(value): the average of e-processes, which is one again. */
export const logMeanExp = (values: readonly number[]): number => logSumExp(values) - Math.log(values.length);

/**
 * Beyond this, in either direction, evidence has nothing more to say. Up to it, millionths are exact whole numbers, also
 * after a division and a multiplication.
 */
const MOST_LOG = 1e9;

/** Sums of logarithms are kept in whole millionths, so that one that was stored and read again equals the one in memory. */
export const toMillionths = (log: number): number => Math.round(Math.min(MOST_LOG, Math.max(-MOST_LOG, log)) * 1e6);

/** `undefined` for what `toMillionths` cannot have made. */
export const fromMillionths = (millionths: number): number | undefined =>
  Number.isInteger(millionths) && Math.abs(millionths) <= MOST_LOG * 1e6 ? millionths / 1e6 : undefined;

/** Rounded to what can be stored; never -0. */
export const storable = (log: number): number => toMillionths(log) / 1e6 + 0;
