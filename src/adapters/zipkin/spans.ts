import { isServerFailure, type ProxyResponse, reachedNoPod } from '../http/response.ts';

/** What one call of the host looked like, out of one span. */
export type Call = {
  readonly traceId: string;
  readonly spanId: string;
  /** Start, in ms. */
  readonly atMs: number;
  readonly durationMs: number | undefined;
  /** Name of the subset that the call was routed to, or the pod's version for spans of the receiving side. */
  readonly side: string;
  readonly response: ProxyResponse;
  readonly failed: boolean;
  readonly reachedNoPod: boolean;
};

/** `outbound|9080|v2|reviews.shop.svc.cluster.local`: where a sending proxy sent a request. */
export type Cluster = { readonly port: number; readonly subset: string; readonly host: string };

/** A span with the fields that matter; everything else may be absent or odd. */
export type Span = {
  readonly traceId: string;
  readonly id: string;
  readonly parentId: string | undefined;
  readonly kind: string;
  readonly timestampUs: number;
  readonly durationUs: number | undefined;
  readonly service: string | undefined;
  readonly tags: Readonly<Record<string, string>>;
};

/** The answer is not a list of traces. */
export class AnswerError extends Error {}

/** Traces, each a list of spans. Spans without id or time stamp are left out: they are still on their way. Throws AnswerError. */
export function parseTraces(body: unknown): readonly (readonly Span[])[] {
  if (!Array.isArray(body)) throw new AnswerError('gave an answer that is not of the Zipkin API: is its URL right?');
  return body.map(trace => {
    if (!Array.isArray(trace)) throw new AnswerError('answered with a trace that is not a list of spans');
    return trace.flatMap(parseSpan);
  });
}

function parseSpan(value: unknown): readonly Span[] {
  if (!isRecord(value)) throw new AnswerError('answered with a span that is not an object');
  const { traceId, id, parentId, kind, timestamp, duration, localEndpoint, tags } = value;
  if (typeof traceId !== 'string' || typeof id !== 'string' || typeof timestamp !== 'number') return [];
  const service = isRecord(localEndpoint) ? localEndpoint['serviceName'] : undefined;
  return [
    {
      traceId,
      id,
      parentId: typeof parentId === 'string' ? parentId : undefined,
      kind: typeof kind === 'string' ? kind : '',
      timestampUs: timestamp,
      durationUs: typeof duration === 'number' && Number.isFinite(duration) ? duration : undefined,
      service: typeof service === 'string' ? service : undefined,
      tags: isRecord(tags)
        ? Object.fromEntries(Object.entries(tags).flatMap(([key, tag]) => (typeof tag === 'string' ? [[key, tag] as const] : [])))
        : {},
    },
  ];
}

/** The cluster that a span was sent to; `undefined` for spans of receiving proxies and outside the mesh. */
export function clusterOf(span: Span): Cluster | undefined {
  const [direction, port, subset, host] = span.tags['upstream_cluster']?.split('|') ?? [];
  if (direction !== 'outbound' || subset === undefined || host === undefined) return undefined;
  return /^\d+$/.test(port ?? '') ? { port: Number(port), subset, host } : undefined;
}

/**
 * One span per request that was sent to the clusters. A sidecar writes one (CLIENT). A gateway writes one for the whole
 * request (SERVER) and below it one for each attempt (CLIENT); what counts is the request, and one that reached no pod
 * has no attempt.
 */
export function sentTo(spans: readonly Span[], isWanted: (cluster: Cluster) => boolean): readonly (readonly [Span, Cluster])[] {
  const sent = spans.flatMap(span => {
    const cluster = clusterOf(span);
    return cluster !== undefined && isWanted(cluster) ? [[span, cluster] as const] : [];
  });
  const known = new Set(sent.map(([span]) => `${span.traceId} ${span.id}`));
  return sent.filter(([{ traceId, parentId }]) => parentId === undefined || !known.has(`${traceId} ${parentId}`));
}

export function toCall(span: Span, side: string): Call {
  const response = {
    code: span.tags['http.status_code'],
    flags: span.tags['response_flags'],
    grpcStatus: span.tags['grpc.status_code'],
  };
  return {
    traceId: span.traceId,
    spanId: span.id,
    atMs: span.timestampUs / 1000,
    durationMs: span.durationUs === undefined ? undefined : span.durationUs / 1000,
    side,
    response,
    failed: isServerFailure(response) || (hasErrorTag(span) && !blamesCaller(response)),
    reachedNoPod: reachedNoPod(response.flags),
  };
}

function hasErrorTag(span: Span): boolean {
  const tag = span.tags['error'];
  return tag !== undefined && tag !== 'false';
}

/** Some tracers tag 4xx, and Envoy tags gRPC "unimplemented", as error: the status speaks where there is one. */
function blamesCaller(response: ProxyResponse): boolean {
  return response.grpcStatus !== undefined || /^4\d\d$/.test(response.code ?? '');
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
