import type { Action, Decision } from './action.ts';
import { isoMillis, isoSeconds } from './duration.ts';
import type { Reason } from './reason.ts';
import type { Attempt, Situation } from './situation.ts';
import type { Condition, GateStatus, RolloutStatus, WaitingFor } from './status.ts';

export { withHistory } from './history.ts';

/** What a guard answers: the next status but for what follows from it, and what is to be done. */
export type Outcome = {
  readonly status: RolloutStatus;
  readonly actions?: readonly Action[];
  readonly lookAgainAtMs?: number;
  /** Too little is known to say anything about the spec's present generation; it is not observed yet. */
  readonly isUndecided?: boolean;
  /** What the request asks for takes more than one look: it stands, and is not refused. */
  readonly keepsRequest?: boolean;
};

/** Answers when its rule applies; the first answer counts. */
export type Guard = (attempt: Attempt) => Outcome | undefined;

const WRITE_FAILED = '; last write failed, trying again: ';

/** Fills in what follows from the rest: conditions, display, generation, the error of a write. */
export const finish = (situation: Situation, { status, actions = [], lookAgainAtMs, isUndecided }: Outcome): Decision => {
  const { writeError } = situation.observation;
  const { rollout, stored } = situation;
  const observedGeneration = isUndecided ? (stored?.observedGeneration ?? 0) : rollout.generation;
  const said = status.message.includes(WRITE_FAILED) ? (status.message.split(WRITE_FAILED)[0] ?? '') : status.message;
  const message = writeError === undefined ? said : `${said}${WRITE_FAILED}${writeError}`;
  const conditions = conditionsOf(
    { phase: status.phase, reason: status.reason, gates: status.gates, message, observedGeneration },
    situation,
  );
  return {
    // a status is large, and copied at every decision: once is enough
    status: { ...status, ...whenBegun(situation, status), message, observedGeneration, display: display(status), conditions },
    actions,
    ...(lookAgainAtMs === undefined ? {} : { lookAgainAtMs }),
  };
};

const TROUBLE: readonly Reason[] = ['ProviderError', 'NoData'];

/** A provider that does not answer, or data that have been missing for too long (R15, R16). */
export const isTrouble = ({ reason }: RolloutStatus): boolean => TROUBLE.includes(reason);

/** Since when phase, reason and step are what they are; a status of an earlier build does not say it until they change. */
const whenBegun = ({ stored, nowMs }: Situation, status: RolloutStatus): Pick<RolloutStatus, 'since' | 'step'> => {
  const since = isSamePlace(stored, status) ? stored?.since : isoMillis(nowMs);
  if (since === undefined) return {};
  return status.step === undefined || !isTrouble(status) ? { since } : { since, step: { ...status.step, troubledAt: since } };
};

const isSamePlace = (before: RolloutStatus | undefined, after: RolloutStatus): boolean =>
  before?.phase === after.phase &&
  before.reason === after.reason &&
  before.step?.index === after.step?.index &&
  before.step?.startedAt === after.step?.startedAt &&
  before.step?.askedAt === after.step?.askedAt;

/** What the last write of a mesh object failed with, as the message says it; absent when it did not. */
export const failedWrite = ({ message }: RolloutStatus): string | undefined =>
  message.includes(WRITE_FAILED) ? message.split(WRITE_FAILED)[1] : undefined;

/** The status without what it was waiting for, saying something new. */
export const saying = (status: RolloutStatus, reason: Reason, message: string, waitingFor?: WaitingFor): RolloutStatus => {
  if (waitingFor !== undefined) return { ...status, reason, message, waitingFor };
  if (!Object.hasOwn(status, 'waitingFor')) return { ...status, reason, message };
  const { waitingFor: _, ...rest } = status;
  return { ...rest, reason, message };
};

/** The status after an attempt: what only an attempt in progress has is gone. */
export const endAttempt = (status: RolloutStatus): RolloutStatus => {
  const { step: _step, plan: _plan, waitingFor: _waitingFor, position: _position, weight: _weight, ...kept } = status;
  const { meshFindings: _meshFindings, ...rest } = kept;
  return { ...rest, traffic: { weight: 0 } };
};

export const allPass = (gates: readonly GateStatus[]): boolean =>
  gates.every(({ verdict }) => verdict === 'Pass' || verdict === 'NotApplicable');

const display = ({
  phase,
  step,
  traffic,
  stableVersion,
  canaryVersion,
}: RolloutStatus): { version: string; step: string; weight: string } => ({
  version: canaryVersion ?? stableVersion ?? '',
  step: step && step.count > 0 ? `${step.index}/${step.count}` : '',
  weight: phase === 'Healthy' ? '100%' : canaryVersion === undefined ? '' : `${traffic?.weight ?? 0}%`,
});

type Told = Pick<RolloutStatus, 'phase' | 'reason' | 'message'> & {
  readonly gates: RolloutStatus['gates'] | undefined;
  readonly observedGeneration: number;
};

const conditionsOf = (status: Told, { stored, nowMs }: Situation): readonly Condition[] => {
  const { phase, gates, observedGeneration } = status;
  const condition = (type: Condition['type'], value: Condition['status']): Condition => {
    const before = stored?.conditions?.find(known => known.type === type);
    return {
      type,
      status: value,
      reason: status.reason,
      message: status.message,
      lastTransitionTime: before?.status === value ? before.lastTransitionTime : isoSeconds(nowMs),
      observedGeneration,
    };
  };
  const settled = phase === 'Healthy' || phase === 'RolledBack' || phase === 'Invalid';
  const stalled = phase === 'RolledBack' || phase === 'Invalid';
  return [
    condition('Ready', phase === 'Healthy' ? 'True' : 'False'),
    condition('Reconciling', settled ? 'False' : 'True'),
    condition('Stalled', stalled ? 'True' : 'False'),
    condition('GatesPassing', gatesCondition(gates ?? [])),
  ];
};

const gatesCondition = (gates: readonly GateStatus[]): Condition['status'] => {
  if (gates.some(({ verdict }) => verdict === 'Fail')) return 'False';
  return gates.length > 0 && allPass(gates) ? 'True' : 'Unknown';
};
