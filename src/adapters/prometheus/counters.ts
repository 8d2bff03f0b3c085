import type { Series } from './answer.ts';

/** A span of time, open at its start: (fromMs, untilMs]. */
export type Interval = { readonly fromMs: number; readonly untilMs: number };

const defaultScrapeDistanceMs = 60_000;

/** A scrape takes a moment and bears the time of its beginning: so long it may be under way, at most. */
const longestScrapeMs = 2000;

/** An interval of so many scrape distances has had its chance to see both versions. */
const WAITED_SCRAPES = 4;

/** Moments of scrapes, ascending, by target. */
type Scrapes = ReadonlyMap<string, readonly number[]>;

/** The scrape target that a series comes from. */
export function targetOf({ labels }: Series): string {
  return `${labels['job']}\u0001${labels['instance']}\u0001${labels['pod']}`;
}

/** When each target was scraped. */
export function scrapesOf(series: readonly Series[]): Scrapes {
  const targets = new Map<string, { times: Set<number>; last: string }>();
  for (const one of series) {
    const target = targetOf(one);
    const known = targets.get(target) ?? { times: new Set<number>(), last: '' };
    // A scrape reads all counters of a target at one moment: mostly the next series has the same times as the one before.
    const span = `${one.samples.length} ${one.samples[0]?.atMs} ${one.samples.at(-1)?.atMs}`;
    if (span !== known.last) for (const sample of one.samples) known.times.add(sample.atMs);
    if (known.times.size > 0) targets.set(target, { times: known.times, last: span });
  }
  return new Map([...targets].map(([target, { times }]) => [target, [...times].sort((a, b) => a - b)]));
}

/**
 * A counter's first value is growth since its proxy began, if Prometheus looked on before. When nothing at all was scraped
 * until `fromMs`, Prometheus itself is new, or was away for long, and the counters may be weeks old: what the first scrape
 * of each target tells is then where counting begins.
 */
export function withBeginning(series: readonly Series[], scrapes: Scrapes, fromMs: number): readonly Series[] {
  const looked = [...scrapes.values()].some(([firstMs]) => firstMs !== undefined && firstMs <= fromMs);
  if (looked) return series;
  return series.map(one => {
    const [first] = one.samples;
    if (first === undefined || first.atMs !== scrapes.get(targetOf(one))?.[0]) return one;
    return { ...one, samples: [{ ...first, atMs: fromMs }, ...one.samples] };
  });
}

/** Median time between two scrapes of a target; `undefined` while none was scraped twice. */
export function scrapeDistance(scrapes: Scrapes): number | undefined {
  return median([...scrapes.values()].flatMap(gaps));
}

/**
 * Up to when no further sample can come to light. Targets are scraped at different moments, and a scrape that is under
 * way has a time stamp that lies in the past already: so the boundary is the oldest among the latest samples of the
 * targets that are still there. What a target says later bears a later time. A target is gone after two missed scrapes;
 * all that it said is counted. A new target may be in its first scrape: so the last moments before `toMs` stay open.
 *
 * The versions are compared over the time between two boundaries. An interval that is shorter than a scrape distance may
 * hold scrapes of one version only, though both have traffic: nothing could be compared, time after time. So it stays open
 * until each of `sides` (the targets that tell about one version) was scraped within it, unless its targets are gone, or the
 * interval is long enough to have held them.
 *
 * Equal to `fromMs` when nothing newer is known.
 */
export function completeUntil(scrapes: Scrapes, sides: readonly ReadonlySet<string>[], range: Range): number {
  const { fromMs, toMs } = range;
  const fallbackMs = scrapeDistance(scrapes) ?? defaultScrapeDistanceMs;
  const underWayMs = Math.min(longestScrapeMs, fallbackMs / 5);
  const living = new Set<string>();
  let untilMs = toMs - underWayMs;
  let newestMs = fromMs;
  for (const [target, times] of scrapes) {
    const lastMs = times.at(-1) ?? fromMs;
    const distanceMs = median(gaps(times)) ?? fallbackMs;
    newestMs = Math.max(newestMs, lastMs);
    if (toMs - lastMs > 2 * distanceMs + underWayMs) continue;
    living.add(target);
    untilMs = Math.min(untilMs, lastMs);
  }
  untilMs = Math.max(fromMs, Math.min(untilMs, newestMs));
  const wasScraped = (target: string) => scrapes.get(target)?.some(atMs => atMs > fromMs && atMs <= untilMs);
  const isOpen = (side: ReadonlySet<string>) => [...side].some(one => living.has(one)) && ![...side].some(wasScraped);
  const isShort = toMs - fromMs < WAITED_SCRAPES * fallbackMs;
  return isShort && sides.some(isOpen) ? fromMs : untilMs;
}

type Range = { readonly fromMs: number; readonly toMs: number };

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

function gaps(times: readonly number[]): readonly number[] {
  return times.slice(1).map((time, index) => time - (times[index] ?? time));
}

function median(values: readonly number[]): number | undefined {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}
