import type { Interval } from './count.ts';
import type { Span } from './spans.ts';

/** One search of Zipkin: traces whose root began in the interval, newest first, at most `limit` of them. */
export type Search = (filter: Filter, interval: Interval, limit: number) => Promise<readonly (readonly Span[])[]>;

/** Query parameters that say which traces are wanted. */
export type Filter = { readonly annotationQuery: string } | { readonly serviceName: string };

export type Found = {
  readonly spans: readonly Span[];
  /** Nothing up to then is missing. Equal to the interval's start when not even its beginning could be read. */
  readonly untilMs: number;
};

/** Zipkin returns at most so many traces of one search. */
const traceLimit = 1000;

const maxSearches = 16;

/**
 * Zipkin searches by the beginning of a trace, not of the span that matters; a call deep in a trace begins later. So
 * much earlier beginnings are looked at, too.
 */
const rootLeadMs = 10_000;

/**
 * All spans of the traces that may hold a call in the interval. A full answer is a cut one (the oldest are missing):
 * then the interval is halved, the older half first, so that what was read is complete up to one moment when the
 * number of searches is used up. Only the time before the interval is not halved: of its traces the newest ones, which
 * are in the answer, are the likeliest to hold a call that began later.
 */
export async function readTraces(search: Search, filter: Filter, interval: Interval): Promise<Found> {
  const { fromMs } = interval;
  const all = await search(filter, { fromMs: fromMs - rootLeadMs, untilMs: interval.untilMs }, traceLimit);
  if (all.length < traceLimit) return { spans: all.flat(), untilMs: interval.untilMs };
  const early = await search(filter, { fromMs: fromMs - rootLeadMs, untilMs: fromMs }, traceLimit);
  return readHalves(search, filter, interval, early.flat());
}

async function readHalves(search: Search, filter: Filter, interval: Interval, early: readonly Span[]): Promise<Found> {
  const spans = [...early];
  const pending: Interval[] = [interval];
  let untilMs = interval.fromMs;
  for (let searches = 2; searches < maxSearches; searches += 1) {
    const next = pending.pop();
    if (next === undefined) break;
    const traces = await search(filter, next, traceLimit);
    const middleMs = Math.floor((next.fromMs + next.untilMs) / 2);
    if (traces.length >= traceLimit && middleMs > next.fromMs) {
      pending.push({ fromMs: middleMs, untilMs: next.untilMs }, { fromMs: next.fromMs, untilMs: middleMs });
      continue;
    }
    for (const trace of traces) spans.push(...trace);
    untilMs = Math.max(untilMs, next.untilMs);
  }
  return { spans, untilMs };
}
