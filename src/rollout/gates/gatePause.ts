import { isoMillis, isoSeconds } from '../duration.ts';
import { place } from '../explain.ts';
import { enterWithoutTraffic, standStill } from '../forward/forward.ts';
import { type Guard, type Outcome, saying, withHistory } from '../outcome.ts';
import { withOutcome } from '../people/request.ts';
import type { Attempt } from '../situation.ts';
import type { GateStatus, RolloutStatus } from '../status.ts';
import { failedGate } from './gates.ts';

/**
 * R17, R20: a gate with `onFailure: pause` has failed. Traffic stays where it is and the other gates stay armed, until a
 * person resumes, and the step begins again, or aborts. A promotion never passes it.
 */
export const gatePaused: Guard = attempt => {
  const { gates, plan, request, status, nowMs } = attempt;
  const failed = failedGate(gates, plan.gates, 'pause');
  if (failed === undefined) return withoutPause(attempt);
  if (request?.verb === 'resume') return beginAgain(attempt, request.by ?? 'a person');
  const held = standStill(attempt, withPause(attempt, status, failed));
  if (request?.verb !== 'pause') return held;
  return { ...held, status: withOutcome(held.status, request, `accepted: paused already by ${authorOf(failed)}`, nowMs) };
};

const authorOf = ({ name }: GateStatus): string => `gate ${name}`;

const withPause = ({ nowMs, target, ...attempt }: Attempt, status: RolloutStatus, failed: GateStatus): RolloutStatus => {
  const by = authorOf(failed);
  const isNew = status.pause?.by !== by;
  const pause = status.pause === undefined || isNew ? { by, reason: failed.message, since: isoMillis(nowMs) } : status.pause;
  const since = isoSeconds(Date.parse(pause.since));
  const message = `${place({ ...attempt, nowMs, target })}: ${failed.message}; paused by ${by} at ${since}; resume to go on, which begins the step again, or abort`;
  const entry = { from: target.stable, to: target.canary, action: 'paused', reason: 'PausedByGate', message } as const;
  const told = isNew ? withHistory(status, nowMs, entry) : status;
  return { ...saying({ ...told, pause }, 'PausedByGate', message, { what: 'person' }), phase: 'Paused' };
};

/** The step's clock and its gates start anew; traffic is where it was, so the position is in the status only (R3). */
const beginAgain = (attempt: Attempt, by: string): Outcome => {
  const { request, step, nowMs } = attempt;
  const { pause: _pause, ...status } = enterWithoutTraffic(attempt, step.index);
  const told = saying(status, 'Resumed', `${place(attempt)}: resumed by ${by}, the step begins again`);
  if (request === undefined) return { status: told };
  return { status: withOutcome(told, request, 'accepted: resumed, the step begins again', nowMs), lookAgainAtMs: nowMs };
};

/** A person may be called like a gate; the history knows of a pause that a gate began. */
const isByGate = ({ pause, history = [] }: RolloutStatus): boolean =>
  history.some(({ action, at }) => action === 'paused' && at === pause?.since);

/** The verdict that paused is gone with the step or the plan that it was about, and so is the pause. */
const withoutPause = ({ status, nowMs }: Attempt): Outcome | undefined => {
  if (!isByGate(status)) return undefined;
  const { pause: _pause, ...rest } = status;
  return { status: rest, lookAgainAtMs: nowMs };
};
