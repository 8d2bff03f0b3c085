import type { BlockQuery } from '../../controller/ports.ts';
import type { Block } from '../../rollout/index.ts';
import { isClientCancel, isServerFailure } from '../http/response.ts';
import type { Series } from './answer.ts';
import { growth, type Interval, scrapesOf, withBeginning } from './counters.ts';
import { type Group, groupCounters } from './groups.ts';
import { bucketEdge, countAbove, readHistogram } from './histogram.ts';
import { ownGroups } from './istio.ts';
import { destinationOf, durationsMetric, rangeSelector, requestsMetric } from './metrics.ts';

const blockMs = 60_000;

/** Upper edges of the buckets that Istio's proxies have by default, in ms. */
const defaultEdgesMs = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000, 3_600_000,
];

/**
 * Instant query for the counters of one version's own proxies; with a latency limit only for the buckets at the limit (or
 * at Istio's next edge above it) and for all. A waypoint's counters do not say which pod answered, nor do a sender's.
 */
export function blockSelector({ host, version, slowerThanMs }: BlockQuery, windowMs: number): string {
  const { matchers } = destinationOf(host);
  const workloads = `destination_workload=~${anyOf(version.workloads)}`;
  const metric =
    slowerThanMs === undefined
      ? [`__name__="${requestsMetric}"`]
      : [`__name__="${durationsMetric}"`, `le=~${anyOf([...edgesFor(slowerThanMs).flatMap(spellings), '+Inf'])}`];
  return rangeSelector([...metric, 'reporter="destination"', ...matchers, workloads], windowMs);
}

/**
 * Requests and bad ones by pod and minute in (fromMs, toMs]. All that a pod's scrape tells goes into the minute of that scrape:
 * bad ones and all of them alike. Scrapes that come once a minute or less leave minutes without a scrape, or with two; the
 * bad ones among so many requests are spread no wider by that, as they would be if either were shared out by time. A minute
 * without requests makes no block, and a pod only has blocks while it was there.
 */
export function countBlocks(series: readonly Series[], query: BlockQuery): readonly Block[] {
  const known = groupCounters(withBeginning(series, scrapesOf(series), query.fromMs));
  const groups = ownGroups(known, query.version, query.host).filter(({ response }) => !isClientCancel(response));
  const blocks: Block[] = [];
  for (const [pod, own] of byPod(groups)) {
    for (let fromMs = query.fromMs; fromMs < query.toMs; fromMs += blockMs) {
      const interval = { fromMs, untilMs: Math.min(fromMs + blockMs, query.toMs) };
      const counted = own.map(group => countGroup(group, interval, query.slowerThanMs));
      const requests = counted.reduce((total, one) => total + one.requests, 0);
      const bad = counted.reduce((total, one) => total + one.bad, 0);
      if (requests > 0) blocks.push({ pod, atMs: fromMs, requests, bad });
    }
  }
  return blocks;
}

type Count = { readonly requests: number; readonly bad: number };

function countGroup({ series, response }: Group, interval: Interval, slowerThanMs: number | undefined): Count {
  if (slowerThanMs !== undefined) {
    const histogram = readHistogram(series, interval);
    return { requests: histogram.total, bad: countAbove(histogram, slowerThanMs) };
  }
  const requests = growth(series, interval).reduce((total, one) => total + one, 0);
  return { requests, bad: isServerFailure(response) ? requests : 0 };
}

/** Counters by the pod that told them, without those that do not say, or have no bucket at the limit. */
function byPod(groups: readonly Group[]): ReadonlyMap<string, readonly Group[]> {
  const pods = new Map<string, Group[]>();
  for (const group of groups) {
    if (group.pod === undefined) continue;
    if (group.metric === durationsMetric && !group.series.some(one => Number.isFinite(bucketEdge(one)))) continue;
    const own = pods.get(group.pod);
    if (own === undefined) pods.set(group.pod, [group]);
    else own.push(group);
  }
  return pods;
}

/** The limit itself may be an edge where somebody has set others than Istio's. */
function edgesFor(limitMs: number): readonly number[] {
  const next = defaultEdgesMs.find(edgeMs => edgeMs >= limitMs);
  return next === undefined || next === limitMs ? [limitMs] : [limitMs, next];
}

/** How an edge stands in a label: as the proxy writes it (Prometheus 2), or with a point or an exponent (Prometheus 3). */
function spellings(edgeMs: number): readonly string[] {
  const text = String(edgeMs);
  if (!Number.isInteger(edgeMs)) return [text];
  return edgeMs < 1e6 ? [text, `${text}.0`] : [text, `${text}.0`, edgeMs.toExponential().replace(/e\+(\d)$/, 'e+0$1')];
}

/** A PromQL string: a regular expression that matches one of the texts. */
function anyOf(texts: readonly string[]): string {
  return JSON.stringify(texts.map(text => text.replace(/[.+*?^$()[\]{}|\\]/g, '\\$&')).join('|'));
}
