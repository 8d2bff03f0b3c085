/** Kubernetes objects of applications that share their pods: each Rollout has a Service and routing of its own. */

export type Created = { readonly path: string; readonly body: object };

const PORT = 3002;
const LABELS = { app: 'forecast' };

export const namespaceObjects = (namespace: string): readonly Created[] => [
  {
    path: '/api/v1/namespaces',
    body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels: { 'istio-injection': 'enabled' } } },
  },
  ...['v1', 'v2'].map(version => deployment(namespace, version)),
];

const deployment = (namespace: string, version: string): Created => {
  const labels = { ...LABELS, version };
  const containers = [{ name: 'forecast', image: `example.com/forecast:${version}`, ports: [{ containerPort: PORT }] }];
  return {
    path: `/apis/apps/v1/namespaces/${namespace}/deployments`,
    body: {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: `forecast-${version}`, namespace, labels },
      spec: {
        replicas: 1,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { nodeName: 'node-0', containers } },
      },
    },
  };
};

export const routingObjects = (namespace: string, name: string): readonly Created[] => [
  {
    path: `/api/v1/namespaces/${namespace}/services`,
    body: {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace },
      spec: { selector: LABELS, ports: [{ name: 'http', port: PORT, targetPort: PORT }] },
    },
  },
  istio(namespace, 'DestinationRule', name, { host: name, subsets: [{ name: 'v1', labels: { version: 'v1' } }] }),
  istio(namespace, 'VirtualService', name, {
    hosts: [name],
    http: [{ name: 'primary', route: [{ destination: { host: name, subset: 'v1' }, weight: 100 }] }],
  }),
];

const istio = (namespace: string, kind: string, name: string, spec: object): Created => ({
  path: `/apis/networking.istio.io/v1/namespaces/${namespace}/${kind.toLowerCase()}s`,
  body: { apiVersion: 'networking.istio.io/v1', kind, metadata: { name, namespace }, spec },
});

export const rolloutsOf = (namespace: string): string => `/apis/sluice.dev/v1alpha1/namespaces/${namespace}/rollouts`;
export const virtualServicesOf = (namespace: string): string =>
  `/apis/networking.istio.io/v1/namespaces/${namespace}/virtualservices`;

/** What a Rollout asks of people before its first and its second step. */
export type Asked = {
  readonly approvers: readonly string[];
  readonly required?: number;
  readonly allowAuthor?: boolean;
  readonly message?: string;
};

/** A Rollout whose first step waits for people from the start. */
export const rolloutObject = (namespace: string, name: string, approval: Asked, metadata: object = {}): object => ({
  apiVersion: 'sluice.dev/v1alpha1',
  kind: 'Rollout',
  metadata: { name, namespace, ...metadata },
  spec: {
    version: 'v2',
    strategy: {
      canary: {
        steps: [
          { setWeight: 20, approval, pause: { duration: '1h' } },
          { setWeight: 60, approval },
        ],
      },
    },
    router: { istio: { settle: '100ms' } },
    analysis: { gates: [] },
  },
});
