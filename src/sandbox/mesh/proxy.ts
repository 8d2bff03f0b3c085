import { randomBytes, randomUUID } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { type Answer, answer } from './forward.ts';
import { withoutHops } from './headers.ts';
import type { RouteRequest } from './match.ts';
import type { Caller } from './router.ts';
import type { Snapshot } from './snapshot.ts';
import type { MeshTelemetry } from './telemetry.ts';
import type { Sent, Trace } from './tracing.ts';
import { createUpstream } from './upstream.ts';

/** The gateway. */
export interface Proxy {
  readonly listener: RequestListener;
  close(): void;
}

/** What the proxy needs. */
export interface ProxyDeps {
  readonly snapshot: () => Snapshot;
  readonly telemetry: MeshTelemetry;
  /** Share of requests that are traced, 0..1. */
  readonly sampling: number;
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

type Lines = { readonly [name: string]: readonly string[] };

/** The lines of each header; Node's own list leaves out what it does not know to be there. */
const linesOf = (request: IncomingMessage): Lines =>
  Object.fromEntries(Object.entries(request.headersDistinct).map(([name, lines]) => [name, lines ?? []]));

/** Parameters as they stand in the address; the first of a name counts. */
function queryOf(search: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const part of search.replace(/^\?/, '').split('&')) {
    const [name = '', ...value] = part.split('=');
    if (part !== '' && !found.has(name)) found.set(name, value.join('='));
  }
  return found;
}

/** Who calls a service of the mesh, as the request says: the sandbox has no sidecar at its callers. */
function callerOf(headers: Lines): Caller {
  const labels = (headers['x-sandbox-source-labels']?.[0] ?? '').split(',').map(pair => pair.split('='));
  return {
    labels: Object.fromEntries(labels.flatMap(([key, value]) => (key && value ? [[key.trim(), value.trim()]] : []))),
    namespace: headers['x-sandbox-source-namespace']?.[0] ?? '',
  };
}

function routingOf(request: IncomingMessage, headers: Lines): RouteRequest & { readonly caller: Caller } {
  const url = new URL(request.url ?? '/', 'http://gateway');
  const authority = (request.headers.host ?? '').replace(/:\d+$/, '').toLowerCase();
  const method = request.method ?? 'GET';
  return { method, path: url.pathname, query: queryOf(url.search), headers, authority, caller: callerOf(headers) };
}

/** Missing ids are made; they are passed on in B3 headers. */
function startTrace(headers: Lines, sampling: number): Trace {
  const said = headers['x-b3-sampled']?.[0];
  return {
    traceId: headers['x-b3-traceid']?.[0] ?? randomBytes(8).toString('hex'),
    ownSpanId: randomBytes(8).toString('hex'),
    spanId: randomBytes(8).toString('hex'),
    requestId: headers['x-request-id']?.[0] ?? randomUUID(),
    isSampled: said === undefined ? Math.random() < sampling : said !== '0',
  };
}

const traceHeaders = ({ traceId, spanId, requestId, isSampled }: Trace) => ({
  'x-request-id': requestId,
  'x-b3-traceid': traceId,
  'x-b3-spanid': spanId,
  'x-b3-sampled': isSampled ? '1' : '0',
});

/** What telemetry learns from an answer. A caller who left before it counts as code 0, DC. */
function outcomeOf(
  reply: Answer,
  left: boolean,
): Pick<Sent, 'by' | 'operation' | 'code' | 'flags' | 'cluster' | 'service' | 'endpoint' | 'grpcStatus'> {
  const { service, port, name } = reply.cluster ?? {};
  const grpcStatus = reply.headers['grpc-status'];
  return {
    by: reply.by,
    operation: reply.operation,
    code: left ? 0 : reply.code,
    flags: left ? 'DC' : reply.flags,
    cluster: name ?? '-',
    ...(service && port ? { service: { host: service.host, name: service.name, namespace: service.namespace, port } } : {}),
    ...(reply.outcome ? { endpoint: reply.outcome.endpoint } : {}),
    ...(grpcStatus === undefined ? {} : { grpcStatus: String(grpcStatus) }),
  };
}

/** A proxy that obeys the snapshot of the moment in which a request arrives. */
export function createProxy(deps: ProxyDeps): Proxy {
  const upstream = createUpstream();

  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    const from = performance.now();
    const lines = linesOf(request);
    const trace = startTrace(lines, deps.sampling);
    const body = await bodyOf(request);
    const routing = routingOf(request, lines);
    const headers = { ...withoutHops(lines), 'content-length': String(body.length), ...traceHeaders(trace) };
    const outgoing = { method: routing.method, path: request.url ?? '/', headers, body };
    const reply = await answer({ upstream, snapshot: deps.snapshot() }, routing, outgoing);
    const left = response.destroyed;
    if (!left) {
      const length = { 'content-length': Buffer.byteLength(reply.body) };
      response.writeHead(reply.code, { ...reply.headers, ...length, server: 'istio-envoy' }).end(reply.body);
    }
    const startMs = performance.timeOrigin + from;
    deps.telemetry.source({ startMs, durationMs: performance.now() - from, request, trace, ...outcomeOf(reply, left) });
  };

  return {
    listener: (request, response) => void serve(request, response).catch(() => response.destroy()),
    close: () => upstream.close(),
  };
}
