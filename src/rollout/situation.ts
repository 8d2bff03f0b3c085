import { byName } from './byName.ts';
import { incomparable } from './gates/baselineGate.ts';
import { judgeGate, withoutTraffic } from './gates/gates.ts';
import { catchUp } from './mesh/position.ts';
import { withDriftCounted } from './mesh/reapplied.ts';
import { routesDigest, SAFE, takesTraffic } from './mesh/routes.ts';
import { driftOf, earlierPercent, weightPercent } from './mesh/weights.ts';
import type { Installation, MeshObservation, Observation, Rollout, SteeredObject, VersionPods } from './observation.ts';
import { isAnswered, type PersonRequest, parseRequest, refusalOf } from './people/request.ts';
import { gatesOfStep } from './plan/gatePlan.ts';
import { planHash } from './plan/plan.ts';
import { remembered } from './remembered.ts';
import { checkSpec } from './semantics/semantics.ts';
import type { RolloutSpec, SpecProblem } from './spec.ts';
import type { GateStatus, Plan, PlanGate, PlanStep, RolloutStatus, StepStatus, Target } from './status.ts';

/** What is known at the moment of deciding, before it is clear which part of a rollout's life this is. */
export type Situation = {
  readonly rollout: Rollout;
  readonly observation: Observation;
  readonly nowMs: number;
  readonly stored: RolloutStatus | undefined;
  readonly problems: readonly SpecProblem[];
  /** A request that was not answered yet; a refusal when it cannot be acted on. */
  readonly request: PersonRequest | undefined;
};

/** An attempt in progress: the position is known, gates are judged, objects compared with what was intended. */
export type Attempt = Situation & {
  /** As stored, brought up to date with the mesh. */
  readonly status: RolloutStatus;
  readonly mesh: Extract<MeshObservation, { kind: 'resolved' }>;
  readonly target: Target;
  readonly plan: Plan;
  readonly step: StepStatus;
  readonly planStep: PlanStep | undefined;
  /** Share of the new version that is intended now, in percent. */
  readonly weight: number;
  /** The new version is meant to get requests: by weight, by a header route, or as copies. */
  readonly hasTraffic: boolean;
  readonly objects: readonly ComparedObject[];
  readonly gates: readonly GateStatus[];
  readonly stablePods: VersionPods;
  readonly canaryPods: VersionPods;
};

export type ComparedObject = SteeredObject & {
  readonly canaryPercent: number;
  readonly drift: ReturnType<typeof driftOf>;
  /** Header and mirror routes of ours are not those that were intended. */
  readonly areRoutesChanged: boolean;
  /** The new version, or one before it that was superseded (R9), may have a share of the requests. */
  readonly isWeighted: boolean;
  /** The new version, or one before it, may get traffic through this object: by weight or by a route of ours. */
  readonly isOpen: boolean;
};

/** An attempt is in progress from its first status write until it is promoted or all traffic is back. */
export const inProgress = (
  status: RolloutStatus | undefined,
): status is RolloutStatus & { step: StepStatus; plan: Plan; target: Target } =>
  status?.step !== undefined && status.plan !== undefined && status.target !== undefined;

/** Names one stay in one step, so that measurements of another one cannot be mistaken for it. */
export const stepKey = ({ revision, step }: RolloutStatus): string => `${revision}/${step?.index}/${step?.startedAt}`;

export const NO_PODS: VersionPods = { ready: 0, total: 0, hashes: [], workloads: [] };

export const readSituation = (rollout: Rollout, observation: Observation, nowMs: number): Situation => {
  const stored = rollout.status;
  const found = [...rivalry(observation), ...findProblems(rollout, observation)];
  const problems = found.filter(problem => problem.severity === 'error');
  return { rollout, observation, nowMs, stored, problems, request: pendingRequest(rollout, nowMs) };
};

/** What the configuration offers matters when an attempt begins, or is edited; one that runs has all of it in its plan. */
const findProblems = ({ spec, status }: Rollout, { installation, findings = [] }: Observation): readonly SpecProblem[] => {
  const isPlanned = inProgress(status) && status.planHash === planHash(spec);
  return isPlanned ? problemsAnywhere(spec) : [...problemsIn(spec)(installation), ...findings];
};

const problemsAnywhere = remembered((spec: RolloutSpec) => checkSpec(spec));
const problemsIn = remembered((spec: RolloutSpec) => remembered((installation: Installation) => checkSpec(spec, installation)));

/** R12: of two Rollouts on one route the younger one stands back. */
const rivalry = ({ olderRival }: Observation): readonly SpecProblem[] => {
  if (olderRival === undefined) return [];
  const message = `is steered by the older Rollout ${olderRival}, on the same route; take one of them away, or give them different routes`;
  return [{ path: 'spec.host', message, severity: 'error' }];
};

/** Requests are told apart by id: one that was answered is only waiting for its annotation to go. */
const pendingRequest = (rollout: Rollout, nowMs: number): PersonRequest | undefined => {
  if (rollout.request === undefined) return undefined;
  const request = parseRequest(rollout.request);
  if (isAnswered(request, rollout.status, nowMs) || 'refusal' in request) return undefined;
  return rollout.status && refusalOf(request, rollout.status, nowMs) === undefined ? request : undefined;
};

