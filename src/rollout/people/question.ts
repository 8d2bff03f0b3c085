import { setForwardMs } from '../clock.ts';
import { isoSeconds } from '../duration.ts';
import { approvalSentence } from '../explain.ts';
import type { ApprovalAnswer, Observation } from '../observation.ts';
import type { Approval, PlanApproval, RolloutStatus } from '../status.ts';
import { areAuthorsUnknown, isAuthor } from './authors.ts';

/** Something that people are to agree to before traffic moves on from the present step. */
export type Question = { readonly step: number; readonly approval: PlanApproval };

/** What stands between this step and the next one, in the order in which people are asked (R19). */
export const questions = ({ plan, step }: RolloutStatus): readonly Question[] => {
  const index = step?.index ?? 0;
  const [now, next] = [plan?.steps[index - 1]?.approval, plan?.steps[index]?.approval];
  return [
    ...(now?.when === 'after' ? [{ step: index, approval: now }] : []),
    ...(next?.when === 'before' ? [{ step: index + 1, approval: next }] : []),
  ];
};

/** Answers count for one revision and one step, and only those that were given since people were asked. */
const recorded = ({ approvals = [], revision, step }: RolloutStatus, { step: asked }: Question): readonly Approval[] =>
  step?.askedAt === undefined ? [] : approvals.filter(known => known.revision === revision && known.step === asked);

/** Names of those who have agreed, each once. */
export const agreed = (status: RolloutStatus, question: Question): readonly string[] => [
  ...new Set(recorded(status, question).flatMap(({ decision, by }) => (decision === 'approved' ? [by] : []))),
];

export const isGranted = (status: RolloutStatus, question: Question): boolean =>
  agreed(status, question).length >= question.approval.required;

/** What nobody, or not everybody who has to, has agreed to yet; `undefined` when nothing stands in the way. */
export const pendingApproval = (status: RolloutStatus): Question | undefined =>
  questions(status).find(question => !isGranted(status, question));

/** The no that somebody said to one of the questions. */
export const rejectionIn = (status: RolloutStatus): Approval | undefined =>
  questions(status)
    .flatMap(question => recorded(status, question))
    .find(({ decision }) => decision === 'rejected');

/** The question that this answer is about, if people have been asked it and traffic has not moved since. */
const askedAbout = (status: RolloutStatus, { step }: Pick<ApprovalAnswer, 'step'>): Question | undefined => {
  if (status.step?.askedAt === undefined) return undefined;
  const pending = pendingApproval(status);
  return questions(status).find(question => question.step === step && (pending === undefined || step <= pending.step));
};

/** Why an answer does not count. */
export type AnswerRefusal = {
  /** `stale`: about something else than what people are asked now. `notAllowed`: not by this person. `repeated`: it is known already. */
  readonly kind: 'stale' | 'notAllowed' | 'repeated';
  /** For people; begins in lower case, without an end. */
  readonly reason: string;
};

const stale = (reason: string): AnswerRefusal => ({ kind: 'stale', reason });
const notAllowed = (reason: string): AnswerRefusal => ({ kind: 'notAllowed', reason });
const repeated = (reason: string): AnswerRefusal => ({ kind: 'repeated', reason });

/**
 * Why an answer does not count, or `undefined` when it does: it must be about this revision and a step that people were
 * asked about, from somebody who may answer and has not. A rejection counts until the traffic moves.
 */
export const refusalOfAnswer = (
  status: RolloutStatus,
  authors: readonly string[],
  answer: ApprovalAnswer,
): AnswerRefusal | undefined => {
  const { revision, step, at } = answer;
  if (revision !== status.revision) return stale(`names revision ${revision}, but ${status.revision ?? 'none'} is in progress`);
  const question = askedAbout(status, answer);
  if (question === undefined) return stale(`nobody was asked to approve step ${step}`);
  if (!(Date.parse(at) >= toSecond(status.step?.askedAt))) return stale(`was given at ${at}, before people were asked`);
  if (!isAbout(answer.askedAt, status.step?.askedAt))
    return stale(`is about what people were asked at ${answer.askedAt}, and they were asked anew at ${status.step?.askedAt}`);
  return (
    answeredBefore(status, question, answer) ??
    overBy(status, answer) ??
    refusalOfPerson(question.approval, authors, answer) ??
    (answer.decision === 'approved' && isGranted(status, question) ? repeated(`step ${step} is approved already`) : undefined)
  );
};

