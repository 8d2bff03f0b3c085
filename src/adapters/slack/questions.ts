import { createHash, createHmac } from 'node:crypto';
import type { OpenQuestion } from '../../rollout/index.ts';

type Decision = 'approved' | 'rejected';

/** What a button is about. */
export type Asking = Pick<OpenQuestion, 'revision' | 'step' | 'askedAt'> & { readonly uid: string };

/** Ids of buttons: nobody can make one without the signing secret, and none says anything by itself. */
export type QuestionIds = {
  idOf(asking: Asking, decision: Decision): string;
  /**
   * What a button with this id says about a question, if it is about it. Digests are compared, which tell nobody how far an
   * id was right.
   */
  reading(id: string): (asking: Asking) => Decision | undefined;
};

/** Of the ids of one question. */
type Digests = { readonly key: string; readonly approved: string; readonly rejected: string };

/**
 * `secret`: the signing secret, asked for at each use because its file may change; the ids of an earlier one do not count.
 * The answer throws an Error when the secret is empty or cannot be read.
 */
export const createQuestionIds = (secret: () => string): (() => QuestionIds) => {
  const known = new WeakMap<Asking, Digests>();

  const digestsOf = (key: string, asking: Asking): Digests => {
    const found = known.get(asking);
    if (found?.key === key) return found;
    const [approved, rejected] = [digest(idOf(key, asking, 'approved')), digest(idOf(key, asking, 'rejected'))];
    const digests = { key, approved, rejected };
    known.set(asking, digests);
    return digests;
  };

  return () => {
    const key = keyOf(secret());
    return {
      idOf: (asking, decision) => idOf(key, asking, decision),
      reading: id => {
        const given = digest(id);
        return asking => {
          const { approved, rejected } = digestsOf(key, asking);
          return given === approved ? 'approved' : given === rejected ? 'rejected' : undefined;
        };
      },
    };
  };
};

const digest = (id: string): string => createHash('sha256').update(id).digest('base64');

const idOf = (key: string, { uid, revision, step, askedAt }: Asking, decision: Decision): string =>
  createHmac('sha256', Buffer.from(key, 'hex'))
    .update(JSON.stringify([uid, revision, step, askedAt, decision]))
    .digest('base64url');

/** A key of its own, so that no id is a signature of anything else. */
const keyOf = (secret: string): string => {
  if (secret === '') throw new Error('the signing secret of Slack is empty');
  return createHmac('sha256', secret).update('sluice: ids of buttons').digest('hex');
};
