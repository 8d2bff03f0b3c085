import type { Clock, TrafficProvider, TrafficQuery } from '../../controller/ports.ts';
import { createHttpClient, type HttpClient, type HttpClientOptions } from '../http/client.ts';
import { type Call, createPodFinder, receivedBy, sentTo, toCall } from './calls.ts';
import { concerns } from './cluster.ts';
import { NO_COPIES, receivedCopies } from './copies.ts';
import { countCalls, noTraffic, type SideOf, type SpanTraffic } from './count.ts';
import { AnswerError, parseTraces, type Span, type Trace } from './spans.ts';
import { type Filter, type Found, type Interval, lookBackMs, readTraces, type Search } from './traces.ts';
import { learnView, serviceName, type View } from './view.ts';

export type ZipkinOptions = Pick<HttpClientOptions, 'name' | 'url' | 'timeoutMs' | 'tokenFile' | 'onRequest'> & {
  /** Younger traces may be incomplete and are not read; default 15,000. */
  readonly lagMs?: number;
  readonly clock?: Clock;
};

const defaultLagMs = 15_000;

/** This part of the lag is for calls to end; the rest is for their spans to get to Zipkin: proxies send them every 5 s. */
const promptShare = 1 / 3;

/** Services get new ports, callers get proxies: what was learnt is looked up again after so long. */
const viewLifeMs = 600_000;

const maxContentBytes = 64 * 1024 * 1024;

/** All searches of one reading together. */
const maxSearches = 32;
const maxSearchesOfOne = 16;
const minSearchesOfOne = 4;
/** From then on a reading that can do with less ends: a slow Zipkin must not make it outlast the next one. */
const maxReadingMs = 10_000;

/** Of one search. Where traces have many spans, fewer of them are asked for: a span is about one kilobyte. */
const maxTraces = 1000;
const maxSpans = 8000;
const minTraces = 20;

/** What is remembered of a host. */
type Known = { view?: { readonly view: View; readonly seenAtMs: number }; spansPerTrace: number };

/**
 * Calls per version from spans. Zipkin cannot search for "this host": a search by the tag's name alone would fetch the
 * traces of all services, and one by service name misses calls that reached no pod. So there is one exact search per
 * version, `upstream_cluster=outbound|port|subset|host`, which at any load of the other services returns only what is
 * needed. The port is learnt from the service's own latest traces, once in ten minutes.
 */
export function createZipkin(options: ZipkinOptions): TrafficProvider {
  const client = createHttpClient({ ...options, product: 'Zipkin', maxContentBytes });
  const clock = options.clock ?? { now: () => Date.now() };
  const lagMs = options.lagMs ?? defaultLagMs;
  const hosts = new Map<string, Known>();
  const knownOf = (host: string): Known => {
    const known = hosts.get(host) ?? { spansPerTrace: 1 };
    hosts.set(host, known);
    return known;
  };
  const viewOf = async (search: Search, query: TrafficQuery, known: Known): Promise<View | undefined> => {
    const nowMs = clock.now();
    if (known.view !== undefined && nowMs - known.view.seenAtMs < viewLifeMs) return known.view.view;
    const view = (await learnView(search, query, nowMs)) ?? known.view?.view;
    if (view !== undefined) known.view = { view, seenAtMs: nowMs };
    return view;
  };
  return {
    async readTraffic(query, signal) {
      const startedAtMs = clock.now();
      const untilMs = Math.min(query.toMs, startedAtMs - lagMs);
      if (untilMs <= query.fromMs) return noTraffic(query);
      const known = knownOf(query.host);
      const search = createSearch(client, query.host, { signal, known });
      const view = await viewOf(search, query, known);
      if (view === undefined) return noTraffic(query);
      const filters = filtersOf(view, query);
      const interval = { fromMs: query.fromMs, untilMs, promptMs: lagMs * promptShare };
      const isOver = () => clock.now() - startedAtMs > maxReadingMs;
      const budget = { searches: searchesOfOne(filters.length), limit: limitOf(known), isOver };
      const found = await Promise.all(filters.map(filter => readTraces(search, filter, interval, budget)));
      return count(found, view, query, interval);
    },
  };
}

