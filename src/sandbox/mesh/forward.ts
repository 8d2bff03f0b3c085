import { randomBytes } from 'node:crypto';
import { at, type JsonObject, numberOf, objectOf, stringOf } from '../kube/json.ts';
import { changeHeaders, type HeaderLines } from './headers.ts';
import type { RouteRequest } from './match.ts';
import { type Caller, type Cluster, clusterOf, operationOf, pickDestination, routeRequest, wholeService } from './router.ts';
import { type Destination, durationMs, type HttpRoute } from './routes.ts';
import type { Snapshot } from './snapshot.ts';
import type { Outcome, Upstream, UpstreamRequest } from './upstream.ts';
import type { Entry } from './virtualHosts.ts';

/** An answer of a proxy, with what telemetry says about it. */
interface Reply {
  readonly code: number;
  readonly headers: HeaderLines;
  readonly body: Buffer | string;
  readonly flags: string;
  readonly cluster?: Cluster;
  readonly outcome?: Outcome;
}

/** A reply with who routed it, and what its spans are called. */
export interface Answer extends Reply {
  readonly by: 'gateway' | 'sidecar';
  readonly operation: string;
}

const plain = (code: number, flags: string, body = '', cluster?: Cluster): Reply => ({
  code,
  headers: body ? { 'content-type': 'text/plain' } : {},
  body,
  flags,
  ...(cluster ? { cluster } : {}),
});

/** Milliseconds of the injected delay, and the status of the injected abort, each for its percentage of requests. */
function injectedFault(fault: JsonObject): { readonly delayMs: number; readonly status: number | undefined } {
  const hit = (part: JsonObject) => Math.random() * 100 < (numberOf(at(part, 'percentage', 'value')) ?? 100);
  const delay = objectOf(fault['delay']);
  const abort = objectOf(fault['abort']);
  const delayMs = fault['delay'] && hit(delay) ? (durationMs(delay['fixedDelay']) ?? 0) : 0;
  return { delayMs, status: fault['abort'] && hit(abort) ? numberOf(abort['httpStatus']) : undefined };
}

/** The path after a route's `rewrite`: what its block asked for as prefix, or as the whole, is replaced. */
function rewritten(path: string, { block, route }: Entry): string {
  const uri = stringOf(route.rewrite['uri']);
  if (uri === undefined) return path;
  const [bare = '', query] = path.split('?');
  const prefix = stringOf(at(block, 'uri', 'prefix')) ?? (at(block, 'uri') === undefined ? '/' : undefined);
  const next = prefix !== undefined && bare.startsWith(prefix) ? `${uri}${bare.slice(prefix.length)}` : uri;
  return query === undefined ? next : `${next}?${query}`;
}

const UPSTREAM_ERRORS = { UF: 503, UC: 503, UT: 504 } as const;

function replyOf(outcome: Outcome, cluster: Cluster, destination: Destination): Reply {
  const { attempt, flags } = outcome;
  if (attempt.kind === 'failure') {
    const text = attempt.flag === 'UT' ? 'upstream request timeout' : 'upstream connect error or disconnect/reset before headers';
    return { ...plain(UPSTREAM_ERRORS[attempt.flag], flags, text, cluster), outcome };
  }
  const headers = changeHeaders(attempt.headers, destination.response);
  return { code: attempt.code, headers, body: attempt.body, flags, cluster, outcome };
}

/** How requests leave: the connections, the configuration of the moment in which the request arrived, and the port that it came to. */
interface Outbound {
  readonly upstream: Upstream;
  readonly snapshot: Snapshot;
  readonly listenerPort: number;
}

