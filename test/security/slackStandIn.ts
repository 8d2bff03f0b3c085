import { json, listen, type Received } from '../adapters/http/loopback.ts';

/** One call of the Slack API. */
export type SlackCall = { readonly method: string; readonly token: string; readonly body: SlackBody };

export type SlackBody = {
  readonly channel?: string;
  readonly ts?: string;
  readonly thread_ts?: string;
  readonly user?: string;
  readonly text?: string;
  readonly blocks?: readonly SlackBlock[];
};

type SlackBlock = { readonly type: string; readonly block_id?: string; readonly elements?: readonly SlackElement[] };
type SlackElement = { readonly type: string; readonly action_id?: string; readonly value?: string };

/** A message with buttons, as it stands in the channel. */
export type Question = {
  readonly channel: string;
  readonly ts: string;
  readonly buttons: readonly SlackElement[];
  readonly text: string;
};

/** The other side of the Slack API: takes every message, and remembers what was said. */
export type SlackStandIn = {
  readonly url: string;
  readonly calls: readonly SlackCall[];
  /** Messages with buttons, newest last. */
  questions(): readonly Question[];
  /** How many questions were asked so far, those that are answered too. */
  posted(): number;
  close(): Promise<void>;
};

export const SLACK = { team: 'T0SLUICE', app: 'A0SLUICE', bot: 'U0BOT' } as const;

export const startSlackStandIn = async (): Promise<SlackStandIn> => {
  const calls: SlackCall[] = [];
  const messages = new Map<string, Question>();
  let count = 0;
  let questions = 0;
  const { url, close } = await listen(({ request, url: asked, body }: Received, response) => {
    const method = asked.pathname.slice(1);
    const said = (body === '' ? {} : JSON.parse(body)) as SlackBody;
    calls.push({ method, token: request.headers.authorization ?? '', body: said });
    if (method === 'auth.test')
      return json(response, { ok: true, team_id: SLACK.team, user_id: SLACK.bot, bot_id: 'B0SLUICE', app_id: SLACK.app });
    count += 1;
    const channel = idOf(said.channel ?? '');
    const ts = said.ts ?? `${1_800_000_000 + count}.000100`;
    if (method === 'chat.postEphemeral') return json(response, { ok: true, message_ts: ts });
    if (said.ts === undefined && buttonsOf(said).length > 0) questions += 1;
    messages.set(`${channel} ${ts}`, { channel, ts, buttons: buttonsOf(said), text: said.text ?? '' });
    const message = { type: 'message', ts, team: SLACK.team, app_id: SLACK.app, bot_id: 'B0SLUICE', user: SLACK.bot };
    json(response, { ok: true, channel, ts, message });
  });
  return {
    url,
    calls,
    questions: () => [...messages.values()].filter(({ buttons }) => buttons.length > 0),
    posted: () => questions,
    close,
  };
};

/** Messages are posted to names, and answers name ids. */
const idOf = (channel: string): string => (channel.startsWith('#') ? `C0${channel.slice(1).toUpperCase()}` : channel);

const buttonsOf = ({ blocks = [] }: SlackBody): readonly SlackElement[] =>
  blocks.flatMap(({ elements = [] }) => elements.filter(({ type, value }) => type === 'button' && value !== undefined));
