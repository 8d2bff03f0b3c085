import { isClientCancel, isServerFailure, type ProxyResponse, reachedNoPod } from '../http/response.ts';
import { type Cluster, clusterOf } from './cluster.ts';
import type { Span } from './spans.ts';

/** What one call of the host looked like, out of one span. */
export type Call = {
  readonly traceId: string;
  readonly spanId: string;
  /** Start, in ms. */
  readonly atMs: number;
  /** Absent, too, where the time that it took says nothing about the version. */
  readonly durationMs: number | undefined;
  /** How long the span lasted, whatever that says; 0 when it does not tell. */
  readonly lastedMs: number;
  /** Name of the subset that the call was routed to, or the pod's version for spans of the receiving side. */
  readonly side: string;
  readonly response: ProxyResponse;
  readonly failed: boolean;
  readonly cancelled: boolean;
  readonly reachedNoPod: boolean;
  /** Who answered, where the receiving proxy has a span of its own. */
  readonly pod: string | undefined;
};

/**
 * One span per request that was sent to the clusters. A sidecar writes one (CLIENT). A gateway writes one for the whole
 * request (SERVER) and below it one for each attempt (CLIENT); what counts is the request, and one that reached no pod
 * has no attempt. Attempts go where their request goes; a mirrored copy goes elsewhere and is a request of its own.
 */
export function sentTo(spans: readonly Span[], isWanted: (cluster: Cluster) => boolean): readonly (readonly [Span, Cluster])[] {
  const sent = spans.flatMap(span => {
    const cluster = clusterOf(span);
    return cluster !== undefined && isWanted(cluster) ? [[span, cluster] as const] : [];
  });
  const place = (id: string | undefined, { traceId }: Span, { port, subset }: Cluster) => `${traceId} ${id} ${port} ${subset}`;
  const known = new Set(sent.map(([span, cluster]) => place(span.id, span, cluster)));
  return sent.filter(([span, cluster]) => span.parentId === undefined || !known.has(place(span.parentId, span, cluster)));
}

/** Flags of proxies that stopped waiting: for the answer, for the whole request, for the next byte. */
const timeoutFlags: ReadonlySet<string> = new Set(['UT', 'DT', 'SI']);

/**
 * A failure comes quickly, or not at all: its time says nothing about how fast the version works, and a version that
 * only fails must not look fast. A time-out is a call that took too long, so its time counts. What came of the call
 * decides, never how long it took.
 */
function tellsTime({ code, flags, grpcStatus }: ProxyResponse, failed: boolean): boolean {
  const timedOut =
    code === '504' || grpcStatus === '4' || (flags?.split(',').some(flag => timeoutFlags.has(flag.trim())) ?? false);
  return !failed || timedOut;
}

export function toCall(span: Span, side: string, pod?: string): Call {
  const response = {
    code: span.tags['http.status_code'],
    flags: span.tags['response_flags'],
    grpcStatus: span.tags['grpc.status_code'],
  };
  const durationMs = span.durationUs === undefined ? undefined : span.durationUs / 1000;
  const failed = isServerFailure(response) || (hasErrorTag(span) && !blamesCaller(response));
  return {
    traceId: span.traceId,
    spanId: span.id,
    atMs: span.timestampUs / 1000,
    durationMs: tellsTime(response, failed) ? durationMs : undefined,
    lastedMs: durationMs ?? 0,
    side,
    response,
    failed,
    cancelled: isClientCancel(response),
    reachedNoPod: reachedNoPod(response.flags),
    pod,
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

/**
 * Finds who answered a call: the receiving proxy's span has the caller's id (Istio's proxies share it), or is below it, or
 * below the last attempt.
 */
export function createPodFinder(spans: readonly Span[], service: string): (span: Span) => string | undefined {
  const pods = new Map<string, { readonly atUs: number; readonly pod: string }>();
  const note = (key: string, atUs: number, pod: string) => {
    if ((pods.get(key)?.atUs ?? Number.NEGATIVE_INFINITY) < atUs) pods.set(key, { atUs, pod });
  };
  const parents = new Map<string, string>();
  for (const span of spans) {
    if (span.parentId !== undefined && span.kind !== 'SERVER') parents.set(`${span.traceId} ${span.id}`, span.parentId);
  }
  for (const span of spans) {
    const pod = span.kind === 'SERVER' && span.service === service ? podOf(span) : undefined;
    if (pod === undefined) continue;
    const { traceId, id, parentId, timestampUs } = span;
    const above = parents.get(`${traceId} ${id}`);
    for (const key of [id, parentId, above]) if (key !== undefined) note(`${traceId} ${key}`, timestampUs, pod);
  }
  return ({ traceId, id }) => pods.get(`${traceId} ${id}`)?.pod;
}

/** What the pods of a service tell: each of their spans, and the call that it is; `sideOf` says where a version belongs, if anywhere. */
export function receivedBy(
  spans: readonly Span[],
  service: string,
  sideOf: (version: string) => string | undefined,
): readonly (readonly [Span, Call])[] {
  return spans.flatMap(span => {
    const version = span.kind === 'SERVER' && span.service === service ? span.tags['istio.canonical_revision'] : undefined;
    const side = version === undefined ? undefined : sideOf(version);
    return side === undefined ? [] : [[span, toCall(span, side, podOf(span))] as const];
  });
}

/** `sidecar~10.0.0.1~reviews-v1-7d4f.shop~shop.svc.cluster.local` */
function podOf(span: Span): string | undefined {
  const name = span.tags['node_id']?.split('~')[2];
  const dot = name?.lastIndexOf('.') ?? -1;
  return name === undefined || dot <= 0 ? undefined : name.slice(0, dot);
}
