import { createHmac, timingSafeEqual } from 'node:crypto';
import type { OpenQuestion } from '../../rollout/index.ts';

type Decision = 'approved' | 'rejected';

/** What a button is about. */
export type Asking = Pick<OpenQuestion, 'revision' | 'step' | 'askedAt'> & { readonly uid: string };

/** Ids of buttons: nobody can make one without the signing secret, and none says anything by itself. */
export type QuestionIds = {
  idOf(asking: Asking, decision: Decision): string;
  /** What a button with this id says, if it is about this; the comparison takes as long for every id. */
  decisionOf(asking: Asking, id: string): Decision | undefined;
};

/** So many ids are kept; making one anew costs microseconds. */
const KEPT = 2_000;

/**
 * `secret`: the signing secret, asked for at each use because its file may change; the ids of an earlier one do not count.
 * The answer throws an Error when the secret is empty or cannot be read.
 */
export const createQuestionIds = (secret: () => string): (() => QuestionIds) => {
  const kept = new Map<string, string>();
  let keptFor = '';

  const idOf = (key: string, { uid, revision, step, askedAt }: Asking, decision: Decision): string => {
    if (key !== keptFor || kept.size > KEPT) kept.clear();
    keptFor = key;
    const said = JSON.stringify([uid, revision, step, askedAt, decision]);
    const id = kept.get(said) ?? createHmac('sha256', Buffer.from(key, 'hex')).update(said).digest('base64url');
    kept.set(said, id);
    return id;
  };

  return () => {
    const key = keyOf(secret());
    return {
      idOf: (asking, decision) => idOf(key, asking, decision),
      decisionOf: (asking, id) => {
        const given = Buffer.from(id, 'utf8');
        const fits = (decision: Decision): boolean => {
          const known = Buffer.from(idOf(key, asking, decision), 'utf8');
          return known.length === given.length && timingSafeEqual(known, given);
        };
        const [isApproval, isRejection] = [fits('approved'), fits('rejected')];
        return isApproval ? 'approved' : isRejection ? 'rejected' : undefined;
      },
    };
  };
};

/** A key of its own, so that no id is a signature of anything else. */
const keyOf = (secret: string): string => {
  if (secret === '') throw new Error('the signing secret of Slack is empty');
  return createHmac('sha256', secret).update('sluice: ids of buttons').digest('hex');
};
