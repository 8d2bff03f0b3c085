import type { Place } from '../examples/place.ts';
import { validateCluster } from '../examples/validate.ts';
import type { Bed } from './bed/bed.ts';
import { requestJson } from './bed/http.ts';
import type { KubernetesObject } from './bed/kubernetes.ts';
import { NODE } from './bed/world.ts';
import type { Caller } from './caller.ts';
import { PROGRAM } from './installed.ts';
import { setReady } from './podReadiness.ts';
import { watchObjects } from './watchObjects.ts';

interface Service extends KubernetesObject {
  readonly spec: {
    readonly selector: object;
    readonly ports: readonly { readonly name: string; readonly port: number; readonly targetPort: number }[];
  };
}

interface Span {
  readonly tags?: Readonly<Record<string, string>>;
}

const PACE = { duration: '5s', bake: '3s', after: '5s', interval: '2s' } as const;
/** Of all users of an example; many examples run side by side. */
const RATE = 20;
const PATIENCE_MS = 150_000;
/** Ports below are for root alone: the programs of the bed are none. */
const FIRST_FREE_PORT = 1_024;

const freePort = (port: number): number => (port < FIRST_FREE_PORT ? port + 8_000 : port);

/** What a cluster has by itself, or has elsewhere: a scheduler, endpoints of Pods, an ingress gateway on port 80. */
function fittedTo(bed: Bed, object: KubernetesObject): readonly KubernetesObject[] {
  const changed = JSON.parse(JSON.stringify(object), (key, value) => {
    if ((key === 'targetPort' || key === 'containerPort') && typeof value === 'number') return freePort(value);
    if (key === 'containers') return value;
    // all requests have spans, as the bed's own Telemetry says, or tests take long
    return key === 'randomSamplingPercentage' ? 100 : value;
  }) as KubernetesObject;
  if (object.kind === 'Deployment') return [bound(changed)];
  if (object.kind === 'Gateway') return [listening(bed, changed)];
  if (object.kind === 'Service') return [changed, endpointsOf(changed as Service)];
  return [changed];
}

interface Deployment extends KubernetesObject {
  readonly spec: { readonly template: { readonly spec: { readonly containers: readonly object[] } } };
}

/** What the scheduler does to a Pod, and the injection of Istio. */
function bound(object: KubernetesObject): KubernetesObject {
  const { spec } = object as Deployment;
  const proxy = { name: 'istio-proxy', image: 'example.com/istio/proxyv2' };
  const pod = { ...spec.template.spec, nodeName: NODE, containers: [...spec.template.spec.containers, proxy] };
  return { ...object, spec: { ...spec, template: { ...spec.template, spec: pod } } };
}

interface Gateway extends KubernetesObject {
  readonly spec: { readonly servers: readonly { readonly port: object }[] };
}

function listening(bed: Bed, object: KubernetesObject): KubernetesObject {
  const { spec } = object as Gateway;
  const servers = spec.servers.map(server => ({
    ...server,
    bind: '127.0.0.1',
    port: { ...server.port, number: bed.ports.gateway },
  }));
  return { ...object, spec: { ...spec, servers } };
}

/** EndpointSlices refuse addresses of loopback: this selects the Service's Pods instead (see `createWorld`). */
function endpointsOf({ metadata, spec }: Service): KubernetesObject {
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'ServiceEntry',
    metadata: { name: `${metadata.name}-pods`, ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }) },
    spec: {
      hosts: [`${metadata.name}.${metadata.namespace}.svc.cluster.local`],
      location: 'MESH_INTERNAL',
      resolution: 'STATIC',
      ports: spec.ports.map(({ name, port, targetPort }) => ({ number: port, name, protocol: 'HTTP', targetPort })),
      workloadSelector: { labels: spec.selector },
    },
  };
}

/** The real servers of a bed; `caller` is the proxy of callers in the mesh. */
export function realPlace(bed: Bed, caller: Caller): Place {
  const unready = new Set<string>();
  return {
    kubernetes: bed.kubernetes,
    watch: path => watchObjects(bed, path),
    pace: PACE,
    ratePerSecond: RATE,
    gatewayUrl: bed.gatewayUrl,
    meshUrl: caller.urlFor,
    fitted: objects => objects.flatMap(object => fittedTo(bed, object)),
    arrived: async (namespace, version) => {
      const counts = (await bed.pods.counts(namespace)).filter(count => count.version === version);
      return counts.flatMap(({ byStatus }) => Object.values(byStatus)).reduce((sum, count) => sum + count, 0);
    },
    behave: async (namespace, version, { isUnready = false, ...behaviour }) => {
      await bed.pods.behave({ namespace, version }, behaviour);
      if (isUnready || unready.delete(`${namespace}/${version}`)) await setReady(bed, { namespace, version, ready: !isUnready });
      if (isUnready) unready.add(`${namespace}/${version}`);
    },
    spans: async (host, port, version) => {
      const cluster = `outbound|${port}|${version}|${host}`;
      const query = `limit=100&annotationQuery=${encodeURIComponent(`upstream_cluster=${cluster}`)}`;
      const traces = await requestJson<Span[][]>(`${bed.zipkinUrl}/api/v2/traces?${query}`);
      return traces.flat().flatMap(({ tags = {} }) => (tags['upstream_cluster'] === cluster ? [tags] : []));
    },
    validate: rollouts => validateCluster({ program: PROGRAM, kubeconfig: bed.kubeconfig, folder: bed.directory }, rollouts),
    until: (what, ask) => bed.until(what, ask, PATIENCE_MS),
  };
}
