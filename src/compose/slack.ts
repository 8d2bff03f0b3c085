import type { KubeClient } from '../adapters/kubernetes/client.ts';
import { createConfigMapMemory } from '../adapters/kubernetes/notifierMemory.ts';
import { createSlackClient } from '../adapters/slack/client.ts';
import { createConversations } from '../adapters/slack/conversations.ts';
import { createSlackHook } from '../adapters/slack/hook.ts';
import { createSlackNotifier } from '../adapters/slack/notifier.ts';
import { createQuestionIds } from '../adapters/slack/questions.ts';
import type { Config } from '../config/load.ts';
import type { AnswerHook, Notifier, RenderMessage } from '../controller/channel-ports.ts';
import type { Clock, Logger, RolloutStore } from '../controller/ports.ts';
import type { Metrics } from '../server/metrics.ts';

export type SlackParts = {
  readonly notifier: Notifier;
  /** Absent: no signing secret is configured, so there are no buttons. */
  readonly hook?: AnswerHook;
};

type Around = {
  readonly store: Pick<RolloutStore, 'keys' | 'get'>;
  readonly client: Pick<KubeClient, 'create' | 'jsonPatch'>;
  readonly render: RenderMessage;
  /** Term of leadership: what another leader has posted meanwhile is looked up anew. */
  readonly epoch: () => number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, 'providerRequest'>;
};

/** Messages and buttons in Slack; `undefined`: none are configured. */
export const createSlack = ({ notify: { slack } }: Config, around: Around): SlackParts | undefined => {
  if (slack === undefined) return undefined;
  const { store, render, epoch, clock, logger, metrics } = around;
  const { token, signingSecret: secret, channel, events, apiUrl } = slack;
  const client = createSlackClient({ apiUrl, token, onRequest: outcome => metrics.providerRequest('slack', outcome) });
  const memory = createConfigMapMemory({ client: around.client, notifier: 'slack' });
  // A bot token is renewed more often than the app's own secret, and buttons have to outlive it.
  const conversations = createConversations({ memory, key: secret ?? token, epoch, logger });
  const ids = secret === undefined ? undefined : createQuestionIds(secret);
  const notifier = createSlackNotifier({
    ...{ client, conversations, render, store, channel, events, clock, logger },
    ...(ids === undefined ? {} : { ids }),
  });
  if (secret === undefined || ids === undefined) return { notifier };
  return { notifier, hook: createSlackHook({ secret, ids, client, conversations, store, channel, clock, logger }) };
};
