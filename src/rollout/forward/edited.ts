import type { Action } from '../action.ts';
import { goBack } from '../back/goBack.ts';
import { isoMillis } from '../duration.ts';
import { place } from '../explain.ts';
import { carriedGates, withoutOverruled } from '../gates/gates.ts';
import { type Guard, type Outcome, saying, withHistory } from '../outcome.ts';
import { wantedGates } from '../plan/analysis.ts';
import { withAlpha } from '../plan/budget.ts';
import { compilePlan, planHash } from '../plan/plan.ts';
import { gatesHash, targetHash } from '../plan/specHash.ts';
import type { Attempt } from '../situation.ts';
import { EDITED, isWayBackPlan, TAKEOVER, withFirstStep } from '../start/firstStep.ts';
import { freshReference, missingReference, REFERENCE_RETRY_MS } from '../start/reference.ts';
import type { GateStatus, Plan, PlanGate, RolloutStatus, StepStatus } from '../status.ts';
import { standStill } from './forward.ts';
import { standing } from './standing.ts';

/** R11: host, router or version label were edited; a status of a build that did not note them counts as unchanged. */
export const retargeted: Guard = attempt => {
  const { rollout, status, problems } = attempt;
  const isSame = status.targetHash === undefined || status.targetHash === targetHash(rollout);
  return isSame || problems.length > 0
    ? undefined
    : goBack(attempt, 'TargetChanged', 'host, router or version label were edited');
};

/**
 * R11: steps or gates were edited. Traffic stays; where it stands becomes a step of its own, judged anew, and then it goes
 * on with the first step that is above it. One status write, which brings the status up to the mesh as well.
 */
export const edited: Guard = attempt => {
  const { rollout, status, plan, step } = attempt;
  const hash = planHash(rollout.spec);
  if (status.planHash === undefined || status.planHash === hash) return undefined;
  // The way back is as short as it can be, and the steps of the spec are none of its own.
  if (isWayBackPlan(plan)) return { status: { ...status, planHash: hash }, lookAgainAtMs: attempt.nowMs };
  const missing = limitsToMeasure(attempt);
  if (missing !== undefined) return measureFirst(attempt, missing);
  const compiled = withKeptGates(attempt, compilePlan(rollout.spec, attempt.observation.installation, freshReference(attempt)));
  if (step.index === 0) {
    const [first] = plan.steps;
    const next = first?.name === TAKEOVER ? withFirstStep(compiled, first) : compiled;
    // What people said to the plan before is void, and so is that they were asked.
    const { approvals: _approvals, ...rest } = status;
    const { askedAt: _askedAt, ...unasked } = step;
    return store(attempt, { ...rest, planHash: hash, plan: next, step: { ...unasked, count: next.steps.length } });
  }
  const { first, settled, given } = standing(attempt, compiled);
  const next = withFirstStep(compiled, first, settled);
  return store(attempt, restarted(attempt, given.length === 0 ? next : { ...next, given }, hash));
};

const store = (attempt: Attempt, status: RolloutStatus): Outcome => {
  const { target, nowMs, step } = attempt;
  const goesOn = step.index === 0 ? 'the first step comes next' : 'traffic stays, and is judged anew before the next step';
  const message = `${place({ ...attempt, step: status.step ?? step })}: steps or gates were edited; ${goesOn}`;
  const entry = { from: target.stable, to: target.canary, action: 'edited', reason: 'Edited', message } as const;
  const told = saying(withHistory(status, nowMs, entry), 'Edited', message);
  return { status: { ...told, phase: status.phase === 'Paused' ? 'Paused' : 'Progressing' }, lookAgainAtMs: nowMs };
};

/** The status in the new first step: a new clock, no verdicts and no approvals from before. */
const restarted = (attempt: Attempt, plan: Plan, hash: string): RolloutStatus => {
  const { status, step, nowMs, hasTraffic, canaryPods } = attempt;
  const { approvals: _approvals, ...rest } = status;
  // Where the clock went back, the step begins after the one that it takes the place of: they are told apart by it.
  const startedAt = isoMillis(Math.max(nowMs, (Date.parse(step.startedAt ?? '') || 0) + 1));
  const next: StepStatus = {
    index: 1,
    count: plan.steps.length,
    name: EDITED,
    startedAt,
    ...(hasTraffic ? { readyAtStart: Math.max(canaryPods.ready, step.readyAtStart ?? 0) } : {}),
    ...(step.podsLost === undefined ? {} : { podsLost: step.podsLost }),
  };
  return {
    ...rest,
    plan,
    planHash: hash,
    step: next,
    position: { step: 1, time: startedAt },
    gates: keptBaselines(attempt, plan),
  };
};

