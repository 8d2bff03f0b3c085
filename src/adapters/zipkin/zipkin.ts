import type { Clock, TrafficProvider, TrafficQuery } from '../../controller/ports.ts';
import { createHttpClient, type HttpClient, type HttpClientOptions } from '../http/client.ts';
import { countCalls, type Interval, noTraffic } from './count.ts';
import { AnswerError, type Call, clusterOf, parseTraces, type Span, sentTo, toCall } from './spans.ts';
import { type Filter, readTraces, type Search } from './traces.ts';

export type ZipkinOptions = Pick<HttpClientOptions, 'name' | 'url' | 'timeoutMs' | 'tokenFile' | 'onRequest'> & {
  /** Younger traces may be incomplete and are not read; default 15,000. */
  readonly lagMs?: number;
  readonly clock?: Clock;
};

const defaultLagMs = 15_000;

/** How a host's calls are found in a Zipkin that many services share. */
type View =
  /** Callers have proxies: their spans name the cluster `outbound|port|subset|host`. */
  | { readonly kind: 'clusters'; readonly ports: readonly number[] }
  /** Only the pods have proxies: SERVER spans of the service tell the version. */
  | { readonly kind: 'service' };

type KnownView = { readonly view: View; readonly seenAtMs: number };

/** Services get new ports, callers get proxies: what was learnt is looked up again after so long. */
const viewLifeMs = 600_000;

/** How far back a service's latest traces are looked for, to learn its ports. */
const learnBackMs = 3_600_000;

const maxContentBytes = 64 * 1024 * 1024;

/**
 * Calls per version from spans. Zipkin cannot search for "this host": a search by the tag's name alone would fetch the
 * traces of all services, and one by service name misses calls that reached no pod. So there is one exact search per
 * version, `upstream_cluster=outbound|port|subset|host`, which at any load of the other services returns only what is
 * needed. The port is learnt from the service's own latest traces, once in ten minutes.
 */
export function createZipkin(options: ZipkinOptions): TrafficProvider {
  const client = createHttpClient({ ...options, product: 'Zipkin', maxContentBytes });
  const clock = options.clock ?? { now: () => Date.now() };
  const views = new Map<string, KnownView>();
  const viewOf = async (search: Search, query: TrafficQuery): Promise<View | undefined> => {
    const known = views.get(query.host);
    const nowMs = clock.now();
    if (known !== undefined && nowMs - known.seenAtMs < viewLifeMs) return known.view;
    const view = (await learnView(search, query, nowMs)) ?? known?.view;
    if (view !== undefined) views.set(query.host, { view, seenAtMs: nowMs });
    return view;
  };
  return {
    async readTraffic(query, signal) {
      const untilMs = Math.min(query.toMs, clock.now() - (options.lagMs ?? defaultLagMs));
      if (untilMs <= query.fromMs) return noTraffic(query);
      const search = createSearch(client, `reading spans of ${query.host}`, signal);
      const view = await viewOf(search, query);
      if (view === undefined) return noTraffic(query);
      const interval = { fromMs: query.fromMs, untilMs };
      return view.kind === 'service' ? readService(search, query, interval) : readClusters(search, query, { interval, view });
    },
  };
}

function createSearch(client: HttpClient, operation: string, signal: AbortSignal): Search {
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
      return parseTraces(body);
    } catch (error) {
      throw error instanceof AnswerError ? client.badAnswer(operation, error.message) : error;
    }
  };
}

/** First the pods' own traces, which hold the callers' spans too; then, when no pod was reached, whatever was sent anywhere. */
async function learnView(search: Search, query: TrafficQuery, nowMs: number): Promise<View | undefined> {
  const service = serviceName(query.host);
  const own = (await search({ serviceName: service }, { fromMs: nowMs - learnBackMs, untilMs: nowMs }, 100)).flat();
  const ports = portsOf(own, query.host);
  if (ports.length > 0) return { kind: 'clusters', ports };
  const recent = { fromMs: query.fromMs, untilMs: query.toMs };
  const foreign = (await search({ annotationQuery: 'upstream_cluster' }, recent, 1000)).flat();
  const foreignPorts = portsOf(foreign, query.host);
  if (foreignPorts.length > 0) return { kind: 'clusters', ports: foreignPorts };
  return own.some(span => span.kind === 'SERVER' && span.service === service) ? { kind: 'service' } : undefined;
}

function portsOf(spans: readonly Span[], host: string): readonly number[] {
  const clusters = spans.map(clusterOf).filter(cluster => cluster !== undefined && cluster.host === host);
  return [...new Set(clusters.flatMap(cluster => (cluster === undefined ? [] : [cluster.port])))].sort((a, b) => a - b);
}

/** Istio's service name in spans: `<app>.<namespace>`. */
function serviceName(host: string): string {
  return host.split('.').slice(0, 2).join('.');
}

type ClusterReading = { readonly interval: Interval; readonly view: Extract<View, { kind: 'clusters' }> };

async function readClusters(search: Search, query: TrafficQuery, { interval, view }: ClusterReading) {
  const subsets = query.onlyCanary ? [query.canary.subset] : [...new Set([query.stable.subset, query.canary.subset])];
  const filters = view.ports.flatMap(port =>
    subsets.map((subset): Filter => ({ annotationQuery: `upstream_cluster=outbound|${port}|${subset}|${query.host}` })),
  );
  const found = await Promise.all(filters.map(filter => readTraces(search, filter, interval)));
  const spans = found.flatMap(part => part.spans);
  const sent = sentTo(spans, cluster => cluster.host === query.host && subsets.includes(cluster.subset));
  const calls = sent.map(([span, cluster]) => toCall(span, cluster.subset));
  const untilMs = Math.min(...found.map(part => part.untilMs));
  return countCalls(calls, { stable: query.stable.subset, canary: query.canary.subset }, query, untilMs);
}

/** Without proxies at the callers: what the pods themselves report. Calls that reached no pod cannot be seen this way. */
async function readService(search: Search, query: TrafficQuery, interval: Interval) {
  const service = serviceName(query.host);
  const { spans, untilMs } = await readTraces(search, { serviceName: service }, interval);
  const calls = spans.flatMap((span): readonly Call[] => {
    const version = span.tags['istio.canonical_revision'];
    return span.kind === 'SERVER' && span.service === service && version !== undefined ? [toCall(span, version)] : [];
  });
  return countCalls(calls, { stable: query.stable.version, canary: query.canary.version }, query, untilMs);
}
