import { json, type Loopback, listen } from '../http/loopback.ts';

export type FakeSpan = {
  readonly traceId: string;
  readonly id: string;
  readonly parentId?: string;
  readonly kind?: string;
  /** Microseconds. */
  readonly timestamp?: number;
  readonly duration?: number;
  readonly localEndpoint?: { readonly serviceName: string };
  readonly tags?: Readonly<Record<string, string>>;
};

/** A server with the wire format of Zipkin's trace search: by root, newest first, cut at the limit (10 by default). */
export type FakeZipkin = Loopback & {
  spans: FakeSpan[];
  /** Spans that have not arrived yet are not found. */
  hasArrived: (span: FakeSpan) => boolean;
  readonly searches: URLSearchParams[];
};

export async function startFakeZipkin(): Promise<FakeZipkin> {
  const searches: URLSearchParams[] = [];
  const loopback = await listen(({ request, url }, response) => {
    if (request.method !== 'GET' || url.pathname !== '/api/v2/traces') return json(response, {}, 404);
    searches.push(url.searchParams);
    json(response, find(fake, url.searchParams));
  });
  const fake: FakeZipkin = Object.assign(loopback, { spans: [], hasArrived: () => true, searches });
  return fake;
}

type StoredTrace = { readonly rootUs: number; readonly spans: readonly FakeSpan[] };

function find({ spans, hasArrived }: FakeZipkin, params: URLSearchParams): readonly (readonly FakeSpan[])[] {
  const endUs = Number(params.get('endTs')) * 1000;
  const startUs = endUs - Number(params.get('lookback')) * 1000;
  const matches = matcher(params);
  return storedTraces(spans, hasArrived)
    .filter(({ rootUs, spans }) => rootUs >= startUs && rootUs <= endUs && matches(spans))
    .slice(0, Number(params.get('limit') ?? 10))
    .map(trace => trace.spans);
}

/** Newest first. */
function storedTraces(spans: readonly FakeSpan[], hasArrived: FakeZipkin['hasArrived']): readonly StoredTrace[] {
  if (lastStored?.spans === spans && lastStored.hasArrived === hasArrived && lastStored.count === spans.length) {
    return lastStored.traces;
  }
  const byTrace = new Map<string, FakeSpan[]>();
  for (const span of spans) {
    if (!hasArrived(span)) continue;
    const trace = byTrace.get(span.traceId);
    if (trace === undefined) byTrace.set(span.traceId, [span]);
    else trace.push(span);
  }
  const rootUs = (trace: readonly FakeSpan[]) => Math.min(...trace.map(span => span.timestamp ?? Number.POSITIVE_INFINITY));
  const traces = [...byTrace.values()].map(trace => ({ rootUs: rootUs(trace), spans: trace }));
  traces.sort((a, b) => b.rootUs - a.rootUs);
  lastStored = { spans, hasArrived, count: spans.length, traces };
  return traces;
}

/** Sorting anew for each search would be slow with very many spans. */
let lastStored:
  | {
      readonly spans: readonly FakeSpan[];
      readonly hasArrived: FakeZipkin['hasArrived'];
      readonly count: number;
      readonly traces: readonly StoredTrace[];
    }
  | undefined;

/** Service, tag and duration may be met by different spans of a trace. */
function matcher(params: URLSearchParams): (trace: readonly FakeSpan[]) => boolean {
  const service = params.get('serviceName');
  const [key, value] = params.get('annotationQuery')?.split('=') ?? [];
  const minDuration = Number(params.get('minDuration') ?? 0);
  return trace =>
    (minDuration === 0 || trace.some(({ duration = 0 }) => duration >= minDuration)) &&
    (service === null || trace.some(span => span.localEndpoint?.serviceName === service)) &&
    (key === undefined || trace.some(({ tags }) => (value === undefined ? tags?.[key] !== undefined : tags?.[key] === value)));
}

export const host = 'reviews.shop.svc.cluster.local';

let lastTrace = 0;

export type CallOptions = {
  readonly atMs: number;
  readonly durationMs?: number;
  readonly traceId?: string;
  readonly id?: string;
  readonly port?: number;
  readonly host?: string;
  readonly tags?: Readonly<Record<string, string>>;
};

/** A calling sidecar's span of a call that was routed to a subset. */
export function clientSpan(subset: string, options: CallOptions): FakeSpan {
  const port = options.port ?? 9080;
  return {
    traceId: options.traceId ?? nextTrace(),
    id: options.id ?? '00000000000000a1',
    kind: 'CLIENT',
    timestamp: options.atMs * 1000,
    duration: Math.round((options.durationMs ?? 10) * 1000),
    localEndpoint: { serviceName: 'gateway.istio-system' },
    tags: {
      upstream_cluster: `outbound|${port}|${subset}|${options.host ?? host}`,
      'upstream_cluster.name': `outbound|${port}|${subset}|${options.host ?? host};`,
      'istio.canonical_revision': 'latest',
      'http.status_code': '200',
      response_flags: '-',
      ...options.tags,
    },
  };
}

/** The pod's span of a call; Istio's proxies share the caller's span id. */
export function serverSpan(version: string, options: CallOptions): FakeSpan {
  return {
    ...clientSpan('', options),
    kind: 'SERVER',
    localEndpoint: { serviceName: 'reviews.shop' },
    tags: {
      upstream_cluster: 'inbound|9080||',
      'istio.canonical_revision': version,
      node_id: `sidecar~10.0.0.1~reviews-${version}-a.shop~shop.svc.cluster.local`,
      'http.status_code': '200',
      response_flags: '-',
      ...options.tags,
    },
  };
}

/** A gateway's spans of a call: one for the request, and below it one for each attempt. */
export function gatewaySpans(
  subset: string,
  options: CallOptions,
  attempts: readonly CallOptions['tags'][],
): readonly FakeSpan[] {
  const traceId = options.traceId ?? nextTrace();
  const request = { ...clientSpan(subset, { ...options, traceId, id: 'f0' }), kind: 'SERVER' };
  const attempt = (tags: CallOptions['tags'], index: number) => ({
    ...clientSpan(subset, { ...options, ...(tags === undefined ? {} : { tags }), traceId, id: `a${index}` }),
    parentId: 'f0',
  });
  return [...attempts.map(attempt), request];
}

/** Both sides of one call. */
export function call(version: string, options: CallOptions): readonly FakeSpan[] {
  const traceId = options.traceId ?? nextTrace();
  return [clientSpan(version, { ...options, traceId }), serverSpan(version, { ...options, traceId })];
}

/** Numbers in [0, 1) that are the same in each run. */
export function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Mostly near the median, with a spread of 0.6 as measured of web services. */
export function logNormal(random: () => number, medianMs: number): number {
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return medianMs * Math.exp(0.6 * normal);
}

export function nextTrace(): string {
  lastTrace += 1;
  return lastTrace.toString(16).padStart(32, '0');
}