/** Somebody else said no before; only who did so is still to be noted when the process died in between. */
const overBy = (status: RolloutStatus, { decision }: ApprovalAnswer): AnswerRefusal | undefined => {
  const rejection = rejectionIn(status);
  if (status.phase !== 'RollingBack') return rejection === undefined ? undefined : stale(approvalSentence(rejection));
  const isToBeNoted = decision === 'rejected' && status.reason === 'Rejected' && rejection === undefined;
  return isToBeNoted ? undefined : stale('traffic is going back already');
};

const refusalOfPerson = (
  { approvers, allowAuthor }: PlanApproval,
  authors: readonly string[],
  { by, identities, decision }: ApprovalAnswer,
): AnswerRefusal | undefined => {
  if (by === '' || !approvers.some(approver => identities.includes(approver)))
    return notAllowed(`${by} is none of ${approvers.join(', ')}`);
  if (allowAuthor || !isAuthor(authors, { by, identities })) return undefined;
  const instead = decision === 'rejected' ? '; to put everything back, abort' : '';
  const who = areAuthorsUnknown(authors)
    ? 'may be an author of the change, as not all of them are known'
    : 'is an author of the change';
  return notAllowed(`${by} ${who}${instead}`);
};

/** Who was known by another name when they answered is the same person. */
const answeredBefore = (
  status: RolloutStatus,
  question: Question,
  { by, identities, decision }: ApprovalAnswer,
): AnswerRefusal | undefined =>
  recorded(status, question).some(known => known.decision === decision && (known.by === by || identities.includes(known.by)))
    ? repeated(`${by} has answered already`)
    : undefined;

/** What people are asked at this moment. */
export type OpenQuestion = {
  readonly revision: string;
  /** 1-based; the step that they let begin (`when: before`) or end (`when: after`). */
  readonly step: number;
  /** RFC 3339; whoever is asked anew is asked at another moment. */
  readonly askedAt: string;
  readonly approval: PlanApproval;
  /** Share of the new version in percent while the step lasts. */
  readonly weight: number;
  /** Names of those who have agreed so far. */
  readonly given: readonly string[];
};

/** What waits for an answer of people; `undefined` when nobody is asked, enough have agreed, or somebody said no. */
export const openQuestion = (status: RolloutStatus | undefined): OpenQuestion | undefined => {
  if (status?.revision === undefined || status.step?.askedAt === undefined || status.phase === 'RollingBack') return undefined;
  const pending = pendingApproval(status);
  if (pending === undefined || rejectionIn(status) !== undefined) return undefined;
  return {
    revision: status.revision,
    step: pending.step,
    askedAt: status.step.askedAt,
    approval: pending.approval,
    weight: status.plan?.steps[pending.step - 1]?.weight ?? 0,
    given: agreed(status, pending),
  };
};

/** What a question asks of whom, and who has agreed: `step 2 at 50% needs the approval of 1 of user:alice (nobody so far)`. */
export const questionSentence = (status: RolloutStatus, question: Question): string => {
  const { step, approval } = question;
  const weight = status.plan?.steps[step - 1]?.weight ?? 0;
  const what = approval.when === 'before' ? `step ${step} at ${weight}% needs` : `leaving step ${step} needs`;
  const given = agreed(status, question);
  const soFar = given.length === 0 ? 'nobody so far' : `${given.join(', ')} so far`;
  return `${what} the approval of ${approval.required} of ${approval.approvers.join(', ')} (${soFar})`;
};

/** Whatever else holds an attempt: when that ends, what people are asked still holds it (R36). */
export const thenAsks = (status: RolloutStatus): string => {
  const open = openQuestion(status);
  return open === undefined ? '' : `; then ${questionSentence(status, open)}`;
};

/** When people's time is over, in ms; `undefined` when they were not asked yet, or it never is. */
export const timeoutMs = (observation: Observation, { step }: RolloutStatus, { approval }: Question): number | undefined => {
  if (step?.askedAt === undefined || approval.timeoutMs === undefined) return undefined;
  const askedMs = Date.parse(step.askedAt);
  return askedMs + approval.timeoutMs + setForwardMs(askedMs, observation);
};

/** `step 2 was not approved until 2026-11-21T14:03:10Z`. */
export const timedOutSentence = ({ step }: Question, endMs: number): string =>
  `step ${step} was not approved until ${isoSeconds(endMs)}`;

/** Whoever names another moment of asking has seen another question. */
const isAbout = (named: string | undefined, askedAt: string | undefined): boolean =>
  named === undefined || [Date.parse(askedAt ?? ''), toSecond(askedAt)].includes(Date.parse(named));

/** Channels may say the time to the second only. */
export const toSecond = (at: string | undefined): number => Math.floor(Date.parse(at ?? '') / 1_000) * 1_000;
