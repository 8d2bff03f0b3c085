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
 * come from the same side as the requests.
 *
 * Mirrored copies are told by receivers only. Where the new version gets nothing else, stable is counted by whoever tells
 * about stable, so that it reads the same with and without copies; the new version is counted by its receivers or not at
 * all; and what is said about the host leaves the copies out, as nobody waits for their answers.
 */
export function countTraffic(series: readonly Series[], query: TrafficQuery): Traffic {
  const scrapes = scrapesOf(series);
  const groups = groupCounters(withBeginning(series, scrapes, query.fromMs));
  const { host, copies = false } = query;
  const receiver = receiverOf(groups) ?? 'source';
  const sideOf = (version: VersionSelector, otherwise: string): Side => {
    const own = ownGroups(groups, version, host);
    return { groups: own, teller: copies ? (receiverOf(own) ?? otherwise) : receiver };
  };
  const stable = sideOf(query.stable, 'source');
  const canary = sideOf(query.canary, 'destination');
  const targets = (query.onlyCanary ? [canary] : [stable, canary]).map(targetsOf);
  const interval = { fromMs: query.fromMs, untilMs: completeUntil(scrapes, targets, query) };
  const scrapeDistanceMs = scrapeDistance(scrapes);
  const reading = { interval, slowerThanMs: query.slowerThanMs };
  return {
    untilMs: interval.untilMs,
    stable: countVersion(stable.groups, { ...reading, teller: stable.teller }),
    canary: countVersion(canary.groups, { ...reading, teller: canary.teller, copies }),
    host: countHost(copies ? withoutCopies(groups, canary) : groups, interval),
    ...(scrapeDistanceMs === undefined ? {} : { scrapeDistanceMs }),
  };
}

const receivers = ['destination', 'waypoint'] as const;

/** Counters about one version, and the reporter whose word counts. */
type Side = { readonly groups: readonly Group[]; readonly teller: string };

/** Receiving proxies, or in ambient the waypoints before them; `undefined` when none of them reports. */
function receiverOf(groups: readonly Group[]): string | undefined {
  return receivers.find(reporter => groups.some(group => group.reporter === reporter));
}

/** Senders never tell of copies. */
function withoutCopies(groups: readonly Group[], canary: Side): readonly Group[] {
  const own = new Set(canary.groups);
  return groups.filter(group => group.reporter === 'source' || !own.has(group));
}

/** The counters about one version: those of the workloads that own its pods. */
export function ownGroups(groups: readonly Group[], { workloads }: VersionSelector, host: string): readonly Group[] {
  const { namespace } = destinationOf(host);
  return groups.filter(
    group => workloads.includes(group.workload) && (group.namespace ?? namespace) === (namespace ?? group.namespace),
  );
}

function targetsOf({ groups, teller }: Side): ReadonlySet<string> {
  return new Set(groups.filter(group => group.reporter === teller).flatMap(({ series }) => series.slice(0, 1).map(targetOf)));
}

/** The senders' view of the whole host: only they know the requests that never found a pod. */
function countHost(groups: readonly Group[], interval: Interval): Traffic['host'] {
  const reporter = ['source', ...receivers].find(one => groups.some(group => group.reporter === one));
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
