import type { NotifierMemory } from '../../controller/channel-ports.ts';
import { type Logger, SystemError } from '../../controller/ports.ts';
import { type Conversation, NOTHING, openConversation, sealConversation } from './conversation.ts';

/** The Rollout that is spoken about. */
export type Subject = { readonly namespace: string; readonly name: string; readonly uid: string };

/** What was said about each Rollout: read once, kept here, and stored when it must outlive this process. */
export type Conversations = {
  /** Throws SystemError when it cannot be known yet. */
  of(subject: Subject, signal: AbortSignal): Promise<Conversation>;
  /** The same, once it is as wanted, or as it is by then when it does not become so within `withinMs`. Throws SystemError. */
  once(subject: Subject, isWanted: (conversation: Conversation) => boolean, withinMs: number): Promise<Conversation>;
  /** Speaks about a Rollout when nobody else does, one after the other. */
  alone<T>(subject: Subject, speak: () => Promise<T>): Promise<T>;
  /** `lasting`: it must outlive this process, and is stored by the next `save`. */
  change(subject: Subject, next: Conversation, lasting: boolean): void;
  /** Stores what must outlive this process; what cannot be stored now is tried again with the next. Never throws. */
  save(subject: Subject, signal: AbortSignal): Promise<void>;
  /** Stores all that is not stored yet. Never throws. */
  saveAll(signal: AbortSignal): Promise<void>;
};

export type ConversationsOptions = {
  readonly memory: NotifierMemory;
  /** What stored text is sealed with; throws an Error when it cannot be read. An empty one seals and opens nothing. */
  readonly key: () => string;
  /** Changes when another process may have spoken meanwhile: what is known here is forgotten then. */
  readonly epoch: () => number;
  readonly logger: Logger;
};

type Known = {
  readonly subject: Subject;
  readonly epoch: number;
  conversation: Conversation;
  /** `lasting`: to be stored soon; `ended`: when the process ends. */
  unsaved: 'lasting' | 'ended' | undefined;
};

/** Conversations that are kept; what was said last of a Rollout beyond that is read again when it is needed. */
const MOST_KNOWN = 2_000;
const SAVED_AT_ONCE = 8;

export const createConversations = ({ memory, key, epoch, logger }: ConversationsOptions): Conversations => {
  const known = new Map<string, Promise<Known>>();
  const values = new Map<string, Known>();
  const waiters = new Set<() => void>();
  /** The last who speaks, or waits to. */
  const speakers = new Map<string, Promise<unknown>>();
  let isUnreadable = false;

  const sealOf = ({ uid }: Subject): Parameters<typeof sealConversation>[1] => {
    const current = key();
    if (current === '') throw new SystemError('slack', 'reading what was told', 'unavailable', 'its secret is empty');
    return { uid, key: current };
  };

  const read = async (subject: Subject, signal: AbortSignal): Promise<Known> => {
    const now = epoch();
    const entry = (conversation: Conversation): Known => ({ subject, epoch: now, conversation, unsaved: undefined });
    let sealed: string | undefined;
    try {
      sealed = await memory.load(subject, signal);
    } catch (error) {
      // Without it, threads begin anew after a restart: better than to tell nothing.
      if (!(error instanceof SystemError) || error.kind === 'unavailable') throw error;
      if (!isUnreadable) logger.warn({ ...placeOf(subject), err: error }, 'cannot read what is remembered of messages');
      isUnreadable = true;
    }
    if (sealed === undefined) return entry(NOTHING);
    const conversation = openConversation(sealed, sealOf(subject));
    if (conversation === undefined)
      logger.info(placeOf(subject), 'what is remembered of messages has no seal of ours; a new thread begins');
    return entry(conversation ?? NOTHING);
  };

  const forget = (uid: string): void => {
    known.delete(uid);
    values.delete(uid);
  };

  const entryOf = async (subject: Subject, signal: AbortSignal): Promise<Known> => {
    const value = values.get(subject.uid);
    if (value !== undefined && value.epoch !== epoch()) forget(subject.uid);
    const reading = known.get(subject.uid) ?? read(subject, signal);
    known.set(subject.uid, reading);
    try {
      const entry = await reading;
      values.set(subject.uid, entry);
      makeRoom(subject.uid);
      return entry;
    } catch (error) {
      if (known.get(subject.uid) === reading) known.delete(subject.uid);
      throw error;
    }
  };

  /** What is to be stored yet stays longest. */
  const makeRoom = (uid: string): void => {
    if (values.size <= MOST_KNOWN) return;
    const oldest =
      [...values].find(([other, { unsaved }]) => other !== uid && unsaved === undefined)?.[0] ?? [...values.keys()][0];
    if (oldest !== undefined) forget(oldest);
  };

  const store = async (entry: Known, signal: AbortSignal): Promise<void> => {
    const { subject, conversation, unsaved } = entry;
    try {
      entry.unsaved = undefined;
      await memory.save(subject, sealConversation(conversation, sealOf(subject)), signal);
    } catch (error) {
      // Whoever stored something else meanwhile has spoken last.
      if (error instanceof SystemError && error.kind === 'conflict') forget(subject.uid);
      else if (!(error instanceof SystemError) || error.kind === 'unavailable') entry.unsaved ??= unsaved;
      logger.warn({ ...placeOf(subject), err: error }, 'cannot store what is remembered of messages');
    }
  };

  return {
    of: async (subject, signal) => (await entryOf(subject, signal)).conversation,
    once: async (subject, isWanted, withinMs) => {
      const { conversation } = await entryOf(subject, AbortSignal.timeout(withinMs));
      const now = (): Conversation => values.get(subject.uid)?.conversation ?? conversation;
      await new Promise<void>(resolve => {
        const end = (): void => {
          clearTimeout(timer);
          waiters.delete(look);
          resolve();
        };
        const look = (): void => {
          if (isWanted(now())) end();
        };
        const timer = setTimeout(end, withinMs);
        waiters.add(look);
        look();
      });
      return now();
    },
    alone: async ({ uid }, speak) => {
      const before = speakers.get(uid);
      const speaking = before === undefined ? speak() : before.then(speak, speak);
      speakers.set(uid, speaking);
      try {
        return await speaking;
      } finally {
        if (speakers.get(uid) === speaking) speakers.delete(uid);
      }
    },
    change: ({ uid }, next, lasting) => {
      const entry = values.get(uid);
      if (entry === undefined) return;
      entry.conversation = next;
      entry.unsaved = lasting || entry.unsaved === 'lasting' ? 'lasting' : 'ended';
      for (const look of waiters) look();
    },
    save: async ({ uid }, signal) => {
      const entry = values.get(uid);
      if (entry?.unsaved === 'lasting') await store(entry, signal);
    },
    saveAll: async signal => {
      const unsaved = [...values.values()].filter(entry => entry.unsaved !== undefined && entry.epoch === epoch());
      const lanes = Array.from({ length: SAVED_AT_ONCE }, async () => {
        for (let entry = unsaved.shift(); entry !== undefined && !signal.aborted; entry = unsaved.shift())
          await store(entry, signal);
      });
      await Promise.all(lanes);
    },
  };
};

const placeOf = ({ namespace, name }: Subject) => ({ rollout: `${namespace}/${name}` });
