import { setForwardMs } from '../clock.ts';
import { isoMillis } from '../duration.ts';
import { approvalSentence, gatesSentence } from '../explain.ts';
import { failedGate } from '../gates/gates.ts';
import { lower } from '../mesh/moves.ts';
import { adviceFor, MOST_IN_WINDOW, nameOf, SUBSET_ADVICE } from '../mesh/reapplied.ts';
import { SAFE } from '../mesh/routes.ts';
import { endAttempt, type Outcome, saying, withHistory } from '../outcome.ts';
import { pendingApproval, timedOutSentence, timeoutMs } from '../people/question.ts';
import type { Reason } from '../reason.ts';
import type { Attempt } from '../situation.ts';
import type { RolloutStatus } from '../status.ts';

const OBEYED_WITHIN_MS = 30_000;
const LOOK_EVERY_MS = 1_000;
/** Proxies learn a new weight about 0.1 s after it was written; requests before that say nothing. */
const PROXY_DELAY_MS = 500;

/** Reasons for which an attempt ends without having failed: the next one may start at once. */
const MAKES_ROOM: readonly Reason[] = ['Superseded', 'WentBack', 'NewPods', 'TargetChanged'];

/** Decides to put all traffic back (R23). Nothing is ever shifted to a stable version without a ready pod (R6.4). */
export const goBack = (attempt: Attempt, reason: Reason, because: string): Outcome => {
  if (isBlocked(attempt)) return waitForStable(attempt, because);
  const isUnwritten = isOpen(attempt) && attempt.observation.writeError !== undefined;
  const status: RolloutStatus = {
    ...attempt.status,
    step: attempt.step,
    phase: 'RollingBack',
    traffic: SAFE,
    gates: attempt.gates,
  };
  return {
    status: saying(
      status,
      reason,
      `back to ${attempt.target.stable}: ${because}; ${isUnwritten ? 'not written yet' : 'written, not yet obeyed'}`,
    ),
    actions: lower(attempt, reason),
    lookAgainAtMs: attempt.nowMs + LOOK_EVERY_MS,
  };
};

/** Does any object still send requests to the new version? */
export const isOpen = ({ objects }: Attempt): boolean => objects.some(object => object.isOpen);

/** Would going back now send requests to a version that has nobody to answer them? Taking copies away sends it none. */
export const isBlocked = ({ objects, plan, stablePods, step }: Attempt): boolean => {
  const leadsPeople = plan.steps.some(({ headerRoutes }) => headerRoutes !== undefined);
  const isTaken = objects.some(({ isOpen, isWeighted }) => isWeighted || (isOpen && leadsPeople));
  return isTaken && stablePods.ready === 0 && step.forced !== true;
};

/** Says what would be done, and that it waits until stable can take the traffic. */
export const waitForStable = (attempt: Attempt, because: string): Outcome => {
  const { stable, canary } = attempt.target;
  const { index, count } = attempt.step;
  const share = Math.round(Math.max(0, ...attempt.objects.map(({ canaryPercent }) => canaryPercent)));
  const message = `step ${index}/${count} with ${share}% on ${canary}: ${because}; traffic stays where it is, because ${stable} has no ready pod: mend ${stable}, or abort with "force": true`;
  const reason = attempt.status.phase === 'RollingBack' ? attempt.status.reason : 'WaitingForStable';
  return { status: { ...saying(attempt.status, reason, message, { what: 'pods' }), gates: attempt.gates } };
};

/** Carries on with a decision to go back until it is written, and obeyed. */
export const continueGoingBack = (attempt: Attempt): Outcome | undefined => {
  if (attempt.status.phase !== 'RollingBack') return undefined;
  const { reason } = attempt.status;
  if (isOpen(attempt)) return goBack(attempt, reason, causeOf(attempt));
  if (MAKES_ROOM.includes(reason)) return { status: makeRoom(attempt) };
  return whetherObeyed(attempt);
};

