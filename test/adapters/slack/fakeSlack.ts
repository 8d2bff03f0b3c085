import type { ServerResponse } from 'node:http';
import { json, type Loopback, listen, type Received } from '../http/loopback.ts';

/** A message as the fake keeps it. */
export type Kept = {
  readonly channel: string;
  readonly ts: string;
  readonly threadTs?: string;
  readonly isBroadcast: boolean;
  text: string;
  blocks: readonly FakeBlock[];
  /** How often it was updated. */
  updates: number;
};

type FakeText = { readonly type: string; readonly text: string };
export type FakeBlock = {
  readonly type: string;
  readonly text?: FakeText;
  readonly elements?: readonly {
    readonly type: string;
    readonly text?: FakeText | string;
    readonly action_id?: string;
    readonly value?: string;
  }[];
};

export type FakeCall = { readonly method: string; readonly body: Readonly<Record<string, unknown>> };

type Trouble = (call: FakeCall, response: ServerResponse) => boolean;

export const TOKEN = 'xoxb-test';
export const TEAM = 'T0001';
export const APP = 'A0001';

/** Slack's Web API as far as it is used: channels of which the bot is a member, threads, and trouble when a test wants it. */
export const startFakeSlack = async (
  channels: Readonly<Record<string, string>> = { '#deploys': 'C0001', '#weather': 'C0002' },
) => {
  const messages: Kept[] = [];
  const whispers: Readonly<Record<string, unknown>>[] = [];
  const calls: FakeCall[] = [];
  const requests: Received[] = [];
  let trouble: Trouble = () => false;
  let now = 1_795_269_600;
  let token = TOKEN;
  let isTelling = true;
  let onQuestion: ((question: Kept) => void) | undefined;

  const find = (channel: unknown, ts: unknown): Kept | undefined =>
    messages.find(message => message.channel === channel && message.ts === ts);
  const idOf = (channel: unknown): string | undefined =>
    channels[String(channel)] ?? Object.values(channels).find(id => id === channel);

  const post = (body: FakeCall['body']): object => {
    const channel = idOf(body['channel']);
    if (channel === undefined) return { ok: false, error: 'channel_not_found' };
    const threadTs = body['thread_ts'];
    if (threadTs !== undefined && find(channel, threadTs) === undefined) return { ok: false, error: 'thread_not_found' };
    now += 1;
    const ts = `${now}.000100`;
    const { text, blocks } = body as { text: string; blocks: readonly FakeBlock[] };
    const reply = typeof threadTs === 'string' ? { threadTs } : {};
    messages.push({ channel, ts, ...reply, isBroadcast: body['reply_broadcast'] === true, text, blocks, updates: 0 });
    const by = isTelling ? { team: TEAM, app_id: APP } : {};
    return { ok: true, channel, ts, message: { type: 'message', ts, bot_id: 'B0001', ...by } };
  };
  const update = (body: FakeCall['body']): object => {
    const found = find(body['channel'], body['ts']);
    if (found === undefined) return { ok: false, error: 'message_not_found' };
    Object.assign(found, { text: body['text'], blocks: body['blocks'], updates: found.updates + 1 });
    return { ok: true, channel: found.channel, ts: found.ts };
  };
  const answer = (method: string, body: FakeCall['body']): object => {
    switch (method) {
      case 'chat.postMessage':
        return post(body);
      case 'chat.update':
        return update(body);
      case 'chat.postEphemeral':
        whispers.push(body);
        return { ok: true, message_ts: '1.1' };
      case 'auth.test':
        return { ok: true, team_id: TEAM };
      default:
        return { ok: false, error: 'unknown_method' };
    }
  };

  const server: Loopback = await listen((received, response) => {
    requests.push(received);
    const method = received.url.pathname.replace('/api/', '');
    const call: FakeCall = { method, body: JSON.parse(received.body) };
    calls.push(call);
    if (trouble(call, response)) return;
    const isKnown = received.request.headers.authorization === `Bearer ${token}`;
    const before = messages.length;
    const told = isKnown ? answer(method, call.body) : { ok: false, error: 'invalid_auth' };
    const question = messages.slice(before).find(message => 'Approve' in buttonsOf(message));
    if (onQuestion === undefined || question === undefined) return json(response, told);
    onQuestion(question);
    onQuestion = undefined;
    // what was pressed is looked at first
    setImmediate(() => json(response, told));
  });

  return {
    apiUrl: `${server.url}/api`,
    messages,
    whispers,
    calls,
    requests,
    close: server.close,
    /** Answers instead of Slack where it returns true. */
    fail: (next: Trouble | undefined) => {
      trouble = next ?? (() => false);
    },
    /** Calls back with the next question before the app hears that it stands. */
    late: (next: (question: Kept) => void) => {
      onQuestion = next;
    },
    /** Whether answers name workspace and app. */
    tellsTeam: (next: boolean) => {
      isTelling = next;
    },
    setToken: (next: string) => {
      token = next;
    },
    remove: ({ ts }: Kept) => {
      messages.splice(
        messages.findIndex(message => message.ts === ts),
        1,
      );
    },
    /** Messages that are no replies, with their replies. */
    threads: () =>
      messages
        .filter(({ threadTs }) => threadTs === undefined)
        .map(parent => ({ parent, replies: messages.filter(({ threadTs }) => threadTs === parent.ts) })),
  };
};

export type FakeSlack = Awaited<ReturnType<typeof startFakeSlack>>;

/** All that a person reads in a message, block by block. */
export const readable = ({ blocks }: Kept): string =>
  blocks
    .flatMap(({ text, elements = [] }) => [
      ...(text === undefined ? [] : [text.text]),
      ...elements.map(element => (typeof element.text === 'string' ? element.text : `[${element.text?.text ?? ''}]`)),
    ])
    .join('\n');

/** The buttons of a message by what is written on them. */
export const buttonsOf = ({ blocks }: Kept): Readonly<Record<string, { readonly action: string; readonly value: string }>> =>
  Object.fromEntries(
    blocks
      .filter(({ type }) => type === 'actions')
      .flatMap(({ elements = [] }) => elements)
      .map(({ text, action_id, value }) => [
        typeof text === 'object' ? text.text : '',
        { action: action_id ?? '', value: value ?? '' },
      ]),
  );
