import type { MeshObject, ObjectCache } from '../resource.ts';

/** What the mesh check reads of a Pod. */
export type MeshPod = {
  readonly metadata: { readonly namespace?: string; readonly name?: string; readonly labels?: Labels };
  readonly owner?: { readonly kind: string; readonly name: string };
  readonly ready: boolean;
  /** Being deleted, or ended for good. */
  readonly leaving: boolean;
  /** How it takes part in the mesh; absent: not at all, or as a gateway. */
  readonly proxy?: 'sidecar' | 'ambient';
};

/** What the mesh check reads of a Service. */
export type MeshService = {
  readonly selector: Labels;
  readonly ports?: readonly MeshPort[];
  /** Label `istio.io/use-waypoint`. */
  readonly waypoint?: string;
};

export type MeshPort = {
  readonly port?: number;
  readonly name?: string;
  readonly appProtocol?: string;
  readonly protocol?: string;
};

export type Labels = Readonly<Record<string, string>>;

/** Kinds that a cluster may lack, or that we may not be allowed to list. */
export type OptionalKind = keyof typeof OPTIONAL_KINDS;

/** Where they are served, newest version first, and the fields of the spec that are read. */
export const OPTIONAL_KINDS = {
  Gateway: { group: 'networking.istio.io', versions: ['v1', 'v1beta1'], plural: 'gateways', reads: ['servers'] },
  ServiceEntry: { group: 'networking.istio.io', versions: ['v1', 'v1beta1'], plural: 'serviceentries', reads: ['hosts'] },
  Sidecar: {
    group: 'networking.istio.io',
    versions: ['v1', 'v1beta1'],
    plural: 'sidecars',
    reads: ['workloadSelector', 'egress'],
  },
  PeerAuthentication: {
    group: 'security.istio.io',
    versions: ['v1', 'v1beta1'],
    plural: 'peerauthentications',
    reads: ['selector', 'mtls', 'portLevelMtls'],
  },
  Telemetry: {
    group: 'telemetry.istio.io',
    versions: ['v1', 'v1alpha1'],
    plural: 'telemetries',
    reads: ['selector', 'tracing'],
  },
  HorizontalPodAutoscaler: {
    group: 'autoscaling',
    versions: ['v2', 'v1'],
    plural: 'horizontalpodautoscalers',
    reads: ['scaleTargetRef', 'minReplicas', 'behavior'],
  },
  Namespace: { group: '', versions: ['v1'], plural: 'namespaces', reads: [] },
} as const satisfies Readonly<Record<string, KindSource>>;

type KindSource = {
  readonly group: string;
  readonly versions: readonly string[];
  readonly plural: string;
  readonly reads: readonly string[];
};

/** The resources under which a kind may be served, newest version first. */
export const resourcesOf = (kind: OptionalKind) => {
  const { group, versions, plural } = OPTIONAL_KINDS[kind];
  return versions.map(version => ({ group, version, plural, namespaced: kind !== 'Namespace' }));
};

/** Everything that the mesh check may know, from caches. */
export type MeshWorld = {
  readonly virtualServices: ObjectCache;
  readonly destinationRules: ObjectCache;
  service(namespace: string, name: string): MeshService | undefined;
  pods(namespace: string): readonly MeshPod[];
  /** Of every namespace that is seen; `undefined`: only those of some were read. */
  allPods(): readonly MeshPod[] | undefined;
  /** `undefined`: nobody knows, so nothing may be concluded from what is not there. */
  list(kind: OptionalKind): readonly MeshObject[] | undefined;
  /** Whether the objects of a namespace are among those that can be listed; without a namespace: of all of them. */
  sees(namespace?: string): boolean;
};

/** Istio's root namespace, whose policies count for the whole mesh. */
export const ROOT_NAMESPACE = 'istio-system';