/** Sends copies that nobody waits for. They are never traced, and say that they come from within. */
function mirror({ upstream, snapshot, listenerPort }: Outbound, route: HttpRoute, outgoing: UpstreamRequest): void {
  for (const copy of route.mirrors) {
    if (Math.random() * 100 >= copy.percent) continue;
    const cluster = clusterOf(snapshot, copy.destination, listenerPort);
    const endpoint = cluster.endpoints?.[Math.floor(Math.random() * cluster.endpoints.length)];
    const marks = { 'x-b3-spanid': randomBytes(8).toString('hex'), 'x-b3-sampled': '0', 'x-envoy-internal': 'true' };
    const headers = { ...outgoing.headers, ...marks, 'x-sandbox-service': copy.destination.host };
    if (endpoint) void upstream.send(endpoint, { ...outgoing, headers }, 15_000);
  }
}

async function forward(
  outbound: Outbound,
  destination: Destination,
  route: HttpRoute | undefined,
  outgoing: UpstreamRequest,
): Promise<Reply> {
  const cluster = clusterOf(outbound.snapshot, destination, outbound.listenerPort);
  // telemetry knows nothing of a cluster that Envoy does not have
  if (!cluster.endpoints) return plain(503, 'NC');
  if (cluster.endpoints.length === 0) return plain(503, 'UH', 'no healthy upstream', cluster);
  const headers = { ...changeHeaders(outgoing.headers, destination.request), 'x-sandbox-service': destination.host };
  const sent = { ...outgoing, headers };
  if (route) mirror(outbound, route, sent);
  const policy = {
    ...(route?.retries ?? { attempts: 2, on: ['connect-failure'], perTryTimeoutMs: undefined }),
    timeoutMs: route?.timeoutMs,
  };
  return replyOf(await outbound.upstream.sendWithRetries(cluster.endpoints, sent, policy), cluster, destination);
}

/** What a route answers by itself. */
function ownAnswer(route: HttpRoute, outgoing: UpstreamRequest): Reply | undefined {
  const { redirect, directResponse } = route;
  if (redirect) {
    const authority = stringOf(redirect['authority']) ?? String(outgoing.headers['host'] ?? '');
    const location = `http://${authority}${stringOf(redirect['uri']) ?? outgoing.path}`;
    return { ...plain(numberOf(redirect['redirectCode']) ?? 301, '-'), headers: { location } };
  }
  return directResponse
    ? plain(numberOf(directResponse['status']) ?? 200, '-', stringOf(at(directResponse, 'body', 'string')) ?? '')
    : undefined;
}

async function obey(outbound: Outbound, entry: Entry, outgoing: UpstreamRequest): Promise<Reply> {
  const { route } = entry;
  const own = ownAnswer(route, outgoing);
  if (own) return own;
  const destination = pickDestination(route.destinations, Math.random);
  if (!destination) return plain(404, 'NR');
  const fault = injectedFault(route.fault);
  if (fault.delayMs > 0) await new Promise(resolve => setTimeout(resolve, fault.delayMs));
  if (fault.status !== undefined) {
    const cluster = clusterOf(outbound.snapshot, destination, outbound.listenerPort);
    return plain(fault.status, fault.delayMs > 0 ? 'DI,FI' : 'FI', 'fault filter abort', cluster.endpoints && cluster);
  }
  return forward(outbound, destination, route, { ...outgoing, path: rewritten(outgoing.path, entry) });
}

/** Routes a request and answers it, from a pod or by itself. */
export async function answer(
  { upstream, snapshot }: Pick<Outbound, 'upstream' | 'snapshot'>,
  routing: RouteRequest & { readonly caller: Caller },
  outgoing: UpstreamRequest,
): Promise<Answer> {
  const routed = routeRequest(snapshot, routing, routing.caller);
  const { by, port } = routed;
  const outbound = { upstream, snapshot, listenerPort: port };
  if (routed.kind === 'none') return { ...plain(404, 'NR'), by, operation: routing.authority };
  if (routed.kind === 'service') {
    const whole = wholeService(routed.service, port);
    return { ...(await forward(outbound, whole, undefined, outgoing)), by, operation: `${whole.host}:${port}/*` };
  }
  return { ...(await obey(outbound, routed.entry, outgoing)), by, operation: operationOf(snapshot, routed.entry, port) };
}
