import { createHmac, randomUUID } from 'node:crypto';
import type { Sandbox } from '../../src/sandbox/sandbox.ts';
import { until } from '../sandbox/client.ts';

/** Who presses. */
export const ALICE = 'U0ALICE01';
export const BOB = 'U0BOB0002';
export const MALLORY = 'U0MALLORY';

type Block = { readonly type?: unknown; readonly elements?: unknown };
const hasButtons = ({ type }: Block): boolean => type === 'actions';
/** Everything that people read of a message. */
const textOf = (message: object): string => JSON.stringify(message);

/** One channel of the chat, as people have it before them. */
export type Room = {
  /** The newest message with buttons, once there is one. */
  question(): Promise<{ readonly channel: string; readonly ts: string; readonly text: string }>;
  /** Resolves when the only message with buttons is another one than this. */
  asksAnew(ts: string): Promise<void>;
  /** Resolves when no message has buttons any more. */
  tidy(): Promise<void>;
  /** Presses a button of the newest question; answers with the status that the app gave. */
  press(user: string, decision: 'approve' | 'reject'): Promise<number | undefined>;
  /** Resolves with what only this person is told, and fits. */
  whispered(user: string, words: RegExp): Promise<string>;
  /** Resolves when some message fits. */
  says(words: RegExp): Promise<void>;
  /** Messages in the channel itself, threads aside. */
  threads(): number;
};

/** The channel of this name, which is made. */
export const openRoom = ({ control: { chat } }: Sandbox, name: string): Room => {
  const { id } = chat.workspace.setChannel({ name });
  const messages = () => chat.workspace.messages().filter(({ channel }) => channel === id);
  const questions = () => messages().filter(({ blocks }) => blocks.some(hasButtons));
  const question = () =>
    until(() => {
      const newest = questions().at(-1);
      return newest === undefined ? undefined : { channel: id, ts: newest.ts, text: textOf(newest) };
    }, `a question in #${name}`);
  return {
    question,
    asksAnew: async ts => {
      const isAnew = () => questions().length === 1 && questions().every(item => item.ts !== ts);
      await until(() => isAnew() || undefined, `another question in #${name}`);
    },
    tidy: async () => void (await until(() => questions().length === 0 || undefined, `the end of the buttons in #${name}`)),
    press: async (user, decision) => {
      const { channel, ts } = await question();
      const { status, problem } = await chat.press({ user, channel, ts, action: `sluice_${decision}` });
      if (status === undefined) throw new Error(`pressing in #${name}: ${problem}`);
      return status;
    },
    whispered: (user, words) =>
      until(() => messages().find(({ onlyFor, text }) => onlyFor === user && words.test(text))?.text, `a word to ${user}`),
    says: async words =>
      void (await until(() => messages().some(item => words.test(textOf(item))) || undefined, `${words} in #${name}`)),
    threads: () => messages().filter(({ threadTs, onlyFor }) => threadTs === undefined && onlyFor === undefined).length,
  };
};

type Sent = { readonly status: number; readonly body: string };
const sent = async (url: string, headers: Record<string, string>, body: string): Promise<Sent> => {
  const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body });
  return { status: answer.status, body: await answer.text() };
};

/** An answer by the HTTP API. */
export const answerByApi = (url: string, token: string, answer: object): Promise<Sent> =>
  sent(url, { authorization: `Bearer ${token}` }, JSON.stringify(answer));

/** An answer of another program, signed as Standard Webhooks are. */
export const answerByWebhook = (url: string, secret: string, answer: object): Promise<Sent> => {
  const [id, seconds, body] = [randomUUID(), Math.floor(Date.now() / 1_000), JSON.stringify(answer)];
  const signature = createHmac('sha256', secret).update(`${id}.${seconds}.${body}`).digest('base64');
  return sent(url, { 'webhook-id': id, 'webhook-timestamp': String(seconds), 'webhook-signature': `v1,${signature}` }, body);
};
