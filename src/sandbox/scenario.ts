import type { KubeObject } from './kube/json.ts';

/** The names of what can be set up at the start. */
export const SCENARIOS = ['weather', 'empty'] as const;

/** A setup: `weather` has the Weather Forecast in three versions, `empty` only namespaces. */
export type Scenario = (typeof SCENARIOS)[number];

/** The host that the load generator asks for. */
export const APP_HOST = 'forecast.example.com';

/** The path that the load generator asks for. */
export const APP_PATH = '/api/forecast';

const NAMESPACE = 'weather';
const PORT = 3002;

const namespace = (name: string, labels: { [key: string]: string } = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, labels },
});

function deployment(version: string): KubeObject {
  const labels = { app: 'forecast', version };
  const containers = [{ name: 'forecast', image: `example.com/weather/forecast:${version}`, ports: [{ containerPort: PORT }] }];
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: `forecast-${version}`, namespace: NAMESPACE, labels },
    spec: {
      replicas: 2,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { nodeName: 'node-0', containers } },
    },
  };
}

const istio = (kind: string, name: string, spec: KubeObject['spec'] & object): KubeObject => ({
  apiVersion: 'networking.istio.io/v1',
  kind,
  metadata: { name, namespace: NAMESPACE },
  spec,
});

const WEATHER: readonly KubeObject[] = [
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'forecast', namespace: NAMESPACE, labels: { app: 'forecast' } },
    spec: { selector: { app: 'forecast' }, ports: [{ name: 'http', port: PORT, targetPort: PORT }] },
  },
  ...['v1', 'v2', 'v3'].map(deployment),
  istio('DestinationRule', 'forecast-dr', { host: 'forecast', subsets: [{ name: 'v1', labels: { version: 'v1' } }] }),
  istio('Gateway', 'weather-gateway', {
    selector: { istio: 'ingressgateway' },
    servers: [{ port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['*'] }],
  }),
  istio('VirtualService', 'forecast', {
    hosts: ['forecast', APP_HOST],
    gateways: ['mesh', 'weather-gateway'],
    http: [{ name: 'primary', route: [{ destination: { host: 'forecast', subset: 'v1' }, weight: 100 }] }],
  }),
];

/** The proxies here send every span to Zipkin; this is how a mesh says so. */
const TRACING: KubeObject = {
  apiVersion: 'telemetry.istio.io/v1',
  kind: 'Telemetry',
  metadata: { name: 'sandbox', namespace: 'istio-system' },
  spec: { tracing: [{ providers: [{ name: 'zipkin' }], randomSamplingPercentage: 100 }] },
};

/** The objects of a scenario, in the order in which they are created. */
export function scenarioObjects(scenario: Scenario): readonly KubeObject[] {
  const base = [
    ...['default', 'kube-system', 'istio-system', 'sluice-system'].map(name => namespace(name)),
    namespace(NAMESPACE, { 'istio-injection': 'enabled' }),
    { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-0', labels: { 'kubernetes.io/hostname': 'node-0' } } },
    TRACING,
  ];
  return scenario === 'weather' ? [...base, ...WEATHER] : base;
}
