import type { IncomingMessage } from 'node:http';
import type { Counters } from '../telemetry/counters.ts';
import type { Span, Spans } from '../telemetry/spans.ts';
import type { PodIdentity } from '../workloads/identity.ts';
import type { Truth } from './truth.ts';

/** A request as its receiver saw it. */
interface Received {
  readonly startMs: number;
  readonly durationMs: number;
  /** 0 when the client left before the answer. */
  readonly code: number;
  readonly flags: string;
  readonly pod: PodIdentity;
  readonly request: IncomingMessage;
  readonly port: number;
}

/** A request as the gateway saw it. */
export interface Sent {
  readonly startMs: number;
  readonly durationMs: number;
  readonly code: number;
  readonly flags: string;
  readonly request: IncomingMessage;
  /** `outbound|port|subset|host`, or `-` when no route was found. */
  readonly cluster: string;
  /** Present when a cluster was chosen. */
  readonly service?: { readonly host: string; readonly name: string; readonly namespace: string; readonly port: number };
  /** The pod that was tried last, when one was. */
  readonly pod?: PodIdentity;
  readonly traceId: string;
  readonly spanId: string;
  readonly grpcStatus?: string;
}

/** Turns requests into metrics, spans and counts. */
export interface MeshTelemetry {
  source(sent: Sent): void;
  destination(received: Received): void;
}

/** Who sends: the gateway. */
const GATEWAY = { workload: 'gateway', namespace: 'istio-system', pod: 'gateway-1' } as const;

const NODE_ID = `router~127.0.0.1~${GATEWAY.pod}.${GATEWAY.namespace}~${GATEWAY.namespace}.svc.cluster.local`;

const SOURCE = {
  source_workload: GATEWAY.workload,
  source_workload_namespace: GATEWAY.namespace,
  source_app: GATEWAY.workload,
  source_version: 'unknown',
  source_canonical_service: GATEWAY.workload,
  source_canonical_revision: 'latest',
};

/** Nobody answered before the connection broke: the endpoint is known, its app and version labels are not. */
const BROKEN = /UF|UC|UT|UR/;

function destinationLabels(pod: PodIdentity | undefined, flags: string): { [label: string]: string } {
  const broken = BROKEN.test(flags);
  return {
    destination_workload: pod?.workload ?? 'unknown',
    destination_workload_namespace: pod?.namespace ?? 'unknown',
    destination_app: pod && !broken ? pod.app : 'unknown',
    destination_version: pod && !broken ? pod.version : 'unknown',
    destination_canonical_service: pod?.canonicalService ?? 'unknown',
    destination_canonical_revision: pod?.canonicalRevision ?? 'latest',
  };
}

const protocolOf = (request: IncomingMessage) =>
  (request.headers['content-type'] ?? '').startsWith('application/grpc') ? 'grpc' : 'http';

const header = (request: IncomingMessage, name: string): string => {
  const value = request.headers[name];
  return (Array.isArray(value) ? value[0] : value) ?? '';
};

function commonTags(request: IncomingMessage, code: number, flags: string): { [tag: string]: string } {
  return {
    component: 'proxy',
    'http.method': request.method ?? 'GET',
    'http.url': `http://${header(request, 'host')}${request.url ?? '/'}`,
    'http.protocol': 'HTTP/1.1',
    'http.status_code': String(code),
    response_flags: flags,
    user_agent: header(request, 'user-agent'),
    'guid:x-request-id': header(request, 'x-request-id'),
    'istio.mesh_id': 'cluster.local',
    'istio.cluster_id': 'Kubernetes',
    ...(code >= 500 || code === 0 ? { error: 'true' } : {}),
  };
}

