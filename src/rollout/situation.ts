import { judgeGate, withoutTraffic } from './gates.ts';
import type { MeshObservation, Observation, Rollout, SteeredObject, VersionPods } from './observation.ts';
import { catchUp } from './position.ts';
import { isAnswered, type PersonRequest, parseRequest, refusalOf } from './request.ts';
import { checkSpec } from './semantics.ts';
import type { SpecProblem } from './spec.ts';
import type { GateStatus, Plan, PlanStep, RolloutStatus, StepStatus, Target } from './status.ts';
import { driftOf, earlierPercent, weightPercent } from './weights.ts';

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
  readonly objects: readonly ComparedObject[];
  readonly gates: readonly GateStatus[];
  readonly stablePods: VersionPods;
  readonly canaryPods: VersionPods;
};

export type ComparedObject = SteeredObject & {
  readonly canaryPercent: number;
  readonly drift: ReturnType<typeof driftOf>;
  /** The new version, or one before it that was superseded (R9), may get traffic through this object. */
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
  const problems = checkSpec(rollout.spec, observation.installation).filter(problem => problem.severity === 'error');
  return { rollout, observation, nowMs, stored, problems, request: pendingRequest(rollout, nowMs) };
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
  const { observation } = situation;
  const mesh = asResolved(observation.mesh, stored.target);
  const canaryPods = observation.pods[stored.target.canary] ?? NO_PODS;
  const status = withReadyAtStart(catchUp(stored, mesh.objects), canaryPods);
  const { target, plan } = stored;
  const step = status.step ?? stored.step;
  const weight = status.traffic?.weight ?? 0;
  return {
    ...situation,
    status,
    mesh,
    target,
    plan,
    step,
    planStep: plan.steps[step.index - 1],
    weight,
    objects: mesh.objects.map(object => compare(object, target, weight)),
    gates: judgeGates(situation, plan, status, step),
    stablePods: observation.pods[target.stable] ?? NO_PODS,
    canaryPods,
  };
};

/** How many pods a step begins with is noted at the first look, whatever else is going on (R25). */
const withReadyAtStart = (status: RolloutStatus, { ready }: VersionPods): RolloutStatus => {
  const { step, traffic, phase } = status;
  const isKnown = step === undefined || step.index === 0 || step.readyAtStart !== undefined;
  if (isKnown || phase === 'RollingBack' || ready === 0 || (traffic?.weight ?? 0) === 0) return status;
  return { ...status, step: { ...step, readyAtStart: ready } };
};

/** Objects of an attempt that cannot be found any more carry no traffic of ours (R29). */
const asResolved = (mesh: MeshObservation, target: Target): Attempt['mesh'] =>
  mesh.kind === 'resolved' ? mesh : { kind: 'resolved', objects: [], subsets: {}, target };

const compare = (object: SteeredObject, { stable, canary }: Target, weight: number): ComparedObject => ({
  ...object,
  canaryPercent: weightPercent(object.weights, stable, canary) ?? 0,
  drift: driftOf(object.weights, stable, canary, weight),
  isOpen: driftOf(object.weights, stable, canary, 0) === 'up' || earlierPercent(object.weights, stable) > 0,
});

/** Nothing is judged before traffic flows, nor once traffic is going back: then the verdicts that led there stand. */
const judgeGates = ({ observation }: Situation, plan: Plan, status: RolloutStatus, step: StepStatus): readonly GateStatus[] => {
  if (status.phase === 'RollingBack' || step.index === 0) return status.gates ?? [];
  if (status.traffic?.weight === 0) return plan.gates.map(withoutTraffic);
  const startMs = Date.parse(step.startedAt ?? '');
  return plan.gates.map(gate => {
    const before = status.gates?.find(({ name }) => name === gate.name);
    const measurement = observation.measuredStep === stepKey(status) ? observation.measurements[gate.name] : undefined;
    return judgeGate(gate, before, measurement, startMs);
  });
};
