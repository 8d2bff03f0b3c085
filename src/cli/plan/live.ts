import { placeOf } from '../../adapters/istio/meshCheck/ground.ts';
import { foreseeMesh, type MeshCourse } from '../../adapters/istio/preview.ts';
import { hostOf } from '../../adapters/istio/resolve.ts';
import { KubeError } from '../../adapters/kubernetes/errors.ts';
import { readFreeze } from '../../adapters/kubernetes/freeze.ts';
import type { ParsedRollout } from '../../adapters/spec/parse.ts';
import type { StoredRollout, VersionSelector } from '../../controller/ports.ts';
import { freezeSentence, type Installation, type Rollout } from '../../rollout/index.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { type LiveMesh, readMesh } from '../validate/cluster.ts';
import { findingsFor } from '../validate/findings.ts';
import { changesOf } from './changes.ts';
import type { Compared } from './compared.ts';
import type { MeasuredSides } from './measured.ts';
import { meshDiffs } from './meshDiff.ts';
import { outlookOf } from './outlook.ts';
import { olderRival, readRollouts } from './rival.ts';

type Asked = {
  readonly rollout: ParsedRollout;
  readonly installation: Installation;
  /** Where the controller has its ConfigMaps. */
  readonly controllerNamespace: string;
  readonly isDiffWanted: boolean;
  readonly nowMs: number;
};

/** What the cluster shows, and who could be measured; absent: nobody, as the routing objects are not found. */
export type Live = { readonly compared: Compared; readonly sides?: MeasuredSides };

/** Looks at the cluster for one Rollout as it is written; writes nothing. Throws SystemError when it cannot be asked. */
export const lookAtCluster = async ({ client, namespace: usual }: Cluster, asked: Asked): Promise<Live> => {
  const { metadata, spec } = asked.rollout;
  const [namespace, name] = [metadata.namespace ?? usual, metadata.name];
  const host = placeOf(hostOf(wished(asked.rollout, namespace, undefined)))?.namespace ?? namespace;
  const [mesh, frozen, others = []] = await Promise.all([
    readMesh(client, { namespaces: [...new Set([namespace, host])], rollouts: [{ namespace, name }] }),
    freezeOf(client, asked.controllerNamespace),
    readRollouts(client, namespace),
  ]);
  const found = mesh.storedOf(namespace, name);
  const stored = found === 'hidden' ? undefined : found;
  const rollout = wished(asked.rollout, namespace, stored);
  const { virtualServices, destinationRules } = mesh.world;
  const clock = { now: () => asked.nowMs };
  const course = foreseeMesh({ virtualServices, destinationRules, clock, pods: mesh.pods }, rollout);
  const rival = olderRival(rollout, others, mesh.router);
  const sides = sidesOf(rollout, course);
  const compared: Compared = {
    with: `the cluster at ${client.server}`,
    ...(found === 'hidden' ? {} : { outlook: outlookOf({ rollout, stable: course.stable, isNew: stored === undefined }) }),
    changes: stored === undefined ? [] : changesOf(stored.spec, spec, asked.installation),
    ...podsOf(rollout, course),
    ...meshOf(mesh, rollout, course, asked.isDiffWanted),
    ...frozen.said,
    ...(rival === undefined ? {} : { problem: rivalText(rival) }),
    notes: [...(found === 'hidden' ? [HIDDEN] : []), ...frozen.notes],
  };
  return { compared, ...(sides === undefined ? {} : { sides }) };
};

const HIDDEN = 'the Rollout in the cluster may not be read (get rollouts.sluice.dev), so what changes is not known';

const rivalText = (rival: string): string =>
  `the older Rollout ${rival} steers the same route, so this one would be Invalid; take one of them away, or give them different routes`;

/** Over what the cluster has: the spec of the file. */
const wished = ({ metadata, spec }: ParsedRollout, namespace: string, stored: StoredRollout | undefined): Rollout =>
  stored === undefined ? { uid: 'plan', namespace, name: metadata.name, generation: 0, spec } : { ...stored, spec };

const podsOf = ({ spec }: Rollout, { pods, stable, mesh }: MeshCourse): Pick<Compared, 'pods'> => {
  if (mesh === undefined) return {};
  const versions = [...new Set([...(stable === undefined ? [] : [stable]), spec.version])];
  return { pods: versions.map(version => ({ version, ready: pods[version]?.ready ?? 0, total: pods[version]?.total ?? 0 })) };
};

/** What the check has said already is not said twice. */
const meshOf = (
  mesh: LiveMesh,
  rollout: Rollout,
  course: MeshCourse,
  isDiffWanted: boolean,
): Pick<Compared, 'findings' | 'moved' | 'problem'> => {
  const findings = findingsFor(mesh, rollout);
  const isNews = course.problem !== undefined && findings.every(({ message }) => message !== course.problem);
  return {
    findings,
    moved: isDiffWanted ? meshDiffs(course.moments) : [],
    ...(isNews && course.problem !== undefined ? { problem: course.problem } : {}),
  };
};

const sidesOf = ({ spec }: Rollout, { mesh, pods, stable }: MeshCourse): MeasuredSides | undefined => {
  if (mesh === undefined || stable === undefined) return undefined;
  const side = (version: string): VersionSelector => ({
    version,
    subset: mesh.subsets[version]?.name ?? version,
    workloads: pods[version]?.workloads ?? [],
  });
  return { spec, host: mesh.target.host, stable: side(stable), canary: side(spec.version) };
};

type Frozen = { readonly said: Pick<Compared, 'freeze'>; readonly notes: readonly string[] };

/** A freeze that may not be read is no reason to tell nothing. */
const freezeOf = async (client: Cluster['client'], namespace: string): Promise<Frozen> => {
  try {
    const freeze = await readFreeze(client, namespace);
    return { said: freeze === undefined ? {} : { freeze: freezeSentence(freeze) }, notes: [] };
  } catch (error) {
    if (!(error instanceof KubeError) || error.kind !== 'refused') throw error;
    const note = `whether the installation is frozen may not be read (get configmaps in ${namespace}; --controller-namespace names another)`;
    return { said: {}, notes: [note] };
  }
};
