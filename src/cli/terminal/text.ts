import { oneLine } from '../../rollout/index.ts';

/** How a piece of text is meant; whoever paints decides what that looks like. */
export type Tone = 'strong' | 'dim' | 'good' | 'warn' | 'bad' | 'busy';

export type Span = { readonly text: string; readonly tone?: Tone };

/** One line of a terminal, without its end. */
export type Line = readonly Span[];

/** Longer than any sentence of a status. */
const LONGEST_TEXT = 4_000;

/** Text of others as one line in which nothing steers a terminal, nor makes it draw a character wider than it says. */
export const plain = (text: string): string => oneLine(text.replaceAll('\uFE0F', ''), LONGEST_TEXT);

const ASCII = /^[ -~]*$/;
const ZERO = /\p{M}/u;
const WIDE =
  /[\u1100-\u115f\u2329\u232a\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f680}-\u{1f6ff}\u{1f900}-\u{1f9ff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u;

const cellsOf = (character: string): number => (ZERO.test(character) ? 0 : WIDE.test(character) ? 2 : 1);

/** Columns of a terminal that a plain text takes. */
export const widthOf = (text: string): number =>
  ASCII.test(text) ? text.length : [...text].reduce((width, character) => width + cellsOf(character), 0);

/** As much of a plain text as fits; what is missing is told by an ellipsis. */
export const cut = (text: string, width: number, ellipsis: string): string => {
  if (widthOf(text) <= width) return text;
  const room = width - widthOf(ellipsis);
  if (room <= 0) return ellipsis.slice(0, Math.max(0, width));
  let [shown, used] = ['', 0];
  for (const character of text) {
    used += cellsOf(character);
    if (used > room) break;
    shown += character;
  }
  return `${shown.trimEnd()}${ellipsis}`;
};

export const lineWidth = (line: Line): number => line.reduce((width, { text }) => width + widthOf(text), 0);

/** As much of a line as fits. */
export const cutLine = (line: Line, width: number, ellipsis: string): Line => {
  if (lineWidth(line) <= width) return line;
  const shown: Span[] = [];
  let left = width;
  for (const span of line) {
    const size = widthOf(span.text);
    // the ellipsis needs room in the last span that is shown
    if (size > left - widthOf(ellipsis)) return [...shown, { ...span, text: cut(`${span.text}  `, left, ellipsis) }];
    shown.push(span);
    left -= size;
  }
  return shown;
};

/** A sentence in lines that fit; a word that is longer than a line stays whole, to be cut. */
export const wrap = (text: string, width: number): readonly string[] => {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (line !== '' && widthOf(longer) > width) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  return [...lines, line];
};
