import type { MeshFinding } from '../../../rollout/index.ts';

/** One thing that the mesh check looks for. */
export type MeshCheck = {
  /** Errors hold each raise: requests would fail, or no request would ever follow the weights. Everything else is a warning. */
  readonly severity: MeshFinding['severity'];
  /** The code under which `istioctl analyze` reports about the same; absent: it does not. */
  readonly istio?: string;
  /** Kinds of objects that it looks at. */
  readonly reads: readonly string[];
  readonly meaning: string;
  readonly mend: string;
};

/** Everything that the mesh check can find; docs/mesh-checks.md is the same table. */
export const MESH_CHECKS = {
  MissingHost: {
    severity: 'error',
    istio: 'IST0101',
    reads: ['VirtualService', 'Service', 'ServiceEntry'],
    meaning: 'No Service or ServiceEntry has the name of the host: every request to it fails.',
    mend: 'Create the Service, or correct `spec.host`.',
  },
  MissingSubset: {
    severity: 'error',
    istio: 'IST0101',
    reads: ['VirtualService', 'DestinationRule'],
    meaning: 'No DestinationRule of the host has the subset that a version needs: its share of the requests would get 503 NC.',
    mend: 'Add the subset, or set `createMissing: subset` for the new version.',
  },
  SubsetWithoutPods: {
    severity: 'error',
    istio: 'IST0173',
    reads: ['DestinationRule', 'Service', 'Pod'],
    meaning: 'The labels of the subset select no ready pod although the version has some: its share would get 503 UH.',
    mend: 'Correct the labels of the subset or of the pods.',
  },
  OtherDestinationMissing: {
    severity: 'warning',
    istio: 'IST0101',
    reads: ['VirtualService', 'DestinationRule', 'Service', 'ServiceEntry'],
    meaning:
      'A steered route has another destination whose host or subset does not exist: its own share fails, before and after.',
    mend: 'Take the destination out of the route, or create what it names.',
  },
  PortNotHttp: {
    severity: 'error',
    istio: 'IST0118',
    reads: ['VirtualService', 'Service'],
    meaning:
      'The port of the Service is declared as something other than HTTP, and only sidecars would split: they apply no http route to it.',
    mend: 'Name the port `http`, `http2` or `grpc` (also with a suffix such as `http-web`), or set its `appProtocol`.',
  },
  PortUnclear: {
    severity: 'warning',
    istio: 'IST0118',
    reads: ['VirtualService', 'Service'],
    meaning:
      'The port does not say that it speaks HTTP: sidecars guess from the first bytes of a connection, or split only what comes by a gateway.',
    mend: 'Name the port `http`, `http2` or `grpc`, or set its `appProtocol`.',
  },
  ConflictingVirtualServices: {
    severity: 'error',
    istio: 'IST0109',
    reads: ['VirtualService'],
    meaning:
      'Another, older VirtualService is for the same host in the mesh: sidecars follow one of them, and not the steered one.',
    mend: 'Merge both into one, or give the other one another host.',
  },
  DuplicateVirtualService: {
    severity: 'warning',
    istio: 'IST0109',
    reads: ['VirtualService'],
    meaning:
      'Another VirtualService shares a host with the steered one, in the mesh or on a gateway: whose routes come first is not defined.',
    mend: 'Merge both into one, or give the other one another host.',
  },
  NoEntrance: {
    severity: 'error',
    istio: 'IST0132',
    reads: ['VirtualService', 'Gateway'],
    meaning:
      'No gateway that the VirtualServices name exists and serves one of their hosts, and sidecars do not use them: no request comes.',
    mend: 'Correct `gateways` or `hosts` of the VirtualService, or add the host to a server of the Gateway.',
  },
  GatewayWithoutHost: {
    severity: 'warning',
    istio: 'IST0132',
    reads: ['VirtualService', 'Gateway'],
    meaning: 'A gateway that the VirtualService names is missing or serves none of its hosts: requests come by the others only.',
    mend: 'Correct `gateways` or `hosts` of the VirtualService, or add the host to a server of the Gateway.',
  },
  UnreachableRoute: {
    severity: 'error',
    istio: 'IST0130',
    reads: ['VirtualService'],
    meaning: 'Routes before the steered one take every request that it could get: its weights decide nothing.',
    mend: 'Move the steered route before the one that takes everything, or remove that one.',
  },
  IneffectiveMatch: {
    severity: 'warning',
    istio: 'IST0131',
    reads: ['VirtualService'],
    meaning: 'Routes before a steered one take some of the requests that it lists: these are not split.',
    mend: 'Move the steered route forward, or remove the match block.',
  },
  DelegateNotSubset: {
    severity: 'error',
    reads: ['VirtualService'],
    meaning:
      'The match of the delegated route contradicts the match of the root at each place that delegates to it: Istio drops the route.',
    mend: 'Make the match of the delegate narrower than the one of its root, without `regex` where both name the same field.',
  },
  DelegatePartlyIgnored: {
    severity: 'warning',
    reads: ['VirtualService'],
    meaning: 'A match block of a delegated route contradicts every match block of its root: Istio drops the block.',
    mend: 'Make the block narrower than a match of its root, or remove it.',
  },
  MtlsClash: {
    severity: 'error',
    reads: ['PeerAuthentication', 'DestinationRule', 'Pod'],
    meaning:
      'Callers are told to speak without mutual TLS to pods that accept nothing else, or the other way round: requests get 503.',
    mend: 'Set the TLS mode of the DestinationRule to ISTIO_MUTUAL or leave it out, or change the PeerAuthentication.',
  },
  WaypointMissing: {
    severity: 'error',
    reads: ['VirtualService', 'Namespace', 'Service', 'Pod'],
    meaning:
      'The host is in ambient mode without a waypoint, no pod has a sidecar and no gateway is named: nothing applies http routes.',
    mend: 'Deploy a waypoint and label the namespace or the Service `istio.io/use-waypoint`.',
  },
  WaypointMissingForSome: {
    severity: 'warning',
    reads: ['VirtualService', 'Namespace', 'Service', 'Pod'],
    meaning: 'The host is in ambient mode without a waypoint: only requests from sidecars and by gateways are split.',
    mend: 'Deploy a waypoint and label the namespace or the Service `istio.io/use-waypoint`.',
  },
  PodsWithoutSidecar: {
    severity: 'warning',
    istio: 'IST0103',
    reads: ['Service', 'Pod', 'Namespace'],
    meaning:
      'Pods of the host have no sidecar. Callers split all the same, but nothing is measured at the pods, and mirrored requests not at all.',
    mend: 'Label the namespace `istio-injection=enabled` (or `istio.io/rev`) and restart the pods.',
  },
  CallersWithoutSidecar: {
    severity: 'warning',
    istio: 'IST0102',
    reads: ['VirtualService', 'Namespace', 'Pod'],
    meaning: 'Nothing in the namespace of the host has a sidecar: callers there are not split, whatever the weights say.',
    mend: 'Label the namespace `istio-injection=enabled` (or `istio.io/rev`) and restart the callers.',
  },
  MissingLabels: {
    severity: 'warning',
    reads: ['Service', 'Pod'],
    meaning: 'Pods lack a label for the application or the version: telemetry calls them `unknown` or `latest`.',
    mend: 'Add the labels `app` and `version` to the pod template.',
  },
  ObjectHidden: {
    severity: 'warning',
    reads: ['VirtualService', 'DestinationRule'],
    meaning: 'By `exportTo` or its namespace an object counts for some callers only: the others are not split, or get 503 NC.',
    mend: 'Remove `exportTo`, and keep the DestinationRule in the namespace of the Service.',
  },
  HostHidden: {
    severity: 'warning',
    reads: ['Sidecar', 'Service'],
    meaning: 'A Sidecar resource does not import the host: the callers that it is for are not split.',
    mend: 'Add the host to `egress` of the Sidecar.',
  },
  AutoscalerShrinks: {
    severity: 'warning',
    reads: ['HorizontalPodAutoscaler', 'Pod'],
    meaning: 'An autoscaler will shrink the stable version while its share falls, and its pods lack when traffic comes back.',
    mend: 'Raise `minReplicas` for the time of the rollout, or set `behavior.scaleDown.selectPolicy: Disabled`.',
  },
  TracingOff: {
    severity: 'warning',
    reads: ['Telemetry'],
    meaning: 'A gate reads spans from Zipkin, and no Telemetry has proxies send any: the gate will have no data.',
    mend: 'Create a Telemetry with `tracing` that names a provider and a `randomSamplingPercentage` above 0.',
  },
  HeadersNotForwarded: {
    severity: 'warning',
    reads: ['VirtualService'],
    meaning:
      'A header route looks at headers of users, and the host is called from inside the mesh: the callers have to pass them on.',
    mend: 'Let the applications between the user and the host forward the headers.',
  },
} as const satisfies Readonly<Record<string, MeshCheck>>;

export type MeshCode = keyof typeof MESH_CHECKS;

const ORDER = Object.keys(MESH_CHECKS);

/** One finding; `object` is `Kind namespace/name`. */
export const finding = (code: MeshCode, object: string, message: string): MeshFinding => ({
  code,
  severity: MESH_CHECKS[code].severity,
  object,
  message,
});

/** Errors first, then in the order of the table. */
export const inOrder = (findings: readonly MeshFinding[]): readonly MeshFinding[] =>
  [...findings].sort(
    (a, b) =>
      a.severity.localeCompare(b.severity) ||
      ORDER.indexOf(a.code) - ORDER.indexOf(b.code) ||
      a.object.localeCompare(b.object) ||
      a.message.localeCompare(b.message),
  );
