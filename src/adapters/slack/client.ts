import { SystemError } from '../../controller/ports.ts';
import { createHttpClient } from '../http/client.ts';
import type { CallOutcome } from '../http/failure.ts';
import type { Content } from './blocks.ts';
import { SlackError } from './failure.ts';
import { fieldOf, textOf } from './field.ts';

export type SlackClientOptions = {
  /** Such as https://slack.com/api. */
  readonly apiUrl: string;
  /** The bot token, asked for before each call because its file may change; throws an Error that names the file. */
  readonly token: () => string;
  /** Called once for each call. */
  readonly onRequest?: (outcome: CallOutcome) => void;
};

/** A message that Slack has taken: the id of its channel, and its time stamp, by which it is known there. */
export type Posted = {
  readonly channel: string;
  readonly ts: string;
  /** Workspace and app that it was posted by, where Slack tells. */
  readonly team?: string;
  readonly app?: string;
};

/** Blocks of ours, or those that Slack has given back. */
type Shown = Pick<Content, 'text'> & { readonly blocks: readonly object[] };

export type Posting = Shown & {
  /** Id, or name with #. */
  readonly channel: string;
  /** Makes it a reply. */
  readonly threadTs?: string;
  /** A reply that is shown in the channel, too. */
  readonly isBroadcast?: boolean;
};

/**
 * The calls of Slack's Web API that are needed. All throw SystemError: SlackError when Slack has answered, and not done it;
 * `unavailable` when the call did not get through.
 */
export type SlackClient = {
  post(posting: Posting, signal: AbortSignal): Promise<Posted>;
  /** Replaces all of a message. */
  update(message: Shown & { readonly channel: string; readonly ts: string }, signal: AbortSignal): Promise<void>;
  /** Shown to one person only, and to them only while they are there. */
  whisper(
    message: { readonly channel: string; readonly user: string; readonly threadTs?: string; readonly text: string },
    signal: AbortSignal,
  ): Promise<void>;
  /** Id of the workspace that the token belongs to. */
  team(signal: AbortSignal): Promise<string>;
};

const TIMEOUT_MS = 10_000;
const MOST_ANSWER_BYTES = 1024 * 1024;
/** Nothing in a text becomes a mention, a channel or a preview but what is written as such. */
const AS_WRITTEN = { parse: 'none', link_names: false };
const WITHOUT_PREVIEWS = { unfurl_links: false, unfurl_media: false };

export const createSlackClient = (options: SlackClientOptions): SlackClient => {
  const call = createCall(options);
  const teams = new Map<string, string>();
  return {
    post: async ({ channel, threadTs, isBroadcast, text, blocks }, signal) => {
      const operation = `posting to ${channel}`;
      const reply = threadTs === undefined ? {} : { thread_ts: threadTs, reply_broadcast: isBroadcast === true };
      const body = { channel, text, blocks, ...reply, ...AS_WRITTEN, ...WITHOUT_PREVIEWS, mrkdwn: true };
      return toPosted(await call('chat.postMessage', operation, body, signal), operation);
    },
    update: async ({ channel, ts, text, blocks }, signal) => {
      await call('chat.update', `updating a message in ${channel}`, { channel, ts, text, blocks, ...AS_WRITTEN }, signal);
    },
    whisper: async ({ channel, user, threadTs, text }, signal) => {
      const thread = threadTs === undefined ? {} : { thread_ts: threadTs };
      const body = { channel, user, text, ...thread, ...AS_WRITTEN };
      await call('chat.postEphemeral', `telling somebody in ${channel}`, body, signal);
    },
    team: async signal => {
      const token = tokenOf(options, 'asking who we are');
      const known = teams.get(token);
      if (known !== undefined) return known;
      const team = textOf(await call('auth.test', 'asking who we are', {}, signal), 'team_id');
      if (team === undefined) throw unavailable('asking who we are', 'Slack answered without a team_id');
      teams.clear();
      teams.set(token, team);
      return team;
    },
  };
};

type Call = (method: string, operation: string, body: object, signal: AbortSignal) => Promise<unknown>;

const createCall = (options: SlackClientOptions): Call => {
  const { apiUrl, onRequest } = options;
  const http = createHttpClient({
    product: 'Slack',
    name: 'api',
    url: apiUrl,
    timeoutMs: TIMEOUT_MS,
    maxContentBytes: MOST_ANSWER_BYTES,
    onRequest: (_, outcome) => {
      if (outcome !== 'ok') onRequest?.(outcome);
    },
  });
  return async (method, operation, body, signal) => {
    const headers = {
      'content-type': 'application/json; charset=utf-8',
      authorization: `Bearer ${tokenOf(options, operation)}`,
    };
    const request = { operation, path: `/${method}`, body: { content: JSON.stringify(body), headers }, signal };
    const answer = await http.requestJson(request).catch(error => {
      throw ofInstallation(error, operation);
    });
    if (fieldOf(answer, 'ok') === true) {
      onRequest?.('ok');
      return answer;
    }
    const failure = new SlackError(operation, codeIn(answer));
    onRequest?.(failure.kind === 'unavailable' ? 'serverError' : 'denied');
    throw failure;
  };
};

/** What is no answer of Slack's is nothing that another message would fare better with. */
const ofInstallation = (error: unknown, operation: string): unknown => {
  if (!(error instanceof SystemError) || error.kind === 'unavailable') return error;
  return unavailable(operation, error.message.replace(`${operation}: `, ''));
};

const unavailable = (operation: string, reason: string): SystemError =>
  new SystemError('slack', operation, 'unavailable', reason);

/** A word of Slack's own; anything else is nothing to print. */
const codeIn = (answer: unknown): string => {
  const code = textOf(answer, 'error') ?? '';
  return /^[a-z0-9_]{1,64}$/.test(code) ? code : 'without a reason';
};

const tokenOf = ({ token }: SlackClientOptions, operation: string): string => {
  let written: string;
  try {
    written = token();
  } catch (error) {
    throw unavailable(operation, error instanceof Error ? error.message : 'the bot token cannot be read');
  }
  // Anything else would end the header, or say more than a token.
  if (!/^[\x21-\x7e]+$/.test(written))
    throw unavailable(operation, 'the bot token is empty, or has characters that no token has');
  return written;
};

const toPosted = (answer: unknown, operation: string): Posted => {
  const [channel, ts] = [textOf(answer, 'channel'), textOf(answer, 'ts')];
  if (channel === undefined || ts === undefined) throw unavailable(operation, 'Slack answered without channel and ts');
  const message = fieldOf(answer, 'message');
  const profile = fieldOf(message, 'bot_profile');
  const team = textOf(message, 'team') ?? textOf(profile, 'team_id');
  const app = textOf(message, 'app_id') ?? textOf(profile, 'app_id');
  return { channel, ts, ...(team === undefined ? {} : { team }), ...(app === undefined ? {} : { app }) };
};
