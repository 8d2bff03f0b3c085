import type { Bed } from './bed.ts';
import type { KubernetesObject } from './kubernetes.ts';
import { GATEWAY_SELECTOR } from './mesh.ts';

interface WorldOptions {
  readonly namespace: string;
  /** External name under which the gateway serves it. Default: `forecast.<namespace>.example.com`. */
  readonly host?: string;
  /** Default: v1, v2 and v3. */
  readonly versions?: readonly string[];
  /** Pods of each version. Default: 2. */
  readonly replicas?: number;
}

/** Envoy waits up to half a minute before it asks an istiod again that was away, and many worlds may begin at once. */
const FIRST_ANSWER_MS = 120_000;

/** One application `forecast` behind the gateway, in a namespace of its own; all requests go to v1 by subset. */
export interface World {
  readonly namespace: string;
  readonly host: string;
  /** Paths of its objects in the API. */
  readonly virtualService: string;
  readonly destinationRule: string;
  readonly deployment: (version: string) => string;
}

const APP = 'forecast';
const PORT = 3002;
/** Node to which all Pods are bound in their template: there is no scheduler. */
export const NODE = 'node-0';

function deployment(namespace: string, version: string, replicas: number): KubernetesObject {
  const labels = { app: APP, version };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: `${APP}-${version}`, namespace, labels },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          nodeName: NODE,
          containers: [{ name: APP, image: `example.com/${APP}:${version}`, ports: [{ containerPort: PORT }] }],
        },
      },
    },
  };
}

function routing(namespace: string, host: string, gatewayPort: number): KubernetesObject[] {
  const object = (kind: string, name: string, spec: unknown): KubernetesObject => ({
    apiVersion: 'networking.istio.io/v1',
    kind,
    metadata: { name, namespace },
    spec,
  });
  const gateway = 'weather-gateway';
  return [
    object('DestinationRule', `${APP}-dr`, { host: APP, subsets: [{ name: 'v1', labels: { version: 'v1' } }] }),
    object('Gateway', gateway, {
      selector: GATEWAY_SELECTOR,
      servers: [{ port: { number: gatewayPort, name: 'http', protocol: 'HTTP' }, bind: '127.0.0.1', hosts: [host] }],
    }),
    object('VirtualService', APP, {
      hosts: [APP, host],
      gateways: ['mesh', gateway],
      http: [{ name: 'primary', route: [{ destination: { host: APP, subset: 'v1' }, weight: 100 }] }],
    }),
    // EndpointSlices refuse addresses of loopback: this selects the Service's Pods instead, and istiod joins the two by host name.
    // The name of the port must be the Service's, or subsets have no endpoints
    object('ServiceEntry', `${APP}-pods`, {
      hosts: [`${APP}.${namespace}.svc.cluster.local`],
      location: 'MESH_INTERNAL',
      resolution: 'STATIC',
      ports: [{ number: PORT, name: 'http', protocol: 'HTTP', targetPort: PORT }],
      workloadSelector: { labels: { app: APP } },
    }),
  ];
}

/** Makes the application and waits until it answers through the gateway (when the bed has one). */
export async function createWorld(bed: Bed, options: WorldOptions): Promise<World> {
  const { namespace } = options;
  const host = options.host ?? `${APP}.${namespace}.example.com`;
  await bed.kubernetes.apply(
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels: { 'istio-injection': 'enabled' } } },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: APP, namespace, labels: { app: APP } },
      spec: { selector: { app: APP }, ports: [{ name: 'http', port: PORT, targetPort: PORT }] },
    },
    ...(options.versions ?? ['v1', 'v2', 'v3']).map(version => deployment(namespace, version, options.replicas ?? 2)),
    ...(bed.has('istiod') ? routing(namespace, host, bed.ports.gateway) : []),
  );
  if (bed.has('envoy')) {
    await bed.until(
      `first answer of ${host} through the gateway`,
      async () => (await bed.get(host)).headers['x-version'] === 'v1',
      FIRST_ANSWER_MS,
    );
  }
  const istio = `/apis/networking.istio.io/v1/namespaces/${namespace}`;
  return {
    namespace,
    host,
    virtualService: `${istio}/virtualservices/${APP}`,
    destinationRule: `${istio}/destinationrules/${APP}-dr`,
    deployment: version => `/apis/apps/v1/namespaces/${namespace}/deployments/${APP}-${version}`,
  };
}
