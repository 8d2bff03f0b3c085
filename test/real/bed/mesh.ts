import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KubernetesObject } from './kubernetes.ts';
import { binary, type Layout, localUrl } from './layout.ts';
import type { ServerPlan } from './process.ts';
import { requestMetrics } from './requestMetrics.ts';
import { VERSIONS } from './versions.ts';

/** Namespace of istiod's own objects. */
export const MESH_NAMESPACE = 'istio-system';
/** Label by which a Gateway object selects the bed's Envoy. */
export const GATEWAY_SELECTOR = { istio: 'ingressgateway' } as const;

const ZIPKIN_PORT = 9411;

function meshConfig(): unknown {
  return {
    // Envoy here has no agent beside it that would hand it certificates
    enableAutoMtls: false,
    enableTracing: true,
    accessLogFile: '/dev/stdout',
    defaultConfig: {},
    extensionProviders: [
      { name: 'zipkin', zipkin: { service: `zipkin.${MESH_NAMESPACE}.svc.cluster.local`, port: ZIPKIN_PORT, maxTagLength: 256 } },
    ],
  };
}

// what Istio's own build of Envoy has and the stock one has not is switched off here
const ISTIOD_ENVIRONMENT = {
  POD_NAME: 'istiod-1',
  POD_NAMESPACE: MESH_NAMESPACE,
  CLUSTER_ID: 'Kubernetes',
  REVISION: 'default',
  PILOT_ENABLE_METADATA_EXCHANGE: 'false',
  PILOT_ENABLE_ALPN_FILTER: 'false',
  PILOT_ENABLE_GATEWAY_API_DEPLOYMENT_CONTROLLER: 'false',
  PILOT_CERT_PROVIDER: 'none',
  ENABLE_CA_SERVER: 'false',
  ENABLE_LEADER_ELECTION: 'false',
  INJECTION_WEBHOOK_CONFIG_NAME: '',
  VALIDATION_WEBHOOK_CONFIG_NAME: '',
};

/** istiod, run outside the cluster, with plain gRPC for Envoy. Writes its mesh configuration. */
export async function istiodPlan(layout: Layout): Promise<ServerPlan> {
  const { ports, certificates } = layout;
  const config = join(layout.directory, 'mesh.json');
  await writeFile(config, JSON.stringify(meshConfig()));
  return {
    name: 'istiod',
    command: binary(layout, 'istiod'),
    args: [
      ...['discovery', `--kubeconfig=${layout.kubeconfig}`, '--registries=Kubernetes', `--meshConfig=${config}`],
      ...[
        `--tlsCertFile=${certificates.istiod.certificate}`,
        `--tlsKeyFile=${certificates.istiod.key}`,
        `--caCertFile=${certificates.ca}`,
      ],
      ...[`--grpcAddr=127.0.0.1:${ports.xds}`, '--secureGRPCAddr='],
      ...[`--httpAddr=127.0.0.1:${ports.istiodHttp}`, `--httpsAddr=127.0.0.1:${ports.istiodHttps}`],
      ...[
        `--monitoringAddr=127.0.0.1:${ports.istiodMonitoring}`,
        '--ctrlz_address=127.0.0.1',
        `--ctrlz_port=${ports.istiodControl}`,
        '--profile=false',
      ],
    ],
    env: ISTIOD_ENVIRONMENT,
    cwd: layout.directory,
    ready: { url: `${localUrl(ports.istiodHttp)}/ready` },
    readyTimeoutMs: 180_000,
    stopGraceMs: 3_000,
  };
}

