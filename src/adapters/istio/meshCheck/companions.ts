import type { MeshFinding } from '../../../rollout/index.ts';
import { fieldsOf, keyOf, listOf, type MeshObject, namespaceOf } from '../resource.ts';
import { finding } from './checks.ts';
import { type Ground, MESH, podsOf } from './ground.ts';
import { type MeshPod, ROOT_NAMESPACE } from './world.ts';

/** What moves traffic well only together with something beside the routes: autoscalers, tracing, applications that pass headers on. */
export const checkCompanions = (ground: Ground): readonly MeshFinding[] => [
  ...autoscalers(ground),
  ...tracing(ground),
  ...userHeaders(ground),
];

/** The Deployment behind a ReplicaSet, else what controls the pod. */
const workloadOf = ({ owner, metadata: { labels } }: MeshPod): { readonly kind: string; readonly name: string } | undefined => {
  const suffix = `-${labels?.['pod-template-hash']}`;
  const ofDeployment = owner?.kind === 'ReplicaSet' && owner.name.endsWith(suffix);
  return ofDeployment ? { kind: 'Deployment', name: owner.name.slice(0, -suffix.length) } : owner;
};

const autoscalers = (ground: Ground): readonly MeshFinding[] => {
  const { world, target, place } = ground;
  if (target.stable === target.canary) return [];
  const pods = podsOf(ground, target.stable);
  return (world.list('HorizontalPodAutoscaler') ?? []).flatMap(autoscaler => {
    if (namespaceOf(autoscaler) !== place?.namespace) return [];
    const { scaleTargetRef, minReplicas, behavior } = fieldsOf(autoscaler.spec);
    const { kind, name } = fieldsOf(scaleTargetRef);
    const scaled = pods.filter(pod => {
      const workload = workloadOf(pod);
      return workload !== undefined && workload.kind === kind && workload.name === name;
    });
    const least = typeof minReplicas === 'number' ? minReplicas : 1;
    const isHeld = fieldsOf(fieldsOf(behavior)['scaleDown'])['selectPolicy'] === 'Disabled';
    if (isHeld || scaled.length <= least) return [];
    const means = `it may shrink ${target.stable} from ${scaled.length} pods to ${least} while traffic leaves, and they lack when it comes back`;
    const mend = `set minReplicas to ${scaled.length} for the time of the rollout, or behavior.scaleDown.selectPolicy to Disabled`;
    return [finding('AutoscalerShrinks', `HorizontalPodAutoscaler ${keyOf(autoscaler)}`, `${means}; ${mend}`)];
  });
};

const tracing = ({ world, place, rollout, name }: Ground): readonly MeshFinding[] => {
  const gates = (rollout.status?.plan?.gates ?? []).filter(({ source }) => source.kind === 'zipkin');
  const all = world.list('Telemetry');
  if (gates.length === 0 || all === undefined || place === undefined || !world.sees(ROOT_NAMESPACE)) return [];
  const traced = (namespace: string): readonly MeshObject[] =>
    all.filter(object => namespaceOf(object) === namespace && tracingOf(object).length > 0);
  const near = traced(place.namespace);
  // One for some pods only: whether they are those that matter cannot be told.
  if (near.some(object => fieldsOf(object.spec)['selector'] !== undefined)) return [];
  const entries = [...near, ...traced(ROOT_NAMESPACE)].flatMap(tracingOf);
  const first = (field: string): unknown => entries.map(entry => entry[field]).find(value => value !== undefined);
  const why =
    first('disableSpanReporting') === true
      ? 'the Telemetry for it disables span reporting'
      : first('randomSamplingPercentage') === 0
        ? 'the Telemetry for it samples 0 % of the requests'
        : first('providers') === undefined
          ? 'no Telemetry names a tracing provider'
          : undefined;
  if (why === undefined) return [];
  const names = gates.map(gate => gate.name).join(', ');
  const means = `gate ${names} reads spans, and ${why}, so it will have no data unless the mesh configuration sets tracing`;
  const mend = `create a Telemetry in namespace ${ROOT_NAMESPACE} or ${place.namespace} with a tracing provider and a randomSamplingPercentage above 0`;
  return [finding('TracingOff', name, `${means}; ${mend}`)];
};

const tracingOf = (object: MeshObject) => listOf(fieldsOf(object.spec)['tracing']).map(fieldsOf);

const userHeaders = ({ rollout, entrances, target, name }: Ground): readonly MeshFinding[] => {
  if (!entrances.some(({ gateway }) => gateway === MESH)) return [];
  const matches = (rollout.status?.plan?.steps ?? []).flatMap(({ headerRoutes = [] }) =>
    headerRoutes.flatMap(({ match }) => match),
  );
  const headers = matches.flatMap(({ headers: one, withoutHeaders: other }) => [
    ...Object.keys(fieldsOf(one)),
    ...Object.keys(fieldsOf(other)),
  ]);
  const names = [...new Set(headers)].sort();
  if (names.length === 0) return [];
  const means = `its header route looks at ${names.join(', ')}, and calls from inside the mesh to ${target.host} have that only if the applications pass it on`;
  return [
    finding(
      'HeadersNotForwarded',
      name,
      `${means}; forward ${names.length === 1 ? 'the header' : 'these headers'} in every application between the user and it`,
    ),
  ];
};