const keepsGates = ({ plan, rollout, observation }: Attempt): boolean =>
  plan.gates.every(gate => isAnswered(gate, observation)) &&
  (plan.gatesHash === undefined ? rollout.spec.analysis?.gates === undefined : plan.gatesHash === gatesHash(rollout.spec));

/** Is there still a provider by the name that the gate knows? One that is gone would never be heard of again. */
const isAnswered = ({ source }: PlanGate, { installation }: Attempt['observation']): boolean =>
  source.kind === 'webhook' || installation[source.kind === 'zipkin' ? 'zipkin' : 'prometheus'].includes(source.provider);

/**
 * Limits that were frozen when the attempt began go on for gates that were not edited, and always for the built-in one;
 * so does their part of the budget of false alarms. New and changed gates share a half of what is left in reserve.
 */
const withKeptGates = (attempt: Attempt, compiled: Plan): Plan => {
  const isKept = keepsGates(attempt);
  const before = (gate: PlanGate): PlanGate | undefined =>
    gate.steps === undefined && (isKept || gate.source.kind === 'unattributed')
      ? attempt.plan.gates.find(
          known => known.name === gate.name && known.steps === undefined && isAnswered(known, attempt.observation),
        )
      : undefined;
  // Before the first weight nothing of the budget is spent, so all gates share all of it.
  if (!isKept && attempt.step.index === 0) {
    const gates = compiled.gates.map(gate => withBudgetOf(gate, before(gate) ?? gate));
    return { ...compiled, gates, gatesHash: gatesHash(attempt.rollout.spec) };
  }
  const fresh = compiled.gates.filter(gate => before(gate) === undefined);
  const reserve = attempt.plan.reserveAlpha ?? compiled.reserveAlpha ?? 0;
  const [granted, left] = fresh.some(({ judge }) => judge === 'sequential') ? [reserve / 2, reserve / 2] : [0, reserve];
  const budgeted = new Map(withAlpha(fresh, granted, compiled.steps.length).map(gate => [gate.name, gate]));
  return {
    ...compiled,
    gates: compiled.gates.map(gate => before(gate) ?? budgeted.get(gate.name) ?? gate),
    gatesHash: gatesHash(attempt.rollout.spec),
    reserveAlpha: left,
  };
};

const withBudgetOf = ({ alpha, stepAlpha }: PlanGate, limits: PlanGate): PlanGate => {
  const { alpha: _, stepAlpha: __, ...rest } = limits;
  return { ...rest, ...(alpha === undefined ? {} : { alpha }), ...(stepAlpha === undefined ? {} : { stepAlpha }) };
};

/** Evidence against stable goes on for the gates that go on. */
const keptBaselines = ({ plan: before, gates }: Attempt, plan: Plan): readonly GateStatus[] =>
  carriedGates(withoutOverruled(gates)).filter(({ name }) => {
    const gate = plan.gates.find(known => known.name === name);
    return gate !== undefined && before.gates.includes(gate);
  });

/** Default limits and comparisons need what is normal; only where they are new does that have to be measured once more. */
const limitsToMeasure = (attempt: Attempt): ReturnType<typeof missingReference> => {
  const { rollout, observation, target } = attempt;
  const isKept = keepsGates(attempt);
  const isCompared = wantedGates(rollout.spec, observation.installation).some(
    ({ gate, step }) => gate.baseline !== undefined && !(isKept && step === undefined),
  );
  const hasNewDefaults = !isKept && rollout.spec.analysis?.gates === undefined;
  return hasNewDefaults || isCompared ? missingReference(attempt, target.stable) : undefined;
};

/** Everything that protects goes on with the gates from before, until the new limits are known. */
const measureFirst = (attempt: Attempt, missing: NonNullable<ReturnType<typeof missingReference>>): Outcome => {
  const { observation, nowMs, target, status } = attempt;
  const { reference } = observation;
  const isDue = reference === undefined || reference.kind === 'measured' || nowMs - reference.atMs >= REFERENCE_RETRY_MS;
  const failed = reference?.kind === 'error' ? `: ${reference.message}` : '';
  const message = `${place(attempt)}: gates were edited, and what is normal is measured for their limits${failed}; goes on by itself then`;
  const held = standStill(attempt, saying(status, failed === '' ? 'Edited' : 'ProviderError', message, { what: 'gates' }));
  const ask: Action = { kind: 'measureReference', atMs: nowMs, stable: target.stable, canary: target.canary, ...missing };
  const againMs = (isDue ? nowMs : reference.atMs) + REFERENCE_RETRY_MS;
  return {
    ...held,
    status: { ...held.status, phase: 'Progressing' },
    actions: [...(held.actions ?? []), ...(isDue ? [ask] : [])],
    lookAgainAtMs: Math.min(againMs, held.lookAgainAtMs ?? Number.POSITIVE_INFINITY),
  };
};
