import type { PodSource } from '../../controller/ports.ts';
import type { VersionPods } from '../../rollout/index.ts';
import type { Cache } from './cache.ts';
import type { KubeObject, ObjectMeta, OwnerReference } from './resources.ts';

/** What is kept of a Pod. */
export type Pod = {
  readonly metadata: Pick<ObjectMeta, 'name' | 'namespace' | 'uid' | 'resourceVersion' | 'labels'>;
  readonly owner?: OwnerReference;
  readonly ready: boolean;
  /** Being deleted, or ended for good: it will never serve again. */
  readonly leaving: boolean;
  /** How it takes part in a mesh; absent: not at all, or as a gateway, which is nothing but a proxy. */
  readonly proxy?: 'sidecar' | 'ambient';
};

/** What is kept of a Service. */
export type Service = {
  readonly metadata: Pick<ObjectMeta, 'name' | 'namespace' | 'uid' | 'resourceVersion'>;
  readonly selector: Readonly<Record<string, string>>;
  readonly ports: readonly ServicePort[];
  /** Label `istio.io/use-waypoint`. */
  readonly waypoint?: string;
};

type ServicePort = {
  readonly port?: number;
  readonly name?: string;
  readonly appProtocol?: string;
  readonly protocol?: string;
};

function slimMeta(metadata: ObjectMeta): Service['metadata'] {
  const { name, namespace, uid, resourceVersion } = metadata;
  return {
    ...(name === undefined ? {} : { name }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  };
}

export function toPod(object: KubeObject): Pod {
  const { labels = {}, ownerReferences = [], deletionTimestamp } = object.metadata;
  const status = (object['status'] ?? {}) as {
    readonly phase?: string;
    readonly conditions?: readonly { readonly type?: string; readonly status?: string }[];
  };
  const controller = ownerReferences.find(owner => owner.controller === true);
  const ended = status.phase === 'Succeeded' || status.phase === 'Failed';
  const proxy = proxyOf(object);
  return {
    metadata: { ...slimMeta(object.metadata), labels },
    ...(controller ? { owner: { kind: controller.kind, name: controller.name, uid: controller.uid } } : {}),
    ready: status.conditions?.some(condition => condition.type === 'Ready' && condition.status === 'True') ?? false,
    leaving: deletionTimestamp !== undefined || ended,
    ...(proxy === undefined ? {} : { proxy }),
  };
}

const PROXY = 'istio-proxy';

/** A sidecar stands beside other containers, or is an init container that goes on; ambient mode is noted by its node agent. */
function proxyOf({ metadata, ...object }: KubeObject): Pod['proxy'] {
  type Named = readonly { readonly name?: unknown }[];
  const spec = (object['spec'] ?? {}) as { readonly containers?: Named; readonly initContainers?: Named };
  const { containers = [], initContainers = [] } = spec;
  const hasProxy = (named: Named): boolean => named.some(({ name }) => name === PROXY);
  if (hasProxy(initContainers) || (containers.length > 1 && hasProxy(containers))) return 'sidecar';
  return metadata.annotations?.['ambient.istio.io/redirection'] === 'enabled' ? 'ambient' : undefined;
}

export function toService(object: KubeObject): Service {
  const spec = (object['spec'] ?? {}) as {
    readonly selector?: Readonly<Record<string, string>> | null;
    readonly ports?: readonly ServicePort[] | null;
  };
  const waypoint = object.metadata.labels?.['istio.io/use-waypoint'];
  return {
    metadata: slimMeta(object.metadata),
    selector: spec.selector ?? {},
    ports: (spec.ports ?? []).map(toPort),
    ...(waypoint === undefined ? {} : { waypoint }),
  };
}

const toPort = ({ port, name, appProtocol, protocol }: ServicePort): ServicePort => ({
  ...(port === undefined ? {} : { port }),
  ...(name === undefined ? {} : { name }),
  ...(appProtocol === undefined ? {} : { appProtocol }),
  ...(protocol === undefined ? {} : { protocol }),
});

function hashOf(pod: Pod): string {
  const labels = pod.metadata.labels ?? {};
  return labels['pod-template-hash'] ?? labels['controller-revision-hash'] ?? pod.owner?.uid ?? pod.metadata.uid ?? '';
}

/** The workload as Istio's telemetry names it: the Deployment behind a ReplicaSet, else what controls the pod. */
function workloadOf(pod: Pod): string {
  const { owner } = pod;
  if (!owner) return pod.metadata.name ?? '';
  const hash = pod.metadata.labels?.['pod-template-hash'];
  const suffix = `-${hash}`;
  const ofDeployment = owner.kind === 'ReplicaSet' && hash !== undefined && owner.name.endsWith(suffix);
  return ofDeployment ? owner.name.slice(0, -suffix.length) : owner.name;
}

export type PodCaches = { readonly pods: Pick<Cache<Pod>, 'byNamespace'>; readonly services: Pick<Cache<Service>, 'get'> };

/** The Deployments that ReplicaSets of pods of a version behind a host belong to, ready or not; by name, so to be checked. */
export function deploymentsBehind(
  { pods, services }: PodCaches,
  at: { readonly namespace: string; readonly host: string; readonly versionLabel: string; readonly version: string },
): readonly { readonly namespace: string; readonly name: string }[] {
  const { namespace, name } = serviceOf(at.namespace, at.host);
  const selector = Object.entries(services.get(namespace, name)?.selector ?? {});
  if (selector.length === 0) return [];
  const meant = pods
    .byNamespace(namespace)
    .filter(pod => !pod.leaving && pod.metadata.labels?.[at.versionLabel] === at.version && selects(selector, pod))
    .filter(pod => pod.owner?.kind === 'ReplicaSet' && workloadOf(pod) !== pod.owner.name);
  return [...new Set(meant.map(workloadOf))].sort().map(workload => ({ namespace, name: workload }));
}

/** The Service that a destination host names: `x` in the namespace, or `x.namespace.svc...`. */
export function serviceOf(namespace: string, host: string): { readonly namespace: string; readonly name: string } {
  const [name = '', second, third] = host.split('.');
  return { namespace: third === 'svc' && second ? second : namespace, name };
}

function selects(selector: readonly (readonly [string, string])[], pod: Pod): boolean {
  const labels = pod.metadata.labels ?? {};
  return selector.every(([label, value]) => labels[label] === value);
}

function summarize(pods: readonly Pod[]): VersionPods {
  const ready = pods.filter(pod => pod.ready);
  return {
    ready: ready.length,
    total: pods.length,
    hashes: [...new Set(ready.map(hashOf))].sort(),
    workloads: [...new Set(ready.map(workloadOf))].sort(),
  };
}

function sameForUs(a: Pod, b: Pod): boolean {
  if (
    a.ready !== b.ready ||
    a.leaving !== b.leaving ||
    a.proxy !== b.proxy ||
    a.metadata.uid !== b.metadata.uid ||
    a.owner?.uid !== b.owner?.uid
  ) {
    return false;
  }
  const [before, after] = [a.metadata.labels ?? {}, b.metadata.labels ?? {}];
  const names = Object.keys(before);
  return names.length === Object.keys(after).length && names.every(name => before[name] === after[name]);
}

function sameService(a: Service, b: Service): boolean {
  if (a.waypoint !== b.waypoint || JSON.stringify(a.ports) !== JSON.stringify(b.ports)) return false;
  const names = Object.keys(a.selector);
  return names.length === Object.keys(b.selector).length && names.every(name => a.selector[name] === b.selector[name]);
}

type Versions = Readonly<Record<string, VersionPods>>;

function countVersions(pods: readonly Pod[], service: Service | undefined, versionLabel: string): Versions {
  const selector = Object.entries(service?.selector ?? {});
  // A Service without selector has its endpoints from elsewhere; it selects no pod, and certainly not all.
  if (selector.length === 0) return {};
  const byVersion = new Map<string, Pod[]>();
  for (const pod of pods) {
    const version = pod.metadata.labels?.[versionLabel];
    if (!version || pod.leaving || !selects(selector, pod)) continue;
    const known = byVersion.get(version);
    if (known) known.push(pod);
    else byVersion.set(version, [pod]);
  }
  return Object.fromEntries([...byVersion].map(([version, of]) => [version, summarize(of)]));
}

/** Pods by version behind a host; counts are kept until a pod or a Service of the namespace changes. */
export function createPodSource(pods: Cache<Pod>, services: Cache<Service>): PodSource {
  const counted = new Map<string, Map<string, Versions>>();
  const callbacks: ((change: { readonly namespace: string }) => void)[] = [];

  function changed(namespace: string | undefined): void {
    if (namespace === undefined) return;
    counted.delete(namespace);
    for (const callback of callbacks) callback({ namespace });
  }

  pods.onChange((before, after) => {
    if (before && after && sameForUs(before, after)) return;
    changed((after ?? before)?.metadata.namespace);
  });
  services.onChange((before, after) => {
    if (before && after && sameService(before, after)) return;
    changed((after ?? before)?.metadata.namespace);
  });

  return {
    versions: (givenNamespace, host, versionLabel) => {
      const { namespace, name } = serviceOf(givenNamespace, host);
      const inNamespace = counted.get(namespace) ?? new Map<string, Versions>();
      counted.set(namespace, inNamespace);
      const key = `${name} ${versionLabel}`;
      const known =
        inNamespace.get(key) ?? countVersions(pods.byNamespace(namespace), services.get(namespace, name), versionLabel);
      inNamespace.set(key, known);
      return known;
    },
    onChange: callback => {
      callbacks.push(callback);
    },
  };
}
