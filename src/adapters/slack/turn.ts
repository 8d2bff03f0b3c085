import type { Message, RenderMessage } from '../../controller/channel-ports.ts';
import { type Clock, type Logger, type RolloutStore, type StoredRollout, SystemError } from '../../controller/ports.ts';
import type { RolloutStatus } from '../../rollout/index.ts';
import type { SlackClient } from './client.ts';
import type { Conversation } from './conversation.ts';
import type { Conversations } from './conversations.ts';
import { SlackError } from './failure.ts';
import type { QuestionIds } from './questions.ts';

export type SlackNotifierOptions = {
  readonly client: SlackClient;
  readonly conversations: Conversations;
  readonly render: RenderMessage;
  readonly store: Pick<RolloutStore, 'get'>;
  /** For Rollouts that name none. */
  readonly channel: string;
  /** Reasons that are told; `*`: all. */
  readonly events: readonly string[];
  /** Absent: questions have no buttons. Throws when the signing secret is empty or cannot be read. */
  readonly ids?: () => QuestionIds;
  readonly clock: Clock;
  readonly logger: Logger;
};

/** One message on its way, with what is known of those before it. */
export type Turn = {
  readonly message: Message;
  /** The Rollout as it is by now; `undefined`: it is gone. */
  readonly rollout: StoredRollout | undefined;
  /** Where people want to be told, as it is written. */
  readonly channel: string;
  readonly signal: AbortSignal;
  known(): Conversation;
  /** `lasting`: it must outlive this process. */
  change(next: Conversation, lasting: boolean): void;
};

/** The conversation is known when this ends. Throws SystemError. */
export const beginTurn = async (options: SlackNotifierOptions, message: Message, signal: AbortSignal): Promise<Turn> => {
  const { conversations, store } = options;
  const found = store.get(`${message.namespace}/${message.name}`);
  // Another one of the same name is none of this message's business.
  const rollout = found?.uid === message.uid ? found : undefined;
  const notify = rollout === undefined ? message.notify : rollout.spec.notify;
  let conversation = await conversations.of(message, signal);
  return {
    message,
    rollout,
    channel: notify?.slack ?? options.channel,
    signal,
    known: () => conversation,
    change: (next, lasting) => {
      conversation = next;
      conversations.change(message, next, lasting);
    },
  };
};

/** The status, where it is still about the attempt that the message is about; otherwise the message knows better. */
export const statusOf = ({ message, rollout }: Turn): RolloutStatus | undefined => {
  const status = rollout?.status;
  return message.revision === undefined || message.revision === status?.revision ? status : undefined;
};

/** What the template makes of a message, in Slack's markup; a template that fails holds up this message only. */
export const textOf = ({ render }: Pick<SlackNotifierOptions, 'render'>, message: Message): string => {
  try {
    return render(message, 'slack');
  } catch (error) {
    throw new SystemError('slack', 'filling a template', 'refused', error instanceof Error ? error.message : String(error));
  }
};

/**
 * Changes a message that stands in Slack. `gone`: it does not any more, or is not ours to change; `refused`: Slack does not
 * take it, which is no reason to hold up what else there is to say. Throws SystemError when it may work later.
 */
export const tryUpdate = async (
  { client, logger }: Pick<SlackNotifierOptions, 'client' | 'logger'>,
  message: Parameters<SlackClient['update']>[0],
  signal: AbortSignal,
): Promise<'updated' | 'gone' | 'refused'> => {
  try {
    await client.update(message, signal);
    return 'updated';
  } catch (error) {
    if (!(error instanceof SlackError) || error.kind !== 'refused') throw error;
    logger.debug({ channel: message.channel, reason: error.message }, 'a message in Slack was not updated');
    return error.isGone ? 'gone' : 'refused';
  }
};