function envoyConfig(layout: Layout): unknown {
  const address = (port: number) => ({ socket_address: { address: '127.0.0.1', port_value: port } });
  const fromIstiod = { ads: {}, initial_fetch_timeout: '0s', resource_api_version: 'V3' };
  const http2 = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
  return {
    node: {
      id: `router~127.0.0.1~gateway-1.${MESH_NAMESPACE}~${MESH_NAMESPACE}.svc.cluster.local`,
      cluster: `gateway.${MESH_NAMESPACE}`,
      metadata: {
        NAME: 'gateway-1',
        NAMESPACE: MESH_NAMESPACE,
        WORKLOAD_NAME: 'gateway',
        CLUSTER_ID: 'Kubernetes',
        ISTIO_VERSION: VERSIONS.istioProxy,
        LABELS: { ...GATEWAY_SELECTOR, app: 'gateway' },
        INSTANCE_IPS: '127.0.0.1',
      },
    },
    admin: { address: address(layout.ports.envoyAdmin) },
    stats_flush_interval: '1s',
    // labels come from the access logger alone: Envoy's own patterns would cut names of clusters at their first dot
    stats_config: { use_all_default_tags: false },
    // spans go out after 0.5 s instead of 5 s
    layered_runtime: {
      layers: [{ name: 'bed', static_layer: { 'tracing.zipkin.flush_interval_ms': 500, 'tracing.zipkin.min_flush_spans': 5 } }],
    },
    dynamic_resources: {
      ads_config: {
        api_type: 'GRPC',
        transport_api_version: 'V3',
        set_node_on_first_message_only: true,
        grpc_services: [{ envoy_grpc: { cluster_name: 'istiod' } }],
      },
      cds_config: fromIstiod,
      lds_config: fromIstiod,
    },
    static_resources: {
      clusters: [
        {
          name: 'istiod',
          type: 'STATIC',
          connect_timeout: '1s',
          load_assignment: {
            cluster_name: 'istiod',
            endpoints: [{ lb_endpoints: [{ endpoint: { address: address(layout.ports.xds) } }] }],
          },
          typed_extension_protocol_options: {
            [http2]: { '@type': `type.googleapis.com/${http2}`, explicit_http_config: { http2_protocol_options: {} } },
          },
        },
      ],
    },
  };
}

/** Envoy as the gateway through which all requests of the tests come. Writes its bootstrap. */
export async function envoyPlan(layout: Layout): Promise<ServerPlan> {
  const config = join(layout.directory, 'envoy.json');
  await writeFile(config, JSON.stringify(envoyConfig(layout)));
  return {
    name: 'envoy',
    command: binary(layout, 'envoy'),
    args: [
      '-c',
      config,
      '--disable-hot-restart',
      '--concurrency',
      '1',
      '--log-level',
      'warning',
      '--file-flush-interval-msec',
      '100',
    ],
    env: {},
    cwd: layout.directory,
    ready: { url: `${localUrl(layout.ports.envoyAdmin)}/ready` },
    readyTimeoutMs: 180_000,
    stopGraceMs: 3_000,
  };
}

async function validatingWebhook(layout: Layout): Promise<KubernetesObject> {
  const authority = await readFile(layout.certificates.ca);
  const groups = ['networking', 'security', 'telemetry', 'extensions'].map(group => `${group}.istio.io`);
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    metadata: {
      name: `istio-validator-${MESH_NAMESPACE}`,
      labels: { app: 'istiod', istio: 'istiod', 'istio.io/rev': 'default' },
    },
    webhooks: [
      {
        name: 'rev.validation.istio.io',
        clientConfig: { url: `${localUrl(layout.ports.istiodHttps, true)}/validate`, caBundle: authority.toString('base64') },
        rules: [{ operations: ['CREATE', 'UPDATE'], apiGroups: groups, apiVersions: ['*'], resources: ['*'] }],
        failurePolicy: 'Fail',
        sideEffects: 'None',
        admissionReviewVersions: ['v1'],
      },
    ],
  };
}

/** Objects of the mesh itself: metrics and spans of the gateway, and istiod's check of what is written. */
export async function meshObjects(layout: Layout): Promise<KubernetesObject[]> {
  const metadata = (name: string) => ({ name, namespace: MESH_NAMESPACE });
  const zipkin = { app: 'zipkin' };
  const targetPort = layout.ports.zipkin;
  return [
    await validatingWebhook(layout),
    requestMetrics(MESH_NAMESPACE),
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: metadata('zipkin'),
      spec: { selector: zipkin, ports: [{ name: 'http-zipkin', port: ZIPKIN_PORT, targetPort }] },
    },
    {
      apiVersion: 'networking.istio.io/v1',
      kind: 'WorkloadEntry',
      metadata: metadata('zipkin'),
      spec: { address: '127.0.0.1', labels: zipkin, ports: { 'http-zipkin': targetPort }, serviceAccount: 'default' },
    },
    {
      apiVersion: 'telemetry.istio.io/v1',
      kind: 'Telemetry',
      metadata: metadata('default'),
      spec: { tracing: [{ providers: [{ name: 'zipkin' }], randomSamplingPercentage: 100 }] },
    },
    {
      apiVersion: 'security.istio.io/v1',
      kind: 'PeerAuthentication',
      metadata: metadata('default'),
      spec: { mtls: { mode: 'DISABLE' } },
    },
  ];
}
