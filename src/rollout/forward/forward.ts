import type { Action } from '../action.ts';
import { ADD_FINALIZER, lacksFinalizer } from '../back/deletion.ts';
import { experimentSentence, goBack } from '../back/goBack.ts';
import { byName } from '../byName.ts';
import { durationOr, isoMillis } from '../duration.ts';
import { capacitySentence, capacityWarning, gatesSentence, missingPods, nextStepAt, place } from '../explain.ts';
import { carriedGates, isOverdue, withoutOverruled } from '../gates/gates.ts';
import { isRaisedOverNobody, raise } from '../mesh/moves.ts';
import { isSameTraffic, SAFE } from '../mesh/routes.ts';
import { roundsToNothing } from '../mesh/weights.ts';
import { allPass, endAttempt, type Outcome, saying, withHistory } from '../outcome.ts';
import { awaitApproval } from '../people/approval.ts';
import { thenAsks } from '../people/question.ts';
import type { Reason } from '../reason.ts';
import type { Attempt } from '../situation.ts';
import { TAKEOVER } from '../start/firstStep.ts';
import type { RolloutStatus, WaitingFor } from '../status.ts';
import { dueMeasures, isMeasuredToMove, nextGridPointMs, pauseEndMs } from './grid.ts';
import { brokenMesh, meshWarning } from './meshFindings.ts';
import { noSubset } from './subset.ts';
import { missingTraffic, waitingForTraffic } from './traffic.ts';
import { unusedRoute } from './unusedRoute.ts';

/** Forward movement stands still, and the gates go on: they may still put everything back (R12, R26). */
export const standStill = (attempt: Attempt, status: RolloutStatus): Outcome => {
  const frozen = { ...status, message: `${status.message}${thenAsks(status)}`, gates: attempt.gates };
  if (attempt.step.index === 0) return { status: frozen };
  return { status: frozen, actions: dueMeasures(attempt), lookAgainAtMs: nextGridPointMs(attempt) };
};

/** The last in the order of precedence: nothing speaks against this attempt, so it may go on when its time has come. */
export const goForward = (attempt: Attempt): Outcome => {
  if (attempt.step.index === 0) return awaitApproval(attempt) ?? enter(attempt, 1);
  if (attempt.hasTraffic && lacksFinalizer(attempt)) return addFinalizer(attempt);
  const measures = dueMeasures(attempt);
  const again = nextGridPointMs(attempt);
  const status = withGates(attempt);
  const arriving = missingTraffic(attempt);
  if (arriving !== undefined)
    return { status: waitingForTraffic(attempt, status, arriving), actions: measures, lookAgainAtMs: again };
  if (!isPauseOver(attempt)) return { status: pausing(attempt, status), actions: measures, lookAgainAtMs: again };
  const asked = attempt.step.askedAt === undefined ? undefined : awaitApproval(attempt);
  if (asked !== undefined) return { ...asked, actions: measures, lookAgainAtMs: Math.min(again, asked.lookAgainAtMs ?? again) };
  if (measures.length > 0 && !(mayMove(attempt) && isMeasuredToMove(attempt))) {
    const isKnown = trouble(attempt) === undefined && attempt.stored?.step?.startedAt === attempt.step.startedAt;
    return { status: isKnown ? status : waitingForGates(attempt, status), actions: measures, lookAgainAtMs: again };
  }
  if (!mayMove(attempt)) return { status: waitingForGates(attempt, status), lookAgainAtMs: again };
  const asking = awaitApproval(attempt);
  if (asking !== undefined) return { ...asking, lookAgainAtMs: Math.min(again, asking.lookAgainAtMs ?? again) };
  if (attempt.step.index >= attempt.plan.steps.length) return endOf(attempt);
  if (!isRecorded(attempt)) {
    const message = `${place(attempt)}: ${gatesSentence(attempt.gates)}; moving on`;
    return { status: saying(status, status.reason, message), lookAgainAtMs: attempt.nowMs };
  }
  const entered = enter(attempt, attempt.step.index + 1);
  // a step that is not left goes on being measured
  const stays = entered.status.step?.startedAt === attempt.step.startedAt;
  return { lookAgainAtMs: again, ...entered, actions: [...(stays ? measures : []), ...(entered.actions ?? [])] };
};

/** A status is large, and most looks judge nothing new. */
const withGates = ({ status, gates }: Attempt): RolloutStatus => (status.gates === gates ? status : { ...status, gates });

const isPauseOver = (attempt: Attempt): boolean => attempt.step.promotedBy !== undefined || pauseEndMs(attempt) <= attempt.nowMs;

/** Gates must pass; a person may wave missing evidence through, never a failure (that guard came before). */
const mayMove = ({ gates, step }: Attempt): boolean => allPass(gates) || step.promotedBy !== undefined;

