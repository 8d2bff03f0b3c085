import { SystemError } from '../../controller/ports.ts';

/**
 * What people can do about an answer of Slack. `installation`: no message gets through until somebody acts, or Slack is well
 * again; `message`: this one is not taken, others may be.
 */
const KNOWN = {
  not_authed: ['installation', 'the bot token is empty'],
  invalid_auth: ['installation', 'the bot token is wrong, or was made for another workspace'],
  account_inactive: ['installation', 'the app was removed from the workspace'],
  token_revoked: ['installation', 'the bot token was revoked: install the app again and renew the secret'],
  token_expired: ['installation', 'the bot token has expired: switch token rotation off, or renew the secret in time'],
  missing_scope: ['installation', 'the app lacks a scope: it needs chat:write, and chat:write.public or an invitation'],
  not_allowed_token_type: ['installation', 'expected a bot token, which begins with xoxb-'],
  access_denied: ['installation', 'the workspace denies access to the app'],
  accesslimited: ['installation', 'the workspace does not allow calls from this network'],
  ekm_access_denied: ['installation', 'administrators have suspended posting'],
  org_login_required: ['installation', 'the workspace is being moved'],
  team_added_to_org: ['installation', 'the workspace is being moved'],
  external_channel_migrating: ['installation', 'the channel is being moved'],
  ratelimited: ['installation', 'too many messages'],
  rate_limited: ['installation', 'too many messages'],
  message_limit_exceeded: ['installation', 'the workspace takes no more messages for now'],
  internal_error: ['installation', 'Slack has trouble of its own'],
  fatal_error: ['installation', 'Slack has trouble of its own'],
  service_unavailable: ['installation', 'Slack has trouble of its own'],
  request_timeout: ['installation', 'the request did not arrive in one piece'],
  update_failed: ['installation', 'Slack has trouble of its own'],
  channel_not_found: ['message', 'there is no such channel, or it is private and the app is not in it: invite the app there'],
  not_in_channel: ['message', 'the app is not in the channel: invite it there, or give it the scope chat:write.public'],
  is_archived: ['message', 'the channel is archived: name another one'],
  is_inactive: ['message', 'the channel is archived or frozen: name another one'],
  no_permission: ['message', 'the app may not write there: invite it to the channel'],
  restricted_action: ['message', 'a preference of the workspace keeps the app from posting there'],
  restricted_action_read_only_channel: ['message', 'the channel is read-only'],
  restricted_action_thread_only_channel: ['message', 'the channel takes replies only'],
  restricted_action_non_threadable_channel: ['message', 'the channel takes no replies'],
  msg_too_long: ['message', 'the text is too long: shorten the template'],
  invalid_blocks: ['message', 'Slack cannot show what the template makes'],
  user_not_in_channel: ['message', 'the person is not in the channel'],
  message_not_found: ['message', 'somebody has deleted the message'],
  thread_not_found: ['message', 'somebody has deleted the thread'],
  cannot_reply_to_message: ['message', 'nobody can reply to this message'],
  cant_update_message: ['message', 'another app has posted the message'],
  edit_window_closed: ['message', 'a preference of the workspace keeps messages from being edited'],
} as const satisfies Readonly<Record<string, readonly ['installation' | 'message', string]>>;

/** Codes of Slack that are explained (docs/slack.md). */
export const KNOWN_ERRORS: readonly string[] = Object.keys(KNOWN);

/** The message, or its thread, is not there for us any more. */
const GONE: readonly string[] = ['message_not_found', 'thread_not_found', 'cannot_reply_to_message', 'cant_update_message'];

/** Slack has answered, and has not done it. */
export class SlackError extends SystemError {
  /** Slack's own word, such as `channel_not_found`. */
  readonly code: string;
  /** What was to be changed or answered is not there for us any more, so that it has to be posted anew. */
  readonly isGone: boolean;
  constructor(operation: string, code: string) {
    const [concern, advice] = isKnown(code) ? KNOWN[code] : (['message', undefined] as const);
    const kind = concern === 'installation' ? 'unavailable' : 'refused';
    super('slack', operation, kind, `Slack answered ${code}${advice === undefined ? '' : `: ${advice}`}`);
    this.name = 'SlackError';
    this.code = code;
    this.isGone = GONE.includes(code);
  }
}

const isKnown = (code: string): code is keyof typeof KNOWN => Object.hasOwn(KNOWN, code);
