import type { Message, Notifier, RenderMessage } from '../../controller/channel-ports.ts';
import type { Clock } from '../../controller/ports.ts';
import { type OpenQuestion, oneLine } from '../../rollout/index.ts';
import { createHttpClient } from '../http/client.ts';
import { type Secret, signBody } from './signature.ts';

export type WebhookNotifierOptions = {
  /** Its name in the configuration. */
  readonly name: string;
  readonly url: string;
  readonly secret?: Secret | undefined;
  /** Reasons that are sent; `*`: all. */
  readonly events: readonly string[];
  /** For the field `text`. */
  readonly render: RenderMessage;
  readonly clock: Clock;
};

const TIMEOUT_MS = 10_000;
const MOST_ANSWER_BYTES = 1024 * 1024;
/** What an author may ask in a Rollout. */
const LONGEST_ASK = 4_096;

/** Posts each message as JSON, signed as Standard Webhooks are (docs/notifications.md). Any 2xx answer means taken. */
export const createWebhookNotifier = (options: WebhookNotifierOptions): Notifier => {
  const { name, url: written, secret, events, render, clock } = options;
  const url = new URL(written);
  const wanted = new Set(events);
  const client = createHttpClient({
    product: 'Webhook',
    name,
    // The path may be a secret itself; messages show the origin only.
    url: url.origin,
    timeoutMs: TIMEOUT_MS,
    maxContentBytes: MOST_ANSWER_BYTES,
  });
  return {
    name: `webhook/${name}`,
    wants: reason => wanted.has('*') || wanted.has(reason),
    send: async (message, signal) => {
      const { facts, ask, notify: _notify, ...told } = message;
      const question = facts.question === undefined ? {} : { question: questionOf(facts.question, { at: message.at, ask }) };
      const body = signBody(
        { ...told, kind: facts.kind, ...question, text: render(message, 'text') },
        { id: message.id, atMs: clock.now() },
        secret,
      );
      await client.send({ operation: `sending ${message.reason}`, path: `${url.pathname}${url.search}`, body, signal });
    },
  };
};

/** All that an answer has to name (`./answerBody.ts`), and what whoever answers wants to know. `until` is never past. */
const questionOf = (
  { revision, step, askedAt, weight, approval, given }: OpenQuestion,
  { at, ask }: { readonly at: string; readonly ask: Message['ask'] },
) => {
  const { required, approvers, timeoutMs } = approval;
  const untilMs = Date.parse(askedAt) + (timeoutMs ?? Number.NaN);
  return {
    ...{ revision, step, askedAt, weight, required, given, approvers },
    ...(untilMs > Date.parse(at) ? { until: new Date(untilMs).toISOString() } : {}),
    ...(ask === undefined ? {} : { ask: oneLine(ask, LONGEST_ASK) }),
  };
};
