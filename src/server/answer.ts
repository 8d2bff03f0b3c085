import type { AnswerOutcome, GivenAnswer } from '../controller/channel-ports.ts';
import { type Outcome, Problem } from './problem.ts';

/** Takes an answer to its decision; never throws. */
export type TakeAnswer = (given: GivenAnswer) => Promise<AnswerOutcome>;

const REFUSALS = { stale: 409, repeated: 409, notAllowed: 403 } as const;

/** What the metric calls it. */
export const outcomeLabel = (outcome: AnswerOutcome): Outcome =>
  outcome.kind === 'refused' ? outcome.refusal.kind : outcome.kind;

/** Answers 200 for what is stored; throws Problem for what does not count. */
export const answerResponse = ({ decision, revision, step }: GivenAnswer, outcome: AnswerOutcome): Response => {
  switch (outcome.kind) {
    case 'recorded':
      return Response.json({ decision, by: outcome.by, revision, step }, { headers: { 'cache-control': 'no-store' } });
    case 'refused': {
      const { kind, reason } = outcome.refusal;
      throw new Problem(REFUSALS[kind], reason, { outcome: kind });
    }
    case 'unknown':
      throw new Problem(404, 'there is no such Rollout');
    case 'notStored':
      throw new Problem(
        503,
        `the answer is not known to be recorded: ${outcome.reason}; look at the Rollout, or answer again: it counts once`,
        { outcome: 'notStored' },
      );
  }
};
