import type { KubernetesObject } from './kubernetes.ts';

// What Istio's own build of Envoy counts in its filter istio.stats, the stock one counts with its access logger for statistics.
// The logger knows the cluster and the endpoint of a request; Prometheus makes Istio's labels of them when it reads the series.

const PREFIX = 'bedmesh';
const MANAGER = 'envoy.filters.network.http_connection_manager';

/** Regular expression for the names of these series in Envoy's own naming, to read only them. */
export const REQUEST_METRICS_FILTER = PREFIX;

/** EnvoyFilter by which the gateway counts its requests. */
export function requestMetrics(namespace: string): KubernetesObject {
  const tag = (name: string, value: string) => ({ name, value_format: value });
  const tags = [
    tag('reporter', 'source'),
    tag('request_protocol', 'http'),
    tag('connection_security_policy', 'unknown'),
    tag('source_workload', 'gateway'),
    tag('source_workload_namespace', namespace),
    tag('response_code', '%RESPONSE_CODE%'),
    tag('response_flags', '%RESPONSE_FLAGS%'),
    tag('cluster', '%UPSTREAM_CLUSTER_RAW%'),
    // istiod writes "workload;namespace;canonical service;canonical revision;cluster" to every endpoint
    tag('endpoint', '%UPSTREAM_METADATA(istio:workload)%'),
  ];
  const logger = {
    name: 'envoy.access_loggers.stats',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.access_loggers.stats.v3.Config',
      stat_prefix: PREFIX,
      counters: [{ value_fixed: 1, stat: { name: 'istio_requests_total', tags } }],
      histograms: [
        { value_format: '%DURATION%', unit: 'Milliseconds', stat: { name: 'istio_request_duration_milliseconds', tags } },
      ],
    },
  };
  const type = 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
  return {
    apiVersion: 'networking.istio.io/v1alpha3',
    kind: 'EnvoyFilter',
    metadata: { name: 'request-metrics', namespace },
    spec: {
      configPatches: [
        {
          applyTo: 'NETWORK_FILTER',
          match: { context: 'GATEWAY', listener: { filterChain: { filter: { name: MANAGER } } } },
          patch: { operation: 'MERGE', value: { typed_config: { '@type': type, access_log: [logger] } } },
        },
      ],
    },
  };
}

interface Relabelling {
  readonly source_labels: readonly string[];
  readonly regex: string;
  readonly target_label: string;
  readonly replacement: string;
}

function replace(from: readonly string[], regex: string, to: Readonly<Record<string, string>>): Relabelling[] {
  return Object.entries(to).map(([target_label, replacement]) => ({ source_labels: from, regex, target_label, replacement }));
}

/**
 * Rules by which Prometheus gives those series the names and labels that Istio's have, also for requests that reached nobody:
 * without an endpoint (flags UH, NC, NR) workload and service are "unknown"; when the connection failed or the answer did not come,
 * the workload is known but the version is not.
 */
export function requestMetricsRelabelling(): unknown[] {
  const unknownEndpoint = {
    destination_service: 'unknown',
    destination_workload: 'unknown',
    destination_workload_namespace: 'unknown',
    destination_canonical_service: 'unknown',
    destination_canonical_revision: 'latest',
    destination_app: 'unknown',
    destination_version: 'unknown',
  };
  const endpoint = {
    destination_workload: '$1',
    destination_workload_namespace: '$2',
    destination_canonical_service: '$3',
    destination_app: '$3',
    destination_canonical_revision: '$4',
    destination_version: '$4',
  };
  return [
    ...replace(['reporter'], 'source', { destination_service_name: 'unknown', destination_service_namespace: 'unknown' }),
    ...replace(['cluster'], 'outbound\\|\\d+\\|[^|]*\\|([^.]+)\\.([^.]+)\\.svc\\..*', {
      destination_service: '$1.$2.svc.cluster.local',
      destination_service_name: '$1',
      destination_service_namespace: '$2',
    }),
    ...replace(['reporter', 'endpoint'], 'source;-?', unknownEndpoint),
    ...replace(['endpoint'], '([^;]+);([^;]*);([^;]*);([^;]*);.*', endpoint),
    ...replace(['reporter', 'response_flags'], 'source;(?:.*,)?(?:UF|UC|UT|UR|LR)(?:,.*)?', {
      destination_app: 'unknown',
      destination_version: 'unknown',
    }),
    ...replace(['__name__'], `envoy_${PREFIX}_(istio_.*)`, { __name__: '$1' }),
    { regex: 'cluster|endpoint', action: 'labeldrop' },
  ];
}
