import { goBack } from '../back/goBack.ts';
import { setForwardMs } from '../clock.ts';
import { isoMillis, momentFor } from '../duration.ts';
import { approvalSentence, gatesSentence, place } from '../explain.ts';
import type { ApprovalAnswer } from '../observation.ts';
import { type Guard, type Outcome, saying, withHistory } from '../outcome.ts';
import type { Attempt } from '../situation.ts';
import type { Approval, PlanApproval, RolloutStatus } from '../status.ts';

/** So many answers of an attempt are kept; no step can ask for as many. */
const MAX_APPROVALS = 50;

/** Something that people are to agree to before traffic moves on from the present step. */
type Question = { readonly step: number; readonly approval: PlanApproval };

/** What stands between this step and the next one, in the order in which people are asked (R19). */
const questions = ({ plan, step }: RolloutStatus): readonly Question[] => {
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

const agreed = (status: RolloutStatus, question: Question): readonly string[] => [
  ...new Set(recorded(status, question).flatMap(({ decision, by }) => (decision === 'approved' ? [by] : []))),
];

const isGranted = (status: RolloutStatus, question: Question): boolean =>
  agreed(status, question).length >= question.approval.required;

/** What nobody, or not everybody who has to, has agreed to yet; `undefined` when nothing stands in the way. */
export const pendingApproval = (status: RolloutStatus): Question | undefined =>
  questions(status).find(question => !isGranted(status, question));

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
  const { revision, step, decision, by, at, identities } = answer;
  if (revision !== status.revision) return stale(`names revision ${revision}, but ${status.revision ?? 'none'} is in progress`);
  const question = askedAbout(status, answer);
  if (question === undefined) return stale(`nobody was asked to approve step ${step}`);
  const { approvers, allowAuthor } = question.approval;
  if (!(Date.parse(at) >= toSecond(status.step?.askedAt))) return stale(`was given at ${at}, before people were asked`);
  if (by === '' || !approvers.some(approver => identities.includes(approver)))
    return notAllowed(`${by} is none of ${approvers.join(', ')}`);
  if (!allowAuthor && isAuthor(authors, answer)) return notAllowed(`${by} is an author of the change`);
  const before = recorded(status, question).filter(known => known.by === by);
  if (before.some(known => known.decision === decision || known.decision === 'rejected'))
    return repeated(`${by} has answered already`);
  return decision === 'approved' && isGranted(status, question) ? repeated(`step ${step} is approved already`) : undefined;
};

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

/** What waits for an answer of people; `undefined` when nobody is asked, or enough have agreed. */
export const openQuestion = (status: RolloutStatus | undefined): OpenQuestion | undefined => {
  if (status?.revision === undefined || status.step?.askedAt === undefined || status.phase === 'RollingBack') return undefined;
  const pending = pendingApproval(status);
  if (pending === undefined) return undefined;
  return {
    revision: status.revision,
    step: pending.step,
    askedAt: status.step.askedAt,
    approval: pending.approval,
    weight: status.plan?.steps[pending.step - 1]?.weight ?? 0,
    given: agreed(status, pending),
  };
};

/** Channels may say the time to the second only. */
const toSecond = (at: string | undefined): number => Math.floor(Date.parse(at ?? '') / 1_000) * 1_000;

const isAuthor = (authors: readonly string[], { by, identities }: ApprovalAnswer): boolean => {
  const known = new Set(authors.map(author => author.toLowerCase()));
  const persons = identities.filter(identity => !/^(group|webhook):/.test(identity));
  return [by, ...persons, ...persons.map(withoutChannel)].some(name => known.has(name.toLowerCase()));
};

const withoutChannel = (identity: string): string => identity.slice(identity.indexOf(':') + 1);

