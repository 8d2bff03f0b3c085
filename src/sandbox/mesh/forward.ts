import type { OutgoingHttpHeaders } from 'node:http';
import { at, type JsonObject, numberOf, objectOf, stringOf, stringsOf } from '../kube/json.ts';
import type { RouteRequest } from './match.ts';
import { type Cluster, clusterOf, pickDestination, routeRequest } from './router.ts';
import { type Destination, durationMs, type HttpRoute } from './routes.ts';
import type { Snapshot } from './snapshot.ts';
import type { Outcome, Upstream, UpstreamRequest } from './upstream.ts';

/** An answer to the caller, with what telemetry says about it. */
export interface Reply {
  readonly code: number;
  readonly headers: OutgoingHttpHeaders;
  readonly body: Buffer | string;
  readonly flags: string;
  readonly cluster?: Cluster;
  readonly outcome?: Outcome;
}

const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'transfer-encoding', 'upgrade', 'proxy-connection', 'te', 'trailer']);

/** Headers without those that belong to one connection. */
export const withoutHops = (headers: { [name: string]: string | string[] | undefined }): OutgoingHttpHeaders =>
  Object.fromEntries(Object.entries(headers).filter(([name, value]) => value !== undefined && !HOP_BY_HOP.has(name)));

const plain = (code: number, flags: string, body = '', cluster?: Cluster): Reply => ({
  code,
  headers: body ? { 'content-type': 'text/plain' } : {},
  body,
  flags,
  ...(cluster ? { cluster } : {}),
});

/** Istio's Headers.HeaderOperations on a set of headers; names are lower-cased. */
function operate(headers: OutgoingHttpHeaders, operations: JsonObject): OutgoingHttpHeaders {
  const out = { ...headers };
  for (const [name, value] of Object.entries(stringsOf(operations['set']))) out[name.toLowerCase()] = value;
  for (const [name, value] of Object.entries(stringsOf(operations['add'])))
    out[name.toLowerCase()] = out[name.toLowerCase()] ? `${out[name.toLowerCase()]},${value}` : value;
  for (const name of Array.isArray(operations['remove']) ? operations['remove'] : []) delete out[String(name).toLowerCase()];
  return out;
}

const operationsOf = (headers: JsonObject, side: 'request' | 'response') => objectOf(headers[side]);

/** Milliseconds of the injected delay, and the status of the injected abort, each for its percentage of requests. */
function injectedFault(fault: JsonObject): { readonly delayMs: number; readonly status: number | undefined } {
  const hit = (part: JsonObject) => Math.random() * 100 < (numberOf(at(part, 'percentage', 'value')) ?? 100);
  const delay = objectOf(fault['delay']);
  const abort = objectOf(fault['abort']);
  const delayMs = fault['delay'] && hit(delay) ? (durationMs(delay['fixedDelay']) ?? 0) : 0;
  return { delayMs, status: fault['abort'] && hit(abort) ? numberOf(abort['httpStatus']) : undefined };
}

/** The path after a route's `rewrite`. */
function rewritten(path: string, route: HttpRoute): string {
  const uri = stringOf(route.rewrite['uri']);
  if (uri === undefined) return path;
  const [bare = '', query] = path.split('?');
  const prefix = route.match
    .map(block => stringOf(at(block, 'uri', 'prefix')))
    .find(value => value !== undefined && bare.startsWith(value));
  const next = prefix === undefined ? uri : `${uri}${bare.slice(prefix.length)}`.replaceAll('//', '/');
  return query === undefined ? next : `${next}?${query}`;
}

const UPSTREAM_ERRORS = { UF: 503, UC: 503, UT: 504 } as const;

function replyOf(outcome: Outcome, cluster: Cluster, operations: readonly JsonObject[]): Reply {
  const { attempt, flags } = outcome;
  if (attempt.kind === 'failure') {
    const text = attempt.flag === 'UT' ? 'upstream request timeout' : 'upstream connect error or disconnect/reset before headers';
    return { ...plain(UPSTREAM_ERRORS[attempt.flag], flags, text, cluster), outcome };
  }
  const headers = operations.reduce<OutgoingHttpHeaders>((current, item) => operate(current, item), withoutHops(attempt.headers));
  return { code: attempt.code, headers, body: attempt.body, flags, cluster, outcome };
}

