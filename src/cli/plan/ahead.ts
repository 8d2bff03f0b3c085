import { closedAt, type RolloutSpec } from '../../rollout/index.ts';
import type { ForeseenPlan } from './foresee.ts';

/** A time in which nothing moves forward (spec.windows). */
export type ClosedSpan = {
  readonly fromMs: number;
  /** Absent: no end within 14 days. */
  readonly toMs?: number;
  /** `deny '* 18-23 * * 5' (Europe/Berlin)`. */
  readonly because: string;
};

/** How far ahead is looked. */
const AHEAD_MS = 7 * 86_400_000;
const MINUTE_MS = 60_000;

/** Closed times of the next 7 days, in order. */
export const closedAhead = ({ windows }: RolloutSpec, nowMs: number): readonly ClosedSpan[] => {
  if (windows === undefined || windows.length === 0) return [];
  const spans: ClosedSpan[] = [];
  let atMs = nowMs;
  while (atMs < nowMs + AHEAD_MS) {
    const closed = closedAt(windows, atMs);
    if (closed === undefined) {
      atMs = nextMinute(atMs);
      continue;
    }
    const { because, untilMs } = closed;
    spans.push({ fromMs: atMs, because, ...(untilMs === undefined ? {} : { toMs: untilMs }) });
    if (untilMs === undefined) break;
    atMs = untilMs;
  }
  return spans;
};

const nextMinute = (ms: number): number => (Math.floor(ms / MINUTE_MS) + 1) * MINUTE_MS;

/**
 * When each step begins at the earliest, in ms, if it is committed now: every gate passes as soon as it can, everybody answers
 * at once, and closed times are waited for. `undefined`: a window does not open within 14 days, and so for all steps after it.
 */
export const beginsOf = (
  { windows }: RolloutSpec,
  { plan, steps }: ForeseenPlan,
  nowMs: number,
): readonly (number | undefined)[] => {
  let readyMs: number | undefined = nowMs + plan.settleMs;
  return steps.map(({ lastsMs }) => {
    const beginsMs: number | undefined = readyMs === undefined ? undefined : openFrom(windows, readyMs);
    readyMs = beginsMs === undefined || !Number.isFinite(lastsMs) ? undefined : beginsMs + lastsMs;
    return beginsMs;
  });
};

const openFrom = (windows: RolloutSpec['windows'], ms: number): number | undefined => {
  const closed = closedAt(windows, ms);
  return closed === undefined ? ms : closed.untilMs;
};
