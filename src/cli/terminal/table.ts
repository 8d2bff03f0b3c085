import { type Line, type Span, type Tone, widthOf } from './text.ts';

export type Cell = Span;

export const cell = (text: string, tone?: Tone): Cell => ({ text, ...(tone === undefined ? {} : { tone }) });

/** Width that each column needs. */
export const columnWidths = (rows: readonly (readonly Cell[])[]): readonly number[] => {
  const widths: number[] = [];
  for (const row of rows)
    for (const [index, { text }] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, widthOf(text));
  return widths;
};

/** Aligned columns; the last cell of a row is not padded. `indent` and `gap` are spaces. */
export const alignedLines = (
  rows: readonly (readonly Cell[])[],
  { indent = 0, gap = 3, widths = columnWidths(rows) }: { indent?: number; gap?: number; widths?: readonly number[] } = {},
): readonly Line[] => rows.map(row => alignedLine(row, { indent, gap, widths }));

const alignedLine = (
  row: readonly Cell[],
  { indent, gap, widths }: { readonly indent: number; readonly gap: number; readonly widths: readonly number[] },
): Line => {
  const last = row.findLastIndex(({ text }) => text !== '');
  const padding = (index: number, text: string): string =>
    ' '.repeat(index === last ? 0 : Math.max(0, (widths[index] ?? 0) - widthOf(text)) + gap);
  const spans = row.slice(0, last + 1).flatMap((span, index) => [span, { text: padding(index, span.text) }]);
  return [{ text: ' '.repeat(indent) }, ...spans].filter(({ text }) => text !== '');
};

/**
 * A table whose least important columns are left out, one by one, until it fits: `drop` names them by index, in that order.
 * Columns in which nothing stands are left out anyhow. Before the last one is left out it makes do with `lastNeeds`, and is cut.
 */
export const fittingLines = (
  rows: readonly (readonly Cell[])[],
  {
    width,
    drop,
    indent = 0,
    gap = 2,
    lastNeeds = Number.POSITIVE_INFINITY,
  }: { width: number; drop: readonly number[]; indent?: number; gap?: number; lastNeeds?: number },
): readonly Line[] => {
  const widths = columnWidths(rows);
  const totalOf = (kept: ReadonlySet<number>, needed: readonly number[]): number =>
    indent + [...kept].reduce((sum, index) => sum + (needed[index] ?? 0) + gap, -gap);
  const keptOf = (needed: readonly number[]): ReadonlySet<number> => {
    const kept = new Set(needed.flatMap((size, index) => (size === 0 ? [] : [index])));
    for (const index of drop) {
      if (totalOf(kept, needed) <= width) break;
      kept.delete(index);
    }
    return kept;
  };
  const last = widths.length - 1;
  const whole = keptOf(widths);
  const isCut = widths[last] !== 0 && (!whole.has(last) || totalOf(whole, widths) > width);
  const kept = isCut ? keptOf(widths.map((size, index) => (index === last ? Math.min(size, lastNeeds) : size))) : whole;
  return alignedLines(
    rows.map(row => row.filter((_, index) => kept.has(index))),
    { indent, gap },
  );
};