/** How requests leave: the connections, and the configuration of the moment in which the request arrived. */
interface Outbound {
  readonly upstream: Upstream;
  readonly snapshot: Snapshot;
}

function mirror(outbound: Outbound, route: HttpRoute, outgoing: UpstreamRequest): void {
  for (const copy of route.mirrors) {
    if (Math.random() * 100 >= copy.percent) continue;
    const cluster = clusterOf(outbound.snapshot, copy.destination);
    const endpoint = cluster.endpoints?.[Math.floor(Math.random() * cluster.endpoints.length)];
    const headers = { ...outgoing.headers, 'x-sandbox-service': copy.destination.host };
    if (endpoint) void outbound.upstream.send(endpoint, { ...outgoing, headers }, 15_000);
  }
}

async function forward(
  outbound: Outbound,
  destination: Destination,
  route: HttpRoute | undefined,
  outgoing: UpstreamRequest,
): Promise<Reply> {
  const cluster = clusterOf(outbound.snapshot, destination);
  if (!cluster.endpoints) return plain(503, 'NC', '', cluster);
  if (cluster.endpoints.length === 0) return plain(503, 'UH', 'no healthy upstream', cluster);
  const operations = [destination.headers, ...(route ? [route.headers] : [])];
  const changed = operations.reduce<OutgoingHttpHeaders>(
    (headers, item) => operate(headers, operationsOf(item, 'request')),
    outgoing.headers,
  );
  const policy = {
    ...(route?.retries ?? { attempts: 2, on: ['connect-failure'], perTryTimeoutMs: undefined }),
    timeoutMs: route?.timeoutMs,
  };
  const headers = { ...changed, 'x-sandbox-service': destination.host };
  const outcome = await outbound.upstream.sendWithRetries(cluster.endpoints, { ...outgoing, headers }, policy);
  return replyOf(
    outcome,
    cluster,
    operations.map(item => operationsOf(item, 'response')),
  );
}

async function obey(outbound: Outbound, route: HttpRoute, outgoing: UpstreamRequest): Promise<Reply> {
  const fault = injectedFault(route.fault);
  if (fault.delayMs > 0) await new Promise(resolve => setTimeout(resolve, fault.delayMs));
  if (fault.status !== undefined) return plain(fault.status, fault.delayMs > 0 ? 'DI,FI' : 'FI', 'fault filter abort');
  if (route.redirect) {
    const authority = stringOf(route.redirect['authority']) ?? String(outgoing.headers['host'] ?? '');
    const location = `http://${authority}${stringOf(route.redirect['uri']) ?? outgoing.path}`;
    return { ...plain(numberOf(route.redirect['redirectCode']) ?? 301, '-'), headers: { location } };
  }
  if (route.directResponse) {
    return plain(
      numberOf(route.directResponse['status']) ?? 200,
      '-',
      stringOf(at(route.directResponse, 'body', 'string')) ?? '',
    );
  }
  const destination = pickDestination(route.destinations, Math.random);
  if (!destination) return plain(404, 'NR');
  const sent = { ...outgoing, path: rewritten(outgoing.path, route) };
  mirror(outbound, route, sent);
  return forward(outbound, destination, route, sent);
}

/** Routes a request and answers it, from a pod or by itself. */
export function answer(outbound: Outbound, routing: RouteRequest, outgoing: UpstreamRequest): Promise<Reply> {
  const routed = routeRequest(outbound.snapshot, routing);
  if (routed.kind === 'route') return obey(outbound, routed.route, outgoing);
  if (routed.kind === 'none') return Promise.resolve(plain(404, 'NR'));
  const { host, port } = routed.service;
  return forward(outbound, { host, subset: '', port, weight: 1, headers: {} }, undefined, outgoing);
}
