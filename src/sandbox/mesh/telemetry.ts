import type { IncomingMessage } from 'node:http';
import type { Counters } from '../telemetry/counters.ts';
import type { Spans } from '../telemetry/spans.ts';
import type { PodIdentity } from '../workloads/identity.ts';
import { GATEWAY } from './gateways.ts';
import { headerOf, type Received, type Sent, sentSpans, serverSpan } from './tracing.ts';
import type { Truth } from './truth.ts';

/** Turns requests into metrics, spans and counts. */
export interface MeshTelemetry {
  source(sent: Sent): void;
  destination(received: Received): void;
}

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

/** Reports to the counters that Prometheus scrapes, to the span store, and to the counts of what truly happened. */
export function createMeshTelemetry(counters: Counters, spans: Spans, truth: Truth): MeshTelemetry {
  return {
    source: sent => {
      const protocol = protocolOf(sent.request);
      const labels = {
        reporter: 'source',
        ...SOURCE,
        ...destinationLabels(sent.endpoint?.identity, sent.flags),
        destination_service: sent.service && sent.endpoint ? sent.service.host : 'unknown',
        destination_service_name: sent.service?.name ?? 'unknown',
        destination_service_namespace: sent.service?.namespace ?? 'unknown',
        request_protocol: protocol,
        response_code: String(sent.code),
        response_flags: sent.flags,
        connection_security_policy: 'unknown',
        ...(protocol === 'grpc' ? { grpc_response_status: sent.grpcStatus ?? '' } : {}),
      };
      counters.observe(GATEWAY.pod, labels, sent.durationMs);
      for (const span of sent.trace.isSampled ? sentSpans(sent) : []) spans.add(span);
    },
    destination: received => {
      const { pod, request } = received;
      const protocol = protocolOf(request);
      const service = headerOf(request, 'x-sandbox-service') || `${pod.canonicalService}.${pod.namespace}.svc.cluster.local`;
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
      if (headerOf(request, 'x-b3-traceid') && headerOf(request, 'x-b3-sampled') !== '0') spans.add(serverSpan(received));
    },
  };
}
