import { at, type KubeObject } from './kube/json.ts';
import type { KubeApi } from './kube/server.ts';

const READY_TIMEOUT_MS = 10_000;

/** Creates objects as `kubectl apply` would have. Throws when the API refuses one. */
export function seed(api: KubeApi, objects: readonly KubeObject[]): void {
  for (const object of objects) {
    const group = object.apiVersion.includes('/') ? (object.apiVersion.split('/')[0] ?? '') : '';
    const resource = api.registry.findKind(group, object.kind);
    if (!resource) throw new Error(`setting up ${object.kind} ${object.metadata.name}: the API does not serve this kind`);
    api.objects.create(resource, object.metadata.namespace ?? '', object, { manager: 'kubectl-client-side-apply' });
  }
}

const isComplete = (deployment: KubeObject) => at(deployment, 'status', 'readyReplicas') === at(deployment, 'spec', 'replicas');

/** Resolves when all Deployments are complete, so that the first request finds pods. Rejects after ten seconds. */
export function workloadsReady({ store }: KubeApi): Promise<void> {
  const unready = () => store.list('deployments.apps').filter(item => !isComplete(item)).length;
  return new Promise((resolve, reject) => {
    if (unready() === 0) return resolve();
    const timer = setTimeout(() => {
      unsubscribe();
      reject(new Error(`starting workloads: ${unready()} Deployments are not ready after ${READY_TIMEOUT_MS} ms`));
    }, READY_TIMEOUT_MS);
    const unsubscribe = store.subscribe(() => {
      if (unready() > 0) return;
      clearTimeout(timer);
      unsubscribe();
      resolve();
    });
  });
}
