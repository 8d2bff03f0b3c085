import type { StoredRollout } from '../controller/ports.ts';
import { type RolloutLine, rolloutLine } from '../rollout/index.ts';

/** One Rollout in a list, as JSON. One whose status somebody else has written, and nobody can read, spoils no list. */
export const lineText = (rollout: StoredRollout): string => JSON.stringify(lineOf(rollout));

const lineOf = (rollout: StoredRollout): RolloutLine => {
  try {
    return rolloutLine(rollout);
  } catch {
    const { namespace, name } = rollout;
    const told = { title: 'cannot be shown', message: 'its status is not as Sluice writes it' };
    return { namespace, name, phase: 'Invalid', reason: 'InvalidSpec', attention: 'broken', ...told };
  }
};
