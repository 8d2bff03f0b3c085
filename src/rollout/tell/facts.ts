import type { Announcement } from '../announce.ts';
import { durationText } from '../duration.ts';
import { gatesWorstFirst } from '../explain.ts';
import type { Rollout } from '../observation.ts';
import { type OpenQuestion, openQuestion } from '../people/question.ts';
import type { GateStatus, RolloutStatus } from '../status.ts';
import { headlineOf, type MessageKind } from './kinds.ts';
import { answersToDo, todoOf } from './todo.ts';

/** What stands in a message beside the sentence of the status: what, why, until when, what to do. */
export type MessageFacts = {
  readonly kind: MessageKind;
  /** A few words: `rolled back: a gate failed`, `waits for approval`. */
  readonly title: string;
  /** Why, with numbers; one line each, the most important first. What the message says already is not repeated. */
  readonly why: readonly string[];
  /** What a person can do now; one line each. A command stands at the end of its line, behind `: `. */
  readonly todo: readonly string[];
  /** When it ends by itself, RFC 3339. */
  readonly until?: string;
  /** Of the present step, or of the one that was put back; worst first. */
  readonly gates: readonly GateStatus[];
  /** What people are asked; absent: nothing is open. */
  readonly question?: OpenQuestion;
};

/**
 * What the status says about an announcement that was made of it. Of one that is told again when the rollout has long moved
 * on only the headline is left, and what people are asked now.
 */
export const messageFacts = (
  { namespace, name, status }: Pick<Rollout, 'namespace' | 'name' | 'status'>,
  { reason, message }: Pick<Announcement, 'reason' | 'message'>,
): MessageFacts => {
  if (status === undefined) return { ...headlineOf(reason, undefined), why: [], todo: [], gates: [] };
  const told = { namespace, name, status };
  const question = openQuestion(status);
  const asked = question === undefined ? {} : { question };
  if (status.reason !== reason && !status.message.startsWith(message))
    return { ...pastHeadline(reason, question), why: [], todo: answersToDo(told), gates: [], ...asked };
  const gates = gatesWorstFirst(status.gates ?? []);
  const until = status.waitingFor?.until;
  const reasons = [...telling(gates).map(gate => gate.message), ...(reason === 'Promoted' ? howItWent(status) : [])];
  return {
    ...headlineOf(reason, status.phase),
    why: reasons.filter((line, index) => line !== '' && !message.includes(line) && reasons.indexOf(line) === index),
    todo: todoOf(told),
    gates,
    ...(until === undefined ? {} : { until }),
    ...asked,
  };
};

/** One of two who agree is not yet what was asked for. */
const pastHeadline = (reason: string, question: OpenQuestion | undefined): Pick<MessageFacts, 'kind' | 'title'> => {
  const headline = headlineOf(reason, undefined);
  if (reason !== 'Approved' || question === undefined || question.given.length === 0) return headline;
  return { ...headline, title: `${question.given.length} of ${question.approval.required} have approved` };
};

/** Where a gate has failed, what passes is no reason for anything; and nobody asks for the built-in gate while it passes. */
const telling = (gates: readonly GateStatus[]): readonly GateStatus[] => {
  const failed = gates.filter(({ verdict }) => verdict === 'Fail');
  return failed.length > 0 ? failed : gates.filter(({ name, verdict }) => name !== 'unattributed' || verdict !== 'Pass');
};

/** A version that was promoted has no gates any more: how long it took, and who agreed. */
const howItWent = ({ history = [], approvals = [], revision }: RolloutStatus): readonly string[] => {
  const started = history.findLast(({ action }) => action === 'started');
  const ended = history.findLast(({ action }) => action === 'promoted');
  const agreed = approvals.filter(known => known.revision === revision && known.decision === 'approved');
  return [
    ...(started === undefined || ended === undefined
      ? []
      : [`took ${durationText(Date.parse(ended.at) - Date.parse(started.at))}, since ${started.at}`]),
    ...agreed.map(({ step, by, via }) => `step ${step} was approved by ${by} via ${via}`),
  ];
};
