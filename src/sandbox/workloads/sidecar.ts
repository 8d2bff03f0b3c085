import { type JsonObject, listOf } from '../kube/json.ts';
import type { KubeApi } from '../kube/server.ts';

/** Plays istiod's injection: pods of a labelled namespace get a proxy that starts before their containers and goes on beside them. */
export function withSidecar({ store }: Pick<KubeApi, 'store'>, namespace: string, spec: JsonObject): JsonObject {
  const labels = store.get('namespaces', '', namespace)?.metadata.labels ?? {};
  if (labels['istio-injection'] !== 'enabled' && !labels['istio.io/rev']) return spec;
  const proxy = { name: 'istio-proxy', image: 'example.com/istio/proxyv2', restartPolicy: 'Always' };
  return { ...spec, initContainers: [...listOf(spec['initContainers']), proxy] };
}
