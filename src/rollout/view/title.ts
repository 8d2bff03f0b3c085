import type { RolloutStatus } from '../status.ts';
import { headlineOf } from '../tell/kinds.ts';

/** What stands in a headline: as in messages, but what happened once is told as what is so since. */
export const titleOf = ({ reason, phase, step }: RolloutStatus): string =>
  reason === 'StepEntered' && step !== undefined ? `in step ${step.index} of ${step.count}` : headlineOf(reason, phase).title;
