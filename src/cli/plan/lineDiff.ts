/** Unchanged lines that are shown around each change. */
const CONTEXT = 3;
/** Longer middles are shown as taken out and put in as a whole: nobody reads them line by line. */
const MOST_LINES = 2_000;

type Line = { readonly sign: ' ' | '-' | '+'; readonly text: string };

/** A unified diff without file names; empty when both are the same. */
export const unifiedDiff = (before: string, after: string): readonly string[] => {
  const [old, young] = [linesOf(before), linesOf(after)];
  const lines = compared(old, young);
  const changed = lines.flatMap(({ sign }, at) => (sign === ' ' ? [] : [at]));
  return hunksOf(changed, lines.length).flatMap(hunk => hunkLines(lines, hunk));
};

const linesOf = (text: string): readonly string[] => text.replace(/\n$/, '').split('\n');

const compared = (old: readonly string[], young: readonly string[]): readonly Line[] => {
  let start = 0;
  while (start < old.length && start < young.length && old[start] === young[start]) start += 1;
  let end = 0;
  const shorter = Math.min(old.length, young.length) - start;
  while (end < shorter && old[old.length - 1 - end] === young[young.length - 1 - end]) end += 1;
  const same = (texts: readonly string[]): readonly Line[] => texts.map(text => ({ sign: ' ', text }));
  return [
    ...same(old.slice(0, start)),
    ...middleOf(old.slice(start, old.length - end), young.slice(start, young.length - end)),
    ...same(old.slice(old.length - end)),
  ];
};

/** By the longest common subsequence. */
const middleOf = (old: readonly string[], young: readonly string[]): readonly Line[] => {
  const taken = (texts: readonly string[], sign: '-' | '+'): readonly Line[] => texts.map(text => ({ sign, text }));
  if (old.length > MOST_LINES || young.length > MOST_LINES) return [...taken(old, '-'), ...taken(young, '+')];
  const width = young.length + 1;
  const longest = new Uint16Array((old.length + 1) * width);
  const at = (i: number, j: number): number => longest[i * width + j] ?? 0;
  for (let i = old.length - 1; i >= 0; i -= 1) {
    for (let j = young.length - 1; j >= 0; j -= 1) {
      longest[i * width + j] = old[i] === young[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const lines: Line[] = [];
  let [i, j] = [0, 0];
  while (i < old.length && j < young.length) {
    if (old[i] === young[j]) {
      lines.push({ sign: ' ', text: old[i] ?? '' });
      i += 1;
      j += 1;
    } else if (at(i + 1, j) >= at(i, j + 1)) {
      lines.push({ sign: '-', text: old[i] ?? '' });
      i += 1;
    } else {
      lines.push({ sign: '+', text: young[j] ?? '' });
      j += 1;
    }
  }
  return [...lines, ...taken(old.slice(i), '-'), ...taken(young.slice(j), '+')];
};

type Hunk = { readonly from: number; readonly to: number };

/** Changes with little between them stand together. */
const hunksOf = (changed: readonly number[], count: number): readonly Hunk[] => {
  const hunks: Hunk[] = [];
  for (const at of changed) {
    const next = { from: Math.max(0, at - CONTEXT), to: Math.min(count, at + CONTEXT + 1) };
    const last = hunks.at(-1);
    if (last !== undefined && next.from <= last.to) hunks.splice(-1, 1, { from: last.from, to: next.to });
    else hunks.push(next);
  }
  return hunks;
};

const hunkLines = (lines: readonly Line[], { from, to }: Hunk): readonly string[] => {
  const count = (part: readonly Line[], sign: '-' | '+'): number =>
    part.filter(line => line.sign === ' ' || line.sign === sign).length;
  const [before, inside] = [lines.slice(0, from), lines.slice(from, to)];
  const place = (sign: '-' | '+'): string => {
    const length = count(inside, sign);
    return `${sign}${count(before, sign) + (length === 0 ? 0 : 1)},${length}`;
  };
  return [`@@ ${place('-')} ${place('+')} @@`, ...inside.map(({ sign, text }) => `${sign}${text}`)];
};
