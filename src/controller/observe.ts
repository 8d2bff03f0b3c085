import {
  type ApprovalAnswer,
  type ClockJump,
  type Freeze,
  type Installation,
  inProgress,
  type MeshObservation,
  type Observation,
  type ResolvedTarget,
  type SpecProblem,
  type VersionPods,
} from '../rollout/index.ts';
import type { Memory } from './memory.ts';
import type { MeshChecker, PodSource, Router, StoredRollout } from './ports.ts';
import type { Rivals } from './rivals.ts';

export type Eyes = {
  readonly router: Router;
  readonly pods: PodSource;
  readonly installation: Installation;
  /** The lease holder's term. */
  readonly epoch: () => number;
  /** Whether somebody stopped all forward movement; absent: nobody can. */
  readonly freeze?: () => Freeze | undefined;
  /** When the clock was set while this process ran; absent: nobody looks. */
  readonly clockJumps?: () => readonly ClockJump[];
  /** What only this side can see in a spec: broken templates and queries; absent: nothing is looked for. */
  readonly findings?: (rollout: StoredRollout) => readonly SpecProblem[];
  /** Looks for what makes routing rules fail silently; absent: nobody looks. */
  readonly checker?: MeshChecker;
  /** What people have answered and no status knows yet; absent: nobody can answer. */
  readonly answers?: (rollout: StoredRollout) => readonly ApprovalAnswer[];
  /** Who steers which routes; absent: this is the only Rollout. */
  readonly rivals?: Pick<Rivals, 'olderThan'>;
};

/** One consistent look at the world, from caches only: no request, no waiting. */
export const observe = (eyes: Eyes, rollout: StoredRollout, memory: Memory): Observation => {
  const { router, pods, installation, epoch } = eyes;
  const mesh = observeMesh(router, rollout);
  const freeze = eyes.freeze?.();
  const clockJumps = eyes.clockJumps?.() ?? [];
  const findings = eyes.findings?.(rollout) ?? [];
  const meshFindings = inProgress(rollout.status) ? (eyes.checker?.check(rollout, rollout.status.target) ?? []) : [];
  const answers = eyes.answers?.(rollout) ?? [];
  const olderRival = eyes.rivals?.olderThan(rollout, steeredBy(rollout, mesh));
  const found = observePods(pods, rollout);
  for (const [version, { workloads }] of Object.entries(found)) {
    memory.workloads.set(version, new Set([...(memory.workloads.get(version) ?? []), ...workloads]));
  }
  return {
    installation,
    mesh,
    pods: found,
    measurements: Object.fromEntries(memory.measurements),
    measuredStep: memory.step,
    epoch: epoch(),
    ...(memory.reference === undefined ? {} : { reference: memory.reference }),
    ...(memory.share === undefined ? {} : { share: memory.share }),
    ...(freeze === undefined ? {} : { freeze }),
    ...(clockJumps.length === 0 ? {} : { clockJumps }),
    ...(findings.length === 0 ? {} : { findings }),
    ...(meshFindings.length === 0 ? {} : { meshFindings }),
    ...(answers.length === 0 ? {} : { answers }),
    ...(olderRival === undefined ? {} : { olderRival }),
    ...(memory.writeError === undefined ? {} : { writeError: memory.writeError }),
  };
};

const steeredBy = ({ status }: StoredRollout, mesh: MeshObservation): ResolvedTarget | undefined => {
  if (inProgress(status)) return status.target;
  return mesh.kind === 'resolved' ? mesh.target : undefined;
};

/** Where a Rollout steers, by its attempt or else by its spec. */
export const steeredRoutes = (router: Router, rollout: StoredRollout): ResolvedTarget | undefined =>
  steeredBy(rollout, observeMesh(router, rollout));

/** Going back uses only the target of the attempt; the spec matters where none is in progress. */
const observeMesh = (router: Router, rollout: StoredRollout): MeshObservation => {
  const { status, spec } = rollout;
  const named = [status?.stableVersion, status?.canaryVersion, spec.version, spec.initialVersion];
  const versions = [...new Set(named.filter(version => version !== undefined))];
  return inProgress(status) ? router.observe(rollout, status.target, versions) : router.resolve(rollout, versions);
};

const observePods = (pods: PodSource, { status, spec, namespace, name }: StoredRollout): Readonly<Record<string, VersionPods>> =>
  inProgress(status)
    ? pods.versions(namespace, status.target.host, status.target.versionLabel)
    : pods.versions(namespace, spec.host ?? name, spec.versionLabel ?? 'version');
