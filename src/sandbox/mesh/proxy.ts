import { randomBytes, randomUUID } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { stringOf } from '../kube/json.ts';
import { answer, type Reply, withoutHops } from './forward.ts';
import type { RouteRequest } from './match.ts';
import type { Snapshot } from './snapshot.ts';
import type { MeshTelemetry, Sent } from './telemetry.ts';
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

function routingOf(request: IncomingMessage): RouteRequest {
  const url = new URL(request.url ?? '/', 'http://gateway');
  const authority = (request.headers.host ?? '').replace(/:\d+$/, '').toLowerCase();
  return { method: request.method ?? 'GET', path: url.pathname, query: url.searchParams, headers: request.headers, authority };
}

/** The ids of the request and its span; missing ones are made, and passed on in B3 headers. */
function startTrace(request: IncomingMessage, sampling: number): { readonly traceId: string; readonly spanId: string } {
  const traceId = stringOf(request.headers['x-b3-traceid']) ?? randomBytes(8).toString('hex');
  const spanId = randomBytes(8).toString('hex');
  request.headers['x-request-id'] ??= randomUUID();
  request.headers['x-b3-sampled'] ??= Math.random() < sampling ? '1' : '0';
  return { traceId, spanId };
}

/** What telemetry learns from a reply. A caller who left before it counts as code 0, DC. */
function outcomeOf(reply: Reply, left: boolean): Pick<Sent, 'code' | 'flags' | 'cluster' | 'service' | 'pod' | 'grpcStatus'> {
  const { service, port, name } = reply.cluster ?? {};
  const grpcStatus = reply.headers['grpc-status'];
  return {
    code: left ? 0 : reply.code,
    flags: left ? 'DC' : reply.flags,
    cluster: name ?? '-',
    ...(service
      ? { service: { host: service.host, name: service.name, namespace: service.namespace, port: port ?? service.port } }
      : {}),
    ...(reply.outcome ? { pod: reply.outcome.endpoint.identity } : {}),
    ...(grpcStatus === undefined ? {} : { grpcStatus: String(grpcStatus) }),
  };
}

/** A proxy that obeys the snapshot of the moment in which a request arrives. */
export function createProxy(deps: ProxyDeps): Proxy {
  const upstream = createUpstream();

  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    const from = performance.now();
    const trace = startTrace(request, deps.sampling);
    const body = await bodyOf(request);
    const routing = routingOf(request);
    const ids = { 'x-b3-traceid': trace.traceId, 'x-b3-spanid': trace.spanId };
    const headers = { ...withoutHops(request.headers), 'content-length': body.length, ...ids };
    const outgoing = { method: routing.method, path: request.url ?? '/', headers, body };
    const reply = await answer({ upstream, snapshot: deps.snapshot() }, routing, outgoing);
    const left = response.destroyed;
    if (!left) {
      const length = { 'content-length': Buffer.byteLength(reply.body) };
      response.writeHead(reply.code, { ...reply.headers, ...length, server: 'istio-envoy' }).end(reply.body);
    }
    const startMs = performance.timeOrigin + from;
    deps.telemetry.source({ startMs, durationMs: performance.now() - from, request, ...trace, ...outcomeOf(reply, left) });
  };

  return {
    listener: (request, response) => void serve(request, response).catch(() => response.destroy()),
    close: () => upstream.close(),
  };
}
