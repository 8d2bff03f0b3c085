import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What the workspace and Sluice know of each other. */
export const SLACK = {
  token: 'xoxb-bench',
  signingSecret: 'signing secret of the bench',
  team: 'T0BENCH',
  app: 'A0BENCH',
  channel: 'C0BENCH',
} as const;

/** A question with buttons, as it was posted. */
export interface PostedQuestion {
  /** `namespace/name`. */
  readonly rollout: string;
  readonly ts: string;
  readonly threadTs: string | undefined;
  readonly approve: string;
}

interface Block {
  readonly type: string;
  readonly elements?: readonly {
    readonly action_id?: string;
    readonly value?: string;
    readonly confirm?: { readonly title: { readonly text: string } };
  }[];
}

interface Args {
  readonly thread_ts?: string;
  readonly ts?: string;
  readonly blocks?: readonly Block[];
}

/** The Web API of Slack, as far as Sluice uses it: it takes everything, and remembers the newest question of each Rollout. */
export interface SlackStandIn {
  /** For `notify.slack.apiUrl`. */
  readonly url: string;
  readonly questions: ReadonlyMap<string, PostedQuestion>;
  /** How often each method was called. */
  readonly calls: Readonly<Record<string, number>>;
  readonly close: () => Promise<void>;
}

async function bodyOf(request: IncomingMessage): Promise<Args> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text === '' ? {} : (JSON.parse(text) as Args);
}

function questionIn(args: Args, ts: string): PostedQuestion | undefined {
  const elements = args.blocks?.find(({ type }) => type === 'actions')?.elements ?? [];
  const button = elements.find(({ action_id }) => action_id === 'sluice_approve');
  const [, rollout] = / of (\S+)\?$/.exec(button?.confirm?.title.text ?? '') ?? [];
  if (button?.value === undefined || rollout === undefined) return undefined;
  return { rollout, ts, threadTs: args.thread_ts, approve: button.value };
}

/** `silent`: it takes connections and requests, and never answers. */
export async function startSlackStandIn(how: 'alive' | 'silent' = 'alive'): Promise<SlackStandIn> {
  const questions = new Map<string, PostedQuestion>();
  const calls: Record<string, number> = {};
  let count = 0;
  const freshTs = () => `${Math.floor(Date.now() / 1_000)}.${String(++count).padStart(6, '0')}`;
  const answerTo = (method: string, args: Args): object => {
    if (method === 'auth.test') return { ok: true, team_id: SLACK.team, user_id: 'U0SLUICE', bot_id: 'B0SLUICE' };
    const ts = method === 'chat.update' ? (args.ts ?? '') : freshTs();
    const question = method === 'chat.postMessage' ? questionIn(args, ts) : undefined;
    if (question !== undefined) questions.set(question.rollout, question);
    const message = {
      ts,
      team: SLACK.team,
      app_id: SLACK.app,
      ...(args.thread_ts === undefined ? {} : { thread_ts: args.thread_ts }),
    };
    return method === 'chat.postEphemeral' ? { ok: true, message_ts: ts } : { ok: true, channel: SLACK.channel, ts, message };
  };
  const server = createServer((request, response) => {
    const method = (request.url ?? '').replace(/^\/api\//, '');
    calls[method] = (calls[method] ?? 0) + 1;
    if (how === 'silent') return;
    bodyOf(request).then(
      args => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answerTo(method, args))),
      () => response.destroy(),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api`,
    questions,
    calls,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A press of the button that agrees, as Slack sends it, signed now. */
export function pressOf(
  { ts, threadTs, approve }: PostedQuestion,
  user: string,
): { headers: Record<string, string>; body: string } {
  const nowS = Math.floor(Date.now() / 1_000);
  const payload = {
    type: 'block_actions',
    team: { id: SLACK.team, domain: 'bench' },
    api_app_id: SLACK.app,
    user: { id: user, username: user, name: user, team_id: SLACK.team },
    container: { type: 'message', message_ts: ts, channel_id: SLACK.channel, is_ephemeral: false },
    channel: { id: SLACK.channel, name: 'bench' },
    message: { type: 'message', ts, ...(threadTs === undefined ? {} : { thread_ts: threadTs }) },
    actions: [
      { type: 'button', action_id: 'sluice_approve', block_id: 'sluice_answer', value: approve, action_ts: `${nowS}.000001` },
    ],
  };
  const body = `payload=${encodeURIComponent(JSON.stringify(payload))}`;
  const signature = createHmac('sha256', SLACK.signingSecret).update(`v0:${nowS}:${body}`).digest('hex');
  const headers = {
    'content-type': 'application/x-www-form-urlencoded',
    'x-slack-request-timestamp': String(nowS),
    'x-slack-signature': `v0=${signature}`,
  };
  return { headers, body };
}