const withAnswer = ({ status, target, nowMs }: Attempt, answer: ApprovalAnswer): RolloutStatus => {
  const { revision, step, decision, by, via, at, comment } = answer;
  const approval: Approval = { revision, step, decision, by, via, at, ...(comment === undefined ? {} : { comment }) };
  const told = withHistory(status, nowMs, {
    to: target.canary,
    action: decision,
    reason: decision === 'approved' ? 'Approved' : 'Rejected',
    message: approvalSentence(approval),
  });
  return { ...told, approvals: [...(status.approvals ?? []), approval].slice(-MAX_APPROVALS) };
};

const counting = ({ status, rollout, observation }: Attempt, decision: Approval['decision']): readonly ApprovalAnswer[] =>
  (observation.answers ?? []).filter(
    answer => answer.decision === decision && refusalOfAnswer(status, rollout.authors ?? [], answer) === undefined,
  );

/** R19: one rejection rolls back; so it does when stable could not take the traffic at once. */
export const rejected: Guard = attempt => {
  const { status, rollout, target } = attempt;
  if (rollout.spec.version !== target.canary) return undefined;
  const isGoingBack = status.phase === 'RollingBack';
  const known = questions(status)
    .flatMap(question => recorded(status, question))
    .find(({ decision }) => decision === 'rejected');
  if (known !== undefined) return isGoingBack ? undefined : goBack(attempt, 'Rejected', approvalSentence(known));
  // a process that died between the two writes has yet to note down who it was
  const [answer] = isGoingBack && status.reason !== 'Rejected' ? [] : counting(attempt, 'rejected');
  if (answer === undefined) return undefined;
  return goBack({ ...attempt, status: withAnswer(attempt, answer) }, 'Rejected', approvalSentence(answer));
};

/** R19: notes down who agreed; what they agreed to waits until that is stored (R3). */
export const approved: Guard = attempt => {
  const { nowMs } = attempt;
  const status = withApprovals(attempt);
  if (status === attempt.status || status.phase === 'RollingBack') return undefined;
  if (status.phase !== 'AwaitingApproval') return { status, lookAgainAtMs: nowMs };
  const before = pendingApproval(attempt.status);
  const pending = pendingApproval(status);
  if (pending === undefined) {
    const given = before === undefined ? '' : `: step ${before.step} was approved by ${agreed(status, before).join(', ')}`;
    const told = saying(status, 'Approved', `${place(attempt)}${given}; goes on by itself`);
    return { status: { ...told, phase: 'Progressing' }, lookAgainAtMs: nowMs };
  }
  const isSame = pending.step === before?.step;
  return awaiting(isSame ? { ...attempt, status } : { ...attempt, status: asking(attempt, status) }, pending);
};

const withApprovals = (attempt: Attempt, untilMs = Number.POSITIVE_INFINITY): RolloutStatus => {
  const question = pendingApproval(attempt.status);
  let { status } = attempt;
  for (const answer of attempt.observation.answers ?? []) {
    const now = { ...attempt, status };
    const isOf = answer.decision === 'approved' && answer.step === question?.step && Date.parse(answer.at) <= untilMs;
    if (isOf && refusalOfAnswer(status, attempt.rollout.authors ?? [], answer) === undefined) status = withAnswer(now, answer);
  }
  return status;
};

/** R19: a person who does not answer in time says no, where the spec wants it so. */
export const approvalTimedOut: Guard = attempt => {
  const { status, nowMs } = attempt;
  const pending = pendingApproval(status);
  const endMs = pending === undefined ? undefined : timeoutMs(attempt, status, pending);
  if (pending?.approval.onTimeout !== 'rollback' || endMs === undefined || nowMs < endMs) return undefined;
  if (isGranted(withApprovals(attempt, endMs), pending)) return undefined;
  return goBack(attempt, 'ApprovalTimedOut', `step ${pending.step} was not approved until ${isoMillis(endMs)}`);
};

