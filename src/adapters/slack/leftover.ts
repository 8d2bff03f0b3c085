import type { Clock, RolloutStore } from '../../controller/ports.ts';
import { type Content, noticeBlock, PEOPLE } from './blocks.ts';
import type { Posted, SlackClient } from './client.ts';
import type { Asked, Thread } from './conversation.ts';
import type { Conversations } from './conversations.ts';
import { SlackError } from './failure.ts';
import { fieldOf, textOf } from './field.ts';
import { type Open, openQuestions } from './openQuestions.ts';
import type { Press } from './press.ts';
import { askingContent, isSame, MOST_KEPT, toAsked } from './question.ts';
import type { QuestionIds } from './questions.ts';
import { cut } from './text.ts';

type TidyOptions = {
  readonly client: Pick<SlackClient, 'post' | 'update' | 'team'>;
  readonly conversations: Pick<Conversations, 'of' | 'alone' | 'change' | 'save'>;
  readonly store: Pick<RolloutStore, 'keys' | 'get'>;
  /** For Rollouts that name none. */
  readonly channel: string;
  readonly ids: () => QuestionIds;
  readonly clock: Clock;
};

/** A message that is younger may ask what the caches of this process do not know yet. */
const YOUNG_MS = 60_000;

/**
 * What becomes of a message whose button was pressed in vain. `renewed`: it asks what is open, with buttons of an earlier
 * signing secret, and has new ones; `elsewhere`: another message asks that, and this one has no buttons any more; `taken`:
 * nobody is asked that any more, and its buttons are gone; `kept`: there is nothing wrong with it. Throws SystemError, or an
 * Error when the signing secret cannot be read.
 */
export const tidyUp = async (
  options: TidyOptions,
  press: Press,
  signal: AbortSignal,
): Promise<'renewed' | 'elsewhere' | 'taken' | 'kept'> => {
  const { channel, ts, id } = press;
  const ids = options.ids();
  const all = openQuestions(options.store);
  const said = ids.reading(id);
  const pressed = all.find(({ asking }) => said(asking) !== undefined);
  const standing = await standingIn(options, press, all, signal);
  if (pressed !== undefined) return standing === undefined ? await tidyCopy(options, press, pressed, signal) : 'kept';
  if (standing !== undefined) {
    const { rollout, open, text } = standing;
    await options.client.update({ channel, ts, ...askingContent(ids, rollout, open, text) }, signal);
    return 'renewed';
  }
  if (isYoung(options, press)) return 'kept';
  await takeButtons(options, press, 'Not asked any more', signal);
  return 'taken';
};

/** The question for which the pressed message was posted, whatever its button says. */
const standingIn = async (
  { conversations }: TidyOptions,
  { channel, ts }: Press,
  all: readonly Open[],
  signal: AbortSignal,
): Promise<(Open & { readonly text: string }) | undefined> => {
  for (const one of all) {
    const { asked } = await conversations.of(one.rollout, signal);
    if (asked !== undefined && asked.channel === channel && asked.ts === ts && isSame(asked, one.open))
      return { ...one, text: asked.text };
  }
  return undefined;
};

const isYoung = ({ clock }: TidyOptions, { ts }: Press): boolean => clock.now() - Number(ts) * 1_000 < YOUNG_MS;

/** A process that died before it had stored what it posted leaves a message that asks what another one asks by now. */
const tidyCopy = async (
  options: TidyOptions,
  press: Press,
  pressed: Open,
  signal: AbortSignal,
): Promise<'elsewhere' | 'kept'> => {
  const { conversations } = options;
  const { rollout, open } = pressed;
  const asked = await conversations.alone(rollout, async () => {
    const known = await conversations.of(rollout, signal);
    if (known.asked !== undefined && isSame(open, known.asked)) return known.asked;
    // Of what was posted this moment Slack may not have told yet.
    return isYoung(options, press) ? undefined : await askAnew(options, press, pressed, signal);
  });
  // Elsewhere than where people are asked nothing is touched.
  if (asked === undefined || asked.channel !== press.channel || asked.ts === press.ts) return 'kept';
  if (asked.team !== press.team || (asked.app !== undefined && asked.app !== press.app)) return 'kept';
  await takeButtons(options, press, 'Asked in another message', signal);
  return 'elsewhere';
};

/** Posts a question of which nobody knows any more where it stands, in the words of the message that asks it. */
const askAnew = async (
  options: TidyOptions,
  press: Press,
  { rollout, open }: Open,
  signal: AbortSignal,
): Promise<Asked | undefined> => {
  const { client, conversations } = options;
  const wanted = rollout.spec.notify?.slack ?? options.channel;
  const known = await conversations.of(rollout, signal);
  const thread = known.thread?.wanted === wanted && known.thread.revision === open.revision ? known.thread : undefined;
  const team = thread?.team ?? (await client.team(signal));
  if (press.team !== team || press.userTeam !== team) return undefined;
  const text = cut(wordsOf(press), MOST_KEPT);
  const content = askingContent(options.ids(), rollout, open, text);
  const posted = await post(options, { thread, wanted, content }, signal);
  const asked: Asked = { ...toAsked(open, posted, { team, app: posted.app ?? thread?.app }), wanted, text };
  conversations.change(rollout, { ...known, asked }, true);
  await conversations.save(rollout, signal);
  return asked;
};

type Posting = { readonly thread: Thread | undefined; readonly wanted: string; readonly content: Content };

/** As a reply where the thread stands, else by itself. */
const post = async ({ client }: TidyOptions, { thread, wanted, content }: Posting, signal: AbortSignal): Promise<Posted> => {
  const alone = () => client.post({ channel: wanted, ...content }, signal);
  if (thread === undefined) return await alone();
  try {
    return await client.post({ channel: thread.channel, threadTs: thread.ts, isBroadcast: true, ...content }, signal);
  } catch (error) {
    if (error instanceof SlackError && error.isGone) return await alone();
    throw error;
  }
};

/** What the template made, without what was written below it. */
const wordsOf = ({ blocks }: Press): string => {
  const sections = blocks.filter(block => fieldOf(block, 'type') === 'section' && fieldOf(block, 'block_id') !== PEOPLE);
  const texts = sections.flatMap(block => textOf(fieldOf(block, 'text'), 'text') ?? []);
  return texts.join('\n') || 'A question that was posted before';
};

const takeButtons = async ({ client }: TidyOptions, press: Press, why: string, signal: AbortSignal): Promise<void> => {
  const { channel, ts, text, blocks } = press;
  const rest = blocks.filter(block => fieldOf(block, 'type') !== 'actions');
  await client.update({ channel, ts, text, blocks: [...rest, noticeBlock(why)] }, signal).catch(error => {
    // Whoever pressed hears of it all the same.
    if (!(error instanceof SlackError)) throw error;
  });
};
