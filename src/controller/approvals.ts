import { type ApprovalAnswer, LONGEST_REASON, oneLine, type RolloutStatus, refusalOfAnswer } from '../rollout/index.ts';
import type { AnswerOutcome, GivenAnswer } from './channel-ports.ts';
import type { Directory } from './people.ts';
import type { Key, RolloutStore, StoredRollout } from './ports.ts';

/** Takes answers of people to the decisions that they are about, and tells what became of each (R19). */
export type ApprovalDesk = {
  /** Ends when a status that knows the answer is stored, or with why it does not count. Never throws. */
  answer(given: GivenAnswer): Promise<AnswerOutcome>;
  /** What was answered and no status knows yet, this one neither. */
  waiting(rollout: StoredRollout): readonly ApprovalAnswer[];
  /** To be called after each status that was stored. */
  stored(rollout: StoredRollout, next: RolloutStatus): void;
};

export type ApprovalDeskOptions = {
  readonly store: Pick<RolloutStore, 'get'>;
  readonly directory: Directory;
  /** Has this rollout looked at. */
  readonly wake: (key: Key) => void;
  /** Default 10 s. */
  readonly timeoutMs?: number;
};

type Waiting = { readonly answer: ApprovalAnswer; readonly uid: string; readonly end: (outcome: AnswerOutcome) => void };

const TIMEOUT_MS = 10_000;

export const createApprovalDesk = (options: ApprovalDeskOptions): ApprovalDesk => {
  const { store, directory, wake, timeoutMs = TIMEOUT_MS } = options;
  const waitingFor = new Map<Key, readonly Waiting[]>();

  const withdraw = (key: Key, entry: Waiting): void => {
    const rest = (waitingFor.get(key) ?? []).filter(other => other !== entry);
    if (rest.length === 0) waitingFor.delete(key);
    else waitingFor.set(key, rest);
  };

  /** Tells those whose answer this status knows, or has left behind. */
  const settle = (key: Key, rollout: StoredRollout | undefined): void => {
    for (const { answer, uid, end } of waitingFor.get(key) ?? []) {
      if (uid !== rollout?.uid) end({ kind: 'unknown' });
      else if (rollout.status?.approvals?.some(known => isRecordOf(known, answer))) end({ kind: 'recorded', by: answer.by });
      else {
        const refusal = refusalBy(rollout, answer);
        if (refusal !== undefined) end(refusal);
      }
    }
  };

  const wait = (key: Key, uid: string, answer: ApprovalAnswer): Promise<AnswerOutcome> =>
    new Promise(resolve => {
      const entry: Waiting = {
        answer,
        uid,
        end: outcome => {
          clearTimeout(timer);
          withdraw(key, entry);
          resolve(outcome);
        },
      };
      const timer = setTimeout(() => {
        settle(key, store.get(key));
        entry.end({ kind: 'notStored', reason: `no status was stored within ${timeoutMs / 1000} s` });
      }, timeoutMs);
      waitingFor.set(key, [...(waitingFor.get(key) ?? []), entry]);
      wake(key);
    });

  return {
    answer: async ({ key, identity, groups, comment, ...given }) => {
      const rollout = store.get(key);
      if (rollout === undefined) return { kind: 'unknown' };
      // it stands in evidence as it is looked at
      const said = comment === undefined ? {} : { comment: oneLine(comment, LONGEST_REASON) };
      const answer: ApprovalAnswer = { ...given, ...said, ...directory(identity, groups) };
      const refusal = refusalBy(rollout, answer);
      if (refusal !== undefined) return refusal;
      const isWaiting = (waitingFor.get(key) ?? []).some(other => isSame(other.answer, answer));
      if (isWaiting) return { kind: 'refused', refusal: { kind: 'repeated', reason: `${answer.by} has answered already` } };
      return await wait(key, rollout.uid, answer);
    },
    waiting: rollout => {
      const key = `${rollout.namespace}/${rollout.name}`;
      // a write whose answer was lost has happened all the same
      settle(key, rollout);
      return (waitingFor.get(key) ?? []).map(({ answer }) => answer);
    },
    stored: (rollout, status) => settle(`${rollout.namespace}/${rollout.name}`, { ...rollout, status }),
  };
};

const refusalBy = ({ status, authors = [] }: StoredRollout, answer: ApprovalAnswer): AnswerOutcome | undefined => {
  if (status === undefined) return { kind: 'refused', refusal: { kind: 'stale', reason: 'nothing is in progress' } };
  const refusal = refusalOfAnswer(status, authors, answer);
  return refusal === undefined ? undefined : { kind: 'refused', refusal };
};

const isSame = (one: ApprovalAnswer, other: ApprovalAnswer): boolean =>
  one.by === other.by && one.revision === other.revision && one.step === other.step && one.decision === other.decision;

const isRecordOf = (known: NonNullable<RolloutStatus['approvals']>[number], answer: ApprovalAnswer): boolean =>
  known.by === answer.by &&
  known.revision === answer.revision &&
  known.step === answer.step &&
  known.decision === answer.decision &&
  known.at === answer.at;
