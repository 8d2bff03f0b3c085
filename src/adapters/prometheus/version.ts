import type { VersionTraffic } from '../../controller/ports.ts';
import { brokeOnTheWay, causeOf, isClientCancel, isServerFailure } from '../http/response.ts';
import { growth, type Interval } from './counters.ts';
import type { Group } from './groups.ts';
import { countAbove, readHistogram } from './histogram.ts';
import { durationsMetric, requestsMetric } from './metrics.ts';

type Reading = {
  readonly interval: Interval;
  /** The reporter whose word counts. */
  readonly teller: string;
  /**
   * The version gets nothing but mirrored copies: no sender tells of them. One without an answer was ended by the proxy that
   * sent it, as it took too long, or as its original was over before all of it was sent; a caller who leaves does not end it.
   */
  readonly copies?: boolean;
  readonly slowerThanMs: readonly number[];
};

const mostCauses = 10;
const mostPods = 20;

/** What the counters of one version say about an interval. */
export function countVersion(groups: readonly Group[], reading: Reading): VersionTraffic {
  return { ...countRequests(groups, reading), ...countDurations(groups, reading) };
}

type Requests = Pick<VersionTraffic, 'requests' | 'errors' | 'unanswered' | 'causes' | 'pods'>;
type Durations = Pick<VersionTraffic, 'timed' | 'slow' | 'durations'>;

function countRequests(groups: readonly Group[], { interval, teller, copies = false }: Reading): Requests {
  let requests = 0;
  let errors = 0;
  let unanswered = 0;
  let knowsPods = false;
  const causes = new Map<string, number>();
  const pods = new Map<string, { requests: number; failures: number }>();
  for (const { metric, reporter, response, series, pod } of groups) {
    const isCancelled = isClientCancel(response);
    if (metric !== requestsMetric || (isCancelled && !copies)) continue;
    const failed = isServerFailure(response);
    const lostOnTheWay = reporter === 'source' && !copies && failed && brokeOnTheWay(response.flags);
    if (reporter !== teller && !lostOnTheWay) continue;
    knowsPods ||= pod !== undefined;
    const count = growth(series, interval).reduce((total, one) => total + one, 0);
    if (isCancelled) unanswered += count;
    if (isCancelled || count === 0) continue;
    const failures = failed ? count : 0;
    requests += count;
    errors += failures;
    if (failed) causes.set(causeOf(response), (causes.get(causeOf(response)) ?? 0) + count);
    if (pod === undefined) continue;
    const before = pods.get(pod) ?? { requests: 0, failures: 0 };
    pods.set(pod, { requests: before.requests + count, failures: before.failures + failures });
  }
  return {
    requests,
    errors,
    ...(copies ? { unanswered } : {}),
    causes: mostFrequent(causes),
    ...(knowsPods ? { pods: mostFailing(pods) } : {}),
  };
}

/** Ties stand in the order of their names, so that equal answers look equal. */
function mostFrequent(causes: ReadonlyMap<string, number>): NonNullable<VersionTraffic['causes']> {
  const listed = [...causes].map(([what, count]) => ({ what, count }));
  return listed.sort((a, b) => b.count - a.count || (a.what < b.what ? -1 : 1)).slice(0, mostCauses);
}

function mostFailing(
  pods: ReadonlyMap<string, { readonly requests: number; readonly failures: number }>,
): NonNullable<VersionTraffic['pods']> {
  const listed = [...pods].map(([name, counts]) => ({ name, ...counts }));
  return listed.sort((a, b) => b.failures - a.failures || (a.name < b.name ? -1 : 1)).slice(0, mostPods);
}

function countDurations(groups: readonly Group[], { interval, teller, slowerThanMs }: Reading): Durations {
  let timed = 0;
  const slow = slowerThanMs.map(() => 0);
  const durations = new Map<number, number>();
  for (const { metric, reporter, response, series } of groups) {
    if (metric !== durationsMetric || reporter !== teller || isClientCancel(response)) continue;
    const histogram = readHistogram(series, interval);
    timed += histogram.total;
    for (const [index, limitMs] of slowerThanMs.entries()) slow[index] = (slow[index] ?? 0) + countAbove(histogram, limitMs);
    for (const [upToMs, count] of histogram.counts) durations.set(upToMs, (durations.get(upToMs) ?? 0) + count);
  }
  return { timed, slow, durations: [...durations].filter(([, count]) => count > 0).sort(([a], [b]) => a - b) };
}
