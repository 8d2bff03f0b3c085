/** One application of the pictures: its objects, and the Rollout that its team commits. */
export interface App {
  readonly namespace: string;
  readonly name: string;
  readonly versions: readonly string[];
  /** `strategy.canary` of its Rollout. */
  readonly canary: object;
  /** Gates of its Rollout. */
  readonly gates: readonly object[];
  /** Seconds between measurements. */
  readonly intervalS: number;
  /** Requests per second that it gets. */
  readonly rate: number;
}

const PORT = 3002;
const RATE = { name: 'success-rate', prometheus: { metric: 'success-rate' }, threshold: { min: 99 } };
const P99 = { name: 'p99', zipkin: { percentile: 99 }, threshold: { max: 2_000 } };

const app = (namespace: string, name: string, more: Partial<App> = {}): App => ({
  namespace,
  name,
  versions: ['v1', 'v2'],
  canary: { steps: [{ setWeight: 50, pause: { duration: '5m' } }] },
  gates: [RATE],
  intervalS: 2,
  rate: 3,
  ...more,
});

/** In the middle of a step, with evidence. */
export const FORECAST = app('weather', 'forecast', {
  canary: {
    steps: [
      { name: 'one-tenth', setWeight: 10, pause: { duration: '15s' } },
      { name: 'half', setWeight: 50, pause: { duration: '10m' } },
      { name: 'everybody', setWeight: 100, pause: { duration: '5m' } },
    ],
  },
  gates: [RATE, P99],
  rate: 30,
});

/** Its new version gets worse in the middle. */
export const REVIEWS = app('bookinfo', 'reviews', {
  canary: {
    steps: [
      { setWeight: 20, pause: { duration: '12s' } },
      { setWeight: 50, pause: { duration: '5m' } },
    ],
  },
  gates: [RATE, P99],
  rate: 30,
});

const MANUAL = { steps: [{ setWeight: 25, pause: {} }] };
const ASKED = {
  steps: [
    { setWeight: 20, pause: { duration: '5s' } },
    { setWeight: 60, approval: { approvers: ['group:release'] } },
  ],
};

/** What other teams have at the time. */
export const OTHERS: readonly App[] = [
  app('payments', 'checkout', { canary: ASKED, gates: [] }),
  app('shop', 'frontend', { canary: MANUAL, gates: [] }),
  app('shop', 'search'),
  app('identity', 'login'),
  app('bookinfo', 'ratings'),
  app('media', 'thumbnails', { gates: [] }),
];

/** Those whose new version is committed; the others rest. */
export const MOVING: readonly string[] = ['payments/checkout', 'shop/frontend', 'shop/search'];

export const hostOf = ({ namespace, name }: App): string => `${name}.${namespace}.example.com`;

/** A name of its own for each Deployment, as the sandbox's faults know no namespaces. */
export const workloadOf = ({ namespace, name }: App, version: string): string => `${namespace}-${name}-${version}`;

interface Created {
  readonly path: string;
  readonly body: object;
}

function deployment(of: App, version: string): Created {
  const { namespace, name } = of;
  const labels = { app: name, version };
  const containers = [{ name, image: `example.com/${namespace}/${name}:${version}`, ports: [{ containerPort: PORT }] }];
  return {
    path: `/apis/apps/v1/namespaces/${namespace}/deployments`,
    body: {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: workloadOf(of, version), namespace, labels },
      spec: {
        replicas: 2,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { nodeName: 'node-0', containers } },
      },
    },
  };
}

function istio({ namespace, name }: App, kind: string, spec: object): Created {
  return {
    path: `/apis/networking.istio.io/v1/namespaces/${namespace}/${kind.toLowerCase()}s`,
    body: { apiVersion: 'networking.istio.io/v1', kind, metadata: { name, namespace }, spec },
  };
}

/** What the application needs in the cluster, all traffic on its first version; its namespace is there. */
export function objectsOf(of: App): readonly Created[] {
  const { namespace, name, versions } = of;
  const host = hostOf(of);
  return [
    {
      path: `/api/v1/namespaces/${namespace}/services`,
      body: {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name, namespace },
        spec: { selector: { app: name }, ports: [{ name: 'http', port: PORT, targetPort: PORT }] },
      },
    },
    ...versions.map(version => deployment(of, version)),
    istio(of, 'DestinationRule', { host: name, subsets: [{ name: 'v1', labels: { version: 'v1' } }] }),
    istio(of, 'Gateway', {
      selector: { istio: 'ingressgateway' },
      servers: [{ port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: [host] }],
    }),
    istio(of, 'VirtualService', {
      hosts: [name, host],
      gateways: ['mesh', name],
      http: [{ name: 'primary', route: [{ destination: { host: name, subset: 'v1' }, weight: 100 }] }],
    }),
  ];
}

/** What its team commits. */
export const rolloutOf = ({ namespace, name, canary, gates, intervalS }: App, version: string): object => ({
  apiVersion: 'sluice.dev/v1alpha1',
  kind: 'Rollout',
  metadata: { name, namespace },
  spec: { version, strategy: { canary }, analysis: { interval: `${intervalS}s`, gates } },
});
