import type { Traffic, TrafficQuery, VersionSelector } from '../../controller/ports.ts';
import { isClientCancel, reachedNoPod } from '../http/response.ts';
import type { Series } from './answer.ts';
import { completeUntil, growth, type Interval, scrapeDistance, scrapesOf, targetOf, withBeginning } from './counters.ts';
import { type Group, groupCounters } from './groups.ts';
import { destinationOf, durationsMetric, rangeSelector, requestsMetric } from './metrics.ts';
import { countVersion } from './version.ts';

/** Instant query that answers with the raw samples of all request counters of a host; both reporters, all versions. */
export function trafficSelector({ host, withoutDurations }: TrafficQuery, windowMs: number): string {
  const metrics = withoutDurations === true ? `="${requestsMetric}"` : `=~"${requestsMetric}|${durationsMetric}"`;
  return rangeSelector([`__name__${metrics}`, ...destinationOf(host).matchers], windowMs);
}

/**
 * Requests per version, by one rule: what the receiving proxies say (`destination`, in ambient `waypoint`), plus the
 * failures on the way that only the sending proxies know (flags UF, UC, UT ... with a 5xx): the receiver has not seen
 * those, or noted them as cancelled, and cancelled requests count nowhere. When no receiving proxy reports the host
 * (callers through a gateway, pods without sidecar) the senders' word is all there is, and all of it counts. Durations
 * come from the same side as the requests. Mirrored copies are told by receivers only and count for their version.
 */
export function countTraffic(series: readonly Series[], query: TrafficQuery): Traffic {
  const scrapes = scrapesOf(series);
  const groups = groupCounters(withBeginning(series, scrapes, query.fromMs));
  const reporters = new Set(groups.map(group => group.reporter));
  const receiver = ['destination', 'waypoint'].find(reporter => reporters.has(reporter)) ?? 'source';
  const stable = ownGroups(groups, query.stable, query.host);
  const canary = ownGroups(groups, query.canary, query.host);
  const sides = (query.onlyCanary ? [canary] : [stable, canary]).map(own => targetsOf(own, receiver));
  const interval = { fromMs: query.fromMs, untilMs: completeUntil(scrapes, sides, query) };
  const scrapeDistanceMs = scrapeDistance(scrapes);
  const reading = { interval, receiver, slowerThanMs: query.slowerThanMs };
  return {
    untilMs: interval.untilMs,
    stable: countVersion(stable, reading),
    canary: countVersion(canary, reading),
    host: countHost(groups, reporters.has('source') ? 'source' : receiver, interval),
    ...(scrapeDistanceMs === undefined ? {} : { scrapeDistanceMs }),
  };
}

/** The counters about one version: those of the workloads that own its pods. */
export function ownGroups(groups: readonly Group[], { workloads }: VersionSelector, host: string): readonly Group[] {
  const { namespace } = destinationOf(host);
  return groups.filter(
    group => workloads.includes(group.workload) && (group.namespace ?? namespace) === (namespace ?? group.namespace),
  );
}

function targetsOf(groups: readonly Group[], reporter: string): ReadonlySet<string> {
  return new Set(groups.filter(group => group.reporter === reporter).flatMap(({ series }) => series.slice(0, 1).map(targetOf)));
}

/** The senders' view of the whole host: only they know the requests that never found a pod. */
function countHost(groups: readonly Group[], reporter: string, interval: Interval): Traffic['host'] {
  let requests = 0;
  let unattributed = 0;
  for (const group of groups) {
    if (group.metric !== requestsMetric || group.reporter !== reporter || isClientCancel(group.response)) continue;
    const count = growth(group.series, interval).reduce((total, one) => total + one, 0);
    requests += count;
    if (reachedNoPod(group.response.flags)) unattributed += count;
  }
  return { requests, unattributed };
}
