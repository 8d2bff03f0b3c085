import { goBack } from '../back/goBack.ts';
import { isoMillis, momentFor } from '../duration.ts';
import { approvalSentence, gatesSentence, place } from '../explain.ts';
import type { ApprovalAnswer } from '../observation.ts';
import { allPass, type Guard, type Outcome, saying, withHistory } from '../outcome.ts';
import type { Attempt } from '../situation.ts';
import type { Approval, RolloutStatus } from '../status.ts';
import { LONGEST_REASON, oneLine } from './oneLine.ts';
import {
  agreed,
  isGranted,
  pendingApproval,
  type Question,
  questionSentence,
  questions,
  refusalOfAnswer,
  rejectionIn,
  timedOutSentence,
  timeoutMs,
  toSecond,
} from './question.ts';

/** So many answers of an attempt are kept; no step can ask for as many. */
const MAX_APPROVALS = 50;

const withAnswer = ({ status, target, nowMs }: Attempt, answer: ApprovalAnswer): RolloutStatus => {
  const { revision, step, decision, by, via, at } = answer;
  const comment = oneLine(answer.comment ?? '', LONGEST_REASON);
  const approval: Approval = { revision, step, decision, by, via, at, ...(comment === '' ? {} : { comment }) };
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
  const known = rejectionIn(status);
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
  const before = pendingApproval(attempt.status);
  const pending = pendingApproval(status);
  const asked = askingNext(attempt, status);
  if (status.phase !== 'AwaitingApproval') return { status: asked, lookAgainAtMs: nowMs };
  if (pending === undefined) {
    const given = before === undefined ? '' : `: step ${before.step} was approved by ${agreed(status, before).join(', ')}`;
    const isJudged = allPass(attempt.gates) || attempt.step.promotedBy !== undefined;
    const end = isJudged ? 'goes on by itself' : `goes on by itself when every gate passes (${gatesSentence(attempt.gates)})`;
    const told = saying(status, 'Approved', `${place(attempt)}${given}; ${end}`);
    return { status: { ...told, phase: 'Progressing' }, lookAgainAtMs: nowMs };
  }
  return awaiting({ ...attempt, status: asked }, pending);
};

/**
 * R19: what people answer is noted down whatever else is being decided; it moves nothing by itself. Where another version,
 * step or plan begins, or traffic goes back, the answers are about something that is over.
 */
export const withAnswers = (attempt: Attempt, outcome: Outcome): Outcome => {
  const { status } = outcome;
  const { revision, step, plan, approvals } = attempt.status;
  if (attempt.observation.answers === undefined || status.revision !== revision || status.plan !== plan) return outcome;
  if (status.step?.startedAt !== step?.startedAt || status.step?.askedAt !== step?.askedAt) return outcome;
  if (status.phase === 'RollingBack' || status.approvals !== approvals) return outcome;
  const now = { ...attempt, status };
  const [rejection] = counting(now, 'rejected');
  const noted = rejection === undefined ? withApprovals(now) : withAnswer(now, rejection);
  return noted === status ? outcome : { ...outcome, status: askingNext(now, noted) };
};

/** People are asked the next question as soon as they have answered the one before. */
const askingNext = (attempt: Attempt, status: RolloutStatus): RolloutStatus => {
  const pending = pendingApproval(status);
  return pending === undefined || pending.step === pendingApproval(attempt.status)?.step ? status : asking(attempt, status);
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
  const endMs = pending === undefined ? undefined : timeoutMs(attempt.observation, status, pending);
  if (pending?.approval.onTimeout !== 'rollback' || endMs === undefined || nowMs < endMs) return undefined;
  if (isGranted(withApprovals(attempt, endMs), pending)) return undefined;
  return goBack(attempt, 'ApprovalTimedOut', timedOutSentence(pending, endMs));
};

/** The outcome, looked at again when people's time is over, whatever holds the attempt until then. */
export const withTimeOut = (attempt: Attempt, outcome: Outcome): Outcome => {
  const pending = attempt.status.step?.askedAt === undefined ? undefined : pendingApproval(attempt.status);
  const endMs = pending === undefined ? undefined : timeoutMs(attempt.observation, attempt.status, pending);
  if (endMs === undefined || endMs <= attempt.nowMs) return outcome;
  return { ...outcome, lookAgainAtMs: Math.min(endMs, outcome.lookAgainAtMs ?? endMs) };
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
const asking = (attempt: Attempt, status: RolloutStatus): RolloutStatus => {
  const { approvals, ...rest } = status;
  const { step } = attempt;
  const isFirst = step.askedAt === undefined;
  const isVoid = (known: Approval): boolean => isFirst && questions(status).some(question => question.step === known.step);
  const kept = approvals?.filter(known => !isVoid(known));
  return {
    ...rest,
    step: { ...step, askedAt: isoMillis(isFirst ? momentApart(attempt) : attempt.nowMs) },
    ...(kept === undefined || kept.length === 0 ? {} : { approvals: kept }),
  };
};

/**
 * Now; or, when somebody answered the same question in this very second, before it was edited, the next one: an answer that
 * says its time to the second must not count again.
 */
const momentApart = ({ status, nowMs }: Attempt): number => {
  const steps = questions(status).map(({ step }) => `step ${step} was `);
  const isSameSecond = (status.history ?? []).some(
    ({ at, action, message }) =>
      action === 'approved' && toSecond(at) === toSecond(isoMillis(nowMs)) && steps.some(text => message.startsWith(text)),
  );
  return isSameSecond ? toSecond(isoMillis(nowMs)) + 1_000 : nowMs;
};

const awaiting = (attempt: Attempt, pending: Question): Outcome => {
  const { status, gates, nowMs } = attempt;
  const endMs = timeoutMs(attempt.observation, status, pending);
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
  const { status, nowMs, step } = attempt;
  const judged = step.index === 0 ? '' : ` ${gatesSentence(attempt.gates)};`;
  const endMs = timeoutMs(attempt.observation, status, pending);
  const end =
    endMs === undefined
      ? ''
      : nowMs >= endMs
        ? `; it was not approved by ${momentFor(endMs, nowMs)}, and still waits`
        : `; until ${momentFor(endMs, nowMs)}, then ${pending.approval.onTimeout === 'rollback' ? 'all traffic goes back' : 'it is told and still waits'}`;
  return `${place(attempt)}:${judged} ${questionSentence(status, pending)}${end}; one rejection puts everything back`;
};
