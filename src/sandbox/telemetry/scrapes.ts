import type { Store } from '../kube/store.ts';
import type { Counters } from './counters.ts';
import type { SeriesStore } from './series.ts';

const EXPIRE_MS = 60_000;

/** Scrapes the counters at a fixed interval; the series of deleted pods go stale. Returns the function that ends it. */
export function startScrapes(objects: Store, counters: Counters, series: SeriesStore, intervalMs: number): () => void {
  const timer = setInterval(() => counters.scrape(Date.now()), intervalMs);
  const expiry = setInterval(() => series.expire(Date.now()), EXPIRE_MS);
  const unsubscribe = objects.subscribe(change => {
    if (change.resource === 'pods' && change.type === 'DELETED')
      setTimeout(counters.drop, 1500, change.object.metadata.name).unref();
  });
  return () => {
    clearInterval(timer);
    clearInterval(expiry);
    unsubscribe();
  };
}
