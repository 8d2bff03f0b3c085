import { isObject, type Json, type JsonObject, listOf, stringOf } from '../kube/json.ts';
import { escapeHtml, mrkdwnHtml } from './mrkdwn.ts';
import type { ChatMessage, Member } from './workspace.ts';

const textOf = (value: Json | undefined): string => (isObject(value) ? (stringOf(value['text']) ?? '') : '');

function textHtml(value: Json | undefined): string {
  if (!isObject(value)) return '';
  if (value['type'] === 'image') return `<span class="quiet">[${escapeHtml(stringOf(value['alt_text']) ?? '')}]</span>`;
  return value['type'] === 'mrkdwn' ? mrkdwnHtml(textOf(value)) : escapeHtml(textOf(value)).replaceAll('\n', '<br>');
}

/** Where a message is shown: by whom it is read, and in which place of the page, as ids must be unique. */
export interface Place {
  readonly me: Member;
  readonly prefix: string;
}

const hidden = (name: string, value: string) => `<input type="hidden" name="${name}" value="${escapeHtml(value)}">`;

function confirmOf(element: JsonObject): string {
  const { confirm } = element;
  if (!isObject(confirm)) return '';
  return ` data-confirm="${escapeHtml(`${textOf(confirm['title'])}\n\n${textOf(confirm['text'])}`)}"`;
}

/** A button is a form, so that it works without a script. */
function buttonHtml(message: ChatMessage, element: JsonObject, { me, prefix }: Place): string {
  const action = stringOf(element['action_id']) ?? '';
  const style = stringOf(element['style']) ?? 'plain';
  const label = stringOf(element['accessibility_label']);
  const named = label === undefined ? '' : ` aria-label="${escapeHtml(label)}"`;
  const id = escapeHtml(`${prefix}-${message.ts}-${action}`);
  const fields = hidden('channel', message.channel) + hidden('ts', message.ts) + hidden('action', action) + hidden('user', me.id);
  const button = `<button id="${id}" class="${escapeHtml(style)}"${named}${confirmOf(element)}>${textHtml(element['text'])}</button>`;
  return `<form method="post" action="/press">${fields}${button}</form>`;
}

function blockHtml(message: ChatMessage, block: JsonObject, place: Place): string {
  const elements = listOf(block['elements']).filter(isObject);
  if (block['type'] === 'header') return `<h3>${textHtml(block['text'])}</h3>`;
  if (block['type'] === 'divider') return '<hr>';
  if (block['type'] === 'image') return `<p class="quiet">[${escapeHtml(stringOf(block['alt_text']) ?? '')}]</p>`;
  if (block['type'] === 'context') return `<p class="quiet">${elements.map(textHtml).join(' · ')}</p>`;
  if (block['type'] === 'actions')
    return `<div class="actions">${elements.map(element => buttonHtml(message, element, place)).join('')}</div>`;
  const { accessory } = block;
  const fields = listOf(block['fields']).map(field => `<li>${textHtml(field)}</li>`);
  const list = fields.length > 0 ? `<ul class="fields">${fields.join('')}</ul>` : '';
  const beside =
    isObject(accessory) && accessory['type'] === 'button' ? buttonHtml(message, accessory, place) : textHtml(accessory);
  return `<div class="section"><div>${textHtml(block['text'])}${list}</div>${beside}</div>`;
}

/** What a person sees of a message: its blocks, or its text when it has none. */
export function contentHtml(message: ChatMessage, place: Place): string {
  if (message.blocks.length === 0) return `<div class="section"><div>${mrkdwnHtml(message.text)}</div></div>`;
  return message.blocks.map(block => blockHtml(message, block, place)).join('');
}
