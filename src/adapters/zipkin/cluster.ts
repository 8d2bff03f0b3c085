import type { Span } from './spans.ts';

/** `outbound|9080|v2|reviews.shop.svc.cluster.local`: where a sending proxy sent a request. */
export type Cluster = { readonly port: number; readonly subset: string; readonly host: string };

/** The cluster that a span was sent to; `undefined` for spans of receiving proxies and outside the mesh. */
export function clusterOf(span: Span): Cluster | undefined {
  const [direction, port, subset, host] = span.tags['upstream_cluster']?.split('|') ?? [];
  if (direction !== 'outbound' || subset === undefined || host === undefined) return undefined;
  return /^\d+$/.test(port ?? '') ? { port: Number(port), subset, host } : undefined;
}

/** Is it of a call to the host, as the sending or as the receiving proxy tells it? */
export function concerns(span: Span, host: string, service: string): boolean {
  return clusterOf(span)?.host === host || (span.kind === 'SERVER' && span.service === service);
}
