import { requestJson } from './http.ts';

/** Any Kubernetes object, as far as the bed cares. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly [field: string]: unknown };
  readonly [field: string]: unknown;
}

/** Direct access to the API server for setting scenes and looking at what became of them; independent of the controller's own client. */
export interface Kubernetes {
  /** Any request; `path` starts with `/api`. Throws for every status but 2xx. */
  readonly request: <T>(method: string, path: string, body?: unknown, contentType?: string) => Promise<T>;
  /** Server-side apply, one object after the other. */
  readonly apply: (...objects: readonly KubernetesObject[]) => Promise<void>;
  readonly get: <T>(path: string) => Promise<T>;
  /** JSON merge patch. */
  readonly patch: <T>(path: string, change: unknown) => Promise<T>;
  readonly delete: (path: string) => Promise<void>;
}

interface KubernetesAccess {
  readonly apiUrl: string;
  readonly caFile: string;
  readonly token: string;
}

const CLUSTER_SCOPED = new Set([
  'Namespace',
  'Node',
  'CustomResourceDefinition',
  'ClusterRole',
  'ClusterRoleBinding',
  'ValidatingWebhookConfiguration',
  'MutatingWebhookConfiguration',
]);

function plural(kind: string): string {
  const word = kind.toLowerCase();
  if (/[^aeiou]y$/.test(word)) return `${word.slice(0, -1)}ies`;
  return /(s|x|ch)$/.test(word) ? `${word}es` : `${word}s`;
}

/** Path of an object in the API, by the plural that English would form of its kind. */
function pathOf(object: KubernetesObject): string {
  const root = object.apiVersion.includes('/') ? `/apis/${object.apiVersion}` : `/api/${object.apiVersion}`;
  const scope = CLUSTER_SCOPED.has(object.kind) ? '' : `/namespaces/${object.metadata.namespace ?? 'default'}`;
  return `${root}${scope}/${plural(object.kind)}/${object.metadata.name}`;
}

export function createKubernetes(access: KubernetesAccess): Kubernetes {
  const request = <T>(method: string, path: string, body?: unknown, contentType = 'application/json'): Promise<T> =>
    requestJson<T>(`${access.apiUrl}${path}`, {
      method,
      caFile: access.caFile,
      timeoutMs: 30_000,
      headers: { authorization: `Bearer ${access.token}`, ...(body === undefined ? {} : { 'content-type': contentType }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  const applyOne = (object: KubernetesObject) =>
    request('PATCH', `${pathOf(object)}?fieldManager=bed&force=true`, object, 'application/apply-patch+yaml');
  return {
    request,
    apply: async (...objects) => {
      for (const object of objects) await applyOne(object);
    },
    get: path => request('GET', path),
    patch: (path, change) => request('PATCH', path, change, 'application/merge-patch+json'),
    delete: async path => {
      await request('DELETE', path);
    },
  };
}
