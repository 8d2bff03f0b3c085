/** One span as a proxy reports it. Times are in microseconds. */
export interface Span {
  readonly traceId: string;
  readonly id: string;
  readonly parentId?: string;
  readonly kind: 'CLIENT' | 'SERVER';
  readonly name: string;
  readonly timestampUs: number;
  readonly durationUs: number;
  readonly serviceName: string;
  readonly ip: string;
  readonly shared?: boolean;
  readonly tags: { readonly [tag: string]: string };
}

/** What a trace must look like to be found. */
export interface SpanQuery {
  readonly serviceName?: string;
  readonly spanName?: string;
  /** Tags that must be there; an empty value asks for presence only. */
  readonly tags: readonly { readonly key: string; readonly value?: string }[];
  readonly minDurationUs?: number;
  readonly maxDurationUs?: number;
  readonly endMs: number;
  readonly lookbackMs: number;
  readonly limit: number;
}

/** Spans by trace: at most 200,000 of the last twenty minutes; the oldest traces leave first. */
export interface Spans {
  add(span: Span): void;
  /** Matching traces, newest first. */
  find(query: SpanQuery): Span[][];
  trace(traceId: string): Span[] | undefined;
  services(): string[];
  spanNames(serviceName: string): string[];
  close(): void;
}

interface Trace {
  startUs: number;
  readonly spans: Span[];
}

const MAX_SPANS = 200_000;
const RETENTION_US = 20 * 60_000_000;

/** Service, name, tags and durations may be met by different spans of a trace, as Zipkin's in-memory storage does for tags of one service. */
function matches(trace: Trace, query: SpanQuery): boolean {
  const { serviceName, spanName, tags, minDurationUs, maxDurationUs } = query;
  const own = trace.spans.filter(span => !serviceName || span.serviceName.toLowerCase() === serviceName.toLowerCase());
  if (own.length === 0) return false;
  if (spanName && !own.some(span => span.name.toLowerCase() === spanName.toLowerCase())) return false;
  const tagged = tags.every(tag =>
    own.some(span => (tag.value === undefined ? span.tags[tag.key] !== undefined : span.tags[tag.key] === tag.value)),
  );
  if (!tagged) return false;
  if (minDurationUs === undefined) return true;
  return own.some(span => span.durationUs >= minDurationUs && span.durationUs <= (maxDurationUs ?? Number.POSITIVE_INFINITY));
}

/** Spans become visible in batches, every `flushMs`, as proxies send them. */
export function createSpans(flushMs: number): Spans {
  const traces = new Map<string, Trace>();
  let pending: Span[] = [];
  let size = 0;

  const store = (span: Span) => {
    const found = traces.get(span.traceId);
    if (found) {
      found.spans.push(span);
      found.startUs = Math.min(found.startUs, span.timestampUs);
    } else traces.set(span.traceId, { startUs: span.timestampUs, spans: [span] });
    size += 1;
  };
  const trim = () => {
    const oldest = Date.now() * 1000 - RETENTION_US;
    for (const [id, trace] of traces) {
      if (size <= MAX_SPANS && trace.startUs >= oldest) return;
      traces.delete(id);
      size -= trace.spans.length;
    }
  };
  const flush = () => {
    for (const span of pending) store(span);
    pending = [];
    trim();
  };
  const timer = flushMs > 0 ? setInterval(flush, flushMs) : undefined;
  const distinct = (values: Iterable<string>) => [...new Set(values)].sort();
  const allSpans = () => [...traces.values()].flatMap(trace => trace.spans);

  return {
    add: span => {
      pending.push(span);
      if (flushMs <= 0) flush();
    },
    find: query => {
      const from = (query.endMs - query.lookbackMs) * 1000;
      const to = query.endMs * 1000;
      const found = [...traces.values()].filter(trace => trace.startUs >= from && trace.startUs <= to && matches(trace, query));
      return found
        .sort((a, b) => b.startUs - a.startUs)
        .slice(0, query.limit)
        .map(trace => trace.spans);
    },
    trace: traceId => traces.get(traceId)?.spans,
    services: () => distinct(allSpans().map(span => span.serviceName.toLowerCase())),
    spanNames: serviceName =>
      distinct(allSpans().flatMap(span => (span.serviceName === serviceName ? [span.name.toLowerCase()] : []))),
    close: () => clearInterval(timer),
  };
}
