import type { Traffic, TrafficQuery, VersionTraffic } from '../../controller/ports.ts';
import { isClientCancel } from '../http/response.ts';
import type { Call } from './spans.ts';

/** A span of time, open at its start: (fromMs, untilMs]. */
export type Interval = { readonly fromMs: number; readonly untilMs: number };

/** For people a bounded list of single durations is enough. */
const shownDurations = 5000;

/**
 * Counts calls per version. One call stands for a trace: calls of one trace are not independent of each other. Which
 * one is decided by its span id, which is random, and not by what it was like; it counts in the interval in which it began.
 */
export function countCalls(calls: readonly Call[], sideOf: SideOf, query: TrafficQuery, untilMs: number): Traffic {
  const counted = onePerTrace(calls).filter(
    call => call.atMs > query.fromMs && call.atMs <= untilMs && !isClientCancel(call.response),
  );
  const of = (side: string) =>
    countVersion(
      counted.filter(call => call.side === side),
      query.slowerThanMs,
    );
  return {
    untilMs,
    stable: of(sideOf.stable),
    canary: of(sideOf.canary),
    host: { requests: counted.length, unattributed: counted.filter(call => call.reachedNoPod).length },
  };
}

/** How the two versions are told apart in `Call.side`. */
export type SideOf = { readonly stable: string; readonly canary: string };

export function noTraffic(query: TrafficQuery): Traffic {
  return countCalls([], { stable: query.stable.subset, canary: query.canary.subset }, query, query.fromMs);
}

function onePerTrace(calls: readonly Call[]): readonly Call[] {
  const chosen = new Map<string, Call>();
  for (const call of calls) {
    const other = chosen.get(call.traceId);
    if (other === undefined || call.spanId < other.spanId || (call.spanId === other.spanId && isFuller(call, other))) {
      chosen.set(call.traceId, call);
    }
  }
  return [...chosen.values()];
}

/** The same span may have been stored twice, once unfinished. */
function isFuller(call: Call, other: Call): boolean {
  return call.durationMs !== undefined && other.durationMs === undefined;
}

function countVersion(calls: readonly Call[], slowerThanMs: readonly number[]): VersionTraffic {
  const timed = calls.flatMap(({ atMs, durationMs }) => (durationMs === undefined ? [] : [{ atMs, durationMs }]));
  const shown = timed.sort((a, b) => b.atMs - a.atMs).slice(0, shownDurations);
  return {
    requests: calls.length,
    errors: calls.filter(call => call.failed).length,
    timed: timed.length,
    slow: slowerThanMs.map(limitMs => timed.filter(call => call.durationMs > limitMs).length),
    durations: shown.map(call => [call.durationMs, 1] as const).sort(([a], [b]) => a - b),
  };
}
