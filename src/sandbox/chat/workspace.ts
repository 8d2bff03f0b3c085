import { createHash, randomBytes } from 'node:crypto';
import type { JsonObject } from '../kube/json.ts';

/** A place for messages. The bot posts only where it is a member; private ones are not even found by others. */
export interface Channel {
  readonly id: string;
  readonly name: string;
  readonly isPrivate: boolean;
  readonly hasBot: boolean;
  readonly isArchived: boolean;
}

/** Somebody who reads and presses. */
export interface Member {
  readonly id: string;
  readonly name: string;
}

/** A message as it stands now. */
export interface ChatMessage {
  readonly channel: string;
  /** Seconds and a counter, `1763769600.000100`; tells messages of a channel apart, ascending. */
  readonly ts: string;
  /** The message that this one answers; absent in the channel itself. */
  readonly threadTs?: string;
  /** An answer that is shown in the channel, too. */
  readonly isBroadcast: boolean;
  readonly text: string;
  readonly blocks: readonly JsonObject[];
  readonly editedTs?: string;
  /** Only this member sees it. */
  readonly onlyFor?: string;
}

/** What the other side has to know, and how the workspace misbehaves. */
export interface ChatSettings {
  /** The bot token that is accepted. */
  readonly token: string;
  readonly signingSecret: string;
  /** Where presses go; empty: nowhere. */
  readonly interactivityUrl: string;
  /** Until then every call is answered with 429; ms since the epoch. */
  readonly rateLimitedUntilMs: number;
  /** Every call is answered with this error; empty: none. */
  readonly error: string;
}

/** A workspace: channels, members, messages. */
export interface Workspace {
  readonly team: { readonly id: string; readonly domain: string };
  readonly appId: string;
  readonly bot: { readonly id: string; readonly user: string; readonly name: string };
  readonly members: readonly Member[];
  settings(): ChatSettings;
  configure(change: Partial<ChatSettings>): void;
  channels(): readonly Channel[];
  /** By id, `#name` or name. */
  channel(wanted: string): Channel | undefined;
  /** Adds a channel, or changes the one of this name. */
  setChannel(channel: { readonly name: string } & Partial<Omit<Channel, 'id' | 'name'>>): Channel;
  /** All messages, oldest first. */
  messages(): readonly ChatMessage[];
  find(channel: string, ts: string): ChatMessage | undefined;
  /** Gives the message its `ts`. */
  post(message: Omit<ChatMessage, 'ts'>): ChatMessage;
  replace(message: ChatMessage): void;
  /** As when a person deletes it; false when it is not there. */
  remove(channel: string, ts: string): boolean;
  /** Calls back after each change; the answer ends that. */
  subscribe(listener: () => void): () => void;
  freshTs(): string;
  freshId(): string;
}

const MEMBERS: readonly Member[] = [
  { id: 'U0ALICE01', name: 'alice' },
  { id: 'U0BOB0002', name: 'bob' },
  { id: 'U0MALLORY', name: 'mallory' },
];
const CHANNELS = ['deploys', 'general', 'weather'];
/** A workspace that runs for days forgets what is old. */
const MAX_MESSAGES = 5_000;

const channelId = (name: string) => `C0${createHash('sha256').update(name).digest('hex').slice(0, 9).toUpperCase()}`;

function createClock(nowMs: () => number): () => string {
  let last = 0;
  return () => {
    last = Math.max(nowMs() * 1_000, last + 100);
    return `${Math.floor(last / 1_000_000)}.${String(last % 1_000_000).padStart(6, '0')}`;
  };
}

/** The settings at the start: what the documentation names, and the port that Sluice takes hooks at by default. */
const DEFAULTS: ChatSettings = {
  token: 'xoxb-sandbox',
  signingSecret: 'sandbox-signing-secret',
  interactivityUrl: 'http://127.0.0.1:8081/hooks/slack',
  rateLimitedUntilMs: 0,
  error: '',
};

/** An empty workspace with three members and three channels. */
export function createWorkspace(nowMs: () => number): Workspace {
  let settings = DEFAULTS;
  const channels = new Map<string, Channel>();
  const messages = new Map<string, ChatMessage>();
  const listeners = new Set<() => void>();
  const freshTs = createClock(nowMs);
  const keyOf = (channel: string, ts: string) => `${channel} ${ts}`;
  const changed = () => {
    for (const listener of listeners) listener();
  };
  const byName = (name: string) => [...channels.values()].find(channel => channel.name === name);
  const setChannel: Workspace['setChannel'] = ({ name, ...change }) => {
    const before = byName(name) ?? { id: channelId(name), name, isPrivate: false, hasBot: true, isArchived: false };
    const channel = { ...before, ...change };
    channels.set(channel.id, channel);
    changed();
    return channel;
  };
  for (const name of CHANNELS) setChannel({ name });
  return {
    team: { id: 'T0SANDBOX', domain: 'sandbox' },
    appId: 'A0SANDBOX',
    bot: { id: 'B0SANDBOX', user: 'U0SLUICE0', name: 'sluice' },
    members: MEMBERS,
    settings: () => settings,
    configure: change => {
      settings = { ...settings, ...change };
    },
    channels: () => [...channels.values()],
    channel: wanted => channels.get(wanted) ?? byName(wanted.replace(/^#/, '')),
    setChannel,
    messages: () => [...messages.values()],
    find: (channel, ts) => messages.get(keyOf(channel, ts)),
    post: message => {
      const posted = { ...message, ts: freshTs() };
      messages.set(keyOf(posted.channel, posted.ts), posted);
      const [oldest] = messages.keys();
      if (messages.size > MAX_MESSAGES && oldest !== undefined) messages.delete(oldest);
      changed();
      return posted;
    },
    replace: message => {
      messages.set(keyOf(message.channel, message.ts), message);
      changed();
    },
    remove: (channel, ts) => {
      const isGone = messages.delete(keyOf(channel, ts));
      if (isGone) changed();
      return isGone;
    },
    subscribe: listener => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    freshTs,
    freshId: () => randomBytes(4).toString('base64url').slice(0, 5),
  };
}
