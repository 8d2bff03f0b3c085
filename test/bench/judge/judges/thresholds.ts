import type { Judge } from '../rollout.ts';
import { slowerThan, totalOf } from '../sums.ts';
import type { Tick } from '../world.ts';

const WINDOW_MS = 60_000;
/** Five failed checks, and the look after them, fit into two steps of 150 s then. */
const INTERVAL_MS = 30_000;
/** Success rate and p99 that both tools have in their examples. */
const LEAST_SUCCESS = 0.99;
const LONGEST_MS = 500;

const lastMinute = (ticks: readonly Tick[], nowMs: number, tickMs: number): readonly Tick[] =>
  ticks.filter(({ untilMs }) => untilMs > nowMs - tickMs - WINDOW_MS);

/** Of the requests of the last minute; no requests are NaN in both queries, which is no success. */
const checks = (ticks: readonly Tick[]): { readonly isSuccessful: boolean; readonly isFast: boolean } => {
  const total = totalOf(ticks, 'canary');
  const slow = slowerThan(total, LONGEST_MS);
  return {
    isSuccessful: total.requests > 0 && 1 - total.errors / total.requests >= LEAST_SUCCESS,
    isFast: total.requests > 0 && slow.bad <= (1 - 0.99) * slow.total,
  };
};

/**
 * Flagger: every 30 s the success rate and p99 of the last minute; a failed check stops the advance until the next. When
 * `threshold` checks have failed in all, the next look goes back.
 */
export const flagger = (threshold: number): Judge => ({
  name: `Flagger, threshold ${threshold}`,
  begin: ({ steps, tickMs }) => {
    let failed = 0;
    return {
      steps,
      look: ({ nowMs, ticks }) => {
        if (nowMs % INTERVAL_MS !== 0) return 'stay';
        if (failed >= threshold) return 'back';
        const { isSuccessful, isFast } = checks(lastMinute(ticks, nowMs, tickMs));
        if (isSuccessful && isFast) return 'go';
        failed += 1;
        return 'stay';
      },
    };
  },
});

/**
 * Argo Rollouts: an analysis in the background with two metrics, each measured every 30 s over the last minute; more than
 * `failureLimit` failed measurements of one metric abort. Steps go by their pauses.
 */
export const argo = (failureLimit: number): Judge => ({
  name: `Argo Rollouts, failureLimit ${failureLimit}`,
  begin: ({ steps, tickMs }) => {
    const failed = { success: 0, latency: 0 };
    return {
      steps,
      look: ({ nowMs, ticks }) => {
        if (nowMs % INTERVAL_MS !== 0) return 'go';
        const { isSuccessful, isFast } = checks(lastMinute(ticks, nowMs, tickMs));
        if (!isSuccessful) failed.success += 1;
        if (!isFast) failed.latency += 1;
        return Math.max(failed.success, failed.latency) > failureLimit ? 'back' : 'go';
      },
    };
  },
});
