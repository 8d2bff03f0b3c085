import type { Traffic, TrafficQuery, VersionTraffic } from '../../controller/ports.ts';
import { causeOf } from '../http/response.ts';
import type { Call } from './calls.ts';
import type { Interval } from './traces.ts';

/** What was read of the spans, for both versions alike. */
type Reading = Interval & {
  /** Calls up to this long count when they began. */
  readonly promptMs: number;
  /** Calls longer than this may be missing, so none of them counts. */
  readonly reachMs: number;
};

/** Traffic as spans show it. */
export type SpanTraffic = Traffic & {
  /** So much of the beginning of the interval was not looked at, because there were too many spans. */
  readonly skippedMs?: number;
  /** Longer calls were not looked for; absent: as usual, those longer than a minute. */
  readonly longestMs?: number;
};

/** For people a bounded list of single durations is enough. */
const shownDurations = 5000;

const mostCauses = 10;
const mostPods = 20;

/** How the two versions are told apart in `Call.side`. */
export type SideOf = { readonly stable: string; readonly canary: string };

/**
 * Counts calls per version. One call stands for a trace: calls of one trace are not independent of each other. Which
 * one is decided by a hash of its ids, and not by what it was like; only then it is looked at whether it counts here.
 * A mirrored copy never takes the place of its original: where the new version gets nothing else, each of both stands for
 * the trace on its own side, and the host has had one request.
 */
export function countCalls(calls: readonly Call[], sideOf: SideOf, query: TrafficQuery, reading: Reading): Traffic {
  const isCopy = ({ side }: Call) => query.copies === true && side === sideOf.canary;
  const originals = calls.filter(call => !isCopy(call));
  const counted = [...onePerTrace(originals), ...onePerTrace(calls.filter(isCopy))]
    .map(call => ({ ...call, countsAtMs: countsAtMs(call, reading.promptMs) }))
    .filter(call => call.countsAtMs > reading.fromMs && call.countsAtMs <= reading.untilMs)
    .filter(call => call.lastedMs <= reading.reachMs && !call.cancelled)
    .sort((a, b) => a.countsAtMs - b.countsAtMs);
  const of = (side: string) =>
    countVersion(
      counted.filter(call => call.side === side),
      query.slowerThanMs,
    );
  return {
    untilMs: reading.untilMs,
    stable: of(sideOf.stable),
    canary: of(sideOf.canary),
    host: countHost(counted.filter(call => !isCopy(call))),
  };
}

function countHost(calls: readonly Call[]): Traffic['host'] {
  return { requests: calls.length, unattributed: calls.filter(call => call.reachedNoPod).length };
}

/**
 * When a call counts: when it began, or, when it was long, so much later that its span, which is written at its end, has
 * arrived by the time that this moment is read. So each call counts once, however long it was, and no memory is needed of
 * those that counted before. The rule is the same for both versions: of calls that count at one moment, those of one
 * version are as often slow as those of the other, if the versions are alike.
 */
function countsAtMs({ atMs, lastedMs }: Call, promptMs: number): number {
  return atMs + Math.max(0, lastedMs - promptMs);
}

export function noTraffic(query: TrafficQuery): Traffic {
  const reading = { fromMs: query.fromMs, untilMs: query.fromMs, promptMs: 0, reachMs: 0 };
  return countCalls([], { stable: query.stable.subset, canary: query.canary.subset }, query, reading);
}

function onePerTrace(calls: readonly Call[]): readonly Call[] {
  const chosen = new Map<string, { readonly call: Call; readonly rank: number }>();
  for (const call of calls) {
    const rank = hashOf(call.traceId + call.spanId);
    const other = chosen.get(call.traceId);
    if (other === undefined || rank < other.rank || (rank === other.rank && isFuller(call, other.call))) {
      chosen.set(call.traceId, { call, rank });
    }
  }
  return [...chosen.values()].map(({ call }) => call);
}

/** The same span may have been stored twice, once unfinished, or by two proxies, of which the outer one saw all of it. */
function isFuller(call: Call, other: Call): boolean {
  return call.lastedMs > other.lastedMs;
}

/** FNV-1a, and a last stir, as ids that differ in their last digit only must not stand in their order. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}

type CountedCall = Call & { readonly countsAtMs: number };

function countVersion(calls: readonly CountedCall[], slowerThanMs: readonly number[]): VersionTraffic {
  const timed = calls.flatMap(({ countsAtMs: atMs, durationMs }) =>
    durationMs === undefined ? [] : [[atMs, durationMs] as const],
  );
  const failed = calls.filter(call => call.failed);
  return {
    requests: calls.length,
    errors: failed.length,
    timed: timed.length,
    slow: slowerThanMs.map(limitMs => timed.filter(([, durationMs]) => durationMs > limitMs).length),
    durations: timed
      .slice(-shownDurations)
      .map(([, durationMs]) => [durationMs, 1] as const)
      .sort(([a], [b]) => a - b),
    calls: timed,
    ...(failed.length === 0 ? {} : { causes: causesOf(failed) }),
    ...(calls.some(call => call.pod !== undefined) ? { pods: podsOf(calls) } : {}),
  };
}

/** Ties stand in the order of their names, so that equal answers look equal. */
function causesOf(failed: readonly Call[]): NonNullable<VersionTraffic['causes']> {
  const counts = new Map<string, number>();
  for (const { response } of failed) {
    const what = causeOf(response) || 'error';
    counts.set(what, (counts.get(what) ?? 0) + 1);
  }
  const listed = [...counts].map(([what, count]) => ({ what, count }));
  return listed.sort((a, b) => b.count - a.count || (a.what < b.what ? -1 : 1)).slice(0, mostCauses);
}

function podsOf(calls: readonly Call[]): NonNullable<VersionTraffic['pods']> {
  const pods = new Map<string, { readonly requests: number; readonly failures: number }>();
  for (const { pod, failed } of calls) {
    if (pod === undefined) continue;
    const before = pods.get(pod) ?? { requests: 0, failures: 0 };
    pods.set(pod, { requests: before.requests + 1, failures: before.failures + (failed ? 1 : 0) });
  }
  const listed = [...pods].map(([name, counts]) => ({ name, ...counts }));
  return listed.sort((a, b) => b.failures - a.failures || (a.name < b.name ? -1 : 1)).slice(0, mostPods);
}
