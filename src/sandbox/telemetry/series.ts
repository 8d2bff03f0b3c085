/** Label values by name; `__name__` is the metric's name. */
export type Labels = { readonly [name: string]: string };

/** Samples of one series, oldest first. NaN marks the moment a series went away. */
export interface Series {
  readonly labels: Labels;
  readonly timesMs: number[];
  readonly values: number[];
}

/** A condition on one label; absent labels count as empty. */
export interface Matcher {
  readonly label: string;
  readonly holds: (value: string) => boolean;
}

/** Samples by series, for a limited time. */
export interface SeriesStore {
  series(labels: Labels): Series;
  append(series: Series, timeMs: number, value: number): void;
  select(matchers: readonly Matcher[]): Series[];
  all(): Iterable<Series>;
  /** Forgets series without a sample in the retention time. */
  expire(nowMs: number): void;
}

const MAX_SERIES = 20_000;

/** A key that is the same for the same labels in any order. */
export function labelsKey(labels: Labels): string {
  return JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
}

/** Index of the first sample later than the time. */
export function firstAfter(timesMs: readonly number[], timeMs: number): number {
  let low = 0;
  let high = timesMs.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((timesMs[middle] ?? 0) > timeMs) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Keeps samples for `retentionMs` and at most 20,000 series; the oldest series leave first. */
export function createSeriesStore(retentionMs: number): SeriesStore {
  const all = new Map<string, Series>();
  const trim = (series: Series, timeMs: number) => {
    const oldest = series.timesMs[0] ?? timeMs;
    if (timeMs - oldest < retentionMs * 1.2) return;
    const from = firstAfter(series.timesMs, timeMs - retentionMs);
    series.timesMs.splice(0, from);
    series.values.splice(0, from);
  };
  return {
    series: labels => {
      const key = labelsKey(labels);
      const found = all.get(key);
      if (found) return found;
      const created: Series = { labels, timesMs: [], values: [] };
      all.set(key, created);
      if (all.size > MAX_SERIES) all.delete(all.keys().next().value ?? '');
      return created;
    },
    append: (series, timeMs, value) => {
      if ((series.timesMs.at(-1) ?? Number.NEGATIVE_INFINITY) >= timeMs) return;
      series.timesMs.push(timeMs);
      series.values.push(value);
      trim(series, timeMs);
    },
    select: matchers =>
      [...all.values()].filter(series => matchers.every(matcher => matcher.holds(series.labels[matcher.label] ?? ''))),
    all: () => all.values(),
    expire: nowMs => {
      for (const [key, series] of all) if ((series.timesMs.at(-1) ?? nowMs) < nowMs - retentionMs) all.delete(key);
    },
  };
}
