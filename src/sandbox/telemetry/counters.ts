import { type Labels, labelsKey, type Series, type SeriesStore } from './series.ts';

/** Upper bounds of Istio's duration histogram, in ms. */
const BUCKETS_MS = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 300000, 600000, 1800000, 3600000,
];

/** Request counters of all proxies, and their scrape. */
export interface Counters {
  /** Counts one request at a scrape target (a pod's proxy). */
  observe(target: string, labels: Labels, durationMs: number): void;
  /** Ends a target: its series become stale at the next scrape. */
  drop(target: string): void;
  /** Copies all counters into the series store. */
  scrape(timeMs: number): void;
}

interface Histogram {
  readonly series: readonly Series[];
  readonly buckets: Float64Array;
  count: number;
  sum: number;
}

/** Creates counters that are scraped into the store. */
export function createCounters(store: SeriesStore): Counters {
  const targets = new Map<string, { histograms: Map<string, Histogram>; up: Series }>();
  const gone = new Set<string>();

  const targetOf = (name: string) => {
    const found = targets.get(name);
    if (found) return found;
    const created = {
      histograms: new Map<string, Histogram>(),
      up: store.series({ __name__: 'up', job: 'istio-proxies', instance: name }),
    };
    targets.set(name, created);
    return created;
  };
  const histogramOf = (target: string, labels: Labels): Histogram => {
    const { histograms } = targetOf(target);
    const key = labelsKey(labels);
    const found = histograms.get(key);
    if (found) return found;
    const full = { ...labels, job: 'istio-proxies', instance: target, pod: target };
    const duration = 'istio_request_duration_milliseconds';
    const named = (name: string, more: Labels = {}) => store.series({ __name__: name, ...full, ...more });
    const buckets = [...BUCKETS_MS.map(String), '+Inf'].map(le => named(`${duration}_bucket`, { le }));
    const series = [named('istio_requests_total'), named(`${duration}_count`), named(`${duration}_sum`), ...buckets];
    const created: Histogram = { series, buckets: new Float64Array(BUCKETS_MS.length + 1), count: 0, sum: 0 };
    histograms.set(key, created);
    return created;
  };
  const copy = (histogram: Histogram, timeMs: number) => {
    const values = [histogram.count, histogram.count, histogram.sum, ...histogram.buckets];
    histogram.series.forEach((series, index) => {
      store.append(series, timeMs, values[index] ?? 0);
    });
  };

  return {
    observe: (target, labels, durationMs) => {
      const histogram = histogramOf(target, labels);
      histogram.count += 1;
      histogram.sum += durationMs;
      const first = BUCKETS_MS.findIndex(bound => durationMs <= bound);
      for (let index = first < 0 ? BUCKETS_MS.length : first; index <= BUCKETS_MS.length; index += 1) {
        histogram.buckets[index] = (histogram.buckets[index] ?? 0) + 1;
      }
    },
    drop: target => void (targets.has(target) && gone.add(target)),
    scrape: timeMs => {
      for (const name of gone) {
        const target = targets.get(name);
        targets.delete(name);
        const series = [...(target?.histograms.values() ?? [])].flatMap(histogram => histogram.series);
        for (const item of target ? [...series, target.up] : []) store.append(item, timeMs, Number.NaN);
      }
      gone.clear();
      for (const target of targets.values()) {
        store.append(target.up, timeMs, 1);
        for (const histogram of target.histograms.values()) copy(histogram, timeMs);
      }
    },
  };
}
