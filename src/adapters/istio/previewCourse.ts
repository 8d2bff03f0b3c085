import {
  compilePlan,
  inProgress,
  isWayBack,
  type MeshObservation,
  type PlanStep,
  planHash,
  type Rollout,
  type RolloutStatus,
  type Target,
  targetHash,
  type VersionPods,
} from '../../rollout/index.ts';

/** One move of traffic that lies ahead. */
export type Move = {
  /** `back`: from where traffic is now; `wayBack`: what a rollback would write, which is no part of what comes if all goes well. */
  readonly kind: 'pin' | 'back' | 'step' | 'end' | 'wayBack';
  /** `step 2/3 at 50%`. */
  readonly when: string;
  /** 1-based number of the step. */
  readonly step?: number;
  readonly target: Target;
  /** Of `target.canary`, in percent. */
  readonly traffic: Pick<PlanStep, 'weight' | 'headerRoutes' | 'mirror' | 'sticky'>;
};

/** All that lies ahead of a Rollout, in order; and why there is nothing, where that has to be said. */
export type Course = {
  readonly moves: readonly Move[];
  /** The version that is stable, or would be taken for it. */
  readonly stable?: string;
  readonly problem?: string;
};

export type Mesh = Extract<MeshObservation, { kind: 'resolved' }>;

/** What is known beside the Rollout itself. */
type Known = {
  readonly mesh: Mesh;
  /** By version. */
  readonly pods: Readonly<Record<string, VersionPods>>;
  readonly nowMs: number;
};

const NOTHING = { weight: 0 };

/** The moves that decisions would make if every gate passed and every person agreed, and the way back. */
export const courseOf = (rollout: Rollout, known: Known): Course => {
  const { spec, status } = rollout;
  if (inProgress(status)) return { moves: attemptMoves(rollout, status), stable: status.target.stable };
  const stable = status?.stableVersion ?? stableIn(rollout, known);
  if (stable === undefined) {
    const problem = `nothing says yet which version of ${known.mesh.target.host} is stable; set spec.initialVersion to it`;
    return { moves: [], problem };
  }
  const target: Target = { ...known.mesh.target, stable, canary: spec.version };
  const pinning = status?.stableVersion === undefined && isUnpinned(known.mesh) ? [pinOf(target)] : [];
  if (spec.version === stable) return { moves: pinning, stable };
  const isRolledBack = status?.canaryVersion === spec.version;
  const ahead = isReturn(rollout, stable, known)
    ? stepMoves([{ name: 'way back', weight: 100, pauseMs: 0 }], target)
    : newAttempt(rollout, target, isRolledBack ? 'after a retry: ' : '');
  return { moves: [...pinning, ...ahead, wayBackOf(target)], stable };
};

/** R10: the version that was stable before comes back at once. */
const isReturn = (rollout: Rollout, stableVersion: string, { pods, nowMs }: Known): boolean => {
  const { status, spec } = rollout;
  const ready = pods[spec.version];
  if (status === undefined || ready === undefined || ready.ready === 0) return false;
  return isWayBack({ rollout, observation: { pods }, nowMs }, { ...status, stableVersion }, ready);
};

type InProgress = RolloutStatus & { readonly target: Target };

const attemptMoves = (rollout: Rollout, status: InProgress): readonly Move[] => {
  const { target, phase } = status;
  const { version } = rollout.spec;
  const back: Move = { ...wayBackOf(target), kind: 'back', when: `going back: all traffic on ${target.stable}` };
  // where it goes on afterwards is only known when these objects are free
  if (phase === 'RollingBack' || version === target.stable || isRetargeted(rollout, status)) return [back];
  if (version !== target.canary) {
    const next = { ...target, canary: version };
    return [back, ...newAttempt(rollout, next, `then ${version}: `), wayBackOf(next)];
  }
  return [...restOf(rollout, status), wayBackOf(target)];
};

