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
  /** To be called when a round has ended that `waiting` was asked for. */
  roundEnded(key: Key): void;
  /** Waits until every answer is stored or refused, at most so long; the rest hear that theirs is not. */
  drain(timeoutMs: number): Promise<void>;
};

export type ApprovalDeskOptions = {
  readonly store: Pick<RolloutStore, 'get'>;
  readonly directory: Directory;
  /** Has this rollout looked at. */
  readonly wake: (key: Key) => void;
  /** Default 10 s. */
  readonly timeoutMs?: number;
};

type Waiting = {
  readonly answer: ApprovalAnswer;
  readonly uid: string;
  readonly end: (outcome: AnswerOutcome) => void;
  /** Says so once no round is under way that may store it yet. */
  readonly late: () => void;
  /** A round is under way that knows of it. */
  isSeen: boolean;
  /** Who gave it has heard that it is not stored. */
  isTold: boolean;
};

const TIMEOUT_MS = 10_000;

export const createApprovalDesk = (options: ApprovalDeskOptions): ApprovalDesk => {
  const { store, directory, wake, timeoutMs = TIMEOUT_MS } = options;
  const waitingFor = new Map<Key, readonly Waiting[]>();
  let drained: (() => void) | undefined;

  const withdraw = (key: Key, entry: Waiting): void => {
    const rest = (waitingFor.get(key) ?? []).filter(other => other !== entry);
    if (rest.length === 0) waitingFor.delete(key);
    else waitingFor.set(key, rest);
    if (waitingFor.size === 0) drained?.();
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
      let isLate = false;
      const entry: Waiting = {
        answer,
        uid,
        isSeen: false,
        isTold: false,
        end: outcome => {
          clearTimeout(timer);
          withdraw(key, entry);
          resolve(outcome);
        },
        late: () => {
          if (entry.isSeen || !isLate) return;
          const outcome = { kind: 'notStored', reason: `no status was stored within ${timeoutMs / 1000} s` } as const;
          // whoever says no is heard all the same as soon as it can be stored
          entry.isTold = true;
          if (answer.decision === 'rejected') resolve(outcome);
          else entry.end(outcome);
        },
      };
      const timer = setTimeout(() => {
        isLate = true;
        settle(key, store.get(key));
        entry.late();
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
      const before = (waitingFor.get(key) ?? []).find(other => isSame(other.answer, answer));
      // whoever was told to answer again does
      if (before?.isTold) withdraw(key, before);
      else if (before !== undefined)
        return { kind: 'refused', refusal: { kind: 'repeated', reason: `${answer.by} has answered already` } };
      return await wait(key, rollout.uid, answer);
    },
    waiting: rollout => {
      const key = `${rollout.namespace}/${rollout.name}`;
      // a write whose answer was lost has happened all the same
      settle(key, rollout);
      const entries = waitingFor.get(key) ?? [];
      for (const entry of entries) entry.isSeen = true;
      return entries.map(({ answer }) => answer);
    },
    stored: (rollout, status) => settle(`${rollout.namespace}/${rollout.name}`, { ...rollout, status }),
    roundEnded: key => {
      settle(key, store.get(key));
      for (const entry of waitingFor.get(key) ?? []) {
        entry.isSeen = false;
        entry.late();
      }
    },
    drain: async timeoutMs => {
      if (waitingFor.size === 0) return;
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, timeoutMs);
        drained = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      for (const { end } of [...waitingFor.values()].flat()) end({ kind: 'notStored', reason: 'this process ends' });
    },
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
