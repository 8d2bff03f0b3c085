import { openQuestion } from '../people/question.ts';
import type { RolloutStatus } from '../status.ts';

/**
 * How much a rollout needs a person, the most urgent first: something is broken and stands; a person is asked; it is not
 * going as it should; it moves; it waits for its turn; nothing to do.
 */
export const ATTENTION = ['broken', 'asks', 'troubled', 'moves', 'waits', 'fine'] as const;

export type Attention = (typeof ATTENTION)[number];

export const attentionOf = (status: RolloutStatus): Attention => {
  const { phase, reason, waitingFor } = status;
  if (phase === 'RolledBack' || phase === 'Invalid') return 'broken';
  if (phase === 'RollingBack') return 'troubled';
  if (openQuestion(status) !== undefined || phase === 'Paused' || waitingFor?.what === 'person' || waitingFor?.what === 'pin')
    return 'asks';
  if (isTroubled(status)) return 'troubled';
  if (phase === 'Healthy') return 'fine';
  return reason === 'WaitingForPods' || phase === 'Pending' ? 'waits' : 'moves';
};

const isTroubled = ({ reason, waitingFor, gates = [], step }: RolloutStatus): boolean =>
  reason === 'Drift' ||
  waitingFor?.what === 'drift' ||
  waitingFor?.what === 'mesh' ||
  (step !== undefined && gates.some(({ verdict }) => verdict === 'Fail' || verdict === 'Error' || verdict === 'NoData'));
