import { isoMillis, isoSeconds } from '../duration.ts';
import { place } from '../explain.ts';
import { enterWithoutTraffic, standStill } from '../forward/forward.ts';
import { type Guard, type Outcome, saying, withHistory } from '../outcome.ts';
import { pauseOfPerson, pauseSentence } from '../people/pause.ts';
import { withOutcome } from '../people/request.ts';
import type { Attempt } from '../situation.ts';
import type { GateStatus, RolloutStatus } from '../status.ts';
import { failedGate } from './gates.ts';

/**
 * R17, R20: a gate with `onFailure: pause` has failed. Traffic stays where it is and the other gates stay armed, until a
 * person resumes, and the step begins again, or aborts. A promotion never passes it. A person who has paused as well is
 * said beside it, and that pause outlasts the gate's; resume ends both.
 */
export const gatePaused: Guard = attempt => {
  const { gates, plan, request, status } = attempt;
  const failed = failedGate(gates, plan.gates, 'pause');
  if (failed === undefined) return withoutPause(attempt);
  if (request?.verb === 'resume') return beginAgain(attempt, request.by ?? 'a person');
  return standStill(attempt, withPause(attempt, status, failed));
};

const withPause = (attempt: Attempt, status: RolloutStatus, failed: GateStatus): RolloutStatus => {
  const { nowMs, target } = attempt;
  const by = `gate ${failed.name}`;
  const failedMs = Date.parse(failed.at ?? '') || 0;
  const before = status.history?.findLast(({ reason, at }) => reason === 'PausedByGate' && Date.parse(at) >= failedMs);
  const sinceMs = before === undefined ? Math.max(nowMs, failedMs) : Date.parse(before.at);
  const person = pauseOfPerson(status);
  const pause = person ?? { by, reason: failed.message, since: isoMillis(sinceMs) };
  const beside = person === undefined ? '' : `, and ${pauseSentence(person)}`;
  const end = person === undefined ? 'which' : 'which ends both pauses and';
  const message = `${place(attempt)}: ${failed.message}; paused by ${by} at ${isoSeconds(sinceMs)}${beside}; resume to go on, ${end} begins the step again, or abort`;
  const entry = { from: target.stable, to: target.canary, action: 'paused', reason: 'PausedByGate', message } as const;
  const told = before === undefined ? withHistory(status, sinceMs, entry) : status;
  return { ...saying({ ...told, pause }, 'PausedByGate', message, { what: 'person' }), phase: 'Paused' };
};

/** The step's clock and its gates start anew; traffic is where it was, so the position is in the status only (R3). */
const beginAgain = (attempt: Attempt, by: string): Outcome => {
  const { request, step, nowMs, target } = attempt;
  const { pause: _pause, ...status } = enterWithoutTraffic(attempt, step.index);
  const message = `${place(attempt)}: resumed by ${by}, the step begins again`;
  const entry = { from: target.stable, to: target.canary, action: 'resumed', reason: 'Resumed', message } as const;
  const told = saying(withHistory(status, nowMs, entry), 'Resumed', message);
  if (request === undefined) return { status: told };
  return { status: withOutcome(told, request, 'accepted: resumed, the step begins again', nowMs), lookAgainAtMs: nowMs };
};

/** The verdict that paused is gone with the step or the plan that it was about, and so is the pause. */
const withoutPause = ({ status, nowMs }: Attempt): Outcome | undefined => {
  if (status.pause === undefined || pauseOfPerson(status) !== undefined) return undefined;
  const { pause: _pause, ...rest } = status;
  return { status: rest, lookAgainAtMs: nowMs };
};
