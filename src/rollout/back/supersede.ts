import { SAFE } from '../mesh/routes.ts';
import { endAttempt, type Outcome, saying, withHistory } from '../outcome.ts';
import { type Attempt, inProgress } from '../situation.ts';
import { decideIdle } from '../start/start.ts';
import { goBack, isBlocked, isOpen, waitForStable } from './goBack.ts';

/**
 * R9: a newer version was committed. Safe first; but with no ready pod of stable the failed version keeps its share until
 * the newest takes its place, so that a fix can ship while everything else is down.
 */
export const supersede = (attempt: Attempt): Outcome =>
  isBlocked(attempt) ? takeOver(attempt) : goBack(attempt, 'Superseded', because(attempt));

/** Does an attempt that waits for stable to be put back stand in the way of a newer version? */
export const isSuperseded = (attempt: Attempt): boolean => {
  const { version } = attempt.rollout.spec;
  return isBlocked(attempt) && version !== attempt.target.stable && version !== attempt.target.canary;
};

/** Stable is back before the newest version took the place of the failed one: then Safe comes first after all. */
export const needsSafeFirst = (attempt: Attempt): boolean =>
  attempt.step.index === 0 && isOpen(attempt) && attempt.stablePods.ready > 0;

/**
 * One status write ends the one attempt and begins the next. Until the newest version can begin the failed one stays an
 * attempt in progress, so that it is put back as soon as stable can take it.
 */
const takeOver = (attempt: Attempt): Outcome => {
  const { stable, canary } = attempt.target;
  const { version } = attempt.rollout.spec;
  const { canaryVersion: _canary, revision: _revision, gates: _gates, ...rest } = endAttempt(attempt.status);
  const message = `${canary} keeps its ${attempt.weight}% until ${version} takes its place: ${because(attempt)}, and ${stable} has no ready pod`;
  const entry = { from: canary, to: version, action: 'superseded', reason: 'Superseded', message } as const;
  const ended = saying(withHistory(rest, attempt.nowMs, entry), 'Superseded', message);
  const { traffic = SAFE } = attempt.status;
  const next = decideIdle(attempt, { ...ended, stableVersion: stable, traffic });
  return inProgress(next.status) ? next : { ...next, ...waitForStable(attempt, next.status.message) };
};

const because = ({ rollout }: Attempt): string => `${rollout.spec.version} was committed`;