export const readAttempt = (
  situation: Situation,
  stored: RolloutStatus & { step: StepStatus; plan: Plan; target: Target },
): Attempt => {
  const { observation, nowMs } = situation;
  const mesh = asResolved(observation.mesh, stored.target);
  const canaryPods = byName(observation.pods, stored.target.canary) ?? NO_PODS;
  const latest = (): readonly GateStatus[] => judgeGates(situation, stored.plan, stored, stored.step);
  const caughtUp = withDriftCounted(stored, catchUp(stored, mesh.objects, latest), mesh.objects, nowMs);
  const status = withReadyAtStart(caughtUp, canaryPods);
  const { target, plan } = stored;
  const step = status.step ?? stored.step;
  const traffic = status.traffic ?? SAFE;
  // a spread at the end of a literal costs a tenth of one at its beginning, and this is made at every decision
  return {
    status,
    mesh,
    target,
    plan,
    step,
    planStep: plan.steps[step.index - 1],
    weight: traffic.weight,
    hasTraffic: takesTraffic(traffic),
    objects: mesh.objects.map(object => compare(object, target, status)),
    gates: judgeGates(situation, plan, status, step),
    stablePods: byName(observation.pods, target.stable) ?? NO_PODS,
    canaryPods,
    ...situation,
  };
};

/** How many pods a step begins with is noted at the first look, whatever else is going on (R25). */
const withReadyAtStart = (status: RolloutStatus, { ready }: VersionPods): RolloutStatus => {
  const { step, traffic, phase } = status;
  const isKnown = step === undefined || step.index === 0 || step.readyAtStart !== undefined;
  if (isKnown || phase === 'RollingBack' || ready === 0 || !takesTraffic(traffic ?? SAFE)) return status;
  return { ...status, step: { ...step, readyAtStart: ready } };
};

/** Objects of an attempt that cannot be found any more carry no traffic of ours (R29). */
const asResolved = (mesh: MeshObservation, target: Target): Attempt['mesh'] =>
  mesh.kind === 'resolved' ? mesh : { kind: 'resolved', objects: [], subsets: {}, target };

const compare = (object: SteeredObject, { stable, canary }: Target, status: RolloutStatus): ComparedObject => {
  const { weights, routes } = object;
  const traffic = status.traffic ?? SAFE;
  const takesRoutes = routesDigest(traffic) !== undefined;
  const isWeighted = driftOf(weights, stable, canary, 0) === 'up' || earlierPercent(weights, stable) > 0;
  return {
    canaryPercent: weightPercent(weights, stable, canary) ?? 0,
    drift:
      object.takesAll || isRoutedTooFar(object, status)
        ? 'up'
        : isAdopted(object, status, { stable, canary })
          ? 'none'
          : driftOf(weights, stable, canary, traffic.weight),
    areRoutesChanged: isOfBefore(object, status) ? takesRoutes : routes !== routesDigest(traffic),
    isWeighted,
    isOpen: isWeighted || routes !== undefined,
    ...object,
  };
};

/** A split between whole percents stands as it was adopted until the first write of this attempt (R7). */
const isAdopted = (
  { weights, position }: SteeredObject,
  { revision, step, traffic }: RolloutStatus,
  { stable, canary }: Pick<Target, 'stable' | 'canary'>,
): boolean =>
  step?.name === 'adopted' &&
  position?.revision !== revision &&
  Math.floor(weightPercent(weights, stable, canary) ?? 0) === traffic?.weight;

/** The routes of an attempt before this one: they lead to its version, and are there to be taken over (R9). */
const isOfBefore = ({ routes, position }: SteeredObject, { revision }: RolloutStatus): boolean =>
  routes !== undefined && position?.routes === routes && position.revision !== revision;

/** A route of ours stands where none is intended; one that the next write of a raise takes away is only unfinished. */
const isRoutedTooFar = (object: SteeredObject, status: RolloutStatus): boolean => {
  const { routes, position } = object;
  const { traffic = SAFE, seq = 0 } = status;
  if (routes === undefined || routesDigest(traffic) !== undefined || isOfBefore(object, status)) return false;
  const isUnfinished = position?.routes === routes && position.seq < seq;
  return !(isUnfinished && takesTraffic(traffic));
};

/** Nothing is judged before traffic flows, nor once traffic is going back: then the verdicts that led there stand. */
const judgeGates = ({ observation }: Situation, plan: Plan, status: RolloutStatus, step: StepStatus): readonly GateStatus[] => {
  if (status.phase === 'RollingBack' || step.index === 0) return status.gates ?? [];
  const gates = gatesOfStep(plan, step.index);
  if (!takesTraffic(status.traffic ?? SAFE)) return gates.map(gate => withoutTraffic(gate, storedGate(status, gate)));
  const sinceMs = Date.parse(step.startedAt ?? '') + plan.initialDelayMs;
  const why = incomparable(status.traffic ?? SAFE);
  const pauseMs = plan.steps[step.index - 1]?.pauseMs ?? null;
  const comparison = { sinceMs, pauseMs, ...(why === undefined ? {} : { incomparable: why }) };
  const measurements = observation.measuredStep === stepKey(status) ? observation.measurements : NOTHING;
  const judged = gates.map(gate => judgeGate(gate, storedGate(status, gate), byName(measurements, gate.name), comparison));
  return status.gates !== undefined && areSame(judged, status.gates) ? status.gates : judged;
};

const NOTHING: Observation['measurements'] = {};

const areSame = (some: readonly unknown[], others: readonly unknown[]): boolean =>
  some.length === others.length && some.every((item, index) => item === others[index]);

const storedGate = ({ gates }: RolloutStatus, { name }: PlanGate): GateStatus | undefined =>
  gates?.find(known => known.name === name);
