import { continueGoingBack, goBack, isBlocked } from '../back/goBack.ts';
import { isoMillis } from '../duration.ts';
import { gatesSentence, place } from '../explain.ts';
import { standStill } from '../forward/forward.ts';
import { failedGate } from '../gates/gates.ts';
import { allPass, type Guard, saying, withHistory } from '../outcome.ts';
import type { Attempt } from '../situation.ts';
import type { HistoryEntry, RolloutStatus } from '../status.ts';
import { pauseSentence } from './pause.ts';
import { pendingApproval } from './question.ts';
import { GOING_BACK, withOutcome } from './request.ts';

/** R22: a person asks to go back. */
export const aborted: Guard = attempt => {
  const { request, nowMs, status } = attempt;
  if (request?.verb !== 'abort') return undefined;
  // Why it goes back stays what it is, but for an abort that was written when the process died.
  if (status.phase === 'RollingBack' && status.reason !== 'Aborted' && !isBlocked(attempt)) {
    const going = continueGoingBack(attempt) ?? { status };
    return { ...going, status: withOutcome(going.status, request, `refused: ${GOING_BACK}`, nowMs) };
  }
  const forced = request.force ? { ...attempt, step: { ...attempt.step, forced: true } } : attempt;
  const { stable } = attempt.target;
  if (isBlocked(forced)) {
    const outcome = `refused: ${stable} has no ready pod, so nothing is shifted to it; abort with "force": true to go back all the same`;
    return { status: withOutcome(status, request, outcome, nowMs) };
  }
  const why = `aborted by ${request.by ?? 'a person'}${request.reason === undefined ? '' : `: ${request.reason}`}`;
  const outcome = goBack(forced, 'Aborted', why);
  return { ...outcome, status: withOutcome(outcome.status, request, why, nowMs) };
};

/** R22: a person lets the step go on; what is missing no longer holds it, a failed gate would have come before. */
export const promoted: Guard = attempt => {
  const { request, nowMs, step, rollout } = attempt;
  if (request?.verb !== 'promote') return undefined;
  if (rollout.spec.paused === true) {
    return { status: withOutcome(attempt.status, request, 'refused: spec.paused is true; take it away first', nowMs) };
  }
  const pending = step.askedAt === undefined ? undefined : pendingApproval(attempt.status);
  if (pending !== undefined && allPass(attempt.gates)) {
    const refusal = `refused: step ${pending.step} waits for people who approve it, and a promotion is no approval`;
    return { status: withOutcome(attempt.status, request, refusal, nowMs) };
  }
  const { pause: _pause, ...status } = attempt.status;
  const by = request.by ?? 'a person';
  const message = `${place(attempt)}: promoted by ${by} (${gatesSentence(attempt.gates)})`;
  const next = withOutcome(
    { ...status, gates: attempt.gates, step: { ...step, promotedBy: by } },
    request,
    `accepted: step ${step.index} promoted`,
    nowMs,
  );
  const told = noted(attempt, next, { action: 'stepPromoted', reason: 'RequestAccepted', message });
  return { status: { ...saying(told, 'RequestAccepted', message), phase: 'Progressing' }, lookAgainAtMs: nowMs };
};

/** The status with what a person has done noted in its history. */
const noted = (
  { target, nowMs }: Attempt,
  status: RolloutStatus,
  entry: Pick<HistoryEntry, 'action' | 'reason' | 'message'>,
): RolloutStatus => withHistory(status, nowMs, { from: target.stable, to: target.canary, ...entry });

/** R20, R22: a person pauses, or ends the pause. */
export const pauseAsked: Guard = attempt => {
  const { request, nowMs, status, objects, gates, plan } = attempt;
  if (request === undefined || (request.verb !== 'pause' && request.verb !== 'resume')) return undefined;
  const by = request.by ?? 'a person';
  if (request.verb === 'pause') {
    const pause = { by, since: isoMillis(nowMs), ...(request.reason === undefined ? {} : { reason: request.reason }) };
    const entry = { action: 'paused', reason: 'PausedByPerson', message: `${place(attempt)}: ${pauseSentence(pause)}` } as const;
    const next = noted(attempt, { ...status, pause }, entry);
    return { status: withOutcome(next, request, 'accepted: paused', nowMs), lookAgainAtMs: nowMs };
  }
  // A pause that a gate began ends in another way.
  if (failedGate(gates, plan.gates, 'pause') !== undefined) return undefined;
  // Weights that somebody lowered, and routes that somebody changed, are put back first, with the request still standing.
  if (objects.some(({ drift, areRoutesChanged }) => drift !== 'up' && (drift !== 'none' || areRoutesChanged))) return undefined;
  const { pause: _pause, ...rest } = status;
  const message = `${place(attempt)}: resumed by ${by}`;
  const told = noted(attempt, saying(rest, 'Resumed', message), { action: 'resumed', reason: 'Resumed', message });
  return { status: withOutcome(told, request, 'accepted: resumed', nowMs), lookAgainAtMs: nowMs };
};

/** R20: only forward movement stands still; everything that protects came before. */
export const paused: Guard = attempt => {
  const { status, rollout } = attempt;
  const { pause } = status;
  if (pause === undefined && rollout.spec.paused !== true) return undefined;
  const who = pause === undefined ? 'spec.paused is true' : pauseSentence(pause);
  const end = pause === undefined ? 'set it to false to go on' : 'resume to go on';
  const message = `${place(attempt)}: ${who}; ${end}`;
  return standStill(attempt, { ...saying(status, 'PausedByPerson', message, { what: 'person' }), phase: 'Paused' });
};