/** R11: another host, version label or routing object. */
const isRetargeted = (rollout: Rollout, { targetHash: hash }: InProgress): boolean =>
  hash !== undefined && hash !== targetHash(rollout);

/** The steps that are left; steps that were edited go on with the first one that is greater (R11). */
const restOf = ({ spec }: Rollout, status: InProgress): readonly Move[] => {
  const { plan, step, planHash: hash, target, traffic = NOTHING } = status;
  if (plan !== undefined && hash === planHash(spec)) {
    const last = plan.end === 'stable' ? [endingOf(target)] : [];
    return [...stepMoves(plan.steps, target, step?.index ?? 0), ...last];
  }
  const { steps, end } = planOf({ spec });
  const above = steps.filter(({ weight }, at) => weight > traffic.weight || at === steps.length - 1);
  return [...stepMoves(above, target, 0, 'as edited, '), ...(end === 'stable' ? [endingOf(target)] : [])];
};

const newAttempt = ({ spec }: Pick<Rollout, 'spec'>, target: Target, before: string): readonly Move[] => {
  const { steps, end } = planOf({ spec });
  return [...stepMoves(steps, target, 0, before), ...(end === 'stable' ? [endingOf(target)] : [])];
};

/** Only the steps matter here, and those need no provider. */
const planOf = ({ spec }: Pick<Rollout, 'spec'>) => compilePlan(spec, { prometheus: [], zipkin: [] }, undefined);

/** `done`: so many of them are behind. */
const stepMoves = (steps: readonly PlanStep[], target: Target, done = 0, before = ''): readonly Move[] =>
  steps.slice(done).map((step, at): Move => {
    const number = done + at + 1;
    const isLast = number === steps.length && step.weight === 100;
    return {
      kind: isLast ? 'end' : 'step',
      when: `${before}${stepText(step, number, steps.length)}${isLast ? `, and then ${target.canary} is stable` : ''}`,
      step: number,
      target,
      traffic: step,
    };
  });

const stepText = ({ name, weight, headerRoutes, mirror }: PlanStep, number: number, count: number): string => {
  const beside = [
    ...(headerRoutes === undefined ? [] : ['a header route']),
    ...(mirror === undefined ? [] : [`a mirror of ${mirror.percentage}%`]),
  ];
  const named = name === undefined ? '' : ` ${name}`;
  return `step ${number}/${count}${named} at ${weight}%${beside.length === 0 ? '' : ` with ${beside.join(' and ')}`}`;
};

const wayBackOf = (target: Target): Move => ({
  kind: 'wayBack',
  when: `way back: all traffic on ${target.stable}`,
  target,
  traffic: NOTHING,
});

/** An experiment ends on the version that was stable before. */
const endingOf = (target: Target): Move => ({
  kind: 'end',
  when: `end: all traffic back on ${target.stable}`,
  target,
  traffic: NOTHING,
});

const pinOf = (target: Target): Move => ({
  kind: 'pin',
  when: `pinned: all traffic on ${target.stable}, by name`,
  target: { ...target, canary: target.stable },
  traffic: NOTHING,
});

const UNPINNED = '*';

const versionsIn = ({ objects }: Mesh): readonly string[] => [
  ...new Set(
    objects.flatMap(({ weights }) =>
      Object.entries(weights.versions).flatMap(([version, weight]) => (weight > 0 ? [version] : [])),
    ),
  ),
];

const isUnpinned = (mesh: Mesh): boolean => versionsIn(mesh).includes(UNPINNED);

/** R7: what the mesh pins everything to, what the spec says, or what alone runs. */
const stableIn = ({ spec }: Rollout, { mesh, pods }: Known): string | undefined => {
  const [only, ...others] = versionsIn(mesh);
  if (only !== undefined && only !== UNPINNED && others.length === 0) return only;
  if (spec.initialVersion !== undefined) return spec.initialVersion;
  const running = Object.keys(pods).filter(version => (pods[version]?.total ?? 0) > 0);
  if (running.length === 0) return spec.version;
  return running.length === 1 ? running[0] : undefined;
};
