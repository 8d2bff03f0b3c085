import type { Counts } from '../../../src/rollout/index.ts';
import { EDGES_MS, type Side, type Tick } from './world.ts';

/** One version over several ticks. */
export type Total = Pick<Side, 'requests' | 'errors' | 'buckets'>;

const NOTHING: Total = { requests: 0, errors: 0, buckets: EDGES_MS.map(() => 0) };

export const totalOf = (ticks: readonly Tick[], version: 'canary' | 'stable'): Total =>
  ticks.reduce((total, tick) => plus(total, tick[version]), NOTHING);

const plus = (a: Total, b: Total): Total => ({
  requests: a.requests + b.requests,
  errors: a.errors + b.errors,
  buckets: a.buckets.map((count, i) => count + (b.buckets[i] ?? 0)),
});

/** Sums that grow with a list of ticks, each of which is added once. */
export const createRunningTotal = (version: 'canary' | 'stable'): ((ticks: readonly Tick[]) => Total) => {
  let [total, seen] = [NOTHING, 0];
  return ticks => {
    for (; seen < ticks.length; seen++) total = plus(total, ticks[seen]?.[version] ?? NOTHING);
    return total;
  };
};

export const errorsOf = ({ errors, requests }: Total): Counts => ({ bad: errors, total: requests });

/** Requests in buckets above the first edge at or above a time: those that took longer for certain. */
export const slowerThan = ({ buckets, requests }: Total, ms: number): Counts => {
  const edge = EDGES_MS.findIndex(edgeMs => edgeMs >= ms);
  let bad = 0;
  for (let i = edge + 1; i < buckets.length; i++) bad += buckets[i] ?? 0;
  return { bad, total: requests };
};

/** As Prometheus has it: linear inside the bucket, and the last finite edge for what lies beyond it. */
export const quantileMs = ({ buckets, requests }: Total, quantile: number): number => {
  const rank = quantile * requests;
  let below = 0;
  for (let i = 0; i < buckets.length; i++) {
    const inside = buckets[i] ?? 0;
    const fromMs = EDGES_MS[i - 1] ?? 0;
    const toMs = EDGES_MS[i] ?? fromMs;
    if (below + inside >= rank && inside > 0)
      return Number.isFinite(toMs) ? fromMs + ((toMs - fromMs) * (rank - below)) / inside : fromMs;
    below += inside;
  }
  return Number.NaN;
};