function createSearch(
  client: HttpClient,
  host: string,
  { signal, known }: { readonly signal: AbortSignal; readonly known: Known },
): Search {
  const operation = `reading spans of ${host}`;
  const service = serviceName(host);
  return async (filter, interval, limit) => {
    const endTs = Math.ceil(interval.untilMs);
    const query = {
      ...filter,
      endTs: String(endTs),
      lookback: String(Math.max(1, endTs - Math.floor(interval.fromMs))),
      limit: String(limit),
    };
    const body = await client.requestJson({ operation, path: '/api/v2/traces', query, signal });
    try {
      const traces = parseTraces(body, span => concerns(span, host, service));
      if (traces.length >= minTraces) known.spansPerTrace = traces.reduce((sum, { size }) => sum + size, 0) / traces.length;
      return traces;
    } catch (error) {
      throw error instanceof AnswerError ? client.badAnswer(operation, error.message) : error;
    }
  };
}

function filtersOf(view: View, query: TrafficQuery): readonly Filter[] {
  const service = serviceName(query.host);
  if (view.kind === 'service') return [{ serviceName: service }];
  const sent = view.ports.flatMap(port =>
    subsetsOf(query).map((subset): Filter => ({ annotationQuery: `upstream_cluster=outbound|${port}|${subset}|${query.host}` })),
  );
  const received = { serviceName: service, annotationQuery: `istio.canonical_revision=${query.canary.version}` };
  return query.copies ? [...sent, received] : sent;
}

function subsetsOf({ stable, canary, onlyCanary }: TrafficQuery): readonly string[] {
  return onlyCanary ? [canary.subset] : [...new Set([stable.subset, canary.subset])];
}

function searchesOfOne(filters: number): number {
  return Math.max(minSearchesOfOne, Math.min(maxSearchesOfOne, Math.floor(maxSearches / filters)));
}

function limitOf({ spansPerTrace }: Known): number {
  return Math.max(minTraces, Math.min(maxTraces, Math.floor(maxSpans / Math.max(1, spansPerTrace))));
}

/** What was not read of one version is left out of the other, too: both are looked at over the same time. */
function count(
  found: readonly Found[],
  view: View,
  query: TrafficQuery,
  { fromMs, untilMs, promptMs }: Interval & { readonly promptMs: number },
): SpanTraffic {
  const readFromMs = Math.max(fromMs, ...found.map(part => part.fromMs));
  const reachMs = Math.min(lookBackMs, readFromMs - Math.max(...found.map(part => part.backMs)));
  const spans = found.flatMap(part => part.traces.filter(isInAll(found)).flatMap(trace => trace.spans));
  const { calls, sideOf } = view.kind === 'service' ? callsOfPods(spans, query) : callsOfSenders(spans, query);
  const traffic = countCalls(calls, sideOf, query, { fromMs: readFromMs, untilMs, promptMs, reachMs });
  return {
    ...traffic,
    ...(readFromMs > fromMs ? { skippedMs: readFromMs - fromMs } : {}),
    ...(reachMs < lookBackMs ? { longestMs: Math.max(0, reachMs) } : {}),
  };
}

/** Would the search that had to leave out most have found it? */
function isInAll(found: readonly Found[]): (trace: Trace) => boolean {
  const [latest] = [...found].sort((a, b) => b.allSinceMs - a.allSinceMs);
  return ({ atMs, longestMs }) =>
    latest === undefined || (atMs !== undefined && (atMs >= latest.allSinceMs || longestMs >= latest.longMs));
}

type Sorted = { readonly calls: readonly Call[]; readonly sideOf: SideOf };

function callsOfSenders(spans: readonly Span[], query: TrafficQuery): Sorted {
  const { host, stable, canary, copies } = query;
  const subsets: ReadonlySet<string> = new Set(subsetsOf(query));
  const received = copies ? receivedCopies(spans, query) : NO_COPIES;
  const pod = createPodFinder(received.others(spans), serviceName(host));
  const sent = sentTo(spans, cluster => cluster.host === host && subsets.has(cluster.subset));
  const told = sent.filter(([span, { subset }]) => subset !== canary.subset || !received.isKnown(span));
  return {
    calls: [...told.map(([span, { subset }]) => toCall(span, subset, pod(span))), ...received.calls],
    sideOf: { stable: stable.subset, canary: canary.subset },
  };
}

/** Without proxies at the callers: what the pods themselves report. Calls that reached no pod cannot be seen this way. */
function callsOfPods(spans: readonly Span[], query: TrafficQuery): Sorted {
  const received = receivedBy(spans, serviceName(query.host), version => version);
  return { calls: received.map(([, call]) => call), sideOf: { stable: query.stable.version, canary: query.canary.version } };
}
