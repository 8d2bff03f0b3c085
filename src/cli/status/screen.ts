import { paint } from '../terminal/paint.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { cutLine, type Line, lineWidth } from '../terminal/text.ts';

/** A part of a terminal, from the cursor on, that is drawn anew again and again. */
export type Screen = {
  /** Nothing is written when it would look the same. Lines that do not fit below each other are left out, with a note. */
  draw(lines: readonly Line[]): void;
  /** Leaves what was drawn last, and the terminal as it was. */
  end(): void;
};

const ESC = '\u001b[';
const HIDE_CURSOR = `${ESC}?25l`;
const SHOW_CURSOR = `${ESC}?25h`;
/** Terminals that know it show all of it at once; others skip it. */
const BEGIN_FRAME = `${ESC}?2026h`;
const END_FRAME = `${ESC}?2026l`;
const CLEAR_TO_LINE_END = `${ESC}K`;
const CLEAR_BELOW = `${ESC}J`;

export const createScreen = (terminal: Pick<Terminal, 'columns' | 'rows'>, write: (text: string) => void): Screen => {
  let drawn: { readonly text: string; readonly widths: readonly number[]; readonly columns: number } | undefined;
  return {
    draw: lines => {
      const columns = terminal.columns();
      const fitting = fitInto(lines, { rows: terminal.rows() - 1, columns });
      const text = fitting.map(line => `${paint(line)}${CLEAR_TO_LINE_END}\n`).join('');
      if (drawn?.text === text && drawn.columns === columns) return;
      const up = drawn === undefined ? 0 : rowsOf(drawn.widths, columns);
      const start = drawn === undefined ? HIDE_CURSOR : '';
      write(`${start}${BEGIN_FRAME}${up === 0 ? '' : `${ESC}${up}A`}\r${text}${CLEAR_BELOW}${END_FRAME}`);
      drawn = { text, widths: fitting.map(lineWidth), columns };
    },
    end: () => {
      if (drawn !== undefined) write(SHOW_CURSOR);
      drawn = undefined;
    },
  };
};

/** A terminal that became narrower has broken lines that it had drawn. */
const rowsOf = (widths: readonly number[], columns: number): number =>
  widths.reduce((sum, width) => sum + Math.max(1, Math.ceil(width / columns)), 0);

const fitInto = (
  lines: readonly Line[],
  { rows, columns }: { readonly rows: number; readonly columns: number },
): readonly Line[] => {
  if (lines.length <= rows) return lines;
  const kept = Math.max(1, rows - 1);
  const more: Line = [{ text: `(${lines.length - kept} more lines; without -w all are shown)`, tone: 'dim' }];
  return rows < 2 ? lines.slice(0, kept) : [...lines.slice(0, kept), cutLine(more, columns, '...')];
};
