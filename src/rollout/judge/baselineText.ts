import type { BaselineSums, Counts } from '../observation.ts';
import { fromMillionths, toMillionths } from './logSums.ts';

const FORMAT = '1';

/**
 * Sums as text for the status: counts, then each list of logarithms in millionths, all as whole numbers in base 36; under
 * 1 kB. Exact: what is read again equals what was written.
 */
export const encodeSums = ({ canary, stable, shares, ranks, certify }: BaselineSums): string => {
  const counts = [canary.bad, canary.total, stable.bad, stable.total];
  const logs = [
    ...shares,
    ...(ranks === undefined ? [] : [ranks]),
    ...(certify === undefined ? [] : [certify.ratio, certify.floor]),
  ];
  return [FORMAT, inBase36(counts), ...logs.map(list => inBase36(list.map(toMillionths)))].join(';');
};

const inBase36 = (values: readonly number[]): string => values.map(value => value.toString(36)).join(',');

/** `undefined` for anything that is not the text of sums that have as many numbers as `like` has. */
export const decodeLike = (text: string, like: BaselineSums): BaselineSums | undefined => {
  const [format, ...parts] = text.split(';');
  const lists = parts.map(part => part.split(',').map(wholeNumber));
  const [canaryBad, canaryTotal, stableBad, stableTotal, ...more] = lists.shift() ?? [];
  const canary = countsOf(canaryBad, canaryTotal);
  const stable = countsOf(stableBad, stableTotal);
  if (format !== FORMAT || canary === undefined || stable === undefined || more.length > 0) return undefined;
  const take = (before: readonly number[]): readonly number[] | undefined => {
    const logs = lists.shift()?.map(value => fromMillionths(value));
    return logs?.length === before.length && logs.every(log => log !== undefined) ? logs : undefined;
  };
  const shares = like.shares.map(take);
  const ranks = like.ranks && take(like.ranks);
  const ratio = like.certify && take(like.certify.ratio);
  const floor = like.certify && take(like.certify.floor);
  if (lists.length > 0 || !shares.every(share => share !== undefined)) return undefined;
  if ((like.ranks && !ranks) || (like.certify && !(ratio && floor))) return undefined;
  return { canary, stable, shares, ...(ranks && { ranks }), ...(ratio && floor && { certify: { ratio, floor } }) };
};

const wholeNumber = (text: string): number =>
  /^(?:0|-?[1-9a-z][0-9a-z]{0,10})$/.test(text) ? Number.parseInt(text, 36) : Number.NaN;

const countsOf = (bad = Number.NaN, total = Number.NaN): Counts | undefined =>
  Number.isSafeInteger(total) && bad >= 0 && bad <= total ? { bad, total } : undefined;
