import { durationText } from '../../rollout/index.ts';

/** `2m15s`: a length of time, to the second. */
export const lengthText = (ms: number): string => durationText(1_000 * Math.round(ms / 1_000));

/** `16,400`. */
export const countText = (count: number): string => Math.round(count).toLocaleString('en-US');

/** `2,700 requests`, `1 request`. */
export const counted = (count: number, noun: string): string =>
  `${countText(count)} ${noun}${Math.round(count) === 1 ? '' : 's'}`;

/** With three digits below ten, as more says nothing. */
export const percentText = (percent: number): string => `${Number(percent.toPrecision(percent >= 10 ? 3 : 2))} %`;
