import { type JsonObject, listOf, stringOf } from '../kube/json.ts';
import { readBlocks } from './blocks.ts';
import { ChatRefusal } from './refusal.ts';
import type { Channel, ChatMessage, Workspace } from './workspace.ts';

/** One method of the Web API. Throws ChatRefusal. */
export type Method = (args: JsonObject, workspace: Workspace) => JsonObject;

/** A longer text is cut when it is posted, and refused when a message is changed to it. */
const MAX_POSTED = 40_000;
const MAX_UPDATED = 4_000;

/** A message as Slack shows it to apps. */
export function wireMessage(message: ChatMessage, { bot, appId, team }: Workspace): JsonObject {
  return {
    user: bot.user,
    type: 'message',
    ts: message.ts,
    bot_id: bot.id,
    app_id: appId,
    text: message.text,
    team: team.id,
    bot_profile: { id: bot.id, app_id: appId, name: bot.name, team_id: team.id, deleted: false },
    ...(message.editedTs ? { edited: { user: bot.id, ts: message.editedTs } } : {}),
    ...(message.threadTs ? { thread_ts: message.threadTs, parent_user_id: bot.user } : {}),
    ...(message.blocks.length > 0 ? { blocks: [...message.blocks] } : {}),
  };
}

function channelOf(args: JsonObject, workspace: Workspace): Channel {
  const channel = workspace.channel(stringOf(args['channel']) ?? '');
  if (!channel || (channel.isPrivate && !channel.hasBot)) throw new ChatRefusal('channel_not_found');
  if (channel.isArchived) throw new ChatRefusal('is_archived');
  if (!channel.hasBot) throw new ChatRefusal('not_in_channel');
  return channel;
}

/** Blocks come as a list, or as its JSON text; undefined when none are given. */
function blocksOf(args: JsonObject, workspace: Workspace): JsonObject[] | undefined {
  const given = args['blocks'];
  if (given === undefined || given === null) return undefined;
  let blocks: unknown = given;
  try {
    if (typeof given === 'string') blocks = JSON.parse(given);
  } catch {
    throw new ChatRefusal('invalid_blocks_format');
  }
  if (!Array.isArray(blocks)) throw new ChatRefusal('invalid_blocks_format');
  return readBlocks(listOf(blocks), workspace.freshId);
}

const isTrue = (value: unknown): boolean => value === true || value === 'true' || value === '1';

/** Something to show: `no_text` without. */
function contentOf(args: JsonObject, workspace: Workspace): { text: string; blocks: JsonObject[] | undefined } {
  const blocks = blocksOf(args, workspace);
  const text = stringOf(args['text']) ?? '';
  if (text === '' && (blocks ?? []).length === 0) throw new ChatRefusal('no_text');
  return { text, blocks };
}

const authTest: Method = (_, { team, bot }) => ({
  url: `https://${team.domain}.slack.com/`,
  team: team.domain,
  user: bot.name,
  team_id: team.id,
  user_id: bot.user,
  bot_id: bot.id,
  is_enterprise_install: false,
});

const postMessage: Method = (args, workspace) => {
  const channel = channelOf(args, workspace);
  const { text, blocks } = contentOf(args, workspace);
  const threadTs = stringOf(args['thread_ts']);
  const message = workspace.post({
    channel: channel.id,
    text: text.slice(0, MAX_POSTED),
    blocks: blocks ?? [],
    isBroadcast: threadTs !== undefined && isTrue(args['reply_broadcast']),
    ...(threadTs ? { threadTs } : {}),
  });
  return { channel: channel.id, ts: message.ts, message: wireMessage(message, workspace) };
};

const update: Method = (args, workspace) => {
  const channel = channelOf(args, workspace);
  // names are for posting only
  if (channel.id !== args['channel']) throw new ChatRefusal('channel_not_found');
  const before = workspace.find(channel.id, stringOf(args['ts']) ?? '');
  if (!before) throw new ChatRefusal('message_not_found');
  if (before.onlyFor) throw new ChatRefusal('cant_update_message');
  const { text, blocks } = contentOf(args, workspace);
  if (text.length > MAX_UPDATED) throw new ChatRefusal('msg_too_long');
  // who does not name blocks keeps those of before, buttons too
  const message = {
    ...before,
    text,
    blocks: blocks ?? before.blocks,
    isBroadcast: before.isBroadcast || isTrue(args['reply_broadcast']),
    editedTs: workspace.freshTs(),
  };
  workspace.replace(message);
  return { channel: channel.id, ts: message.ts, text: message.text, message: wireMessage(message, workspace) };
};

const postEphemeral: Method = (args, workspace) => {
  const channel = channelOf(args, workspace);
  const member = workspace.members.find(({ id }) => id === args['user']);
  if (!member) throw new ChatRefusal('user_not_in_channel');
  const { text, blocks } = contentOf(args, workspace);
  if (text.length > MAX_UPDATED) throw new ChatRefusal('msg_too_long');
  const threadTs = stringOf(args['thread_ts']);
  const { ts } = workspace.post({
    channel: channel.id,
    text,
    blocks: blocks ?? [],
    isBroadcast: false,
    onlyFor: member.id,
    ...(threadTs ? { threadTs } : {}),
  });
  return { message_ts: ts };
};

/** What is answered at `/api/...`. */
export const METHODS: { readonly [name: string]: Method } = {
  'auth.test': authTest,
  'chat.postMessage': postMessage,
  'chat.update': update,
  'chat.postEphemeral': postEphemeral,
};
