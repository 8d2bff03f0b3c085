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
export type FakeZipkin = Loopback & { spans: FakeSpan[]; readonly searches: URLSearchParams[] };

export async function startFakeZipkin(): Promise<FakeZipkin> {
  const searches: URLSearchParams[] = [];
  const loopback = await listen(({ request, url }, response) => {
    if (request.method !== 'GET' || url.pathname !== '/api/v2/traces') return json(response, {}, 404);
    searches.push(url.searchParams);
    json(response, find(fake.spans, url.searchParams));
  });
  const fake: FakeZipkin = Object.assign(loopback, { spans: [], searches });
  return fake;
}

function find(spans: readonly FakeSpan[], params: URLSearchParams): readonly (readonly FakeSpan[])[] {
  const endUs = Number(params.get('endTs')) * 1000;
  const startUs = endUs - Number(params.get('lookback')) * 1000;
  const traces = new Map<string, FakeSpan[]>();
  for (const span of spans) {
    const trace = traces.get(span.traceId);
    if (trace === undefined) traces.set(span.traceId, [span]);
    else trace.push(span);
  }
  const rootUs = (trace: readonly FakeSpan[]) => Math.min(...trace.map(span => span.timestamp ?? Number.POSITIVE_INFINITY));
  return [...traces.values()]
    .filter(trace => rootUs(trace) >= startUs && rootUs(trace) <= endUs && matches(trace, params))
    .sort((a, b) => rootUs(b) - rootUs(a))
    .slice(0, Number(params.get('limit') ?? 10));
}

function matches(trace: readonly FakeSpan[], params: URLSearchParams): boolean {
  const service = params.get('serviceName');
  const [key, value] = params.get('annotationQuery')?.split('=') ?? [];
  return (
    (service === null || trace.some(span => span.localEndpoint?.serviceName === service)) &&
    (key === undefined || trace.some(({ tags }) => (value === undefined ? tags?.[key] !== undefined : tags?.[key] === value)))
  );
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

export function nextTrace(): string {
  lastTrace += 1;
  return lastTrace.toString(16).padStart(32, '0');
}
