import type { JsonObject } from './json.ts';
import type { Subject } from './status.ts';

/** A printer column of a custom resource. */
interface Column {
  readonly name: string;
  readonly type: string;
  readonly jsonPath: string;
  readonly priority: number;
  readonly description: string;
  readonly format?: string;
}

/** One served version of a resource. */
export interface ServedVersion {
  readonly name: string;
  readonly schema?: JsonObject;
  readonly columns?: readonly Column[];
}

/** A kind of object that the API serves. */
export interface Resource extends Subject {
  /** Key in the store: plural, and the group after a dot. */
  readonly id: string;
  readonly singular: string;
  readonly namespaced: boolean;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly versions: readonly ServedVersion[];
  readonly storageVersion: string;
  readonly hasStatus: boolean;
  readonly hasScale: boolean;
  /** True for kinds that a CustomResourceDefinition declared: no strategic merge, schema checks, own columns. */
  readonly custom: boolean;
  /** Only POST is served, nothing is stored: reviews. */
  readonly review: boolean;
}

interface Options {
  readonly cluster?: boolean;
  readonly short?: readonly string[];
  readonly categories?: readonly string[];
  readonly status?: boolean;
  readonly scale?: boolean;
  readonly custom?: boolean;
  readonly review?: boolean;
}

/** The store key of a resource. */
export function resourceId(group: string, plural: string): string {
  return group ? `${plural}.${group}` : plural;
}

function define(group: string, versions: readonly string[], kind: string, options: Options = {}): Resource {
  const singular = kind.toLowerCase();
  const plural = /[^aeiou]y$/.test(singular)
    ? `${singular.slice(0, -1)}ies`
    : singular.endsWith('s')
      ? `${singular}es`
      : `${singular}s`;
  return {
    id: resourceId(group, plural),
    group,
    plural,
    kind,
    singular,
    namespaced: !options.cluster,
    shortNames: options.short ?? [],
    categories: options.categories ?? [],
    versions: versions.map(name => ({ name })),
    storageVersion: versions[0] ?? 'v1',
    hasStatus: options.status ?? false,
    hasScale: options.scale ?? false,
    custom: options.custom ?? false,
    review: options.review ?? false,
  };
}

const istio = (kind: string, short: string) =>
  define('networking.istio.io', ['v1', 'v1beta1'], kind, {
    short: [short],
    categories: ['istio-io'],
    status: true,
    custom: true,
  });
const rbac = (kind: string, cluster: boolean) => define('rbac.authorization.k8s.io', ['v1'], kind, { cluster });

const BUILT_IN: readonly Resource[] = [
  define('', ['v1'], 'Namespace', { cluster: true, short: ['ns'], status: true }),
  define('', ['v1'], 'Node', { cluster: true, short: ['no'], status: true }),
  define('', ['v1'], 'Pod', { short: ['po'], categories: ['all'], status: true }),
  define('', ['v1'], 'Service', { short: ['svc'], categories: ['all'], status: true }),
  define('', ['v1'], 'ConfigMap', { short: ['cm'] }),
  define('', ['v1'], 'Secret'),
  define('', ['v1'], 'ServiceAccount', { short: ['sa'] }),
  define('', ['v1'], 'Event', { short: ['ev'] }),
  define('apps', ['v1'], 'Deployment', { short: ['deploy'], categories: ['all'], status: true, scale: true }),
  define('apps', ['v1'], 'ReplicaSet', { short: ['rs'], categories: ['all'], status: true, scale: true }),
  define('apiextensions.k8s.io', ['v1'], 'CustomResourceDefinition', {
    cluster: true,
    short: ['crd', 'crds'],
    categories: ['api-extensions'],
    status: true,
  }),
  define('coordination.k8s.io', ['v1'], 'Lease'),
  istio('VirtualService', 'vs'),
  istio('DestinationRule', 'dr'),
  istio('Gateway', 'gw'),
  istio('ServiceEntry', 'se'),
  define('telemetry.istio.io', ['v1'], 'Telemetry', {
    short: ['telemetry'],
    categories: ['istio-io'],
    status: true,
    custom: true,
  }),
  define('security.istio.io', ['v1'], 'PeerAuthentication', {
    short: ['pa'],
    categories: ['istio-io'],
    status: true,
    custom: true,
  }),
  define('autoscaling', ['v2'], 'HorizontalPodAutoscaler', { short: ['hpa'], categories: ['all'], status: true }),
  rbac('Role', false),
  rbac('RoleBinding', false),
  rbac('ClusterRole', true),
  rbac('ClusterRoleBinding', true),
  define('authentication.k8s.io', ['v1'], 'TokenReview', { cluster: true, review: true }),
  define('authentication.k8s.io', ['v1'], 'SelfSubjectReview', { cluster: true, review: true }),
  define('authorization.k8s.io', ['v1'], 'SubjectAccessReview', { cluster: true, review: true }),
  define('authorization.k8s.io', ['v1'], 'SelfSubjectAccessReview', { cluster: true, review: true }),
];

/** What is served now; grows and shrinks with CustomResourceDefinitions. */
export interface Registry {
  all(): Resource[];
  byId(id: string): Resource | undefined;
  find(group: string, version: string, plural: string): Resource | undefined;
  findKind(group: string, kind: string): Resource | undefined;
  add(resource: Resource): void;
  remove(id: string): void;
}

/** A registry that starts with the built-in kinds and Istio's networking kinds. */
export function createRegistry(): Registry {
  const resources = new Map(BUILT_IN.map(resource => [resource.id, resource]));
  return {
    all: () => [...resources.values()],
    byId: id => resources.get(id),
    find: (group, version, plural) => {
      const found = resources.get(resourceId(group, plural));
      return found?.versions.some(served => served.name === version) ? found : undefined;
    },
    findKind: (group, kind) => [...resources.values()].find(resource => resource.group === group && resource.kind === kind),
    add: resource => void resources.set(resource.id, resource),
    remove: id => void resources.delete(id),
  };
}

/** `apps/v1`, or `v1` for the core group. */
export function apiVersionOf(resource: Resource, version: string): string {
  return resource.group ? `${resource.group}/${version}` : version;
}
