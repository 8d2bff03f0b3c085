import type { Message } from '../../controller/channel-ports.ts';
import { type StoredRollout, SystemError } from '../../controller/ports.ts';
import { type OpenQuestion, openQuestion, type RolloutStatus } from '../../rollout/index.ts';
import { type Content, noticeBlock, peopleBlock, questionContent } from './blocks.ts';
import type { Posted } from './client.ts';
import type { Asked } from './conversation.ts';
import type { QuestionIds } from './questions.ts';
import { cut } from './text.ts';
import { openThread, reply } from './thread.ts';
import { type SlackNotifierOptions, type Turn, textOf, tryUpdate } from './turn.ts';

/** So much of a question is kept to write its message anew. */
export const MOST_KEPT = 2_900;

/** What people are asked now; `undefined`: nothing. */
export const openFor = ({ rollout }: Turn): OpenQuestion | undefined => openQuestion(rollout?.status);

type Moment = Pick<OpenQuestion, 'revision' | 'step' | 'askedAt'>;

/** Whether both are the same question, asked at the same moment. */
export const isSame = <Question extends Moment>(one: Moment, other: Question | undefined): other is Question =>
  other !== undefined && one.revision === other.revision && one.step === other.step && one.askedAt === other.askedAt;

/** Takes the buttons off a question that is none any more, and says how it ended. Throws SystemError. */
export const closeQuestion = async (options: SlackNotifierOptions, turn: Turn): Promise<void> => {
  const { asked, ...rest } = turn.known();
  if (asked === undefined || (isSame(asked, openFor(turn)) && asked.wanted === turn.channel)) return;
  const { channel, ts, text } = asked;
  // What people could do then is nothing that they can do now.
  const [headline = ''] = text.split('\n', 1);
  await tryUpdate(options, { channel, ts, ...questionContent(headline, [noticeBlock(outcomeOf(asked, turn))]) }, turn.signal);
  turn.change({ ...rest, answered: asked.revision }, true);
};

/** Says who has agreed so far, without another message. Throws SystemError. */
export const updateQuestion = async (options: SlackNotifierOptions, turn: Turn): Promise<void> => {
  const { asked, ...rest } = turn.known();
  const { rollout } = turn;
  const open = openFor(turn);
  if (rollout === undefined || asked === undefined || !isSame(asked, open) || asked.given.join() === open.given.join()) return;
  const { channel, ts } = asked;
  const content = askingContent(idsOf(options), rollout, open, asked.text);
  const outcome = await tryUpdate(options, { channel, ts, ...content }, turn.signal);
  if (outcome === 'gone') turn.change(rest, true);
  else turn.change({ ...turn.known(), asked: { ...asked, given: open.given } }, false);
};

/** Asks what is open and was not asked yet. Throws SystemError. */
export const askQuestion = async (options: SlackNotifierOptions, turn: Turn): Promise<void> => {
  const { message, rollout, channel, signal } = turn;
  const open = openFor(turn);
  if (rollout === undefined || open === undefined || turn.known().asked !== undefined) return;
  const text = cut(textOf(options, asApproval(message)), MOST_KEPT);
  const content = askingContent(idsOf(options), rollout, open, text);
  const { thread } = await openThread(options, turn);
  // Without it no press could count.
  const team = thread.team ?? (options.ids === undefined ? undefined : await options.client.team(signal));
  const { posted } = await reply(options, turn, { ...content, isBroadcast: true });
  const by = { team, app: posted.app ?? thread.app };
  turn.change({ ...turn.known(), asked: { ...toAsked(open, posted, by), wanted: channel, text } }, true);
};

/** A question whose message has just been posted, by this app in this workspace. */
export const toAsked = (
  { revision, step, askedAt, approval, given }: OpenQuestion,
  { channel, ts }: Posted,
  { team, app }: { readonly [By in 'team' | 'app']: string | undefined },
): Omit<Asked, 'wanted' | 'text'> => ({
  ...{ channel, ts, revision, step, askedAt, required: approval.required, given },
  ...(team === undefined ? {} : { team }),
  ...(app === undefined ? {} : { app }),
});

/** Whatever it is about, it is the question that people are to read. */
const asApproval = (message: Message): Message => ({ ...message, facts: { ...message.facts, kind: 'approval' } });

const soFar = ({ given, approval }: OpenQuestion): string =>
  `${given.length} of ${approval.required}${given.length === 0 ? ' so far' : `: ${given.join(', ')}`}`;

/** The question with its buttons, and who has agreed so far. */
export const askingContent = (
  ids: QuestionIds | undefined,
  { uid, namespace, name, status }: StoredRollout,
  open: OpenQuestion,
  text: string,
): Content => {
  const notes = [peopleBlock(open.approval.approvers), noticeBlock(soFar(open))];
  if (ids === undefined) return questionContent(text, notes);
  const asking = { uid, revision: open.revision, step: open.step, askedAt: open.askedAt };
  const { stableVersion = 'the stable version', canaryVersion = 'the new version' } = status ?? {};
  return questionContent(text, notes, {
    approve: ids.idOf(asking, 'approved'),
    reject: ids.idOf(asking, 'rejected'),
    what: `step ${open.step} of ${namespace}/${name}`,
    outcome:
      open.approval.when === 'before'
        ? `${open.weight}% of the traffic goes to ${canaryVersion} when enough people have agreed`
        : `${canaryVersion} goes on from ${open.weight}% when enough people have agreed`,
    otherwise: `One rejection is enough: all traffic goes back to ${stableVersion}`,
  });
};

/** Without its secret the whole installation has no buttons: that is waited for, and said. */
const idsOf = ({ ids }: SlackNotifierOptions): QuestionIds | undefined => {
  try {
    return ids?.();
  } catch (error) {
    throw new SystemError('slack', 'making buttons', 'unavailable', error instanceof Error ? error.message : String(error));
  }
};

/** How a question ended, in the words of people. */
const outcomeOf = (asked: Asked, { rollout, channel }: Turn): string => {
  const status = rollout?.status;
  if (status === undefined) return 'Not asked any more: the Rollout is gone';
  const rejection = answersTo(asked, status).find(({ decision }) => decision === 'rejected');
  if (rejection !== undefined)
    return `Rejected by ${rejection.by}${rejection.comment === undefined ? '' : `: ${rejection.comment}`}`;
  const agreed = [...new Set(answersTo(asked, status).map(({ by }) => by))];
  if (agreed.length >= asked.required) return `Approved by ${agreed.join(', ')}`;
  const open = openQuestion(status);
  const isSameStep = open?.revision === asked.revision && open.step === asked.step;
  if (isSameStep) return open.askedAt === asked.askedAt ? `Asked in ${channel} now` : `Asked anew: ${status.message}`;
  const isBack = status.phase === 'RollingBack' || status.phase === 'RolledBack';
  if (isBack && status.reason === 'ApprovalTimedOut') return 'Nobody answered in time: all traffic goes back';
  return `Not asked any more: ${status.message}`;
};

const answersTo = ({ revision, step, askedAt }: Asked, { approvals = [] }: RolloutStatus) =>
  approvals.filter(
    known => known.revision === revision && known.step === step && Date.parse(known.at) + 1_000 > Date.parse(askedAt),
  );
