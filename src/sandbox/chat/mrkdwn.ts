const ENTITIES: { readonly [character: string]: string } = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text as HTML text or the value of an attribute. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, character => ENTITIES[character] ?? '');
}

/** Texts for Slack have these three escaped, and nothing else. */
const unescaped = (text: string): string => text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');

const plain = (text: string): string => escapeHtml(unescaped(text)).replaceAll('\n', '<br>');

const EMOJI: { readonly [name: string]: string } = {
  white_check_mark: '✅',
  heavy_check_mark: '✔️',
  x: '❌',
  no_entry: '⛔',
  warning: '⚠️',
  rotating_light: '🚨',
  hourglass: '⌛',
  hourglass_flowing_sand: '⏳',
  rocket: '🚀',
  tada: '🎉',
  rewind: '⏪',
  leftwards_arrow_with_hook: '↩️',
  raised_hand: '✋',
  question: '❓',
  bell: '🔔',
  pause_button: '⏸️',
  double_vertical_bar: '⏸️',
  arrow_forward: '▶️',
  information_source: 'ℹ️',
  mag: '🔍',
  large_green_circle: '🟢',
  large_yellow_circle: '🟡',
  large_blue_circle: '🔵',
  red_circle: '🔴',
};

/** What stands between `<` and `>`: a link, or somebody who is called. */
function control(inner: string): string {
  const [target = '', label] = inner.split(/\|(.*)/s);
  if (target.startsWith('!date^')) return plain(label ?? '');
  if (/^[@#!]/.test(target)) {
    const name = label ?? target.replace(/^[#!]/, '').replace(/\^.*/s, '');
    return `<mark>${plain(target.startsWith('!') && label === undefined ? `@${name}` : name)}</mark>`;
  }
  if (!/^(https?|mailto):/i.test(target)) return escapeHtml(`<${unescaped(inner)}>`);
  return `<a href="${escapeHtml(unescaped(target))}" target="_blank" rel="noopener noreferrer">${plain(label ?? target)}</a>`;
}

const TOKEN =
  /```([\s\S]+?)```|`([^`\n]+)`|<([^<>\n]+)>|(?<![\w*])\*(?=\S)([^*\n]+?)(?<=\S)\*(?![\w*])|(?<!\w)_(?=\S)([^_\n]+?)(?<=\S)_(?!\w)|(?<!\w)~(?=\S)([^~\n]+?)(?<=\S)~(?!\w)|:([a-z0-9_+-]+):/g;

type Groups = readonly (string | undefined)[];

function token([whole = '', block, code, inner, bold, italic, struck, emoji]: Groups): string {
  if (block !== undefined) return `<pre>${escapeHtml(unescaped(block.replace(/^\n/, '')))}</pre>`;
  if (code !== undefined) return `<code>${plain(code)}</code>`;
  if (inner !== undefined) return control(inner);
  if (bold !== undefined) return `<strong>${inline(bold)}</strong>`;
  if (italic !== undefined) return `<em>${inline(italic)}</em>`;
  if (struck !== undefined) return `<s>${inline(struck)}</s>`;
  return emoji !== undefined && Object.hasOwn(EMOJI, emoji) ? (EMOJI[emoji] ?? '') : plain(whole);
}

function inline(text: string): string {
  let html = '';
  let end = 0;
  for (const match of text.matchAll(TOKEN)) {
    html += plain(text.slice(end, match.index)) + token(match);
    end = match.index + match[0].length;
  }
  return html + plain(text.slice(end));
}

/** Slack's mark-up as HTML. Nothing of the text becomes a tag or an attribute but what stands here. */
export function mrkdwnHtml(text: string): string {
  const parts = text.split(/(```[\s\S]+?```|(?:^&gt; ?.*(?:\n|$))+)/m);
  return parts
    .map(part =>
      /^&gt;/.test(part) ? `<blockquote>${inline(part.replace(/^&gt; ?/gm, '').trimEnd())}</blockquote>` : inline(part),
    )
    .join('');
}
