import { openQuestion } from '../people/question.ts';
import type { Reason } from '../reason.ts';
import type { RolloutStatus } from '../status.ts';

/**
 * How much a rollout needs a person, the most urgent first: something is broken and stands; a person is asked; it is not
 * going as it should; it moves; it waits for its turn; nothing to do.
 */
export const ATTENTION = ['broken', 'asks', 'troubled', 'moves', 'waits', 'fine'] as const;

export type Attention = (typeof ATTENTION)[number];

export const attentionOf = (status: RolloutStatus): Attention => {
  const { phase, reason } = status;
  // at rest, too, a spec that cannot be carried out keeps the version that somebody wants from coming
  if (phase === 'RolledBack' || phase === 'Invalid' || reason === 'InvalidSpec') return 'broken';
  if (phase === 'RollingBack') return isWanted(status) ? 'moves' : 'troubled';
  if (openQuestion(status) !== undefined || phase === 'AwaitingApproval' || ASKS.includes(reason)) return 'asks';
  if (TROUBLED.includes(reason) || hasBadGate(status)) return 'troubled';
  if (phase === 'Healthy') return 'fine';
  return WAITS.includes(reason) || (phase === 'Pending' && !BRIEF.includes(reason)) ? 'waits' : 'moves';
};

/** Only a person ends it. */
const ASKS: readonly Reason[] = ['WaitingForPerson', 'PausedByPerson', 'PausedByGate', 'PinNeeded'];

/** It may end by itself, but something is not as it should be. */
const TROUBLED: readonly Reason[] = [
  'Drift',
  'DriftPutDown',
  'WaitingForMesh',
  'MeshCheckFailed',
  'WaitingForStable',
  'WaitingForTraffic',
  'WaitingForCapacity',
  'ProviderError',
  'NoData',
  'NoPods',
  'PodsLost',
  'PodsShrinking',
];

/** It ends by itself, at its time. */
const WAITS: readonly Reason[] = ['WaitingForPods', 'WaitingForWindow', 'Frozen'];

/** So an attempt is between two others, for a second. */
const BRIEF: readonly Reason[] = ['Retried', 'Superseded', 'NewPods', 'WentBack', 'TargetChanged', 'Pinning'];

/** Somebody has committed something else: going back is what they want, unless it is stuck. */
const isWanted = ({ reason, waitingFor }: RolloutStatus): boolean =>
  (reason === 'ExperimentEnded' || BRIEF.includes(reason)) && waitingFor?.what !== 'pods';

/** Without enough data there is nothing to worry about until their deadline has passed, which has a reason of its own. */
const hasBadGate = ({ gates = [], step }: RolloutStatus): boolean =>
  step !== undefined && gates.some(({ verdict }) => verdict === 'Fail' || verdict === 'Error');
