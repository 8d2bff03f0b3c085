import type { Counts } from '../observation.ts';
import type { GateSource, PlanGate } from '../status.ts';

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

/** `16,400`: a count for people. */
export const countText = (count: number): string => String(count).replace(/\B(?=(\d{3})+(?!\d))/g, ',');

/** `2.1 %` of a number of samples. */
export const percentText = ({ bad, total }: Counts): string => `${round((100 * bad) / Math.max(1, total))} %`;

/** What one sample of this gate is called, several of them. */
export const unitOf = ({ kind }: GateSource): string => (kind === 'zipkin' ? 'spans' : 'requests');

/** The two rates are told by different readings: so near to one they are the same. */
const NEARLY_ALL = 0.8;

/** Spans are a sample: ` (9.8 % of requests)`; nothing when they are all, or when nobody knows. */
export const samplingText = (sampling: number | undefined): string =>
  sampling === undefined || sampling >= NEARLY_ALL ? '' : ` (${round(100 * sampling)} % of requests)`;

/** More evidence than anybody would read. */
export const MOST_SHOWN = 1e9;

/** Evidence is stored and shown with two decimals. */
export const evidenceOf = (logE: number): number => Math.min(MOST_SHOWN, Math.round(Math.exp(Math.min(logE, 30)) * 100) / 100);

/** Evidence that fails a gate; compared as it is, as what is shown has an end. */
export const isEnough = (logE: number, alpha: number): boolean => logE >= -Math.log(alpha);

/** `412:1`. */
export const ratioText = (evidence: number): string => {
  if (evidence >= 1e6) return 'over 1,000,000:1';
  return `${evidence >= 10 ? countText(Math.round(evidence)) : round(evidence)}:1`;
};

/** `evidence 412:1, limit 100:1`. */
export const evidenceText = (evidence: number, alpha: number): string =>
  `evidence ${ratioText(evidence)}, limit ${ratioText(1 / alpha)}`;

export const isPossible = ({ bad, total }: Counts): boolean => Number.isFinite(total) && bad >= 0 && bad <= total;
