import { createHmac, timingSafeEqual } from 'node:crypto';
import { fieldOf, textOf } from './field.ts';

/** A message in Slack. */
export type Place = {
  /** Id of the channel. */
  readonly channel: string;
  readonly ts: string;
};

/** The messages about one attempt: replies to one message that says where the rollout is. */
export type Thread = Place & {
  /** The attempt; empty: none was in progress. */
  readonly revision: string;
  /** The channel as it is written in the Rollout or the configuration. */
  readonly wanted: string;
  readonly title: string;
  /** Where the rollout is, as the message says it. */
  readonly shown: string;
  /** Workspace and app that it was posted by, where Slack tells. */
  readonly team?: string;
  readonly app?: string;
  /** The channel has heard that this attempt went back. */
  readonly isAlarmed?: boolean;
};

/** A question whose message stands in Slack. */
export type Asked = Place & {
  readonly revision: string;
  readonly step: number;
  readonly askedAt: string;
  readonly required: number;
  readonly wanted: string;
  /** As it was made when people were asked; in Slack's markup. */
  readonly text: string;
  /** Names of those who had agreed when the message was written last. */
  readonly given: readonly string[];
  readonly team?: string;
  readonly app?: string;
};

/** What is known of the messages about one Rollout. */
export type Conversation = {
  readonly thread?: Thread;
  readonly asked?: Asked;
  /** The attempt whose question ended last. */
  readonly answered?: string;
  /** Short forms of the ids of what was told last, newest last. */
  readonly told: readonly string[];
};

export const NOTHING: Conversation = { told: [] };

/** The id of a conversation's owner goes into the seal, so that none can be given to another one. */
type Seal = { readonly uid: string; readonly key: string };

/** As text that nobody can change without the key: it decides where messages go, and which button counts. */
export const sealConversation = (conversation: Conversation, seal: Seal): string => {
  const text = JSON.stringify({ version: 1, ...conversation });
  return JSON.stringify({ text, mac: macOf(text, seal) });
};

/** `undefined`: not of this Rollout, not ours, of an earlier key, or of another version. */
export const openConversation = (sealed: string, seal: Seal): Conversation | undefined => {
  const outer = parse(sealed);
  const [text, mac] = [textOf(outer, 'text'), textOf(outer, 'mac')];
  if (text === undefined || mac === undefined) return undefined;
  const [given, known] = [Buffer.from(mac), Buffer.from(macOf(text, seal))];
  if (given.length !== known.length || !timingSafeEqual(given, known)) return undefined;
  const inner = parse(text);
  if (fieldOf(inner, 'version') !== 1) return undefined;
  const { version: _version, ...conversation } = inner as Conversation & { readonly version: 1 };
  return conversation;
};

const macOf = (text: string, { uid, key }: Seal): string => {
  const own = createHmac('sha256', key).update('sluice: what is remembered of messages').digest();
  return createHmac('sha256', own).update(`${uid}\n${text}`).digest('base64url');
};

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};
