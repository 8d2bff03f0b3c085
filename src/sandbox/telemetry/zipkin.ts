import type { RequestListener, ServerResponse } from 'node:http';
import type { Json, JsonObject } from '../kube/json.ts';
import type { Span, SpanQuery, Spans } from './spans.ts';

const DEFAULT_LIMIT = 10;
const DEFAULT_LOOKBACK_MS = 86_400_000;

const spanJson = (span: Span): JsonObject => ({
  traceId: span.traceId,
  id: span.id,
  kind: span.kind,
  name: span.name.toLowerCase(),
  timestamp: span.timestampUs,
  duration: span.durationUs,
  localEndpoint: { serviceName: span.serviceName.toLowerCase(), ipv4: span.ip },
  tags: { ...span.tags },
  ...(span.shared ? { shared: true } : {}),
  ...(span.parentId ? { parentId: span.parentId } : {}),
});

class BadQuery extends Error {}

function numberParam(params: URLSearchParams, name: string): number | undefined {
  const text = params.get(name);
  if (text === null || text === '') return undefined;
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0) throw new BadQuery(`${name} ${text} is not a positive number`);
  return value;
}

const tagsOf = (query: string | null) =>
  (query ?? '')
    .split(/\s+and\s+/)
    .filter(Boolean)
    .map(part => {
      const equals = part.indexOf('=');
      return equals < 0 ? { key: part.trim() } : { key: part.slice(0, equals).trim(), value: part.slice(equals + 1).trim() };
    });

/** The query of `GET /api/v2/traces`; times in ms, durations in microseconds. */
function queryOf(params: URLSearchParams): SpanQuery {
  const limit = numberParam(params, 'limit') ?? DEFAULT_LIMIT;
  if (limit < 1) throw new BadQuery('limit <= 0');
  const minDurationUs = numberParam(params, 'minDuration');
  const maxDurationUs = numberParam(params, 'maxDuration');
  if (maxDurationUs !== undefined && minDurationUs === undefined)
    throw new BadQuery('maxDuration is only valid with minDuration');
  const serviceName = params.get('serviceName');
  const spanName = params.get('spanName');
  return {
    ...(serviceName ? { serviceName } : {}),
    ...(spanName && spanName !== 'all' ? { spanName } : {}),
    ...(minDurationUs === undefined ? {} : { minDurationUs }),
    ...(maxDurationUs === undefined ? {} : { maxDurationUs }),
    tags: tagsOf(params.get('annotationQuery')),
    endMs: numberParam(params, 'endTs') ?? Date.now(),
    lookbackMs: numberParam(params, 'lookback') ?? DEFAULT_LOOKBACK_MS,
    limit,
  };
}

function send(response: ServerResponse, code: number, body: Json): void {
  response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

/** The body of a reading request, or undefined when there is nothing at the path. */
function read(spans: Spans, { pathname, searchParams }: URL): Json | undefined {
  const trace = /^\/api\/v2\/trace\/([0-9a-fA-F]+)$/.exec(pathname)?.[1];
  if (trace) return spans.trace(trace.toLowerCase())?.map(spanJson);
  switch (pathname) {
    case '/health':
      return { status: 'UP', zipkin: { status: 'UP' } };
    case '/api/v2/traces':
      return spans.find(queryOf(searchParams)).map(found => found.map(spanJson));
    case '/api/v2/services':
      return spans.services();
    case '/api/v2/spans':
      return spans.spanNames(searchParams.get('serviceName') ?? '');
    default:
      return undefined;
  }
}

/** The reading side of Zipkin's HTTP API v2. Bad parameters are a 400 in plain text, as Zipkin does. */
export function createZipkinListener(spans: Spans): RequestListener {
  return (request, response) => {
    try {
      const body = read(spans, new URL(request.url ?? '/', 'http://zipkin'));
      if (body === undefined) response.writeHead(404, { 'content-type': 'text/plain' }).end('not found\n');
      else send(response, 200, body);
    } catch (error) {
      response.writeHead(error instanceof BadQuery ? 400 : 500, { 'content-type': 'text/plain' });
      response.end(error instanceof Error ? error.message : String(error));
    }
  };
}
