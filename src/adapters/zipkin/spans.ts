/** A span with the fields that matter; everything else may be absent or odd. */
export type Span = {
  /** The lower 64 bits: some tracers write only these, and then one trace has two names. */
  readonly traceId: string;
  readonly id: string;
  readonly parentId: string | undefined;
  readonly kind: string;
  readonly timestampUs: number;
  readonly durationUs: number | undefined;
  readonly service: string | undefined;
  readonly tags: Readonly<Record<string, string>>;
};

/** A stored trace, as far as it is of interest. */
export type Trace = {
  /** Beginning of its first span, in ms; `undefined` while no span has one. */
  readonly atMs: number | undefined;
  /** Its longest span. */
  readonly longestMs: number;
  /** How many spans it has. */
  readonly size: number;
  /** Those of them that may be calls of the host, or tell something about one. */
  readonly spans: readonly Span[];
};

/** The answer is not a list of traces. */
export class AnswerError extends Error {}

/**
 * Traces, in the order of the answer. A trace may have hundreds of spans of other services: only those that are wanted are
 * kept. Spans without id or time stamp are left out: they are still on their way. Throws AnswerError.
 */
export function parseTraces(body: unknown, isWanted: (span: Span) => boolean): readonly Trace[] {
  if (!Array.isArray(body)) throw new AnswerError('gave an answer that is not of the Zipkin API: is its URL right?');
  return body.map(trace => {
    if (!Array.isArray(trace)) throw new AnswerError('answered with a trace that is not a list of spans');
    const spans = trace.flatMap(parseSpan);
    return {
      atMs: spans.reduce<number | undefined>(
        (at, span) => Math.min(at ?? Number.POSITIVE_INFINITY, span.timestampUs / 1000),
        undefined,
      ),
      longestMs: spans.reduce((longest, { durationUs = 0 }) => Math.max(longest, durationUs / 1000), 0),
      size: trace.length,
      spans: spans.filter(isWanted),
    };
  });
}

function parseSpan(value: unknown): readonly Span[] {
  if (!isRecord(value)) throw new AnswerError('answered with a span that is not an object');
  const { traceId, id, parentId, kind, timestamp, duration, localEndpoint, tags } = value;
  if (typeof traceId !== 'string' || typeof id !== 'string' || typeof timestamp !== 'number') return [];
  const service = isRecord(localEndpoint) ? localEndpoint['serviceName'] : undefined;
  return [
    {
      traceId: traceId.toLowerCase().slice(-16).padStart(16, '0'),
      id,
      parentId: typeof parentId === 'string' ? parentId : undefined,
      kind: typeof kind === 'string' ? kind : '',
      timestampUs: timestamp,
      durationUs: typeof duration === 'number' && Number.isFinite(duration) && duration >= 0 ? duration : undefined,
      service: typeof service === 'string' ? service : undefined,
      tags: isRecord(tags) ? knownTags(tags) : {},
    },
  ];
}

const tagNames = [
  'upstream_cluster',
  'http.status_code',
  'response_flags',
  'grpc.status_code',
  'error',
  'istio.canonical_revision',
  'node_id',
] as const;

/** Proxies write twenty tags and more. */
function knownTags(tags: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    tagNames.flatMap(name => {
      const tag = tags[name];
      return typeof tag === 'string' ? [[name, tag] as const] : [];
    }),
  );
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
