import type { PlanGate } from '../status.ts';

/** A number for people: two decimals, three digits below 1. */
export const round = (value: number): number =>
  Math.abs(value) >= 1 ? Math.round(value * 100) / 100 : Number(value.toPrecision(3));

const SAME = 1e-9;

/** The number with as few decimals as show on which side of the gate's bounds it lies. */
export const shownAgainst = ({ min, max }: Pick<PlanGate, 'min' | 'max'>, value: number): number => {
  const bounds = [min, max].filter(bound => bound !== undefined);
  const near = bounds.find(bound => Math.abs(value - bound) < SAME);
  if (near !== undefined) return near;
  const isFaithful = (shown: number): boolean => bounds.every(bound => Math.sign(shown - bound) === Math.sign(value - bound));
  const short = round(value);
  if (isFaithful(short)) return short;
  return [3, 4, 5, 6, 7, 8].map(digits => Number(value.toFixed(digits))).find(isFaithful) ?? value;
};
