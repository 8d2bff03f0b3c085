import type { MeshFinding } from '../../../rollout/index.ts';
import { fieldsOf, type MeshObject, textOf } from '../resource.ts';
import { finding } from './checks.ts';
import { type Ground, MESH, podsOf } from './ground.ts';
import type { MeshPod } from './world.ts';

/** Sidecars, waypoints and labels: who splits requests, and who measures them. */
export const checkProxies = (ground: Ground): readonly MeshFinding[] => [
  ...(isAmbient(ground) ? waypoint(ground) : [...podsWithout(ground), ...callersWithout(ground)]),
  ...labels(ground),
];

const labelsOf = (object: MeshObject | undefined): Readonly<Record<string, unknown>> =>
  fieldsOf(fieldsOf(object?.metadata)['labels']);

const namespaceObject = ({ world, place }: Ground): MeshObject | undefined =>
  world.list('Namespace')?.find(({ metadata }) => metadata?.name === place?.namespace);

const isAmbient = (ground: Ground): boolean =>
  ground.pods.some(({ proxy }) => proxy === 'ambient') ||
  (labelsOf(namespaceObject(ground))['istio.io/dataplane-mode'] === 'ambient' && !ground.pods.some(hasSidecar));

const hasSidecar = ({ proxy }: MeshPod): boolean => proxy === 'sidecar';

const isInjected = (namespace: MeshObject | undefined): boolean => {
  const labels = labelsOf(namespace);
  return labels['istio-injection'] === 'enabled' || textOf(labels['istio.io/rev']) !== undefined;
};

const INJECT = 'label the namespace istio-injection=enabled (or istio.io/rev) and restart';

const podsWithout = (ground: Ground): readonly MeshFinding[] => {
  const { pods, place, target, service } = ground;
  const bare = pods.filter(({ proxy }) => proxy === undefined);
  if (bare.length === 0 || place === undefined || service === undefined) return [];
  const ofNew = podsOf(ground, target.canary).filter(({ proxy }) => proxy === undefined).length;
  const means =
    `${bare.length} of ${pods.length} pods (${ofNew} of ${target.canary}) have no sidecar, so requests are measured only at callers ` +
    'that have one, and mirrored requests not at all';
  return [finding('PodsWithoutSidecar', `Service ${place.namespace}/${place.name}`, `${means}; ${INJECT} the pods`)];
};

const callersWithout = (ground: Ground): readonly MeshFinding[] => {
  const { world, place, entrances } = ground;
  if (place === undefined || !entrances.some(({ gateway }) => gateway === MESH)) return [];
  const namespace = namespaceObject(ground);
  if (namespace === undefined || isInjected(namespace) || world.pods(place.namespace).some(hasSidecar)) return [];
  const means = `nothing in namespace ${place.namespace} has a sidecar, so calls from there to ${place.name} do not follow the weights`;
  return [finding('CallersWithoutSidecar', `Namespace ${place.namespace}`, `${means}; ${INJECT} the callers`)];
};

const waypoint = (ground: Ground): readonly MeshFinding[] => {
  const { world, place, service, entrances } = ground;
  const namespace = namespaceObject(ground);
  if (place === undefined || service === undefined || namespace === undefined) return [];
  const name = service.waypoint ?? textOf(labelsOf(namespace)['istio.io/use-waypoint']);
  if ((name !== undefined && name !== 'none') || !entrances.some(({ gateway }) => gateway === MESH)) return [];
  const object = `Service ${place.namespace}/${place.name}`;
  const mend = 'deploy a waypoint and label the namespace or the Service istio.io/use-waypoint';
  const isOnlyMesh = entrances.every(({ gateway }) => gateway === MESH);
  const isCertain =
    isOnlyMesh && world.sees() && !world.list('Namespace')?.some(isInjected) && world.allPods()?.some(hasSidecar) === false;
  if (isCertain) {
    const means =
      'it is in ambient mode without a waypoint, so nothing applies http routes and no request would follow the weights';
    return [finding('WaypointMissing', object, `${means}; ${mend}`)];
  }
  const means = 'it is in ambient mode without a waypoint, so only requests from sidecars and by gateways follow the weights';
  return [finding('WaypointMissingForSome', object, `${means}; ${mend}`)];
};

/** What Istio calls an application and its version, the first that is there. */
const APPLICATION = ['service.istio.io/canonical-name', 'app.kubernetes.io/name', 'app'];
const VERSION = ['service.istio.io/canonical-revision', 'app.kubernetes.io/version', 'version'];

const labels = ({ pods, place }: Ground): readonly MeshFinding[] => {
  const lacking = (names: readonly string[]): number =>
    pods.filter(({ metadata }) => !names.some(name => metadata.labels?.[name])).length;
  const [withoutApp, withoutVersion] = [lacking(APPLICATION), lacking(VERSION)];
  if (place === undefined || withoutApp + withoutVersion === 0) return [];
  const missing = [
    ...(withoutApp === 0 ? [] : [`${withoutApp} without a label app`]),
    ...(withoutVersion === 0 ? [] : [`${withoutVersion} without a label version`]),
  ];
  const means = `of ${pods.length} pods there are ${missing.join(' and ')}, so telemetry cannot name them`;
  return [finding('MissingLabels', `Service ${place.namespace}/${place.name}`, `${means}; add the labels to the pod template`)];
};