const makeRoom = (attempt: Attempt): RolloutStatus => {
  const { stable, canary } = attempt.target;
  const { canaryVersion: _canary, revision: _revision, gates: _gates, ...rest } = endAttempt(attempt.status);
  const message = `${canary} stopped at 0%: ${causeOf(attempt)}; ${stable} has all traffic`;
  const status = withHistory(rest, attempt.nowMs, {
    from: canary,
    to: stable,
    action: 'superseded',
    reason: rest.reason,
    message,
    ...whereItStood(attempt),
  });
  return { ...saying(status, rest.reason, message), phase: 'Pending' };
};

/** "Written" is not "obeyed": the measured share tells, or 30 s without requests (R23). */
const whetherObeyed = (attempt: Attempt): Outcome => {
  const { observation, nowMs, target, status } = attempt;
  const { share, installation } = observation;
  const writtenMs = Date.parse(status.position?.time ?? '');
  if (!(writtenMs > 0)) return { status: safe(attempt, 'no traffic had been moved') };
  const measured = share?.kind === 'measured' && share.fromMs >= writtenMs ? share : undefined;
  if (measured && measured.canary === 0 && measured.stable > 0) {
    return { status: safe(attempt, `obeyed: ${target.canary} got 0 of ${measured.stable} requests since`) };
  }
  const canMeasure = installation.prometheus.length + installation.zipkin.length > 0;
  // A process that has just begun knows of no requests, which does not mean that there are none: it asks first.
  const quiet = measured === undefined ? !canMeasure || share?.kind === 'error' : measured.canary === 0;
  if (quiet && nowMs - writtenMs >= OBEYED_WITHIN_MS) return { status: safe(attempt, notConfirmed(attempt)) };

  const seen =
    measured && measured.canary > 0
      ? `: ${target.canary} still got ${measured.canary} of ${measured.canary + measured.stable} requests`
      : '';
  const message = `back to ${target.stable}: ${causeOf(attempt)}; written, not yet obeyed${seen}`;
  const due = share === undefined || nowMs - share.atMs >= LOOK_EVERY_MS;
  const fromMs = measured && measured.canary > 0 ? measured.untilMs : writtenMs + PROXY_DELAY_MS;
  const look = canMeasure && due && nowMs > fromMs;
  return {
    status: saying(status, status.reason, message),
    actions: look ? [{ kind: 'measureShare', fromMs, atMs: nowMs }] : [],
    lookAgainAtMs: nowMs + LOOK_EVERY_MS,
  };
};

const notConfirmed = ({ observation }: Attempt): string => {
  const { share } = observation;
  return share?.kind === 'error' ? `not confirmed by requests, as ${share.message}` : 'no requests since';
};

const safe = (attempt: Attempt, proof: string): RolloutStatus =>
  attempt.status.reason === 'ExperimentEnded' ? ended(attempt, proof) : rolledBack(attempt, proof);

/** An experiment that is over is no failure. Its version is known by the revision, so that it does not run again by itself. */
const ended = (attempt: Attempt, proof: string): RolloutStatus => {
  const { stable, canary } = attempt.target;
  const { canaryVersion: _canary, target: _target, pause: _pause, ...status } = endAttempt(attempt.status);
  const again = `${canary} runs no second time by itself: commit a version, or ask for a retry`;
  const message = `${stable} is stable at 100%: ${causeOf(attempt)} (${proof}); ${again}`;
  const entry = {
    from: canary,
    to: stable,
    action: 'ended',
    reason: 'ExperimentEnded',
    message,
    ...whereItStood(attempt),
  } as const;
  return { ...saying(withHistory(status, attempt.nowMs, entry), 'ExperimentEnded', message), phase: 'Healthy' };
};

/** How long the experiment ran, and what its gates said at the end. */
export const experimentSentence = ({ target, step, status }: Attempt): string => {
  const end = step.promotedBy === undefined ? 'as long as it was meant to' : `until ${step.promotedBy} ended it`;
  return `the experiment with ${target.canary} ran since ${step.startedAt} ${end}; ${gatesSentence(status.gates ?? [])}`;
};

