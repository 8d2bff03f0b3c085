import type { SetTraffic } from './action.ts';
import { ADD_FINALIZER, deleted, lacksFinalizer } from './back/deletion.ts';
import { continueGoingBack, goBack } from './back/goBack.ts';
import { podsBack, podsLost, podsShrinking } from './back/readiness.ts';
import { isSuperseded, needsSafeFirst, supersede } from './back/supersede.ts';
import { place } from './explain.ts';
import { edited, retargeted } from './forward/edited.ts';
import { goForward, standStill } from './forward/forward.ts';
import { frozen, outsideWindow } from './forward/frozen.ts';
import { gatePaused } from './gates/gatePause.ts';
import { failedGate } from './gates/gates.ts';
import { driftDown, driftUp, meshGone, unfinished, unreadableMesh, withUnfinished } from './mesh/drift.ts';
import { takesTraffic } from './mesh/routes.ts';
import { subsetLost, withSubsets } from './mesh/subsetLost.ts';
import type { Observation } from './observation.ts';
import { type Guard, type Outcome, saying } from './outcome.ts';
import { approvalTimedOut, approved, rejected, withAnswers, withTimeOut } from './people/approval.ts';
import { aborted, pauseAsked, paused, promoted } from './people/people.ts';
import { withOutcome } from './people/request.ts';
import { isSameJson } from './sameJson.ts';
import { type Attempt, stepKey } from './situation.ts';
import { progressDeadline } from './start/deadline.ts';

/** Goes on with what was decided before; an attempt that is going back never comes forward again. */
const goingBack: Guard = attempt =>
  attempt.status.phase === 'RollingBack' && isSuperseded(attempt) ? supersede(attempt) : continueGoingBack(attempt);

/** R8, R9, R10: another version is wanted, or other pods stand behind the same one. */
const replaced: Guard = attempt => {
  const { rollout, target, status, canaryPods } = attempt;
  const { version } = rollout.spec;
  if (version === target.stable) return goBack(attempt, 'WentBack', `version was set back to ${version}`);
  if (version !== target.canary || needsSafeFirst(attempt)) return supersede(attempt);
  const judged = status.podHash?.split('.') ?? [];
  const isNew = canaryPods.hashes.some(hash => !judged.includes(hash));
  return isNew ? goBack(attempt, 'NewPods', `the pods of ${version} were replaced`) : undefined;
};

/** R17, R25: the evidence says no. */
const gateFailed: Guard = attempt => {
  const failed = failedGate(attempt.gates, attempt.plan.gates, 'rollback');
  if (failed === undefined || !attempt.hasTraffic) return undefined;
  return goBack(attempt, failed.name === 'unattributed' ? 'UnattributedFailures' : 'GateFailed', failed.message);
};

/** R12: a spec that contradicts itself stops forward movement only. */
const invalidSpec: Guard = attempt => {
  const [first] = attempt.problems;
  if (first === undefined) return undefined;
  const message = `${place(attempt)}: ${first.path} ${first.message}; nothing moves forward until the spec is mended`;
  return standStill(attempt, { ...saying(attempt.status, 'InvalidSpec', message, { what: 'person' }), phase: 'Invalid' });
};

/**
 * The order of precedence (R6): the first guard that answers decides. What protects stands above what moves forward; an
 * attempt that is going back puts down more than drift ever could, so it stands above that.
 */
const GUARDS: readonly Guard[] = [
  deleted,
  unreadableMesh,
  aborted,
  rejected,
  goingBack,
  driftUp,
  subsetLost,
  replaced,
  retargeted,
  podsLost,
  podsBack,
  gateFailed,
  approvalTimedOut,
  progressDeadline,
  podsShrinking,
  approved,
  pauseAsked,
  invalidSpec,
  unfinished,
  edited,
  meshGone,
  driftDown,
  gatePaused,
  frozen,
  outsideWindow,
  promoted,
  paused,
  goForward,
];

export const decideAttempt = (attempt: Attempt): Outcome => {
  for (const guard of GUARDS) {
    const outcome = guard(attempt);
    if (outcome !== undefined) return ALWAYS.reduce((told, follow) => follow(attempt, told), outcome);
  }
  return { status: attempt.status };
};

/** R30: whatever gives the new version more waits for the finalizer, which somebody may have taken away at any time. */
const finalizerFirst = (attempt: Attempt, outcome: Outcome): Outcome => {
  const isRaise = outcome.actions?.some(action => action.kind === 'setTraffic' && givesMore(action)) ?? false;
  if (!isRaise || !lacksFinalizer(attempt)) return outcome;
  return { status: attempt.status, actions: [ADD_FINALIZER], lookAgainAtMs: attempt.nowMs };
};

const givesMore = ({ weight, routes, position }: SetTraffic): boolean =>
  position.state === 'raised' && position.reason !== 'DriftPutDown' && takesTraffic({ weight, ...routes });

/** R22: a promotion or resumption that something holds is refused, lest it strikes when nobody thinks of it any more. */
const withHeldRequest = ({ request, nowMs, stored }: Attempt, outcome: Outcome): Outcome => {
  const { status, actions = [] } = outcome;
  if (request === undefined || !['promote', 'resume'].includes(request.verb)) return outcome;
  // answered just now; an answer from before may be about the same text
  if (status.lastRequest !== stored?.lastRequest) return outcome;
  if (outcome.keepsRequest === true || actions.some(({ kind }) => kind === 'setTraffic')) return outcome;
  return { ...outcome, status: withOutcome(status, request, `refused: ${status.message}`, nowMs) };
};

/** What is intended, what the objects say, and what requests show. */
const withWeight = ({ objects, observation }: Attempt, outcome: Outcome): Outcome => {
  const { status } = outcome;
  if (status.step === undefined) return outcome;
  // where there is a mirror nobody can tell copies from requests
  const isTold = observation.measuredStep === stepKey(status) && status.traffic?.mirror === undefined;
  const measured = isTold ? measuredPercent(observation) : undefined;
  const weight = {
    desired: status.traffic?.weight ?? 0,
    observed: Math.round(Math.max(0, ...objects.map(({ canaryPercent }) => canaryPercent))),
    ...(measured === undefined ? {} : { measured: Math.round(measured * 10) / 10 }),
  };
  return isSameJson(weight, status.weight) ? outcome : { ...outcome, status: { ...status, weight } };
};

/** What the mesh check has found is shown as long as it stands (R13). */
const withFindings = ({ observation: { meshFindings }, status: before }: Attempt, outcome: Outcome): Outcome => {
  const { meshFindings: _, ...status } = outcome.status;
  if (status.step === undefined || isSameJson(meshFindings, before.meshFindings)) return outcome;
  return { ...outcome, status: { ...status, ...(meshFindings === undefined ? {} : { meshFindings }) } };
};

/** The share of the new version in the first measurement that tells of one. */
const measuredPercent = ({ measurements }: Observation): number | undefined => {
  for (const measured of Object.values(measurements))
    if (measured.kind === 'counts' && measured.canaryPercent !== undefined) return measured.canaryPercent;
  return undefined;
};

/** What follows from every outcome, whichever guard it came from, in this order. */
const ALWAYS: readonly ((attempt: Attempt, outcome: Outcome) => Outcome)[] = [
  finalizerFirst,
  withUnfinished,
  withSubsets,
  withAnswers,
  withHeldRequest,
  withTimeOut,
  withWeight,
  withFindings,
];