/** The outcome, looked at again when people's time is over, whatever holds the attempt until then. */
export const withTimeOut = (attempt: Attempt, outcome: Outcome): Outcome => {
  const pending = attempt.status.step?.askedAt === undefined ? undefined : pendingApproval(attempt.status);
  const endMs = pending === undefined ? undefined : timeoutMs(attempt, attempt.status, pending);
  if (endMs === undefined || endMs <= attempt.nowMs) return outcome;
  return { ...outcome, lookAgainAtMs: Math.min(endMs, outcome.lookAgainAtMs ?? endMs) };
};

/** When waiting for people ends, in ms; `undefined` when they were not asked yet, or it never does. */
const timeoutMs = ({ observation }: Attempt, { step }: RolloutStatus, { approval }: Question): number | undefined => {
  if (step?.askedAt === undefined || approval.timeoutMs === undefined) return undefined;
  const askedMs = Date.parse(step.askedAt);
  return askedMs + approval.timeoutMs + setForwardMs(askedMs, observation);
};

/**
 * What waits for people before traffic may move on, asking them if nobody has; `undefined` when they have agreed, or
 * need not. The step before must be satisfied when they are asked.
 */
export const awaitApproval = (attempt: Attempt): Outcome | undefined => {
  const pending = pendingApproval(attempt.status);
  if (pending === undefined) return undefined;
  const isAsked = attempt.status.step?.askedAt !== undefined;
  return awaiting(isAsked ? attempt : { ...attempt, status: asking(attempt, attempt.status) }, pending);
};

/** People are asked now: what they may have said to an earlier plan is void. */
const asking = ({ nowMs, step }: Attempt, status: RolloutStatus): RolloutStatus => {
  const { approvals, ...rest } = status;
  const isFirst = step.askedAt === undefined;
  const isVoid = (known: Approval): boolean => isFirst && questions(status).some(question => question.step === known.step);
  const kept = approvals?.filter(known => !isVoid(known));
  return {
    ...rest,
    step: { ...step, askedAt: isoMillis(nowMs) },
    ...(kept === undefined || kept.length === 0 ? {} : { approvals: kept }),
  };
};

const awaiting = (attempt: Attempt, pending: Question): Outcome => {
  const { status, gates, nowMs } = attempt;
  const endMs = timeoutMs(attempt, status, pending);
  const isLate = endMs !== undefined && nowMs >= endMs;
  const waitingFor = {
    what: 'approval' as const,
    ...(endMs === undefined || isLate ? {} : { until: isoMillis(endMs) }),
  };
  const told = saying(status, isLate ? 'ApprovalTimedOut' : 'WaitingForApproval', sentence(attempt, pending), waitingFor);
  return {
    status: { ...told, phase: 'AwaitingApproval', gates },
    ...(endMs === undefined || isLate ? {} : { lookAgainAtMs: endMs }),
  };
};

const sentence = (attempt: Attempt, pending: Question): string => {
  const { status, nowMs, plan, step } = attempt;
  const { approval } = pending;
  const given = agreed(status, pending);
  const judged = step.index === 0 ? '' : ` ${gatesSentence(attempt.gates)};`;
  const weight = plan.steps[pending.step - 1]?.weight ?? 0;
  const what = approval.when === 'before' ? `step ${pending.step} at ${weight}% needs` : `leaving step ${pending.step} needs`;
  const people = `${approval.required} of ${approval.approvers.join(', ')}`;
  const soFar = given.length === 0 ? 'nobody so far' : `${given.join(', ')} so far`;
  const endMs = timeoutMs(attempt, status, pending);
  const end =
    endMs === undefined
      ? ''
      : nowMs >= endMs
        ? `; it was not approved by ${momentFor(endMs, nowMs)}, and still waits`
        : `; until ${momentFor(endMs, nowMs)}, then ${approval.onTimeout === 'rollback' ? 'all traffic goes back' : 'it is told and still waits'}`;
  return `${place(attempt)}:${judged} ${what} the approval of ${people} (${soFar})${end}; one rejection puts everything back`;
};