const rolledBack = (attempt: Attempt, proof: string): RolloutStatus => {
  const { stable, canary } = attempt.target;
  const { pause: _pause, ...status } = endAttempt(attempt.status);
  const message = `all traffic on ${stable}: ${causeOf(attempt)} (${proof}); commit another version to go on`;
  const told = withHistory(status, attempt.nowMs, {
    from: canary,
    to: stable,
    action: 'rolledBack',
    reason: status.reason,
    message,
    ...whereItStood(attempt),
  });
  return { ...saying(told, status.reason, message), phase: 'RolledBack' };
};

/** Of an attempt that ends; its step and plan are gone afterwards. */
const whereItStood = ({ step, plan }: Attempt): { readonly step: number; readonly weight: number } => ({
  step: step.index,
  weight: plan.steps[step.index - 1]?.weight ?? 0,
});

/** Why traffic goes back, in a sentence; after a crash only the reason in the position is left of it. */
const causeOf = (attempt: Attempt): string => {
  const { status, target, rollout, step, canaryPods } = attempt;
  const failed = failedGate(status.gates ?? [], status.plan?.gates ?? [], 'rollback');
  switch (status.reason) {
    case 'GateFailed':
    case 'UnattributedFailures':
      return failed?.message ?? 'a gate failed';
    case 'PodsLost': {
      const lack = canaryPods.ready > 0 && step.podsLost === undefined ? 'too few ready pods' : 'no ready pod';
      return `${target.canary} has ${lack}${step.lowReadySince === undefined ? '' : ` since ${step.lowReadySince}`}`;
    }
    case 'Aborted':
      return status.lastRequest?.outcome ?? 'aborted by a person';
    case 'Deleted':
      return 'the Rollout was deleted';
    case 'DriftRepeated':
      return raisedTooOften(attempt);
    case 'SubsetRemoved':
      return removedTooOften(attempt);
    case 'Superseded':
      return `${rollout.spec.version} was committed`;
    case 'WentBack':
      return `version was set back to ${target.stable}`;
    case 'NewPods':
      return `the pods of ${target.canary} were replaced`;
    case 'Rejected': {
      const rejection = status.approvals?.findLast(({ decision }) => decision === 'rejected');
      return rejection === undefined ? 'a person rejected a step' : approvalSentence(rejection);
    }
    case 'ApprovalTimedOut':
      return timedOutCause(attempt);
    case 'ExperimentEnded':
      return experimentSentence(attempt);
    case 'TargetChanged':
      return 'host, router or version label were edited';
    case 'ProgressDeadlineExceeded':
      return `no pod of ${target.canary} got ready in time`;
    default:
      return 'going back';
  }
};

const timedOutCause = ({ status, observation }: Attempt): string => {
  const pending = pendingApproval(status);
  const endMs = pending === undefined ? undefined : timeoutMs(observation, status, pending);
  return pending === undefined || endMs === undefined ? 'a step was not approved in time' : timedOutSentence(pending, endMs);
};

/** R26: somebody does not let the weights stay as they are meant to be. */
export const raisedTooOften = ({ status: { drift }, target, observation }: Attempt): string =>
  `${nameOf(drift?.by)} raised ${target.canary} more than ${MOST_IN_WINDOW} times within 5 minutes${adviceFor(drift?.by, observation.installation)}`;

/** R26, R27: somebody does not let the subset stay. */
export const removedTooOften = ({ target: { canary, destinationRule } }: Attempt): string =>
  `the subset for ${canary} was taken out of DestinationRule ${destinationRule} more than ${MOST_IN_WINDOW} times within 5 minutes; ${SUBSET_ADVICE}`;

/** Since when a version may be without ready pods before its step is given up, in ms after the loss. */
export const READY_AGAIN_WITHIN_MS = 30_000;

export const readyAgainUntil = (lostAt: string, { observation }: Attempt): { ms: number; iso: string } => {
  const lostMs = Date.parse(lostAt);
  const ms = lostMs + READY_AGAIN_WITHIN_MS + setForwardMs(lostMs, observation);
  return { ms, iso: isoMillis(ms) };
};
