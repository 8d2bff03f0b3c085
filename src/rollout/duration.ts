const DAY_MS = 86_400_000;
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `1h30m` in ms; `undefined` when the text is no duration (a bare number has no unit and is none). */
export const parseDuration = (text: string): number | undefined => {
  const [, only, itsUnit] = /^(\d+)(ms|s|m|h|d)$/.exec(text) ?? [];
  if (itsUnit !== undefined) return Number(only) * (UNIT_MS[itsUnit] ?? 0);
  if (!/^(\d+(ms|s|m|h|d))+$/.test(text)) return undefined;
  let ms = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+)(ms|s|m|h|d)/g)) ms += Number(amount) * (UNIT_MS[unit ?? ''] ?? 0);
  return ms;
};

/** The duration in ms, or the default when the text is absent. The schema has refused all other texts. */
export const durationOr = (text: string | undefined, defaultMs: number): number =>
  text === undefined ? defaultMs : (parseDuration(text) ?? defaultMs);

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
] as const;

/** A duration as people write it: `5m`, `1h30m`, `20s`; the two largest units. */
export const durationText = (ms: number): string => {
  let rest = Math.max(0, Math.round(ms));
  const parts: string[] = [];
  for (const [unit, unitMs] of UNITS) {
    const count = Math.floor(rest / unitMs);
    rest -= count * unitMs;
    if (count > 0) parts.push(`${count}${unit}`);
  }
  return parts.slice(0, 2).join('') || '0s';
};

/** A moment as people and Kubernetes write it, to the second: `2026-11-21T14:03:10Z`. */
export const isoSeconds = (ms: number): string => `${isoMillis(ms).slice(0, 19)}Z`;

/** A moment for the record, to the millisecond. Writing one is slow, and a decision writes the same one several times. */
export const isoMillis = (ms: number): string => {
  if (ms === latest.ms) return latest.text;
  [latest, earlier] = [ms === earlier.ms ? earlier : { ms, text: new Date(ms).toISOString() }, latest];
  return latest.text;
};

/** A decision goes back and forth between now and when something ends. */
let latest = { ms: Number.NaN, text: '' };
let earlier = latest;

/** The time of day of a moment: `14:03:10Z`. */
const clockTime = (ms: number): string => isoSeconds(ms).slice(11);

/** A moment that somebody waits for: the time of day, and on another day than now the day as well. */
export const momentFor = (ms: number, nowMs: number): string =>
  Math.floor(ms / DAY_MS) === Math.floor(nowMs / DAY_MS) ? clockTime(ms) : isoSeconds(ms);
