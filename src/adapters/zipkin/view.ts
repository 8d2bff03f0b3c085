import type { TrafficQuery } from '../../controller/ports.ts';
import { clusterOf } from './cluster.ts';
import type { Span } from './spans.ts';
import type { Search } from './traces.ts';

/** How a host's calls are found in a Zipkin that many services share. */
export type View =
  /** Callers have proxies: their spans name the cluster `outbound|port|subset|host`. */
  | { readonly kind: 'clusters'; readonly ports: readonly number[] }
  /** Only the pods have proxies: SERVER spans of the service tell the version. */
  | { readonly kind: 'service' };

/** How far back a service's latest traces are looked for, to learn its ports. */
const learnBackMs = 3_600_000;

/** First the pods' own traces, which hold the callers' spans too; then, when no pod was reached, whatever was sent anywhere. */
export async function learnView(search: Search, query: TrafficQuery, nowMs: number): Promise<View | undefined> {
  const service = serviceName(query.host);
  const own = await spansOf(search({ serviceName: service }, { fromMs: nowMs - learnBackMs, untilMs: nowMs }, 100));
  const ports = portsOf(own, query.host);
  if (ports.length > 0) return { kind: 'clusters', ports };
  const recent = { fromMs: query.fromMs, untilMs: query.toMs };
  const foreign = await spansOf(search({ annotationQuery: 'upstream_cluster' }, recent, 1000));
  const foreignPorts = portsOf(foreign, query.host);
  if (foreignPorts.length > 0) return { kind: 'clusters', ports: foreignPorts };
  return own.some(span => span.kind === 'SERVER' && span.service === service) ? { kind: 'service' } : undefined;
}

/** Istio's service name in spans: `<app>.<namespace>`. */
export function serviceName(host: string): string {
  return host.split('.').slice(0, 2).join('.');
}

async function spansOf(answer: ReturnType<Search>): Promise<readonly Span[]> {
  return (await answer).flatMap(({ spans }) => spans);
}

function portsOf(spans: readonly Span[], host: string): readonly number[] {
  const clusters = spans.map(clusterOf).filter(cluster => cluster !== undefined && cluster.host === host);
  return [...new Set(clusters.flatMap(cluster => (cluster === undefined ? [] : [cluster.port])))].sort((a, b) => a - b);
}
