import type { StoredRollout } from '../../controller/ports.ts';
import { ATTENTION, type Attention, attentionOf, type Phase } from '../../rollout/index.ts';

/** Which Rollouts are shown, and in which order. */
export type Choice = {
  /** Empty: all. */
  readonly phases: readonly Phase[];
  /** Only those that need a person, or do not go as they should. */
  readonly attention: boolean;
  readonly sort: 'name' | 'attention';
};

export const PHASES = [
  'Pending',
  'Progressing',
  'Paused',
  'AwaitingApproval',
  'RollingBack',
  'RolledBack',
  'Healthy',
  'Invalid',
] as const satisfies readonly Phase[];

const attentionIn = ({ status }: StoredRollout): Attention => (status === undefined ? 'waits' : attentionOf(status));

const isNeeded = (attention: Attention): boolean => attention === 'broken' || attention === 'asks' || attention === 'troubled';

export const isChosen = (rollout: StoredRollout, { phases, attention }: Choice): boolean =>
  (phases.length === 0 || phases.includes(rollout.status?.phase ?? 'Pending')) && (!attention || isNeeded(attentionIn(rollout)));

/** By namespace and name, as kubectl does; or what needs a person first. */
export const choose = (rollouts: readonly StoredRollout[], choice: Choice): readonly StoredRollout[] => {
  const rank = (rollout: StoredRollout): number => (choice.sort === 'attention' ? ATTENTION.indexOf(attentionIn(rollout)) : 0);
  return rollouts
    .filter(rollout => isChosen(rollout, choice))
    .toSorted((a, b) => rank(a) - rank(b) || compare(a.namespace, b.namespace) || compare(a.name, b.name));
};

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
