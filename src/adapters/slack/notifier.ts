import { createHash } from 'node:crypto';
import type { Message, Notifier } from '../../controller/channel-ports.ts';
import type { Reason } from '../../rollout/index.ts';
import { replyContent } from './blocks.ts';
import { askQuestion, closeQuestion, isSame, openFor, updateQuestion } from './question.ts';
import { isAbout, openThread, reply } from './thread.ts';
import { beginTurn, type SlackNotifierOptions, type Turn, textOf } from './turn.ts';

/** Ids that are remembered: what is told again after a restart is not older than ten minutes. */
const MOST_TOLD = 40;
/** Whoever commits something else has an attempt go back, and knows it. */
const BY_COMMIT: readonly string[] = [
  'Superseded',
  'WentBack',
  'NewPods',
  'TargetChanged',
  'Deleted',
] satisfies readonly Reason[];
/** What is told in a thread that began earlier is shown in the channel, too: nobody looks there any more. */
const OLD_THREAD_MS = 24 * 3_600_000;

/**
 * Tells people in Slack: one thread for each attempt, under a message that says where the rollout is; replies for what
 * happens; and questions with buttons, which go when the question does. What was done stays done when a later part of it
 * fails: the next try goes on from there.
 */
export const createSlackNotifier = (options: SlackNotifierOptions): Notifier => {
  const { conversations, events } = options;
  const wanted = new Set(events);
  const isWanted = (reason: string): boolean => wanted.has('*') || wanted.has(reason);
  return {
    name: 'slack',
    // What is not told may still end a question, or change where a rollout is.
    wants: () => true,
    send: (message, signal) =>
      conversations.alone(message, async () => {
        const turn = await beginTurn(options, message, signal);
        try {
          await closeQuestion(options, turn);
          await updateQuestion(options, turn);
          if (isWanted(message.reason)) await tell(options, turn, isWanted('WaitingForApproval'));
          else await keepUp(options, turn);
        } finally {
          if (!signal.aborted) await conversations.save(message, signal);
        }
      }),
    close: signal => conversations.saveAll(signal),
  };
};

/** What is not told may still change where a rollout is; it begins no thread. */
const keepUp = async (options: SlackNotifierOptions, turn: Turn): Promise<void> => {
  const { thread } = turn.known();
  if (thread !== undefined && isAbout(thread, turn)) await openThread(options, turn);
};

const tell = async (options: SlackNotifierOptions, turn: Turn, isAsking: boolean): Promise<void> => {
  const { message } = turn;
  const id = shortOf(message.id);
  const isKnown = turn.known().told.includes(id);
  if (!isKnown) {
    const { isNew } = await openThread(options, turn);
    const isSaid = (isNew && isSaidByThread(turn)) || isSaidByQuestion(turn) || (isAsking && isQuestion(turn));
    if (!isSaid) await tellApart(options, turn, isNew);
  }
  // Of a question whose message was lost the next message reminds.
  if (isAsking && isAboutQuestion(turn)) await askQuestion(options, turn);
  if (!isKnown) turn.change({ ...turn.known(), told: [...turn.known().told, id].slice(-MOST_TOLD) }, false);
};

/** As a reply of its own. */
const tellApart = async (options: SlackNotifierOptions, turn: Turn, isNew: boolean): Promise<void> => {
  const { message } = turn;
  const [atMs, nowMs] = [Date.parse(message.at), options.clock.now()];
  const { thread: above } = turn.known();
  const isAlarm = message.facts.kind === 'rolledBack' && !BY_COMMIT.includes(message.reason) && above?.isAlarmed !== true;
  const isOld = nowMs - Number(above?.ts) * 1_000 > OLD_THREAD_MS;
  const isBroadcast = !isNew && (isAlarm || isOld);
  const content = replyContent(textOf(options, message), atMs, nowMs);
  const { thread } = await reply(options, turn, { ...content, isBroadcast });
  if (isAlarm) turn.change({ ...turn.known(), thread: { ...thread, isAlarmed: true } }, false);
};

/** The message above a new thread has just said it. */
const isSaidByThread = ({ message, rollout }: Turn): boolean =>
  message.facts.kind === 'started' || (message.type === 'Normal' && message.message === rollout?.status?.message);

/** Another question than the one that the message knows has a message of its own, with a text of its own. */
const isAboutQuestion = (turn: Turn): boolean => {
  const { question } = turn.message.facts;
  return question !== undefined && isSame(question, openFor(turn));
};

const isQuestion = (turn: Turn): boolean => turn.message.reason === 'WaitingForApproval' && isAboutQuestion(turn);

/** Who was asked, and who has agreed, stands in the question itself. */
const isSaidByQuestion = (turn: Turn): boolean => {
  const { asked, answered } = turn.known();
  const { reason, revision } = turn.message;
  return reason === 'Approved' && revision !== undefined && (asked?.revision ?? answered) === revision;
};

const shortOf = (id: Message['id']): string => createHash('sha256').update(id).digest('base64url').slice(0, 12);
