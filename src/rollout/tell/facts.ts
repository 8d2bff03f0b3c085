import type { Announcement } from '../announce.ts';
import { type OpenQuestion, openQuestion } from '../people/approval.ts';
import type { GateStatus, RolloutStatus } from '../status.ts';

/** What kind of thing people are told; each kind has a template. */
export const MESSAGE_KINDS = [
  'started',
  'step',
  'waiting',
  'approval',
  'paused',
  'noData',
  'providerDown',
  'drift',
  'rolledBack',
  'promoted',
  'retired',
  'other',
] as const;

export type MessageKind = (typeof MESSAGE_KINDS)[number];

/** What stands in a message beside the sentence of the status: what, why, until when, what to do. */
export type MessageFacts = {
  readonly kind: MessageKind;
  /** A few words: `rolled back`, `waits for approval`. */
  readonly title: string;
  /** Why, with numbers; one line each, the most important first. */
  readonly why: readonly string[];
  /** What a person can do now; one line each. */
  readonly todo: readonly string[];
  /** When it ends by itself, RFC 3339. */
  readonly until?: string;
  readonly gates: readonly GateStatus[];
  /** What people are asked; absent: nothing is open. */
  readonly question?: OpenQuestion;
};

/** What the status says about an announcement that was made of it. */
export const messageFacts = (status: RolloutStatus | undefined, { reason, message }: Announcement): MessageFacts => {
  const question = openQuestion(status);
  const until = status?.waitingFor?.until;
  return {
    kind: reason === 'WaitingForApproval' ? 'approval' : 'other',
    title: reason,
    why: [message],
    todo: [],
    gates: status?.gates ?? [],
    ...(until === undefined ? {} : { until }),
    ...(question === undefined ? {} : { question }),
  };
};
