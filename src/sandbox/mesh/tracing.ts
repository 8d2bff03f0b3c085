import type { IncomingMessage } from 'node:http';
import type { Span } from '../telemetry/spans.ts';
import type { PodIdentity } from '../workloads/identity.ts';
import { GATEWAY } from './gateways.ts';
import type { MeshEndpoint } from './snapshot.ts';

/** The ids of a request: the gateway's own span, and below it the span of the call, which the receiver shares. */
export interface Trace {
  readonly traceId: string;
  readonly ownSpanId: string;
  readonly spanId: string;
  readonly requestId: string;
  readonly isSampled: boolean;
}

/** A request as its receiver saw it. */
export interface Received {
  readonly startMs: number;
  readonly durationMs: number;
  /** 0 when the client left before the answer. */
  readonly code: number;
  readonly flags: string;
  readonly pod: PodIdentity;
  readonly request: IncomingMessage;
  readonly port: number;
}

/** A request as its sender saw it: the gateway, or the sidecar of a caller. */
export interface Sent {
  readonly by: 'gateway' | 'sidecar';
  /** What spans are called. */
  readonly operation: string;
  readonly startMs: number;
  readonly durationMs: number;
  readonly code: number;
  readonly flags: string;
  readonly request: IncomingMessage;
  /** `outbound|port|subset|host`, or `-` when no cluster was chosen. */
  readonly cluster: string;
  /** Present when a cluster was chosen. */
  readonly service?: { readonly host: string; readonly name: string; readonly namespace: string; readonly port: number };
  /** Who was tried last, when somebody was. */
  readonly endpoint?: MeshEndpoint;
  readonly trace: Trace;
  readonly grpcStatus?: string;
}

const NODE_ID = `router~127.0.0.1~${GATEWAY.pod}.${GATEWAY.namespace}~${GATEWAY.namespace}.svc.cluster.local`;

/** The first line of a header, empty when it is missing. */
export function headerOf(request: IncomingMessage, name: string): string {
  const value = request.headers[name];
  return (Array.isArray(value) ? value[0] : value) ?? '';
}

const outcomeTags = (code: number, flags: string) => ({
  component: 'proxy',
  'http.protocol': 'HTTP/1.1',
  'http.status_code': String(code),
  response_flags: flags,
  'istio.mesh_id': 'cluster.local',
  'istio.cluster_id': 'Kubernetes',
  ...(code >= 500 || code === 0 ? { error: 'true' } : {}),
});

const requestTags = (request: IncomingMessage, requestId: string) => ({
  'http.method': request.method ?? 'GET',
  'http.url': `http://${headerOf(request, 'host')}${request.url ?? '/'}`,
  user_agent: headerOf(request, 'user-agent'),
  'guid:x-request-id': requestId,
});

const clusterTags = (cluster: string) =>
  cluster === '-' ? {} : { upstream_cluster: cluster, 'upstream_cluster.name': `${cluster};` };

const timesOf = ({ startMs, durationMs }: Pick<Sent, 'startMs' | 'durationMs'>) => ({
  timestampUs: Math.round(startMs * 1000),
  durationUs: Math.max(1, Math.round(durationMs * 1000)),
});

/**
 * The spans of the sender. A gateway has one for the whole request (SERVER), and below it one for the call (CLIENT) when somebody was
 * called; a sidecar has only the call.
 */
export function sentSpans(sent: Sent): Span[] {
  const { request, trace, endpoint, code, flags, cluster } = sent;
  const shared = {
    traceId: trace.traceId,
    serviceName: `${GATEWAY.workload}.${GATEWAY.namespace}`,
    ip: '127.0.0.1',
    ...timesOf(sent),
  };
  const common = {
    ...outcomeTags(code, flags),
    ...clusterTags(cluster),
    'istio.canonical_service': GATEWAY.workload,
    'istio.canonical_revision': 'latest',
    'istio.namespace': GATEWAY.namespace,
  };
  const whole = { ...common, ...requestTags(request, trace.requestId), node_id: NODE_ID };
  if (sent.by === 'sidecar') return [{ ...shared, id: trace.spanId, kind: 'CLIENT', name: sent.operation, tags: whole }];
  const address = endpoint ? `${endpoint.address.host}:${endpoint.address.port}` : '';
  const call: Span = {
    ...shared,
    id: trace.spanId,
    parentId: trace.ownSpanId,
    kind: 'CLIENT',
    name: `router ${cluster}; egress`,
    tags: { ...common, upstream_address: address, 'peer.address': address },
  };
  const own: Span = {
    ...shared,
    id: trace.ownSpanId,
    kind: 'SERVER',
    name: sent.operation,
    tags: { ...whole, downstream_cluster: '-' },
  };
  return endpoint ? [own, call] : [own];
}

/** The span of the receiver; it shares the id of the call. */
export function serverSpan(received: Received): Span {
  const { pod, request, port } = received;
  const host = `${pod.canonicalService}.${pod.namespace}.svc.cluster.local`;
  const ip = request.socket.localAddress ?? '127.0.0.1';
  return {
    traceId: headerOf(request, 'x-b3-traceid'),
    id: headerOf(request, 'x-b3-spanid'),
    kind: 'SERVER',
    name: `${host}:${port}/*`,
    serviceName: `${pod.canonicalService}.${pod.namespace}`,
    ip,
    shared: true,
    ...timesOf(received),
    tags: {
      ...outcomeTags(received.code, received.flags),
      ...requestTags(request, headerOf(request, 'x-request-id')),
      ...clusterTags(`inbound|${port}||`),
      node_id: `sidecar~${ip}~${pod.pod}.${pod.namespace}~${pod.namespace}.svc.cluster.local`,
      'istio.canonical_service': pod.canonicalService,
      'istio.canonical_revision': pod.canonicalRevision,
      'istio.namespace': pod.namespace,
    },
  };
}
