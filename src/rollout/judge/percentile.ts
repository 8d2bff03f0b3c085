/**
 * The duration that `percentile` percent of the samples do not exceed. Input: `[upper edge in ms, count]`, in any order.
 * With buckets this is the upper edge of a bucket, so "at most"; with exact edges it is a sample (nearest rank).
 * `undefined` without samples, or when the answer lies in an unbounded bucket.
 */
export const percentileOf = (
  durations: readonly (readonly [upToMs: number, count: number])[],
  percentile: number,
): number | undefined => {
  const ascending = durations.filter(([, count]) => count > 0).sort(([a], [b]) => a - b);
  const total = ascending.reduce((sum, [, count]) => sum + count, 0);
  const rank = Math.max(1, Math.ceil((percentile / 100) * total));
  let seen = 0;
  for (const [upToMs, count] of ascending) {
    seen += count;
    if (seen >= rank) return Number.isFinite(upToMs) ? upToMs : undefined;
  }
  return undefined;
};
