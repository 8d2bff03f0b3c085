import { type KubeObject, listOf, objectOf, stringOf } from '../kube/json.ts';

/** Who a pod is to the mesh. */
export interface PodIdentity {
  readonly pod: string;
  readonly namespace: string;
  readonly workload: string;
  readonly app: string;
  readonly version: string;
  readonly canonicalService: string;
  readonly canonicalRevision: string;
  readonly labels: { readonly [key: string]: string };
}

/** The Deployment of a pod by its ReplicaSet's name, else its owner's or its own name. */
export function workloadOf(pod: KubeObject): string {
  const owner = objectOf(listOf(pod.metadata['ownerReferences'])[0]);
  const name = stringOf(owner['name']) ?? pod.metadata.name;
  const hash = pod.metadata.labels?.['pod-template-hash'];
  return hash && name.endsWith(`-${hash}`) ? name.slice(0, -hash.length - 1) : name;
}

/** The labels that mesh telemetry takes from a pod. */
export function identityOf(pod: KubeObject): PodIdentity {
  const labels = pod.metadata.labels ?? {};
  const workload = workloadOf(pod);
  const version = labels['version'] ?? 'unknown';
  return {
    pod: pod.metadata.name,
    namespace: pod.metadata.namespace ?? '',
    workload,
    app: labels['app'] ?? 'unknown',
    version,
    canonicalService: labels['service.istio.io/canonical-name'] ?? labels['app.kubernetes.io/name'] ?? labels['app'] ?? workload,
    canonicalRevision:
      labels['service.istio.io/canonical-revision'] ?? labels['app.kubernetes.io/version'] ?? labels['version'] ?? 'latest',
    labels,
  };
}
