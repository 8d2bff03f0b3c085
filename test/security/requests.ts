import { createHmac } from 'node:crypto';
import { SLACK } from './slackStandIn.ts';
import type { Wire } from './wire.ts';
import { SECRETS } from './world.ts';

/** Requests as the right sender would make them; each case changes one thing. */

type Header = readonly [name: string, value: string];

/** What an answer is about. */
export type About = { readonly namespace: string; readonly name: string; readonly revision: string; readonly step: number };

export const nowS = (): number => Math.floor(Date.now() / 1000);

/** Another value for a header, several, or none. */
export type HeaderChanges = Readonly<Record<string, string | readonly string[] | undefined>>;

const withChanges = (headers: readonly Header[], changes: HeaderChanges = {}): readonly Header[] => [
  ...headers.filter(([name]) => !(name in changes)),
  ...Object.entries(changes).flatMap(([name, value]) => [value ?? []].flat().map((one): Header => [name, one])),
];

export type SignedAnswer = {
  readonly hook?: string;
  readonly secret?: string;
  readonly seconds?: number | string;
  readonly id?: string;
  /** Fields in place of the right ones, or a whole body. */
  readonly body?: object | string | Buffer;
  readonly signature?: (right: string) => string;
  readonly headers?: HeaderChanges;
  readonly path?: string;
  readonly method?: string;
};

/** `POST /hooks/approvals/change-board` with the headers of Standard Webhooks. */
export const signedAnswer = (about: About, change: SignedAnswer = {}): Wire => {
  const {
    hook = 'change-board',
    secret = SECRETS.board,
    seconds = nowS(),
    id = `msg_${Math.random()}`.replace('.', ''),
  } = change;
  const body = contentOf({ decision: 'approve', ...about }, change.body);
  const right = createHmac('sha256', secret).update(`${id}.${seconds}.`).update(body).digest('base64');
  const headers: readonly Header[] = [
    ['content-type', 'application/json'],
    ['webhook-id', id],
    ['webhook-timestamp', String(seconds)],
    ['webhook-signature', change.signature?.(right) ?? `v1,${right}`],
  ];
  return {
    path: change.path ?? `/hooks/approvals/${hook}`,
    headers: withChanges(headers, change.headers),
    body,
    ...(change.method === undefined ? {} : { method: change.method }),
  };
};

const contentOf = (right: object, change: object | string | Buffer = {}): Buffer => {
  if (Buffer.isBuffer(change)) return change;
  return Buffer.from(typeof change === 'string' ? change : JSON.stringify({ ...right, ...change }));
};

export type ApiAnswer = {
  /** Without one: no header. */
  readonly token?: string | undefined;
  readonly body?: object | string | Buffer;
  readonly headers?: HeaderChanges;
  readonly path?: string;
  readonly method?: string;
};

/** `POST /api/v1/rollouts/{ns}/{name}/approvals` with a Kubernetes token. */
export const apiAnswer = ({ namespace, name, revision, step }: About, change: ApiAnswer = {}): Wire => {
  const headers: readonly Header[] = [
    ['content-type', 'application/json'],
    ...(change.token === undefined ? [] : [['authorization', `Bearer ${change.token}`] as const]),
  ];
  return {
    path: change.path ?? `/api/v1/rollouts/${namespace}/${name}/approvals`,
    headers: withChanges(headers, change.headers),
    body: contentOf({ decision: 'approve', revision, step }, change.body),
    ...(change.method === undefined ? {} : { method: change.method }),
  };
};

/** A button as it stands in a message. */
export type Pressed = { readonly channel: string; readonly ts: string; readonly actionId: string; readonly value: string };

export type Press = {
  readonly user?: string;
  readonly team?: string;
  readonly app?: string;
  /** In place of what Slack sends, field by field. */
  readonly payload?: object;
  readonly action?: object;
  readonly secret?: string;
  readonly seconds?: number | string;
  readonly signature?: (right: string) => string;
  readonly headers?: HeaderChanges;
  /** In place of the form. */
  readonly body?: string | Buffer;
  readonly path?: string;
  readonly method?: string;
};

/** `POST /hooks/slack` as Slack sends it when somebody presses a button. */
export const press = ({ channel, ts, actionId, value }: Pressed, change: Press = {}): Wire => {
  const { user = 'U0ALICE', team = SLACK.team, app = SLACK.app, secret = SECRETS.signing, seconds = nowS() } = change;
  const payload = {
    type: 'block_actions',
    user: { id: user, username: user.toLowerCase(), name: user.toLowerCase(), team_id: team },
    api_app_id: app,
    token: 'verification-token-of-old',
    container: { type: 'message', message_ts: ts, channel_id: channel, is_ephemeral: false },
    trigger_id: '1.2.3',
    team: { id: team, domain: 'example' },
    enterprise: null,
    is_enterprise_install: false,
    channel: { id: channel, name: 'deploys' },
    message: { type: 'message', ts, user: SLACK.bot, bot_id: 'B0SLUICE', team: SLACK.team, text: '' },
    state: { values: {} },
    response_url: 'http://127.0.0.1:9/response',
    actions: [{ type: 'button', action_id: actionId, block_id: 'b', value, action_ts: '1.1', ...change.action }],
    ...change.payload,
  };
  const body = Buffer.from(change.body ?? new URLSearchParams({ payload: JSON.stringify(payload) }).toString());
  const right = `v0=${createHmac('sha256', secret).update(`v0:${seconds}:`).update(body).digest('hex')}`;
  const headers: readonly Header[] = [
    ['content-type', 'application/x-www-form-urlencoded'],
    ['x-slack-request-timestamp', String(seconds)],
    ['x-slack-signature', change.signature?.(right) ?? right],
  ];
  return {
    path: change.path ?? '/hooks/slack',
    headers: withChanges(headers, change.headers),
    body,
    ...(change.method === undefined ? {} : { method: change.method }),
  };
};

/** `POST /hooks/git/fleet` as GitHub signs it. */
export const push = (
  change: { readonly secret?: string; readonly headers?: HeaderChanges; readonly body?: string; readonly path?: string } = {},
): Wire => {
  const body = change.body ?? '{"ref":"refs/heads/main"}';
  const right = createHmac('sha256', change.secret ?? SECRETS.push)
    .update(body)
    .digest('hex');
  return {
    path: change.path ?? '/hooks/git/fleet',
    headers: withChanges(
      [
        ['content-type', 'application/json'],
        ['x-github-event', 'push'],
        ['x-hub-signature-256', `sha256=${right}`],
      ],
      change.headers,
    ),
    body,
  };
};
