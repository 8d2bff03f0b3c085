import { createHmac, randomBytes } from 'node:crypto';
import { isObject, type JsonObject, listOf, stringOf } from '../kube/json.ts';
import { wireMessage } from './methods.ts';
import type { ChatMessage, Workspace } from './workspace.ts';

/** Somebody presses a button: member, channel and button by their ids. */
export interface Press {
  readonly user: string;
  readonly channel: string;
  readonly ts: string;
  /** `action_id` of the button. */
  readonly action: string;
}

/** What a person sees of a press afterwards. */
export interface PressOutcome {
  /** Absent when there was no answer. */
  readonly status?: number;
  readonly tookMs: number;
  /** Why a person gets a warning sign; absent: the press was taken. */
  readonly problem?: string;
}

/** A press and what came of it. */
export interface PressRecord extends Press {
  readonly atMs: number;
  readonly label: string;
  readonly outcome: PressOutcome;
}

/** Slack shows a warning sign when there is no answer by then. */
const PATIENCE_MS = 3_000;

interface Button {
  readonly block: string;
  readonly element: JsonObject;
}

/** All buttons of a message, where they stand. */
export function buttonsOf(message: Pick<ChatMessage, 'blocks'>): readonly Button[] {
  return message.blocks.flatMap(block => {
    const elements = block['type'] === 'actions' ? listOf(block['elements']) : [block['accessory'] ?? null];
    const buttons = elements.filter(isObject).filter(element => element['type'] === 'button');
    return buttons.map(element => ({ block: stringOf(block['block_id']) ?? '', element }));
  });
}

/** What Slack says of a press. */
function payloadOf(press: Press, message: ChatMessage, button: Button, workspace: Workspace, selfUrl: string): JsonObject {
  const { team, appId } = workspace;
  const user = workspace.members.find(({ id }) => id === press.user);
  const { text, value, style, action_id } = button.element;
  const action = { action_id, block_id: button.block, text, value, style, type: 'button', action_ts: workspace.freshTs() };
  const thread = message.threadTs ? { thread_ts: message.threadTs } : {};
  return {
    type: 'block_actions',
    user: { id: press.user, username: user?.name, name: user?.name, team_id: team.id },
    api_app_id: appId,
    token: 'deprecated',
    container: { type: 'message', message_ts: message.ts, channel_id: message.channel, is_ephemeral: false, ...thread },
    trigger_id: `${Date.now()}.${randomBytes(6).readUIntBE(0, 6)}.${randomBytes(16).toString('hex')}`,
    team: { ...team },
    enterprise: null,
    is_enterprise_install: false,
    channel: { id: message.channel, name: workspace.channel(message.channel)?.name },
    message: wireMessage(message, workspace),
    state: { values: {} },
    response_url: `${selfUrl}/actions/${team.id}/${randomBytes(6).readUIntBE(0, 6)}/${randomBytes(12).toString('base64url')}`,
    actions: [action],
  };
}

async function deliver(url: string, secret: string, payload: JsonObject): Promise<number> {
  const body = new URLSearchParams({ payload: JSON.stringify(payload) }).toString();
  const timestamp = String(Math.floor(Date.now() / 1_000));
  const signature = createHmac('sha256', secret).update(`v0:${timestamp}:${body}`).digest('hex');
  const answer = await fetch(url, {
    method: 'POST',
    redirect: 'manual',
    signal: AbortSignal.timeout(PATIENCE_MS),
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      'user-agent': 'Slackbot 1.0 (+https://api.slack.com/robots)',
      'x-slack-request-timestamp': timestamp,
      'x-slack-signature': `v0=${signature}`,
    },
    body,
  });
  await answer.arrayBuffer();
  return answer.status;
}

const reasonOf = (error: unknown): string => {
  if (error instanceof Error && error.name === 'TimeoutError') return `no answer within ${PATIENCE_MS / 1_000} s`;
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return cause instanceof Error ? cause.message : String(cause);
};

/** Presses a button as Slack does it: the signed form goes to the interactivity URL. Never throws. */
export async function pressButton(press: Press, workspace: Workspace, selfUrl: string): Promise<PressRecord> {
  const atMs = Date.now();
  const { interactivityUrl, signingSecret } = workspace.settings();
  const message = workspace.find(press.channel, press.ts);
  const button = message && buttonsOf(message).find(({ element }) => element['action_id'] === press.action);
  const label = stringOf(isObject(button?.element['text']) ? button.element['text']['text'] : undefined) ?? press.action;
  const done = (outcome: Omit<PressOutcome, 'tookMs'>): PressRecord => ({
    ...press,
    atMs,
    label,
    outcome: { ...outcome, tookMs: Date.now() - atMs },
  });
  if (!message || !button) return done({ problem: 'there is no such button any more' });
  if (!workspace.members.some(({ id }) => id === press.user)) return done({ problem: 'there is no such member' });
  if (interactivityUrl === '') return done({ problem: 'no interactivity URL is set' });
  try {
    const status = await deliver(interactivityUrl, signingSecret, payloadOf(press, message, button, workspace, selfUrl));
    return done(status >= 200 && status < 300 ? { status } : { status, problem: `the app answered ${status}` });
  } catch (error) {
    return done({ problem: reasonOf(error) });
  }
}
