/** Follows what would begin a link, a mention or a reference, and is not seen. */
const BREAK = '\u200b';

/**
 * Words of people in Markdown: nothing in them is form, a tag, a link, or a call of somebody. Entities alone would not do:
 * GitHub and GitLab look for names after they have read those.
 */
export const plain = (text: string): string =>
  oneLine(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replace(/[\\`*_[\]|~]/g, '\\$&')
    .replace(/[@#!$%](?=[\w\\])/g, `$&${BREAK}`)
    .replace(/:(?=\/\/)|(?<=\bwww)(?=\.)/gi, `$&${BREAK}`);

/** The text as code: in a table, too. */
export const code = (text: string): string => {
  // a table takes two backslashes for one, also in code
  const said = oneLine(text)
    .replace(/\\(?=\|)/g, `\\${BREAK}`)
    .replaceAll('|', '\\|');
  const fence = '`'.repeat(longestRun(said) + 1);
  const pad = said.startsWith('`') || said.endsWith('`') ? ' ' : '';
  return said.trim() === '' ? '' : `${fence}${pad}${said}${pad}${fence}`;
};

/** A block that ends where it is meant to. */
export const fenced = (language: string, lines: readonly string[]): string => {
  const texts = lines.map(line => line.replace(CONTROL, ' '));
  const fence = '`'.repeat(Math.max(3, ...texts.map(text => longestRun(text) + 1)));
  return [`${fence}${language}`, ...texts, fence].join('\n');
};

/** Cells are Markdown already; nothing for a table without rows. */
export const table = (heads: readonly string[], rows: readonly (readonly string[])[]): string =>
  rows.length === 0 ? '' : [heads, heads.map(() => '---'), ...rows].map(row => `| ${row.join(' | ')} |`).join('\n');

/** Closed until somebody opens it; the blank lines let what is inside be Markdown. */
export const details = (summary: string, blocks: readonly string[]): string => {
  const shown = blocks.filter(block => block !== '');
  return shown.length === 0 ? '' : [`<details><summary>${plain(summary)}</summary>`, ...shown, '</details>'].join('\n\n');
};

const CONTROL = /[\p{C}\u2028\u2029]+/gu;

const oneLine = (text: string): string => text.replace(CONTROL, ' ');

const longestRun = (text: string): number => Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
