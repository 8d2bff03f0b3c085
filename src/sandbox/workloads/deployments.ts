import { createHash, randomBytes } from 'node:crypto';
import { at, equalJson, type JsonObject, type KubeObject, listOf, numberOf, objectOf, stringsOf } from '../kube/json.ts';
import type { Resource } from '../kube/resources.ts';
import type { KubeApi } from '../kube/server.ts';
import { withSidecar } from './sidecar.ts';

const MANAGER = 'kube-controller-manager';
const DEPLOYMENTS = 'deployments.apps';
const REPLICA_SETS = 'replicasets.apps';

const owner = (object: KubeObject): JsonObject => ({
  apiVersion: object.apiVersion,
  kind: object.kind,
  name: object.metadata.name,
  uid: object.metadata.uid ?? '',
  controller: true,
  blockOwnerDeletion: true,
});

const isOwnedBy = (object: KubeObject, uid: string | undefined) =>
  listOf(object.metadata['ownerReferences']).some(item => objectOf(item)['uid'] === uid) && !object.metadata.deletionTimestamp;

const isReady = (pod: KubeObject) =>
  listOf(at(pod, 'status', 'conditions')).some(item => objectOf(item)['type'] === 'Ready' && objectOf(item)['status'] === 'True');

const replicasOf = (object: KubeObject) => numberOf(at(object, 'spec', 'replicas')) ?? 1;

/** Names are safe for labels and never look like words. */
const templateHash = (template: JsonObject) => createHash('sha256').update(JSON.stringify(template)).digest('hex').slice(0, 10);

/** The API, and the kinds that the controllers write. */
interface Cluster {
  readonly api: KubeApi;
  readonly deployments: Resource;
  readonly sets: Resource;
  readonly pods: Resource;
}

function clusterOf(api: KubeApi): Cluster {
  const resource = (id: string) => {
    const found = api.registry.byId(id);
    if (!found) throw new Error(`looking up resource ${id}: not served`);
    return found;
  };
  return { api, deployments: resource(DEPLOYMENTS), sets: resource(REPLICA_SETS), pods: resource('pods') };
}

function setStatus(cluster: Cluster, kind: 'deployments' | 'sets', object: KubeObject, status: JsonObject): void {
  if (equalJson(objectOf(object['status']), status)) return;
  const { resourceVersion: _, ...metadata } = object.metadata;
  const next = { ...object, metadata: { ...metadata, name: object.metadata.name }, status };
  cluster.api.objects.update(cluster[kind], object.metadata.namespace ?? '', next, { manager: MANAGER, subresource: 'status' });
}

function ensureSet(cluster: Cluster, deployment: KubeObject): KubeObject {
  const namespace = deployment.metadata.namespace ?? '';
  const template = objectOf(at(deployment, 'spec', 'template'));
  const hash = templateHash(template);
  const name = `${deployment.metadata.name}-${hash}`;
  const found = cluster.api.store.get(REPLICA_SETS, namespace, name);
  if (found) return found;
  const labels = { ...stringsOf(at(template, 'metadata', 'labels')), 'pod-template-hash': hash };
  const matchLabels = { ...stringsOf(at(deployment, 'spec', 'selector', 'matchLabels')), 'pod-template-hash': hash };
  const spec = {
    replicas: replicasOf(deployment),
    selector: { matchLabels },
    template: { ...template, metadata: { ...objectOf(template['metadata']), labels } },
  };
  const set = {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { name, labels, ownerReferences: [owner(deployment)] },
    spec,
  };
  return cluster.api.objects.create(cluster.sets, namespace, set, { manager: MANAGER });
}

function scale(cluster: Cluster, set: KubeObject, replicas: number): void {
  if (replicasOf(set) === replicas) return;
  const { resourceVersion: _, ...metadata } = set.metadata;
  const next = { ...set, metadata: { ...metadata, name: set.metadata.name }, spec: { ...objectOf(set['spec']), replicas } };
  cluster.api.objects.update(cluster.sets, set.metadata.namespace ?? '', next, { manager: MANAGER });
}

const podsOf = ({ api }: Cluster, set: KubeObject) =>
  api.store.list('pods', set.metadata.namespace).filter(pod => isOwnedBy(pod, set.metadata.uid));

