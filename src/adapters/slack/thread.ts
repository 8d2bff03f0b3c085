import type { Message } from '../../controller/channel-ports.ts';
import { type Content, standingContent } from './blocks.ts';
import type { Posted } from './client.ts';
import type { Thread } from './conversation.ts';
import { SlackError } from './failure.ts';
import { type SlackNotifierOptions, statusOf, type Turn, tryUpdate } from './turn.ts';

type Options = Pick<SlackNotifierOptions, 'client' | 'logger'>;

/**
 * The thread of the attempt that the message is about, in the channel where people want it. The message above it says where
 * the rollout is by now; it is posted anew when somebody has deleted it. Throws SystemError.
 */
export const openThread = async (options: Options, turn: Turn): Promise<{ readonly thread: Thread; readonly isNew: boolean }> => {
  const { thread } = turn.known();
  if (thread === undefined || !isAbout(thread, turn)) {
    if (thread !== undefined) await leave(options, turn, thread);
    return { thread: await begin(options, turn), isNew: true };
  }
  const shown = standingOf(turn, thread.title);
  if (shown.place === thread.shown) return { thread, isNew: false };
  const { channel, ts } = thread;
  const outcome = await tryUpdate(options, { channel, ts, ...standingContent(shown) }, turn.signal);
  if (outcome === 'gone') return { thread: await begin(options, turn), isNew: true };
  const next: Thread = { ...thread, shown: shown.place };
  turn.change({ ...turn.known(), thread: next }, false);
  return { thread: next, isNew: false };
};

/** What is told when no attempt is in progress goes on where people were told last. */
export const isAbout = ({ revision, wanted }: Thread, { message, channel }: Turn): boolean =>
  wanted === channel && (message.revision === undefined || message.revision === revision);

const begin = async ({ client }: Options, turn: Turn): Promise<Thread> => {
  const { message, channel, signal } = turn;
  const standing = standingOf(turn, titleOf(turn));
  const { team, app, ...posted } = await client.post({ channel, ...standingContent(standing) }, signal);
  const thread: Thread = {
    ...posted,
    revision: message.revision ?? '',
    wanted: channel,
    title: standing.title,
    shown: standing.place,
    ...(team === undefined ? {} : { team }),
    ...(app === undefined ? {} : { app }),
  };
  turn.change({ ...turn.known(), thread }, true);
  return thread;
};

/** A message that is not kept up to date any more says so, unless it tells how its attempt ended. */
const leave = async (options: Options, { message, channel, signal }: Turn, thread: Thread): Promise<void> => {
  const { ts, title, shown, wanted } = thread;
  const isMoved = wanted !== channel && message.revision === thread.revision;
  if (!isMoved && /^(?:Healthy|Rolled back)/.test(shown)) return;
  const place = isMoved ? `Goes on in ${channel}` : 'Goes on in a newer thread';
  const sentence = `Last seen here: ${shown}`;
  await tryUpdate(options, { channel: thread.channel, ts, ...standingContent({ title, place, sentence, links: [] }) }, signal);
};

/** A reply in the thread, which is begun anew when somebody has deleted it. Throws SystemError. */
export const reply = async (
  options: Options,
  turn: Turn,
  content: Content & { readonly isBroadcast: boolean },
): Promise<{ readonly posted: Posted; readonly thread: Thread }> => {
  const { client } = options;
  const { thread } = await openThread(options, turn);
  const to = ({ channel, ts }: Thread) => client.post({ channel, threadTs: ts, ...content }, turn.signal);
  try {
    return { posted: await to(thread), thread };
  } catch (error) {
    if (!(error instanceof SlackError && error.isGone)) throw error;
    const anew = await begin(options, turn);
    return { posted: await to(anew), thread: anew };
  }
};

const standingOf = (turn: Turn, title: string) => {
  const { message, links } = turn.message;
  return { title, place: placeOf(turn), sentence: statusOf(turn)?.message ?? message, links };
};

const titleOf = (turn: Turn): string => {
  const { namespace, name, version, stable } = turn.message;
  const versions = version === undefined ? '' : stable === undefined || stable === version ? version : `${stable} → ${version}`;
  return versions === '' ? `${namespace}/${name}` : `${namespace}/${name}: ${versions}`;
};

const placeOf = (turn: Turn): string => {
  const status = statusOf(turn);
  const { message } = turn;
  if (status === undefined) return placeText(message);
  const { phase, stableVersion: stable, canaryVersion, step, traffic } = status;
  return placeText({
    phase,
    stable,
    version: canaryVersion ?? stable,
    step: step?.index,
    steps: step?.count,
    weight: traffic?.weight,
  });
};

type PlaceFacts = { readonly [Fact in 'phase' | 'version' | 'stable' | 'step' | 'steps' | 'weight']?: Message[Fact] | undefined };

const placeText = ({ phase = 'Pending', version = '', stable = '', step, steps, weight = 0 }: PlaceFacts): string => {
  switch (phase) {
    case 'Healthy':
      return `Healthy: all traffic on ${version}`;
    case 'RolledBack':
      return `Rolled back: all traffic on ${stable}`;
    case 'RollingBack':
      return `Going back to ${stable}`;
    default: {
      const at = step === undefined || step === 0 ? '' : `step ${step} of ${steps}, ${weight}% on ${version}`;
      return at === '' ? (WORDS[phase] ?? phase) : `${WORDS[phase] ?? phase}: ${at}`;
    }
  }
};

const WORDS: Readonly<Record<string, string>> = {
  Progressing: 'In progress',
  AwaitingApproval: 'Waits for approval',
};
