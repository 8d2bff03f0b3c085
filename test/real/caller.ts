import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Bed } from './bed/bed.ts';
import { binary, type Layout, localUrl } from './bed/layout.ts';
import { startServer, stopServer } from './bed/process.ts';
import { VERSIONS } from './bed/versions.ts';

/** A caller in the mesh: requests to its proxy are routed as a sidecar routes them. */
export interface Caller {
  /** Where its calls to services with this port go; the Host header names the service. */
  readonly urlFor: (port: number) => string;
  readonly stop: () => Promise<void>;
}

const NAMESPACE = 'callers';
const NAME = 'caller';
const LABELS = { app: NAME, version: 'v1' } as const;

/** Of Zipkin: a proxy refuses a listener that is traced when it does not know where spans go. */
const ZIPKIN_PORT = 9_411;

/** Without iptables an application calls the proxy by its address; a Sidecar object says which ports it listens on. */
const sidecarOf = (address: string, ports: readonly number[]) => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'Sidecar',
  metadata: { name: NAME, namespace: NAMESPACE },
  spec: {
    workloadSelector: { labels: LABELS },
    egress: [...ports, ZIPKIN_PORT].map(number => ({
      port: { number, protocol: 'HTTP', name: `http-${number}` },
      bind: address,
      captureMode: 'NONE',
      hosts: ['*/*'],
    })),
  },
});

function bootstrapOf({ ports }: Layout, adminPort: number): unknown {
  const address = (port: number) => ({ socket_address: { address: '127.0.0.1', port_value: port } });
  const fromIstiod = { ads: {}, initial_fetch_timeout: '0s', resource_api_version: 'V3' };
  const http2 = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
  return {
    node: {
      id: `sidecar~127.0.0.1~${NAME}-1.${NAMESPACE}~${NAMESPACE}.svc.cluster.local`,
      cluster: `${NAME}.${NAMESPACE}`,
      metadata: {
        NAME: `${NAME}-1`,
        NAMESPACE,
        WORKLOAD_NAME: NAME,
        CLUSTER_ID: 'Kubernetes',
        ISTIO_VERSION: VERSIONS.istioProxy,
        INTERCEPTION_MODE: 'NONE',
        LABELS,
        INSTANCE_IPS: '127.0.0.1',
      },
    },
    admin: { address: address(adminPort) },
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
            endpoints: [{ lb_endpoints: [{ endpoint: { address: address(ports.xds) } }] }],
          },
          typed_extension_protocol_options: {
            [http2]: { '@type': `type.googleapis.com/${http2}`, explicit_http_config: { http2_protocol_options: {} } },
          },
        },
      ],
    },
  };
}

/** Starts Envoy as the proxy of a caller, for calls to services with these ports. It uses the port that the bed keeps for a second controller. */
export async function startCaller(bed: Bed, ports: readonly number[]): Promise<Caller> {
  const layout = JSON.parse(readFileSync(join(bed.directory, 'bed.json'), 'utf8')) as Layout;
  // the last address of the Pods' network, which no Pod will have
  const address = `${layout.podNetwork}.255.254`;
  await bed.kubernetes.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } }, sidecarOf(address, ports));
  const config = join(bed.directory, `${NAME}.json`);
  const adminPort = bed.ports.otherController;
  await writeFile(config, JSON.stringify(bootstrapOf(layout, adminPort)));
  await startServer(bed.directory, {
    name: NAME,
    command: binary(layout, 'envoy'),
    args: ['-c', config, '--disable-hot-restart', '--concurrency', '1', '--log-level', 'warning', '--base-id', '7'],
    env: {},
    cwd: bed.directory,
    ready: { url: `${localUrl(adminPort)}/ready` },
    readyTimeoutMs: 180_000,
    stopGraceMs: 3_000,
  });
  return {
    urlFor: port => `http://${address}:${port}`,
    stop: async () => {
      await stopServer(bed.directory, NAME, 3_000);
      await bed.kubernetes.delete(`/api/v1/namespaces/${NAMESPACE}`);
    },
  };
}
