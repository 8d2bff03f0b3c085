import { at, type JsonObject, type KubeObject, objectOf, stringsOf } from './json.ts';

/** The autoscaling/v1 Scale of a Deployment or ReplicaSet. */
export function toScale(object: KubeObject): JsonObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const selector = stringsOf(at(object, 'spec', 'selector', 'matchLabels'));
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: { replicas: at(object, 'spec', 'replicas') ?? 0 },
    status: {
      replicas: at(object, 'status', 'replicas') ?? 0,
      selector: Object.entries(selector)
        .map(([key, value]) => `${key}=${value}`)
        .join(','),
    },
  };
}

/** The object with another number of replicas. */
export function fromScale(object: KubeObject, replicas: number): KubeObject {
  return { ...object, spec: { ...objectOf(object['spec']), replicas } };
}
