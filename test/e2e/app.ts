/** The objects of one application in a namespace of its own: a Service, versions, routing. */
export type AppOptions = {
  /** Versions that run. */
  readonly versions?: readonly string[];
  /** Subsets of the DestinationRule. */
  readonly subsets?: readonly string[];
  /** Route of the VirtualService. */
  readonly route?: readonly {
    readonly destination: { readonly host: string; readonly subset?: string };
    readonly weight?: number;
  }[];
};

const PORT = 3002;
/** Pods get a sidecar. */
const INJECTED = { 'istio-injection': 'enabled' };

export const hostOf = (namespace: string): string => `${namespace}.example.com`;

/** Fault injection knows workloads by name only, so the names differ from namespace to namespace. */
export const workloadOf = (namespace: string, version: string): string => `${namespace}-${version}`;

type Created = { readonly path: string; readonly body: object };

export const appObjects = (namespace: string, options: AppOptions = {}): readonly Created[] => {
  const { versions = ['v1', 'v2'], subsets = ['v1'] } = options;
  const route = options.route ?? [{ destination: { host: 'forecast', subset: 'v1' }, weight: 100 }];
  return [
    {
      path: '/api/v1/namespaces',
      body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels: INJECTED } },
    },
    service(namespace, 'forecast'),
    ...versions.map(version => deployment(namespace, version)),
    istio(namespace, 'DestinationRule', {
      name: 'forecast',
      spec: { host: 'forecast', subsets: subsets.map(name => ({ name, labels: { version: name } })) },
    }),
    istio(namespace, 'Gateway', {
      name: 'gateway',
      spec: {
        selector: { istio: 'ingressgateway' },
        servers: [{ port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: [hostOf(namespace)] }],
      },
    }),
    istio(namespace, 'VirtualService', {
      name: 'forecast',
      spec: { hosts: ['forecast', hostOf(namespace)], gateways: ['mesh', 'gateway'], http: [{ name: 'primary', route }] },
    }),
  ];
};

export const service = (namespace: string, app: string): Created => ({
  path: `/api/v1/namespaces/${namespace}/services`,
  body: {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: app, namespace },
    spec: { selector: { app }, ports: [{ name: 'http', port: PORT, targetPort: PORT }] },
  },
});

/** One pod of a version; `app` is what its Service selects. */
export const deployment = (namespace: string, version: string, app = 'forecast'): Created => {
  const labels = { app, version };
  const containers = [{ name: app, image: `example.com/${app}:${version}`, ports: [{ containerPort: PORT }] }];
  return {
    path: `/apis/apps/v1/namespaces/${namespace}/deployments`,
    body: {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: workloadOf(namespace, version), namespace, labels },
      spec: {
        replicas: 1,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { nodeName: 'node-0', containers } },
      },
    },
  };
};

const istio = (namespace: string, kind: string, { name, spec }: { name: string; spec: object }): Created => ({
  path: `/apis/networking.istio.io/v1/namespaces/${namespace}/${kind.toLowerCase()}s`,
  body: { apiVersion: 'networking.istio.io/v1', kind, metadata: { name, namespace }, spec },
});

/** A machine that is busy, or stands still for some seconds, makes no version slow. */
const SLOW_MS = 120_000;

/** A Rollout with short steps: 50 % for two seconds, then all; errors are judged by Prometheus, latency by Zipkin. */
export const rollout = (namespace: string, version: string, spec: object = {}): object => ({
  apiVersion: 'sluice.dev/v1alpha1',
  kind: 'Rollout',
  metadata: { name: 'forecast', namespace },
  spec: {
    version,
    strategy: { canary: { steps: [{ setWeight: 50, pause: { duration: '2s' } }] } },
    router: { istio: { settle: '500ms' } },
    analysis: {
      interval: '1s',
      gates: [
        { name: 'success-rate', prometheus: { metric: 'success-rate' }, threshold: { min: 99 }, minSamples: 10 },
        { name: 'p99', zipkin: { percentile: 99 }, threshold: { max: SLOW_MS }, minSamples: 10 },
      ],
    },
    ...spec,
  },
});