function syncSet(cluster: Cluster, set: KubeObject) {
  const namespace = set.metadata.namespace ?? '';
  const template = objectOf(at(set, 'spec', 'template'));
  const pods = podsOf(cluster, set).sort((a, b) => Number(isReady(b)) - Number(isReady(a)));
  for (const pod of pods.slice(replicasOf(set))) cluster.api.objects.remove(cluster.pods, namespace, pod.metadata.name);
  for (let missing = replicasOf(set) - pods.length; missing > 0; missing -= 1) {
    const name = `${set.metadata.name}-${randomBytes(3).toString('hex').slice(0, 5)}`;
    const metadata = { ...objectOf(template['metadata']), name, ownerReferences: [owner(set)] };
    cluster.api.objects.create(
      cluster.pods,
      namespace,
      { apiVersion: 'v1', kind: 'Pod', metadata, spec: withSidecar(cluster.api, namespace, objectOf(template['spec'])) },
      { manager: MANAGER },
    );
  }
  const now = podsOf(cluster, set);
  const ready = now.filter(isReady).length;
  setStatus(cluster, 'sets', cluster.api.store.get(REPLICA_SETS, namespace, set.metadata.name) ?? set, {
    replicas: now.length,
    fullyLabeledReplicas: now.length,
    readyReplicas: ready,
    availableReplicas: ready,
    observedGeneration: set.metadata.generation ?? 1,
  });
  return { total: now.length, ready };
}

function syncDeployment(cluster: Cluster, deployment: KubeObject) {
  const { name, namespace = '', uid } = deployment.metadata;
  const wanted = replicasOf(deployment);
  const current = ensureSet(cluster, deployment);
  scale(cluster, current, wanted);
  const fresh = syncSet(cluster, cluster.api.store.get(REPLICA_SETS, namespace, current.metadata.name) ?? current);
  const old = cluster.api.store
    .list(REPLICA_SETS, namespace)
    .filter(set => isOwnedBy(set, uid) && set.metadata.name !== current.metadata.name);
  const counts = old.map(set => {
    if (fresh.ready >= wanted) scale(cluster, set, 0);
    return syncSet(cluster, cluster.api.store.get(REPLICA_SETS, namespace, set.metadata.name) ?? set);
  });
  const ready = counts.reduce((sum, item) => sum + item.ready, fresh.ready);
  const total = counts.reduce((sum, item) => sum + item.total, fresh.total);
  const latest = cluster.api.store.get(DEPLOYMENTS, namespace, name);
  if (latest)
    setStatus(
      cluster,
      'deployments',
      latest,
      deploymentStatus(latest, { wanted, ready, total, updated: fresh.total, updatedReady: fresh.ready }),
    );
}

/** Plays the Deployment and ReplicaSet controllers. Returns the function that ends it. */
export function startDeployments(api: KubeApi): () => void {
  const cluster = clusterOf(api);
  const { store } = api;
  const sync = () => {
    for (const deployment of store.list(DEPLOYMENTS)) {
      const namespace = store.get('namespaces', '', deployment.metadata.namespace ?? '');
      if (!deployment.metadata.deletionTimestamp && namespace && !namespace.metadata.deletionTimestamp)
        syncDeployment(cluster, deployment);
    }
  };
  let scheduled = false;
  return store.subscribe(change => {
    if (scheduled || ![DEPLOYMENTS, REPLICA_SETS, 'pods'].includes(change.resource)) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      sync();
    });
  });
}

interface Counts {
  readonly wanted: number;
  readonly ready: number;
  readonly total: number;
  readonly updated: number;
  readonly updatedReady: number;
}

function deploymentStatus(deployment: KubeObject, counts: Counts): JsonObject {
  const before = listOf(at(deployment, 'status', 'conditions')).map(objectOf);
  const now = `${new Date().toISOString().slice(0, 19)}Z`;
  const condition = (type: string, good: boolean, reason: string, message: string): JsonObject => {
    const status = good ? 'True' : 'False';
    const old = before.find(item => item['type'] === type);
    const kept = old?.['status'] === status && old['reason'] === reason;
    const since = (kept ? old?.['lastTransitionTime'] : undefined) ?? now;
    return { type, status, reason, message, lastTransitionTime: since, lastUpdateTime: since };
  };
  const enough = counts.ready >= Math.ceil(counts.wanted * 0.75);
  const complete = counts.updatedReady >= counts.wanted && counts.total === counts.updated;
  const available = condition(
    'Available',
    enough,
    enough ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable',
    enough ? 'Deployment has minimum availability.' : 'Deployment does not have minimum availability.',
  );
  const progressing = condition(
    'Progressing',
    true,
    complete ? 'NewReplicaSetAvailable' : 'ReplicaSetUpdated',
    'ReplicaSet is progressing.',
  );
  const missing = Math.max(0, counts.wanted - counts.ready);
  return {
    observedGeneration: deployment.metadata.generation ?? 1,
    ...(counts.total > 0 ? { replicas: counts.total, updatedReplicas: counts.updated } : {}),
    ...(counts.ready > 0 ? { readyReplicas: counts.ready, availableReplicas: counts.ready } : {}),
    ...(missing > 0 ? { unavailableReplicas: missing } : {}),
    conditions: [available, progressing],
  };
}