/** A raise waits until what speaks for it is stored: a refused status write holds it back (R3). */
const isRecorded = ({ stored, status, step, gates }: Attempt): boolean =>
  stored?.seq === status.seq &&
  stored?.step?.index === step.index &&
  stored.step.startedAt === step.startedAt &&
  (stored.step.promotedBy !== undefined || (stored.gates?.length === gates.length && allPass(stored.gates)));

const pausing = (attempt: Attempt, status: RolloutStatus): RolloutStatus => {
  const { planStep, step } = attempt;
  const why = trouble(attempt) === undefined ? '' : unusedRoute(attempt);
  const sentence = `${place(attempt)}: ${gatesSentence(attempt.gates)}${why}`;
  const warning = `${capacityWarning(attempt, attempt.weight)}${meshWarning(attempt)}`;
  if (planStep?.pauseMs === null) {
    const message = `${sentence}; waits until a person promotes step ${step.index} of revision ${status.revision}${warning}`;
    return { ...saying(status, trouble(attempt) ?? 'WaitingForPerson', message, { what: 'person' }), phase: 'Paused' };
  }
  const endMs = pauseEndMs(attempt);
  const message = `${sentence}; ${nextStepAt(attempt, endMs)}${warning}`;
  const reason = trouble(attempt) ?? 'StepEntered';
  return { ...status, phase: 'Progressing', reason, message, waitingFor: { what: 'pause', until: isoMillis(endMs) } };
};

const waitingForGates = (attempt: Attempt, status: RolloutStatus): RolloutStatus => {
  const isPlain = attempt.planStep?.pauseMs === 0;
  const over = isPlain ? '' : 'the pause is over, ';
  const message = `${place(attempt)}: ${gatesSentence(attempt.gates)}${unusedRoute(attempt)}; ${over}goes on by itself when every gate passes${meshWarning(attempt)}`;
  const reason = trouble(attempt) ?? (isPlain ? 'StepEntered' : 'WaitingForGates');
  return { ...saying(status, reason, message, { what: 'gates' }), phase: 'Progressing' };
};

/** What people are told about once: a provider that is away, data that have been missing for too long (R15, R16). */
const trouble = ({ gates, plan, nowMs }: Attempt): Reason | undefined => {
  if (gates.some(({ verdict }) => verdict === 'Error')) return 'ProviderError';
  const overdue = plan.gates.some(gate => gates.some(state => state.name === gate.name && isOverdue(gate, state, nowMs)));
  return overdue ? 'NoData' : undefined;
};

/** Goes to a step if the mesh and the pods can take it (R13). */
const enter = (attempt: Attempt, index: number): Outcome => {
  const { plan, nowMs, target, status, canaryPods, objects } = attempt;
  const step = plan.steps[index - 1];
  if (step === undefined) return { status: attempt.status };
  if (isSameTraffic(step, status.traffic ?? SAFE)) return { status: enterWithoutTraffic(attempt, index), lookAgainAtMs: nowMs };
  const names = target.virtualServices.join(', ');
  if (objects.length === 0)
    return hold(attempt, 'WaitingForMesh', `VirtualService ${names} is gone; put it back, and it goes on by itself`, {
      what: 'mesh',
    });
  if (canaryPods.ready === 0)
    return hold(attempt, 'WaitingForPods', `${target.canary} has no ready pod; goes on by itself when one is`, { what: 'pods' });
  if (isRaisedOverNobody(attempt, step)) {
    const why = `somebody took traffic off ${target.stable}, which has no ready pod to take it back; goes on by itself when one is`;
    return hold(attempt, 'WaitingForStable', why, { what: 'pods' });
  }
  const crowded = objects.filter(({ weights }) => roundsToNothing(weights, target, step.weight));
  if (crowded.length > 0) {
    const why = `${step.weight}% of what other destinations leave in ${crowded.map(({ name }) => name).join(', ')} rounds to nothing; goes on by itself when they leave more, or when the step is made larger`;
    return hold(attempt, 'Drift', why, { what: 'drift' });
  }
  if (hasShrunk(attempt)) {
    const had = `${target.canary} has ${canaryPods.ready} of the ${attempt.step.readyAtStart} ready pods that the step began with; goes on by itself when it has them again, or when a person promotes the step`;
    return hold(attempt, 'PodsShrinking', had, { what: 'pods' });
  }
  if (attempt.rollout.spec.capacity === 'require' && missingPods(attempt, step.weight) > 0) {
    const why = `${capacitySentence(attempt, step.weight)} and spec.capacity is require; goes on by itself when there are as many`;
    return hold(attempt, 'WaitingForCapacity', why, { what: 'pods' });
  }
  // The newest version takes the place of a failed one, and gets no more than that had: a fix is never held by this (R9).
  const broken = step.name === TAKEOVER ? undefined : brokenMesh(attempt);
  if (broken !== undefined) return hold(attempt, 'MeshCheckFailed', broken, { what: 'mesh' });
  if (lacksFinalizer(attempt)) return addFinalizer(attempt);
  return makeSubset(attempt) ?? { status: raising(attempt, index), actions: raise(attempt, index, step.weight) };
};