function clientSpan(sent: Sent): Span {
  const tags = {
    ...commonTags(sent.request, sent.code, sent.flags),
    upstream_cluster: sent.cluster,
    'upstream_cluster.name': `${sent.cluster};`,
    node_id: NODE_ID,
    'istio.canonical_service': GATEWAY.workload,
    'istio.canonical_revision': 'latest',
    'istio.namespace': GATEWAY.namespace,
  };
  return {
    traceId: sent.traceId,
    id: sent.spanId,
    kind: 'CLIENT',
    name: sent.service ? `${sent.service.host}:${sent.service.port}/*` : '*',
    timestampUs: Math.round(sent.startMs * 1000),
    durationUs: Math.max(1, Math.round(sent.durationMs * 1000)),
    serviceName: `${GATEWAY.workload}.${GATEWAY.namespace}`,
    ip: '127.0.0.1',
    tags,
  };
}

function serverSpan(received: Received): Span {
  const { pod, request } = received;
  const host = `${pod.canonicalService}.${pod.namespace}.svc.cluster.local`;
  const ip = request.socket.localAddress ?? '127.0.0.1';
  const tags = {
    ...commonTags(request, received.code, received.flags),
    upstream_cluster: `inbound|${received.port}||`,
    'upstream_cluster.name': `inbound|${received.port}||;`,
    node_id: `sidecar~${ip}~${pod.pod}.${pod.namespace}~${pod.namespace}.svc.cluster.local`,
    'istio.canonical_service': pod.canonicalService,
    'istio.canonical_revision': pod.canonicalRevision,
    'istio.namespace': pod.namespace,
  };
  return {
    traceId: header(request, 'x-b3-traceid'),
    id: header(request, 'x-b3-spanid'),
    kind: 'SERVER',
    name: `${host}:${received.port}/*`,
    timestampUs: Math.round(received.startMs * 1000),
    durationUs: Math.max(1, Math.round(received.durationMs * 1000)),
    serviceName: `${pod.canonicalService}.${pod.namespace}`,
    ip,
    shared: true,
    tags,
  };
}

/** Reports to the counters that Prometheus scrapes, to the span store, and to the counts of what truly happened. */
export function createMeshTelemetry(counters: Counters, spans: Spans, truth: Truth): MeshTelemetry {
  return {
    source: sent => {
      const protocol = protocolOf(sent.request);
      const labels = {
        reporter: 'source',
        ...SOURCE,
        ...destinationLabels(sent.pod, sent.flags),
        destination_service: sent.service && sent.pod ? sent.service.host : 'unknown',
        destination_service_name: sent.service?.name ?? 'unknown',
        destination_service_namespace: sent.service?.namespace ?? 'unknown',
        request_protocol: protocol,
        response_code: String(sent.code),
        response_flags: sent.flags,
        connection_security_policy: 'unknown',
        ...(protocol === 'grpc' ? { grpc_response_status: sent.grpcStatus ?? '' } : {}),
      };
      counters.observe(GATEWAY.pod, labels, sent.durationMs);
      if (header(sent.request, 'x-b3-sampled') !== '0') spans.add(clientSpan(sent));
    },
    destination: received => {
      const { pod, request } = received;
      const protocol = protocolOf(request);
      const service = header(request, 'x-sandbox-service') || `${pod.canonicalService}.${pod.namespace}.svc.cluster.local`;
      const [name = '', namespace = ''] = service.split('.');
      const labels = {
        reporter: 'destination',
        ...SOURCE,
        ...destinationLabels(pod, ''),
        destination_service: service,
        destination_service_name: name,
        destination_service_namespace: namespace,
        request_protocol: protocol,
        response_code: String(received.code),
        response_flags: received.flags,
        connection_security_policy: 'none',
        ...(protocol === 'grpc' ? { grpc_response_status: '0' } : {}),
      };
      counters.observe(pod.pod, labels, received.durationMs);
      truth.arrived(pod.workload, received.code);
      if (header(request, 'x-b3-traceid') && header(request, 'x-b3-sampled') !== '0') spans.add(serverSpan(received));
    },
  };
}
