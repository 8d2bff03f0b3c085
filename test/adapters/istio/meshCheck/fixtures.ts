import { parseAllDocuments } from 'yaml';
import { checkMesh } from '../../../../src/adapters/istio/meshCheck/checker.ts';
import {
  type MeshPod,
  type MeshWorld,
  OPTIONAL_KINDS,
  type OptionalKind,
} from '../../../../src/adapters/istio/meshCheck/world.ts';
import type { ObjectCache } from '../../../../src/adapters/istio/resource.ts';
import { toPod, toService } from '../../../../src/adapters/kubernetes/pods.ts';
import type { KubeObject } from '../../../../src/adapters/kubernetes/resources.ts';
import type { MeshFinding, Plan, Rollout, Target } from '../../../../src/rollout/index.ts';

/** Objects of a YAML text; without a namespace they are in `weather`. */
export const objectsOf = (text: string): readonly KubeObject[] =>
  parseAllDocuments(text).flatMap(document => {
    const object = document.toJS() as KubeObject | null;
    if (object === null) return [];
    const namespace = object.kind === 'Namespace' ? {} : { namespace: 'weather' };
    return [{ ...object, metadata: { resourceVersion: '1', ...namespace, ...object.metadata } }];
  });

const idOf = ({ kind, metadata: { namespace, name } }: KubeObject): string => `${kind} ${namespace ?? ''}/${name}`;

/** A host in a mesh as it should be: four pods with sidecars, two of each version. */
const SOUND = objectsOf(`
kind: Namespace
metadata: {name: weather, labels: {istio-injection: enabled}}
---
kind: Service
metadata: {name: forecast}
spec: {selector: {app: forecast}, ports: [{name: http, port: 80}]}
---
kind: VirtualService
metadata: {name: forecast, creationTimestamp: '2026-02-01T00:00:00Z'}
spec:
  hosts: [forecast]
  http:
  - name: primary
    route: [{destination: {host: forecast, subset: v1}, weight: 100}]
---
kind: DestinationRule
metadata: {name: forecast}
spec:
  host: forecast
  subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]
${['v1', 'v2']
  .flatMap(version => [1, 2].map(number => ({ version, number })))
  .map(
    ({ version, number }) => `---
kind: Pod
metadata:
  name: forecast-${version}-abc-${number}
  labels: {app: forecast, version: ${version}, pod-template-hash: abc}
  ownerReferences: [{kind: ReplicaSet, name: forecast-${version}-abc, uid: ${version}, controller: true}]
spec: {initContainers: [{name: istio-proxy, restartPolicy: Always}], containers: [{name: app}]}
status: {phase: Running, conditions: [{type: Ready, status: 'True'}]}
`,
  )
  .join('')}`);

/** The sound world, with objects put in the place of those that have the same name, or added to them. */
export const worldWith = (text: string): readonly KubeObject[] => [
  ...new Map([...SOUND, ...objectsOf(text)].map(object => [idOf(object), object])).values(),
];

const cacheOf = (objects: readonly KubeObject[]): ObjectCache => ({
  get: (namespace, name) => objects.find(({ metadata }) => metadata.namespace === namespace && metadata.name === name),
  list: () => objects,
  onChange: () => {},
  put: () => {},
});

export type Seen = {
  /** Kinds that the cluster lacks, or that may not be listed. */
  readonly without?: readonly OptionalKind[];
  /** Absent: all. */
  readonly namespaces?: readonly string[];
};

export const meshWorld = (objects: readonly KubeObject[], { without = [], namespaces }: Seen = {}): MeshWorld => {
  const seen = objects.filter(
    ({ kind, metadata }) => kind === 'Namespace' || (namespaces?.includes(metadata.namespace ?? '') ?? true),
  );
  const byKind = new Map<string, KubeObject[]>();
  for (const object of seen) {
    if (object.metadata.deletionTimestamp !== undefined) continue;
    const others = byKind.get(object.kind ?? '');
    if (others === undefined) byKind.set(object.kind ?? '', [object]);
    else others.push(object);
  }
  const of = (kind: string) => byKind.get(kind) ?? [];
  const services = new Map(
    of('Service').map(object => [`${object.metadata.namespace}/${object.metadata.name}`, toService(object)]),
  );
  const pods = of('Pod').map(toPod);
  const podsIn = new Map<string, MeshPod[]>();
  for (const pod of pods) podsIn.set(pod.metadata.namespace ?? '', [...(podsIn.get(pod.metadata.namespace ?? '') ?? []), pod]);
  return {
    virtualServices: cacheOf(of('VirtualService')),
    destinationRules: cacheOf(of('DestinationRule')),
    service: (namespace, name) => services.get(`${namespace}/${name}`),
    pods: namespace => podsIn.get(namespace) ?? [],
    allPods: () => pods,
    list: kind => (without.includes(kind) || OPTIONAL_KINDS[kind] === undefined ? undefined : of(kind)),
    sees: namespace => namespaces === undefined || (namespace !== undefined && namespaces.includes(namespace)),
  };
};

export const TARGET: Target = {
  router: 'istio',
  host: 'forecast.weather.svc.cluster.local',
  versionLabel: 'version',
  virtualServices: ['weather/forecast'],
  routes: ['primary'],
  destinationRule: 'weather/forecast',
  stable: 'v1',
  canary: 'v2',
};

const PLAN: Plan = {
  steps: [{ weight: 50, pauseMs: null }],
  gates: [],
  reserveAlpha: 0,
  intervalMs: 15_000,
  initialDelayMs: 0,
  settleMs: 2_000,
};

export const rolloutWith = (plan: Partial<Plan> = {}, spec: Partial<Rollout['spec']> = {}): Rollout => ({
  uid: 'u',
  namespace: 'weather',
  name: 'forecast',
  generation: 1,
  spec: { version: 'v2', strategy: {}, ...spec },
  status: { phase: 'Progressing', plan: { ...PLAN, ...plan }, target: TARGET } as Rollout['status'] & object,
});

export type Case = Seen & {
  readonly rollout?: Rollout;
  readonly target?: Partial<Target>;
};

/** What is found in the sound world after a change. */
export const found = (text: string, { rollout = rolloutWith(), target = {}, ...seen }: Case = {}): readonly MeshFinding[] =>
  checkMesh(meshWorld(worldWith(text), seen), rollout, { ...TARGET, ...target });
