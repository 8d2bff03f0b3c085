import type { Series } from './answer.ts';

/** A span of time, open at its start: (fromMs, untilMs]. */
export type Interval = { readonly fromMs: number; readonly untilMs: number };

const defaultScrapeDistanceMs = 60_000;

/** A scrape takes a moment and bears the time of its beginning: so long it may be under way, at most. */
const longestScrapeMs = 2000;

/**
 * Up to when no further sample can come to light. Targets are scraped at different moments, and a scrape that is under
 * way has a time stamp that lies in the past already: so the boundary is the oldest among the latest samples of the
 * targets that are still there. What a target says later bears a later time. A target is gone after two missed scrapes;
 * all that it said is counted. A new target may be in its first scrape: so the last moments before `toMs` stay open.
 * Equal to `fromMs` when nothing newer is known.
 */
export function completeUntil(series: readonly Series[], fromMs: number, toMs: number): number {
  const targets = sampleTimes(series);
  const fallbackMs = median([...targets.values()].flatMap(gaps)) ?? defaultScrapeDistanceMs;
  const underWayMs = Math.min(longestScrapeMs, fallbackMs / 5);
  let untilMs = toMs - underWayMs;
  let newestMs = fromMs;
  for (const times of targets.values()) {
    const lastMs = times.at(-1) ?? fromMs;
    const distanceMs = median(gaps(times)) ?? fallbackMs;
    newestMs = Math.max(newestMs, lastMs);
    if (toMs - lastMs <= 2 * distanceMs + underWayMs) untilMs = Math.min(untilMs, lastMs);
  }
  return Math.max(fromMs, Math.min(untilMs, newestMs));
}

/**
 * How much a group of counters that live and die together (the buckets of one histogram, or a single counter) grew in
 * the interval. Growth between two samples belongs to the time of the later one, so that adjoining intervals add up to
 * the whole. After a reset (any counter of the group fell) and for a newborn series the value counts from zero.
 */
export function growth(group: readonly Series[], interval: Interval): readonly number[] {
  const resets = resetTimes(group);
  return group.map(series => {
    let sum = 0;
    let before = 0;
    for (const { atMs, value } of series.samples) {
      if (atMs > interval.untilMs) break;
      if (atMs > interval.fromMs) sum += resets.has(atMs) ? value : value - before;
      before = value;
    }
    return sum;
  });
}

function resetTimes(group: readonly Series[]): ReadonlySet<number> {
  const times = new Set<number>();
  for (const series of group) {
    let before = 0;
    for (const { atMs, value } of series.samples) {
      if (value < before) times.add(atMs);
      before = value;
    }
  }
  return times;
}

/** Moments of scrapes, ascending, by target. */
function sampleTimes(series: readonly Series[]): ReadonlyMap<string, readonly number[]> {
  const targets = new Map<string, Set<number>>();
  for (const { labels, samples } of series) {
    const target = JSON.stringify([labels['job'], labels['instance'], labels['pod']]);
    const times = targets.get(target) ?? new Set<number>();
    for (const sample of samples) times.add(sample.atMs);
    if (times.size > 0) targets.set(target, times);
  }
  return new Map([...targets].map(([target, times]) => [target, [...times].sort((a, b) => a - b)]));
}

function gaps(times: readonly number[]): readonly number[] {
  return times.slice(1).map((time, index) => time - (times[index] ?? time));
}

function median(values: readonly number[]): number | undefined {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}
