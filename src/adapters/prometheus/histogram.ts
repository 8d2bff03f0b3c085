import type { Series } from './answer.ts';
import { growth, type Interval } from './counters.ts';

type Histogram = {
  readonly total: number;
  /** Requests per bucket (not cumulative): `[upper edge in ms, count]`, ascending; the last edge is Infinity. */
  readonly counts: readonly (readonly [upToMs: number, count: number])[];
};

/** The requests of one histogram's buckets in the interval; none without the bucket for all, as nobody knows how many are missing. */
export function readHistogram(series: readonly Series[], interval: Interval): Histogram {
  const cumulative = growth(series, interval)
    .map((count, index) => ({ upToMs: bucketEdge(series[index]), count }))
    .filter(bucket => !Number.isNaN(bucket.upToMs))
    .sort((a, b) => a.upToMs - b.upToMs);
  if (cumulative.at(-1)?.upToMs !== Number.POSITIVE_INFINITY) return { total: 0, counts: [] };
  let below = 0;
  const counts = cumulative.map(({ upToMs, count }) => {
    const own = Math.max(0, count - below);
    below = Math.max(below, count);
    return [upToMs, own] as const;
  });
  return { total: below, counts };
}

/** Upper edge of a bucket in ms; not a number when it has none. */
export function bucketEdge(series: Series | undefined): number {
  const edge = series?.labels['le'] ?? '';
  return edge === '+Inf' ? Number.POSITIVE_INFINITY : Number.parseFloat(edge);
}

/**
 * Requests that are certainly slower than the limit: those above the first bucket edge at or above it. Beyond the
 * largest finite edge nothing is known about anyone, so nobody is called slow.
 */
export function countAbove(histogram: Histogram, limitMs: number): number {
  const edgeMs = histogram.counts.find(([upToMs]) => upToMs >= limitMs)?.[0] ?? Number.POSITIVE_INFINITY;
  return histogram.counts.filter(([upToMs]) => upToMs > edgeMs).reduce((total, [, count]) => total + count, 0);
}
