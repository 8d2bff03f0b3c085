import type { Action } from '../action.ts';
import { place } from '../explain.ts';
import { type Guard, type Outcome, saying } from '../outcome.ts';
import type { Attempt, Situation } from '../situation.ts';
import { goBack, isBlocked, isOpen } from './goBack.ts';

const LET_GO: Action = { kind: 'setFinalizer', isWanted: false };

/** R30: a Rollout that is deleted in progress puts traffic back first, unless it is to be kept, and never blocks. */
export const deleted: Guard = attempt => {
  const { rollout, target, status } = attempt;
  const { mesh } = attempt.observation;
  if (rollout.isDeleting !== true) return undefined;
  if (mesh.kind === 'problem') return letGo(attempt, `deleted; nothing could be put back: ${mesh.message}`);
  if (rollout.spec.onDelete === 'keep' || !isOpen(attempt)) return letGo(attempt, 'deleted');
  if (isBlocked(attempt)) return letGo(attempt, `deleted; weights stay as they are, because ${target.stable} has no ready pod`);
  const going = goBack(attempt, 'Deleted', 'the Rollout was deleted');
  return status.phase === 'RollingBack' ? { ...going, status } : going;
};

/** First the status, which makes the event; with the finalizer the object may be gone at once. */
const letGo = (attempt: Attempt, why: string): Outcome => {
  const { stored, nowMs, rollout } = attempt;
  const status = saying(attempt.status, 'Deleted', `${place(attempt)}: ${why}`);
  if (rollout.hasFinalizer !== true) return { status: stored ?? status };
  return stored?.reason === 'Deleted' ? { status: stored, actions: [LET_GO] } : { status, lookAgainAtMs: nowMs };
};

/** The finalizer is there before the first weight, and only while an attempt is in progress. */
export const lacksFinalizer = ({ rollout }: Attempt): boolean => !rollout.hasFinalizer && rollout.spec.onDelete !== 'keep';

export const ADD_FINALIZER: Action = { kind: 'setFinalizer', isWanted: true };

/** Between attempts nothing needs to be put back. */
export const withoutFinalizer = ({ rollout }: Situation, outcome: Outcome): Outcome =>
  rollout.hasFinalizer === true ? { ...outcome, actions: [...(outcome.actions ?? []), LET_GO] } : outcome;
