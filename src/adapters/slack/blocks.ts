import type { Link } from '../../controller/channel-ports.ts';
import { cut, escaped, oneLine, pieces } from './text.ts';

/** What a message shows: blocks, and a text for where there are none, such as the notification of a phone. */
export type Content = { readonly text: string; readonly blocks: readonly Block[] };

type PlainText = { readonly type: 'plain_text'; readonly text: string; readonly emoji: false };
type Markup = { readonly type: 'mrkdwn'; readonly text: string; readonly verbatim: true };

type Button = {
  readonly type: 'button';
  readonly action_id: string;
  readonly text: PlainText;
  readonly value: string;
  readonly style: 'primary' | 'danger';
  readonly confirm: {
    readonly title: PlainText;
    readonly text: PlainText;
    readonly confirm: PlainText;
    readonly deny: PlainText;
    readonly style: 'primary' | 'danger';
  };
};

export type Block =
  | { readonly type: 'header'; readonly text: PlainText }
  | { readonly type: 'section'; readonly text: PlainText | Markup; readonly block_id?: string }
  | { readonly type: 'context'; readonly elements: readonly (PlainText | Markup)[] }
  | { readonly type: 'actions'; readonly block_id: string; readonly elements: readonly Button[] };

/** Names of our buttons; a press of any other one is none of ours. */
export const ACTIONS = { approved: 'sluice_approve', rejected: 'sluice_reject' } as const;

const MOST_IN_HEADER = 150;
const MOST_IN_LINE = 600;
const MOST_IN_FALLBACK = 300;
const MOST_LINKS = 6;
/** Slack takes no longer titles and texts in a dialog. */
const MOST_IN_DIALOG_TITLE = 100;
const MOST_IN_DIALOG = 300;
/** What is told later than this says when it happened. */
const LATE_MS = 120_000;

/** In what is plain, nothing that anybody wrote is markup, a mention or an emoji. */
const plain = (text: string, most: number): PlainText => ({
  type: 'plain_text',
  text: oneLine(text, most) || '-',
  emoji: false,
});
const markup = (text: string): Markup => ({ type: 'mrkdwn', text, verbatim: true });

/** A line in small print, as it stands. */
export const noticeBlock = (text: string): Block => ({ type: 'context', elements: [plain(text, MOST_IN_LINE)] });

/** Whom people name in their chat, by id. */
const MEMBER = /^slack:([UW][A-Z0-9]{2,63})$/;
const MOST_PEOPLE = 20;

/** Block that names who is asked. */
export const PEOPLE = 'sluice_people';

/** Who is asked: Slack tells those that it knows; other names stand as they are written. */
export const peopleBlock = (approvers: readonly string[]): Block => {
  const names = approvers.slice(0, MOST_PEOPLE).map(approver => {
    const [, member] = MEMBER.exec(approver) ?? [];
    return member === undefined ? `\`${escaped(oneLine(approver, 80).replaceAll('`', "'"))}\`` : `<@${member}>`;
  });
  const more = approvers.length > MOST_PEOPLE ? ` and ${approvers.length - MOST_PEOPLE} more` : '';
  return { type: 'section', block_id: PEOPLE, text: markup(`Asked: ${names.join(', ')}${more}`) };
};

const sections = (text: string): readonly Block[] =>
  pieces(text).map(piece => ({ type: 'section' as const, text: markup(piece) }));

/** The first line says it all; links and marks in it are read by phones, too. */
const fallback = (text: string): string => cut(text.trim().split('\n', 1)[0] ?? '', MOST_IN_FALLBACK) || '-';

/** Where a rollout is: the message above a thread. */
export type Standing = {
  /** `weather/forecast: v1 → v2`. */
  readonly title: string;
  /** `Step 2 of 3, 50% on v2`. */
  readonly place: string;
  /** What happened last. */
  readonly sentence: string;
  readonly links: readonly Link[];
};

export const standingContent = ({ title, place, sentence, links }: Standing): Content => ({
  text: escaped(oneLine(`${title}: ${place}`, MOST_IN_FALLBACK)),
  blocks: [
    { type: 'header', text: plain(title, MOST_IN_HEADER) },
    { type: 'section', text: plain(place, MOST_IN_LINE) },
    ...(sentence === '' ? [] : [noticeBlock(sentence)]),
    ...linkLine(links),
  ],
});

const linkLine = (links: readonly Link[]): readonly Block[] => {
  const shown = links.filter(({ url }) => /^https?:\/\/[^\s<>|]{1,1800}$/.test(url)).slice(0, MOST_LINKS);
  if (shown.length === 0) return [];
  return [{ type: 'context', elements: shown.map(({ title, url }) => markup(`<${escaped(url)}|${titleOf(title)}>`)) }];
};

const titleOf = (title: string): string => escaped(oneLine(title, 80).replace(/[|*_~`]/g, ' ')).trim() || 'link';

/** Something that happened; `markup` is what the template made. */
export const replyContent = (text: string, atMs: number, nowMs: number): Content => ({
  text: fallback(text),
  blocks: [...sections(text), ...(nowMs - atMs > LATE_MS ? [told(atMs)] : [])],
});

const told = (atMs: number): Block => {
  const [at] = new Date(atMs).toISOString().split('.');
  const local = `<!date^${Math.floor(atMs / 1000)}^{date_short_pretty} {time_secs}|${at}Z>`;
  return { type: 'context', elements: [markup(`Happened ${local}; Slack could not be reached then.`)] };
};

/** What is written on the buttons' dialogs, and what a press means. */
export type Buttons = {
  readonly approve: string;
  readonly reject: string;
  /** `step 2 of weather/forecast`. */
  readonly what: string;
  /** `50% of the traffic goes to v2`. */
  readonly outcome: string;
  /** `all traffic goes back to v1`. */
  readonly otherwise: string;
};

/** `text`: what the template made; `notes`: who is asked, how it stands. Without buttons people answer by other ways, or not any more. */
export const questionContent = (text: string, notes: readonly Block[], buttons?: Buttons): Content => ({
  text: fallback(text),
  blocks: [...sections(text), ...notes, ...(buttons === undefined ? [] : [actions(buttons)])],
});

const actions = ({ approve, reject, what, outcome, otherwise }: Buttons): Block => ({
  type: 'actions',
  block_id: 'sluice_answer',
  elements: [
    button(ACTIONS.approved, approve, { label: 'Approve', style: 'primary', title: `Approve ${what}?`, text: `${outcome}.` }),
    button(ACTIONS.rejected, reject, { label: 'Reject', style: 'danger', title: `Reject ${what}?`, text: `${otherwise}.` }),
  ],
});

type ButtonText = {
  readonly label: string;
  readonly style: 'primary' | 'danger';
  readonly title: string;
  readonly text: string;
};

const button = (action: string, value: string, { label, style, title, text }: ButtonText): Button => ({
  type: 'button',
  action_id: action,
  text: plain(label, 75),
  value,
  style,
  confirm: {
    title: plain(title, MOST_IN_DIALOG_TITLE),
    text: plain(text, MOST_IN_DIALOG),
    confirm: plain(label, 30),
    deny: plain('Cancel', 30),
    style,
  },
});
