import type { Trace } from './spans.ts';

/** A span of time, open at its start: (fromMs, untilMs]. */
export type Interval = { readonly fromMs: number; readonly untilMs: number };

/** One search of Zipkin: traces that began in the interval, at most `limit` of them; when it is more, the newest, as a rule. */
export type Search = (filter: Filter, interval: Interval, limit: number) => Promise<readonly Trace[]>;

/** Query parameters that say which traces are wanted. */
export type Filter = ({ readonly annotationQuery: string } | { readonly serviceName: string }) & {
  /** In microseconds: traces with a span at least this long. */
  readonly minDuration?: string;
};

/** What one reading may cost. */
type Budget = { readonly searches: number; readonly limit: number; readonly isOver: () => boolean };

export type Found = {
  readonly traces: readonly Trace[];
  /** Of the calls that count after this moment none is missing. Later than the interval's start when it was too much. */
  readonly fromMs: number;
  /** All traces that began since then were found, and of those before it the ones with a span of `longMs` or more. */
  readonly allSinceMs: number;
  readonly longMs: number;
  /** No trace that began before this was found. */
  readonly backMs: number;
};

/** Longer calls are not seen: streams, mostly, of which the length is up to their users. */
export const lookBackMs = 60_000;

/** A window is made so small that this part of the limit is expected in it. */
const filling = 0.8;

/**
 * The traces of all calls in the interval. Zipkin searches by the beginning of a trace, and a call may be deep in one, or
 * long, so earlier beginnings have to be looked at. Mostly one search does it all.
 *
 * An answer of `limit` traces is a cut one. Then the time is walked through backwards in windows that are small enough,
 * and before it only traces with a long span are asked for: a call that reached into the interval from there was long
 * itself, or one above it was. When the searches or the time are used up, the oldest part of the interval is given up: which part is a
 * matter of how many traces there are and not of what they are like, and the end of the interval is always reached.
 */
export async function readTraces(
  search: Search,
  filter: Filter,
  { fromMs, untilMs, promptMs }: Interval & { readonly promptMs: number },
  { searches, limit, isOver }: Budget,
): Promise<Found> {
  const backMs = fromMs - lookBackMs;
  const all = await search(filter, { fromMs: backMs, untilMs }, limit);
  if (all.length < limit) return { traces: all, fromMs, allSinceMs: backMs, longMs: 0, backMs };

  const forLong = Math.ceil(searches / 4);
  const walked = { fromMs: fromMs - promptMs, untilMs };
  const firstMs = windowFor(all, { fromMs: backMs, untilMs });
  const recent = await walkBack(search, filter, walked, { limit, isOver, searches: searches - 1 - forLong, firstMs });
  const longMs = Math.min(promptMs, Math.max(fromMs - recent.fromMs, (untilMs - recent.fromMs) / 2));
  const completeFromMs = Math.max(fromMs, Math.ceil(recent.fromMs + longMs));

  const before = { fromMs: completeFromMs - lookBackMs, untilMs: recent.fromMs };
  const onlyLong = { ...filter, minDuration: String(Math.max(1, Math.floor(longMs * 1000))) };
  const long = await walkBack(search, onlyLong, before, { limit, isOver, searches: forLong, firstMs: lookBackMs });
  return {
    traces: [...recent.traces, ...long.traces],
    fromMs: completeFromMs,
    allSinceMs: recent.fromMs,
    longMs,
    backMs: long.fromMs,
  };
}

type Walk = Budget & { readonly firstMs: number };

/** Reads the interval from its end to its start, or as far as searches and time go, but never nothing at all for want of time. */
async function walkBack(search: Search, filter: Filter, interval: Interval, { searches, limit, isOver, firstMs }: Walk) {
  const found: Trace[] = [];
  let untilMs = interval.untilMs;
  let windowMs = firstMs;
  for (let left = searches; left > 0 && untilMs > interval.fromMs; left -= 1) {
    const window = { fromMs: Math.max(interval.fromMs, Math.floor(untilMs - windowMs)), untilMs };
    const traces = await search(filter, window, limit);
    if (traces.length < limit) {
      for (const trace of traces) found.push(trace);
      windowMs = Math.min(2 * windowMs, ((untilMs - window.fromMs) * filling * limit) / Math.max(1, traces.length));
      untilMs = window.fromMs;
    } else {
      windowMs = windowFor(traces, window);
    }
    windowMs = Math.max(1, windowMs);
    if (isOver() && untilMs < interval.untilMs) break;
  }
  return { traces: found, fromMs: untilMs };
}

/** How long a window should be after a cut answer: what is left in it is the newest, as a rule, and shows how dense they are. */
function windowFor(cut: readonly Trace[], { fromMs, untilMs }: Interval): number {
  const oldestMs = cut.reduce((oldest, { atMs = untilMs }) => Math.min(oldest, atMs), untilMs);
  return Math.max(1, Math.min(untilMs - oldestMs, (untilMs - fromMs) / 2) * filling);
}
