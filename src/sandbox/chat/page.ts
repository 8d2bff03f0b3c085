import { contentHtml, type Place } from './blockHtml.ts';
import { escapeHtml } from './mrkdwn.ts';
import type { PressRecord } from './press.ts';
import type { Channel, ChatMessage, Member, Workspace } from './workspace.ts';

/** Who looks at what. */
export interface Visit {
  readonly me: Member;
  readonly channel: Channel;
}

/** What the page shows. */
export interface Inbox {
  readonly workspace: Workspace;
  readonly presses: readonly PressRecord[];
}

const SHOWN_PRESSES = 5;

const timeOf = (ts: string): string => new Date(Number(ts) * 1_000).toISOString().slice(11, 19);

function messageHtml(message: ChatMessage, inbox: Inbox, place: Place): string {
  const { bot } = inbox.workspace;
  const edited = message.editedTs ? ' <span class="quiet">(edited)</span>' : '';
  const note = message.onlyFor ? '<p class="quiet">Only visible to you</p>' : '';
  const replied = message.isBroadcast && place.prefix === 'c' ? '<p class="quiet">replied to a thread</p>' : '';
  const time = `<time datetime="${new Date(Number(message.ts) * 1_000).toISOString()}">${timeOf(message.ts)} UTC</time>`;
  const head = `<header><b>${escapeHtml(bot.name)}</b> <span class="quiet">app</span> ${time}${edited}</header>`;
  return `<article>${note}${head}${replied}${contentHtml(message, place)}</article>`;
}

function threadHtml(parent: ChatMessage, visible: readonly ChatMessage[], inbox: Inbox, me: Member): string {
  const replies = visible.filter(({ threadTs }) => threadTs === parent.ts);
  if (replies.length === 0) return '';
  const shown = replies.map(reply => messageHtml(reply, inbox, { me, prefix: 't' })).join('');
  const count = `${replies.length} ${replies.length === 1 ? 'reply' : 'replies'}`;
  return `<details id="thread-${escapeHtml(parent.ts)}"><summary>${count}</summary>${shown}</details>`;
}

const isInChannel = (message: ChatMessage): boolean =>
  message.threadTs === undefined || message.isBroadcast || message.onlyFor !== undefined;

function pressHtml({ label, user, outcome, atMs }: PressRecord, members: readonly Member[]): string {
  const name = members.find(({ id }) => id === user)?.name ?? user;
  const result = outcome.problem === undefined ? 'acknowledged' : `⚠ ${outcome.problem}`;
  const when = new Date(atMs).toISOString().slice(11, 19);
  return `<li>${when} ${escapeHtml(name)} pressed “${escapeHtml(label)}”: ${escapeHtml(result)} (${outcome.tookMs} ms)</li>`;
}

/** What changes: the messages that this member sees in this channel, and what came of presses. */
export function inboxHtml(inbox: Inbox, { me, channel }: Visit): string {
  const visible = inbox.workspace
    .messages()
    .filter(message => message.channel === channel.id && (message.onlyFor === undefined || message.onlyFor === me.id));
  const place: Place = { me, prefix: 'c' };
  const shown = visible
    .filter(isInChannel)
    .map(message => messageHtml(message, inbox, place) + threadHtml(message, visible, inbox, me));
  const presses = inbox.presses.slice(-SHOWN_PRESSES).map(press => pressHtml(press, inbox.workspace.members));
  const log = presses.length > 0 ? `<section><h2>Presses</h2><ul class="presses">${presses.join('')}</ul></section>` : '';
  const empty = '<p class="quiet">Nothing here yet. What the app posts appears by itself.</p>';
  return `${shown.length > 0 ? shown.join('') : empty}${log}`;
}

function navigation({ workspace }: Inbox, { me, channel }: Visit): string {
  const counts = new Map<string, number>();
  for (const message of workspace.messages()) counts.set(message.channel, (counts.get(message.channel) ?? 0) + 1);
  const items = workspace.channels().map(item => {
    const href = `/?channel=${encodeURIComponent(item.name)}&amp;as=${encodeURIComponent(me.name)}`;
    const current = item.id === channel.id ? ' aria-current="page"' : '';
    return `<li><a href="${href}"${current}># ${escapeHtml(item.name)} <span class="quiet">${counts.get(item.id) ?? 0}</span></a></li>`;
  });
  return `<nav aria-label="Channels"><ul>${items.join('')}</ul></nav>`;
}

function identity({ workspace }: Inbox, { me, channel }: Visit): string {
  const options = workspace.members.map(({ id, name }) => {
    const selected = id === me.id ? ' selected' : '';
    return `<option value="${escapeHtml(name)}"${selected}>${escapeHtml(`${name} (${id})`)}</option>`;
  });
  const kept = `<input type="hidden" name="channel" value="${escapeHtml(channel.name)}">`;
  return `<form id="identity" method="get" action="/" autocomplete="off">${kept}<label>You are <select name="as">${options.join('')}</select></label> <button>Change</button></form>`;
}

/** The whole page. */
export function pageHtml(inbox: Inbox, visit: Visit): string {
  const channel = escapeHtml(visit.channel.name);
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>#${channel} – sandbox inbox</title>
<link rel="stylesheet" href="/inbox.css"><script src="/inbox.js" defer></script></head>
<body>
<header class="top"><h1>#${channel}</h1>${identity(inbox, visit)}</header>
${navigation(inbox, visit)}
<p id="notice" role="status"></p>
<main id="inbox" tabindex="-1">${inboxHtml(inbox, visit)}</main>
</body>
</html>
`;
}
