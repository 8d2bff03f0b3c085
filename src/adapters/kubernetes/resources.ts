/** One kind of object of the Kubernetes API, as its path names it. */
export type Resource = {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly namespaced: boolean;
};

export type ObjectMeta = {
  readonly name?: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly finalizers?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly OwnerReference[];
  readonly [field: string]: unknown;
};

export type OwnerReference = {
  readonly apiVersion?: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
};

/** Any object, exactly as the API server sent it (times are strings). */
export type KubeObject = {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
  readonly [field: string]: unknown;
};

/** Names one object of a resource; `subresource` e.g. `status`. */
export type ObjectRef = { readonly namespace?: string; readonly name: string; readonly subresource?: string };

const SLUICE = { group: 'sluice.dev', version: 'v1alpha1', namespaced: true };

export const ROLLOUTS: Resource = { ...SLUICE, plural: 'rollouts' };
export const PODS: Resource = { group: '', version: 'v1', plural: 'pods', namespaced: true };
export const SERVICES: Resource = { group: '', version: 'v1', plural: 'services', namespaced: true };
export const CONFIG_MAPS: Resource = { group: '', version: 'v1', plural: 'configmaps', namespaced: true };
export const EVENTS: Resource = { group: '', version: 'v1', plural: 'events', namespaced: true };
export const DEPLOYMENTS: Resource = { group: 'apps', version: 'v1', plural: 'deployments', namespaced: true };
export const LEASES: Resource = { group: 'coordination.k8s.io', version: 'v1', plural: 'leases', namespaced: true };

/** Path of a collection; without a namespace that of the whole cluster. */
export function collectionPath(resource: Resource, namespace?: string): string {
  const root = resource.group ? `/apis/${resource.group}/${resource.version}` : `/api/${resource.version}`;
  const scope = resource.namespaced && namespace ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  return `${root}${scope}/${resource.plural}`;
}

export function objectPath(resource: Resource, ref: ObjectRef): string {
  const subresource = ref.subresource ? `/${ref.subresource}` : '';
  return `${collectionPath(resource, ref.namespace)}/${encodeURIComponent(ref.name)}${subresource}`;
}

/** The object for people, e.g. `rollouts weather/forecast`. */
export function describe(resource: Resource, ref: Partial<ObjectRef>): string {
  const plural = ref.subresource ? `${resource.plural}/${ref.subresource}` : resource.plural;
  if (!ref.name) return ref.namespace ? `${plural} in ${ref.namespace}` : plural;
  return `${plural} ${ref.namespace ? `${ref.namespace}/` : ''}${ref.name}`;
}
