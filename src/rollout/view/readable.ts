import type { Rollout } from '../observation.ts';
import type { RolloutStatus } from '../status.ts';
import { rolloutView } from './view.ts';

/** The Rollout, with another status where somebody else has written one that nobody can read: it spoils no list and no page. */
export const readable = <R extends Pick<Rollout, 'namespace' | 'name' | 'spec' | 'status'>>(rollout: R): R => {
  try {
    rolloutView(rollout, 0);
    return rollout;
  } catch {
    return { ...rollout, status: UNREADABLE };
  }
};

const UNREADABLE: RolloutStatus = {
  phase: 'Invalid',
  reason: 'InvalidSpec',
  message: 'its status is not as Sluice writes it',
};
