/** Samples of one series in a range, oldest first. */
export interface Range {
  readonly timesMs: readonly number[];
  readonly values: readonly number[];
}

/**
 * Increase of a counter over the window that ends at `endMs`, extrapolated to the window's edges as Prometheus does, and
 * corrected for resets. Undefined with fewer than two samples: the first value of a new series is lost.
 */
export function extrapolatedIncrease(range: Range, endMs: number, rangeMs: number): number | undefined {
  const { timesMs, values } = range;
  const count = values.length;
  const [first = 0] = values;
  const last = values[count - 1] ?? 0;
  const firstMs = timesMs[0] ?? 0;
  const lastMs = timesMs[count - 1] ?? 0;
  if (count < 2 || lastMs === firstMs) return undefined;
  let increase = last - first;
  for (let index = 1; index < count; index += 1) {
    const previous = values[index - 1] ?? 0;
    if ((values[index] ?? 0) < previous) increase += previous;
  }
  const sampledMs = lastMs - firstMs;
  const averageMs = sampledMs / (count - 1);
  const limitMs = averageMs * 1.1;
  let toStartMs = firstMs - (endMs - rangeMs);
  let toEndMs = endMs - lastMs;
  if (toStartMs >= limitMs) toStartMs = averageMs / 2;
  if (increase > 0 && first >= 0) toStartMs = Math.min(toStartMs, sampledMs * (first / increase));
  if (toEndMs >= limitMs) toEndMs = averageMs / 2;
  return increase * ((sampledMs + toStartMs + toEndMs) / sampledMs);
}

/** One bucket of a classic histogram. */
export interface Bucket {
  readonly upper: number;
  readonly count: number;
}

/** Equal bounds are added up and counts never fall, however the buckets were scraped. */
function tidy(buckets: readonly Bucket[]): Bucket[] {
  const out: Bucket[] = [];
  for (const bucket of [...buckets].sort((a, b) => a.upper - b.upper)) {
    const last = out.at(-1);
    if (last && last.upper === bucket.upper) out[out.length - 1] = { upper: last.upper, count: last.count + bucket.count };
    else out.push({ upper: bucket.upper, count: bucket.count });
  }
  let highest = 0;
  return out.map(bucket => {
    highest = Math.max(highest, bucket.count);
    return { upper: bucket.upper, count: highest };
  });
}

/** The quantile of cumulative buckets by linear interpolation; NaN without a `+Inf` bucket or without observations. */
export function bucketQuantile(quantile: number, unsorted: readonly Bucket[]): number {
  const buckets = tidy(unsorted);
  const top = buckets.at(-1);
  if (!top || top.upper !== Number.POSITIVE_INFINITY || buckets.length < 2 || top.count === 0 || Number.isNaN(quantile))
    return Number.NaN;
  if (quantile < 0) return Number.NEGATIVE_INFINITY;
  if (quantile > 1) return Number.POSITIVE_INFINITY;
  const rank = quantile * top.count;
  const index = buckets.findIndex((bucket, position) => position === buckets.length - 1 || bucket.count >= rank);
  const bucket = buckets[index] ?? top;
  const before = buckets[index - 1];
  if (index === buckets.length - 1) return before?.upper ?? Number.NaN;
  if (!before && bucket.upper <= 0) return bucket.upper;
  const start = before?.upper ?? 0;
  const below = before?.count ?? 0;
  return start + (bucket.upper - start) * ((rank - below) / (bucket.count - below));
}
