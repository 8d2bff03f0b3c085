import { isoSeconds } from '../duration.ts';
import { place } from '../explain.ts';
import type { Freeze } from '../observation.ts';
import { type Guard, saying } from '../outcome.ts';
import { isWayBackPlan } from '../start/firstStep.ts';
import { standStill } from './forward.ts';
import { closedAt } from './windows.ts';

/** Who stopped everything, for people. */
export const freezeSentence = ({ by, since, reason, end = 'after sluice freeze --off' }: Freeze): string =>
  `all forward movement is stopped since ${since} by ${by}${reason === undefined ? '' : `: ${reason}`}; goes on by itself ${end}`;

/** R20: somebody stopped all forward movement of this installation; what protects stands above this, and the way back is free. */
export const frozen: Guard = attempt => {
  const { freeze } = attempt.observation;
  if (freeze === undefined || isWayBackPlan(attempt.plan)) return undefined;
  const told = saying(attempt.status, 'Frozen', `${place(attempt)}: ${freezeSentence(freeze)}`, { what: 'person' });
  return standStill(attempt, { ...told, phase: 'Paused' });
};

/** R20: nothing moves forward at this time of the week. */
export const outsideWindow: Guard = attempt => {
  const { rollout, nowMs, status } = attempt;
  const closed = isWayBackPlan(attempt.plan) ? undefined : closedAt(rollout.spec.windows, nowMs);
  if (closed === undefined) return undefined;
  const { because, until, untilMs, againMs } = closed;
  const message = `${place(attempt)}: nothing moves forward ${until}, as spec.windows says (${because})`;
  const waitingFor = { what: 'window', ...(untilMs === undefined ? {} : { until: isoSeconds(untilMs) }) } as const;
  const held = standStill(attempt, { ...saying(status, 'WaitingForWindow', message, waitingFor), phase: 'Paused' });
  return { ...held, lookAgainAtMs: Math.min(againMs, held.lookAgainAtMs ?? Number.POSITIVE_INFINITY) };
};
