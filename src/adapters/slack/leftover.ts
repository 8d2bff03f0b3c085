import type { Clock, RolloutStore, StoredRollout } from '../../controller/ports.ts';
import { type OpenQuestion, openQuestion } from '../../rollout/index.ts';
import { noticeBlock } from './blocks.ts';
import type { SlackClient } from './client.ts';
import type { Conversations } from './conversations.ts';
import { SlackError } from './failure.ts';
import type { Press } from './press.ts';
import { askingContent, isSame } from './question.ts';
import type { Asking, QuestionIds } from './questions.ts';

type Options = {
  readonly client: Pick<SlackClient, 'update'>;
  readonly conversations: Pick<Conversations, 'of'>;
  readonly store: Pick<RolloutStore, 'keys' | 'get'>;
  readonly ids: () => QuestionIds;
  readonly clock: Clock;
};

/** A message that is younger may ask what the caches of this process do not know yet. */
const YOUNG_MS = 60_000;

type Open = { readonly rollout: StoredRollout; readonly open: OpenQuestion; readonly asking: Asking };

const known = new WeakMap<StoredRollout, { readonly found: Open | undefined }>();

/** Presses may come often; a Rollout that has not changed is the same object. */
const openOf = (rollout: StoredRollout): Open | undefined => {
  const seen = known.get(rollout);
  if (seen !== undefined) return seen.found;
  const open = openQuestion(rollout.status);
  const found = open === undefined ? undefined : { rollout, open, asking: askingOf(rollout, open) };
  known.set(rollout, { found });
  return found;
};

const askingOf = ({ uid }: StoredRollout, { revision, step, askedAt }: OpenQuestion): Asking => ({
  uid,
  revision,
  step,
  askedAt,
});

/** All that people are asked now; of a Rollout that has not changed the same objects as before. */
export const openQuestions = (store: Options['store']): readonly Open[] =>
  store.keys().flatMap(key => {
    const rollout = store.get(key);
    return rollout === undefined ? [] : (openOf(rollout) ?? []);
  });

/**
 * What becomes of a message whose button was pressed in vain. `renewed`: it asks what is open, with buttons of an earlier
 * signing secret, and has new ones; `taken`: nobody is asked that any more, and its buttons are gone; `kept`: there is
 * nothing wrong with it. Throws SystemError, or an Error when the signing secret cannot be read.
 */
export const tidyUp = async (options: Options, press: Press, signal: AbortSignal): Promise<'renewed' | 'taken' | 'kept'> => {
  const { client, conversations, store } = options;
  const { channel, ts, id, text, blocks } = press;
  const ids = options.ids();
  const all = openQuestions(store);
  const said = ids.reading(id);
  if (all.some(({ asking }) => said(asking) !== undefined)) return 'kept';
  for (const { rollout, open } of all) {
    const { asked } = await conversations.of(rollout, signal);
    if (asked === undefined || asked.channel !== channel || asked.ts !== ts || !isSame(asked, open)) continue;
    await client.update({ channel, ts, ...askingContent(ids, rollout, open, asked.text) }, signal);
    return 'renewed';
  }
  if (options.clock.now() - Number(ts) * 1_000 < YOUNG_MS) return 'kept';
  const rest = blocks.filter(block => !('type' in block && block.type === 'actions'));
  const shown = { text, blocks: [...rest, noticeBlock('Not asked any more')] };
  await client.update({ channel, ts, ...shown }, signal).catch(error => {
    // Whoever pressed hears of it all the same.
    if (!(error instanceof SlackError)) throw error;
  });
  return 'taken';
};
