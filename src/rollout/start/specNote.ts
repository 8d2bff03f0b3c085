import type { Outcome } from '../outcome.ts';
import type { Reason } from '../reason.ts';
import type { Situation } from '../situation.ts';
import type { RolloutStatus } from '../status.ts';

const NOTE = '; but the spec has a mistake, and nothing starts until it is mended: ';

/** What people have to know more urgently; its reason stays. */
const MORE_URGENT: readonly Reason[] = ['Drift', 'DriftRestored'];

/** What a status at rest says apart from the note. */
export const withoutSpecNote = <S extends RolloutStatus>(status: S): S => {
  const [message = ''] = status.message.split(NOTE);
  if (message === status.message) return status;
  const isOnlyNote = status.phase === 'Healthy' && status.reason === 'InvalidSpec';
  return { ...status, message, ...(isOnlyNote ? { reason: 'UpToDate' as const } : {}) };
};

/**
 * R12: a Rollout at rest has nothing to do that a mistake in its spec could stop, so it stays what it is; whoever commits
 * the next version is to know beforehand.
 */
export const withSpecNote = ({ problems }: Situation, outcome: Outcome): Outcome => {
  const [problem] = problems;
  const { status } = outcome;
  if (problem === undefined || (status.phase !== 'Healthy' && status.phase !== 'RolledBack')) return outcome;
  const reason = status.phase === 'Healthy' && !MORE_URGENT.includes(status.reason) ? 'InvalidSpec' : status.reason;
  return { ...outcome, status: { ...status, reason, message: `${status.message}${NOTE}${problem.path} ${problem.message}` } };
};