/** The status changes when the raise was seen in the mesh; one that fails says what it is that cannot be done. */
const raising = (attempt: Attempt, index: number): RolloutStatus => {
  const { status, gates, observation, plan, step } = attempt;
  const judged: RolloutStatus = { ...status, gates };
  if (observation.writeError === undefined) return judged;
  const evidence = step.index === 0 ? '' : `${gatesSentence(gates)}; `;
  const message = `${place(attempt)}: ${evidence}step ${index}/${plan.steps.length} is to be entered, and cannot be written`;
  return saying(judged, 'WaitingForMesh', message, { what: 'mesh' });
};

/** R30: before the first weight; an adopted split, or one whose finalizer a person took away, gets it as soon as possible. */
const addFinalizer = (attempt: Attempt): Outcome => ({
  status: attempt.status,
  actions: [ADD_FINALIZER],
  lookAgainAtMs: attempt.nowMs,
});

/** A set of pods that is shrinking is no ground for more traffic (R25); a person may wave it through. */
const hasShrunk = ({ canaryPods, step, hasTraffic }: Attempt): boolean =>
  hasTraffic && step.promotedBy === undefined && step.readyAtStart !== undefined && canaryPods.ready < step.readyAtStart;

/** Make before break: the subset first, a moment for the proxies to learn it, then the weight. */
const makeSubset = (attempt: Attempt): Outcome | undefined => {
  const { mesh, target, rollout, plan, nowMs } = attempt;
  const subset = byName(mesh.subsets, target.canary);
  if (subset === undefined && rollout.spec.router?.istio?.createMissing === 'none') {
    return hold(attempt, 'WaitingForMesh', `${noSubset(target, target.canary)}; goes on by itself then`, { what: 'mesh' });
  }
  if (subset === undefined) {
    const actions: readonly Action[] = [{ kind: 'ensureSubset', target, version: target.canary }];
    return { status: attempt.status, actions, lookAgainAtMs: nowMs + plan.settleMs };
  }
  const settledMs = subset.seenAtMs + plan.settleMs;
  return nowMs < settledMs ? { status: attempt.status, lookAgainAtMs: settledMs } : undefined;
};

const hold = (attempt: Attempt, reason: Reason, why: string, waitingFor: WaitingFor): Outcome => ({
  status: {
    ...saying(attempt.status, reason, `${place(attempt)}: ${why}`, waitingFor),
    phase: 'Progressing',
    gates: attempt.gates,
  },
});

/** A step that changes no traffic has its position in status only (R3). */
export const enterWithoutTraffic = (attempt: Attempt, index: number): RolloutStatus => {
  const { plan, nowMs, status, canaryPods, step } = attempt;
  const name = plan.steps[index - 1]?.name;
  const time = isoMillis(nowMs);
  const next: RolloutStatus = {
    ...status,
    phase: 'Progressing',
    step: {
      index,
      count: plan.steps.length,
      startedAt: time,
      readyAtStart: canaryPods.ready,
      ...(name === undefined ? {} : { name }),
      ...(step.podsLost === undefined ? {} : { podsLost: step.podsLost }),
    },
    position: { step: index, time },
    gates: carriedGates(withoutOverruled(attempt.gates)),
  };
  return saying(next, 'StepEntered', `step ${index}/${plan.steps.length} at ${attempt.weight}%: entered`);
};

/** How long the way back to the version before is short, if the spec does not say (R10). */
const ROLLBACK_WINDOW_MS = 3_600_000;

/** After the last step the new version is stable, or an experiment is over and everything goes back. */
const endOf = (attempt: Attempt): Outcome =>
  attempt.plan.end === 'stable' ? goBack(attempt, 'ExperimentEnded', experimentSentence(attempt)) : promote(attempt);

/** The end: every step passed, the last one at 100 (R21). */
const promote = (attempt: Attempt): Outcome => {
  const { stable, canary } = attempt.target;
  const { canaryVersion: _canary, target: _target, gates: _gates, ...rest } = endAttempt(attempt.status);
  const message = `${canary} is stable at 100%; nothing to do until the version changes`;
  const previous = {
    version: stable,
    podHash: attempt.stablePods.hashes.join('.'),
    until: isoMillis(attempt.nowMs + durationOr(attempt.rollout.spec.rollbackWindow, ROLLBACK_WINDOW_MS)),
  };
  const promoted = { ...rest, stableVersion: canary, previous };
  const told = withHistory(promoted, attempt.nowMs, {
    from: stable,
    to: canary,
    action: 'promoted',
    reason: 'Promoted',
    message,
  });
  return { status: { ...saying(told, 'Promoted', message), phase: 'Healthy' } };
};
