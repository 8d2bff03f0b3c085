import { type AnswerHook, type AnswerOutcome, type GivenAnswer, Refused } from '../../controller/channel-ports.ts';
import { type Clock, type Logger, type RolloutStore, type StoredRollout, SystemError } from '../../controller/ports.ts';
import type { SlackClient } from './client.ts';
import type { Asked } from './conversation.ts';
import type { Conversations } from './conversations.ts';
import { tidyUp } from './leftover.ts';
import { openQuestions } from './openQuestions.ts';
import { type Press, readPress } from './press.ts';
import { isSame } from './question.ts';
import type { Asking, QuestionIds } from './questions.ts';
import { signedAtMs, verifySlack } from './signature.ts';
import { createTelling } from './telling.ts';
import { escaped, oneLine } from './text.ts';

export type SlackHookOptions = {
  /** The signing secret, asked for at each request; throws an Error when it cannot be read. */
  readonly secret: () => string;
  readonly ids: () => QuestionIds;
  readonly client: SlackClient;
  readonly conversations: Conversations;
  readonly store: Pick<RolloutStore, 'keys' | 'get'>;
  /** Where people are asked about Rollouts that name no channel. */
  readonly channel: string;
  readonly clock: Clock;
  readonly logger: Logger;
};

/** Whoever is quicker than Slack's own answer about the message presses what is not known yet. */
const KNOWN_MS = 1_000;
const TELL_MS = 10_000;

/**
 * Presses of buttons in Slack (R19). A press counts when Slack has signed it, its button is one of a question that is open
 * now, and it stands in the very message that was posted for that question.
 */
export const createSlackHook = (options: SlackHookOptions): AnswerHook => {
  const { secret, client, clock, logger } = options;
  const telling = createTelling();
  return {
    name: 'slack',
    verify: async request => verifySlack(request, secret, clock.now()),
    read: async request => {
      const press = readPress(request);
      const { rollout, asking } = findQuestion(options, press);
      assertOurs(press, asking, await askedOf(options, rollout, asking));
      return {
        key: `${rollout.namespace}/${rollout.name}`,
        revision: asking.revision,
        step: asking.step,
        decision: press.decision,
        identity: `slack:${press.user}`,
        groups: [],
        via: 'slack',
        at: new Date(Math.min(signedAtMs(request), clock.now())).toISOString(),
      } satisfies GivenAnswer;
    },
    tell: async (request, outcome) => {
      const reason = reasonOf(outcome);
      if (reason === undefined) return;
      try {
        await telling(isToBeHeard(outcome), async () => {
          const press = readPress(request);
          const signal = AbortSignal.timeout(TELL_MS);
          const said = (outcome instanceof Refused ? await tidied(options, press, signal) : undefined) ?? reason;
          const { channel, user, threadTs } = press;
          const text = `Your press did not count: ${escaped(oneLine(said, 1_000))}.`;
          await client.whisper({ channel, user, text, ...(threadTs === undefined ? {} : { threadTs }) }, signal);
        });
      } catch (error) {
        logger.warn({ reason: messageOf(error) }, 'cannot tell why a press did not count');
      }
    },
  };
};

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** What the message itself shows by now, or what somebody knows who has pressed before, is not worth waiting for. */
const isToBeHeard = (outcome: AnswerOutcome | Refused): boolean => {
  if (outcome instanceof Refused) return outcome.status !== 409;
  return outcome.kind !== 'refused' || outcome.refusal.kind === 'notAllowed';
};

/** What is to be said of the message instead, once it was mended; whoever pressed hears something all the same. */
const tidied = async (options: SlackHookOptions, press: Press, signal: AbortSignal): Promise<string | undefined> => {
  try {
    switch (await tidyUp(options, press, signal)) {
      case 'renewed':
        return 'its button was made with an earlier signing secret, and is renewed now: press again';
      case 'elsewhere':
        return 'the same is asked in a newer message: press there';
      default:
        return undefined;
    }
  } catch (error) {
    options.logger.warn({ reason: messageOf(error) }, 'cannot mend a message whose button does not count');
    return undefined;
  }
};

type Found = { readonly rollout: StoredRollout; readonly asking: Asking };

/** The one question that the button is about, of all that are open. */
const findQuestion = ({ store, ids }: SlackHookOptions, { id, decision }: Press): Found => {
  const decisionOn = readIds(ids).reading(id);
  for (const { rollout, asking } of openQuestions(store)) {
    const said = decisionOn(asking);
    if (said === decision) return { rollout, asking };
    if (said !== undefined) throw new Refused(400, 'the button says something else than its name');
  }
  throw new Refused(409, 'nobody is asked this any more: it was answered, has ended, or was asked anew');
};

const readIds = (ids: () => QuestionIds): QuestionIds => {
  try {
    return ids();
  } catch {
    throw new Refused(503, 'the signing secret of Slack cannot be read');
  }
};

const askedOf = async (
  { conversations }: SlackHookOptions,
  rollout: StoredRollout,
  asking: Asking,
): Promise<Asked | undefined> => {
  try {
    const known = await conversations.once(rollout, ({ asked }) => asked !== undefined && isSame(asked, asking), KNOWN_MS);
    return known.asked;
  } catch (error) {
    const reason = error instanceof SystemError ? error.message : 'it took too long';
    throw new Refused(503, `what was posted cannot be looked up (${reason}); press again`);
  }
};

/** What holds although the id is right: an id can be read by everybody who sees the message. */
const assertOurs = (press: Press, asking: Asking, asked: Asked | undefined): void => {
  if (asked === undefined || !isSame(asked, asking) || asked.channel !== press.channel || asked.ts !== press.ts)
    throw new Refused(409, 'the button does not stand in the message that asks; use the newest one');
  if (asked.team !== press.team || press.userTeam !== press.team)
    throw new Refused(403, 'the press comes from another workspace than the one that was asked');
  if (asked.app !== undefined && asked.app !== press.app) throw new Refused(403, 'the button is not one of this app');
};

/** For the person who has pressed; `undefined`: the message itself says that it counts. */
const reasonOf = (outcome: AnswerOutcome | Refused): string | undefined => {
  if (outcome instanceof Refused) return outcome.message;
  switch (outcome.kind) {
    case 'recorded':
      return undefined;
    case 'refused':
      return outcome.refusal.reason;
    case 'unknown':
      return 'the Rollout is gone';
    case 'notStored':
      return `it could not be stored (${outcome.reason}); press again`;
  }
};
