import type { Traffic, TrafficQuery, VersionSelector, VersionTraffic } from '../../controller/ports.ts';
import { brokeOnTheWay, isClientCancel, isServerFailure, reachedNoPod } from '../http/response.ts';
import type { Series } from './answer.ts';
import { completeUntil, growth, type Interval } from './counters.ts';
import { type Group, groupCounters } from './groups.ts';

const requestsMetric = 'istio_requests_total';
const durationsMetric = 'istio_request_duration_milliseconds_bucket';

/** Where a host's requests are told: labels of Istio's standard metrics. */
type Destination = { readonly matchers: readonly string[]; readonly namespace: string | undefined };

function destinationOf(host: string): Destination {
  const [, name, namespace] = /^([^.]+)\.([^.]+)\.svc(?:\.|$)/.exec(host) ?? [];
  if (name === undefined || namespace === undefined) {
    return { matchers: [`destination_service=${JSON.stringify(host)}`], namespace: undefined };
  }
  return {
    matchers: [`destination_service_name=${JSON.stringify(name)}`, `destination_service_namespace=${JSON.stringify(namespace)}`],
    namespace,
  };
}

/** Instant query that answers with the raw samples of all request counters of a host; both reporters, all versions. */
export function trafficSelector(host: string, windowMs: number): string {
  const names = `__name__=~"${requestsMetric}|${durationsMetric}"`;
  return `{${[names, ...destinationOf(host).matchers].join(',')}}[${Math.ceil(windowMs / 1000)}s]`;
}

/**
 * Requests per version, by one rule: what the receiving proxies say (`destination`, in ambient `waypoint`), plus the
 * failures on the way that only the sending proxies know (flags UF, UC, UT ... with a 5xx): the receiver has not seen
 * those, or noted them as cancelled, and cancelled requests count nowhere. When no receiving proxy reports the host
 * (callers through a gateway, pods without sidecar) the senders' word is all there is, and all of it counts. Durations
 * come from the same side as the requests. Mirrored copies are told by receivers only and count for their version.
 */
export function countTraffic(series: readonly Series[], query: TrafficQuery): Traffic {
  const untilMs = completeUntil(series, query.fromMs, query.toMs);
  const interval = { fromMs: query.fromMs, untilMs };
  const groups = groupCounters(series);
  const reporters = new Set(groups.map(group => group.reporter));
  const receiver = ['destination', 'waypoint'].find(reporter => reporters.has(reporter)) ?? 'source';
  const version = (selector: VersionSelector) => {
    const { namespace } = destinationOf(query.host);
    const own = groups.filter(
      group => selector.workloads.includes(group.workload) && (group.namespace ?? namespace) === (namespace ?? group.namespace),
    );
    return countVersion(own, receiver, { interval, slowerThanMs: query.slowerThanMs });
  };
  return {
    untilMs,
    stable: version(query.stable),
    canary: version(query.canary),
    host: countHost(groups, reporters.has('source') ? 'source' : receiver, interval),
  };
}

type Reading = { readonly interval: Interval; readonly slowerThanMs: readonly number[] };

function countVersion(groups: readonly Group[], receiver: string, reading: Reading): VersionTraffic {
  let requests = 0;
  let errors = 0;
  let timed = 0;
  const slow = reading.slowerThanMs.map(() => 0);
  const durations = new Map<number, number>();
  for (const group of groups) {
    if (isClientCancel(group.response)) continue;
    const failed = isServerFailure(group.response);
    const lostOnTheWay = group.reporter === 'source' && failed && brokeOnTheWay(group.response.flags);
    if (group.metric === requestsMetric && (group.reporter === receiver || lostOnTheWay)) {
      const count = sum(growth(group.series, reading.interval));
      requests += count;
      if (failed) errors += count;
    }
    if (group.metric === durationsMetric && group.reporter === receiver) {
      const histogram = readHistogram(group.series, reading.interval);
      timed += histogram.total;
      for (const [index, limitMs] of reading.slowerThanMs.entries()) {
        slow[index] = (slow[index] ?? 0) + countAbove(histogram, limitMs);
      }
      for (const [upToMs, count] of histogram.counts) durations.set(upToMs, (durations.get(upToMs) ?? 0) + count);
    }
  }
  const ascending = [...durations].filter(([, count]) => count > 0).sort(([a], [b]) => a - b);
  return { requests, errors, timed, slow, durations: ascending };
}

type Histogram = {
  readonly total: number;
  /** Requests per bucket (not cumulative): `[upper edge in ms, count]`, ascending; the last edge is Infinity. */
  readonly counts: readonly (readonly [upToMs: number, count: number])[];
};

function readHistogram(series: readonly Series[], interval: Interval): Histogram {
  const cumulative = growth(series, interval)
    .map((count, index) => ({ upToMs: bucketEdge(series[index]), count }))
    .filter(bucket => !Number.isNaN(bucket.upToMs))
    .sort((a, b) => a.upToMs - b.upToMs);
  let below = 0;
  const counts = cumulative.map(({ upToMs, count }) => {
    const own = Math.max(0, count - below);
    below = Math.max(below, count);
    return [upToMs, own] as const;
  });
  return { total: below, counts };
}

function bucketEdge(series: Series | undefined): number {
  const edge = series?.labels['le'] ?? '';
  return edge === '+Inf' ? Number.POSITIVE_INFINITY : Number.parseFloat(edge);
}

/**
 * Requests that are certainly slower than the limit: those above the first bucket edge at or above it. Beyond the
 * largest finite edge nothing is known about anyone, so nobody is called slow.
 */
function countAbove(histogram: Histogram, limitMs: number): number {
  const edgeMs = histogram.counts.find(([upToMs]) => upToMs >= limitMs)?.[0] ?? Number.POSITIVE_INFINITY;
  return sum(histogram.counts.filter(([upToMs]) => upToMs > edgeMs).map(([, count]) => count));
}

/** The senders' view of the whole host: only they know the requests that never found a pod. */
function countHost(groups: readonly Group[], reporter: string, interval: Interval): Traffic['host'] {
  let requests = 0;
  let unattributed = 0;
  for (const group of groups) {
    if (group.metric !== requestsMetric || group.reporter !== reporter || isClientCancel(group.response)) continue;
    const count = sum(growth(group.series, interval));
    requests += count;
    if (reachedNoPod(group.response.flags)) unattributed += count;
  }
  return { requests, unattributed };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
