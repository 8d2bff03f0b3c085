import xterm, { type IBufferCell } from '@xterm/headless';
import type { Recording } from './terminal.ts';

/** Characters side by side that look alike. */
export interface Run {
  readonly column: number;
  readonly text: string;
  /** CSS colour; absent: that of plain text. */
  readonly colour?: string;
  readonly bold: boolean;
  readonly dim: boolean;
}

/** What one line of the terminal showed for a time. */
export interface Stretch {
  /** 0 is the first line that was ever written; what has scrolled away keeps its number. */
  readonly line: number;
  readonly runs: readonly Run[];
  readonly fromMs: number;
  readonly toMs: number;
}

/** A recording as it would be watched: who looks at it waits no longer than needed. */
export interface Film {
  readonly command: string;
  readonly columns: number;
  /** Lines of the window that were ever used. */
  readonly rows: number;
  readonly lengthMs: number;
  readonly stretches: readonly Stretch[];
  /** From when on which line stood at the top. */
  readonly tops: readonly { readonly atMs: number; readonly line: number }[];
}

export interface Pace {
  /** Longer stand-stills are cut to this. */
  readonly pauseMs: number;
  /** The last picture stays so long. */
  readonly lastMs: number;
}

/** Writes that come this close together are one picture. */
const TOGETHER_MS = 60;

// what GitHub and others show terminals with: readable on the dark window that the picture brings along
const PALETTE = [
  '#6e7681',
  '#ff7b72',
  '#56d364',
  '#e3b341',
  '#79c0ff',
  '#d2a8ff',
  '#56d4dd',
  '#c9d1d9',
  '#8b949e',
  '#ffa198',
  '#7ee787',
  '#f2cc60',
  '#a5d6ff',
  '#e2c5ff',
  '#76e3ea',
  '#ffffff',
] as const;

const hex = (value: number): string => `#${value.toString(16).padStart(6, '0')}`;

function colourOf(cell: IBufferCell): string | undefined {
  if (cell.isFgRGB()) return hex(cell.getFgColor());
  if (!cell.isFgPalette()) return undefined;
  const index = cell.getFgColor();
  if (index < PALETTE.length) return PALETTE[index];
  if (index >= 232) return hex((8 + (index - 232) * 10) * 0x010101);
  const level = (at: number) => [0, 95, 135, 175, 215, 255][at] ?? 0;
  const cube = index - 16;
  return hex((level(Math.floor(cube / 36)) << 16) | (level(Math.floor(cube / 6) % 6) << 8) | level(cube % 6));
}

const looksLike = (a: Run, b: Omit<Run, 'column' | 'text'>): boolean =>
  a.colour === b.colour && a.bold === b.bold && a.dim === b.dim;

function runsOf(terminal: InstanceType<typeof xterm.Terminal>, line: number): readonly Run[] {
  const runs: Run[] = [];
  const cells = terminal.buffer.active.getLine(line);
  for (let column = 0; column < (cells?.length ?? 0); column++) {
    const cell = cells?.getCell(column);
    const text = cell?.getChars() ?? '';
    if (cell === undefined || text.trim() === '') continue;
    const colour = colourOf(cell);
    const look = { ...(colour === undefined ? {} : { colour }), bold: cell.isBold() !== 0, dim: cell.isDim() !== 0 };
    const last = runs.at(-1);
    const gap = last === undefined ? 0 : column - last.column - [...last.text].length;
    if (last !== undefined && looksLike(last, look) && gap <= 1)
      runs[runs.length - 1] = { ...last, text: `${last.text}${' '.repeat(gap)}${text}` };
    else runs.push({ column, text, ...look });
  }
  return runs;
}

/** Pieces that belong to one picture, at the times at which they are shown. */
function paced({ pieces }: Recording, { pauseMs }: Pace): readonly { readonly atMs: number; readonly text: string }[] {
  const pictures: { atMs: number; text: string }[] = [];
  let [lastMs, shownMs] = [0, 0];
  for (const { atMs, text } of pieces) {
    const last = pictures.at(-1);
    if (last !== undefined && atMs - lastMs < TOGETHER_MS) last.text += text;
    else {
      shownMs += Math.min(atMs - lastMs, pauseMs);
      pictures.push({ atMs: shownMs, text });
      lastMs = atMs;
    }
  }
  return pictures;
}

const isSame = (a: readonly Run[], b: readonly Run[]): boolean => JSON.stringify(a) === JSON.stringify(b);

/** Follows what each line showed. */
function createScript() {
  const open = new Map<number, { runs: readonly Run[]; fromMs: number }>();
  const stretches: Stretch[] = [];
  const end = (line: number, toMs: number): void => {
    const was = open.get(line);
    if (was !== undefined && toMs > was.fromMs) stretches.push({ line, ...was, toMs });
    open.delete(line);
  };
  return {
    stretches,
    see: (line: number, runs: readonly Run[], atMs: number): void => {
      if (isSame(open.get(line)?.runs ?? [], runs)) return;
      end(line, atMs);
      if (runs.length > 0) open.set(line, { runs, fromMs: atMs });
    },
    endAll: (toMs: number): void => {
      for (const line of [...open.keys()]) end(line, toMs);
    },
  };
}

/** Plays a recording to a terminal, and notes what it showed when. */
export async function filmOf(recording: Recording, pace: Pace): Promise<Film> {
  const { command, columns, rows } = recording;
  const terminal = new xterm.Terminal({ cols: columns, rows, scrollback: 10_000, allowProposedApi: true });
  const script = createScript();
  const tops: { atMs: number; line: number }[] = [];
  const pictures = paced(recording, pace);
  let used = 0;
  for (const { atMs, text } of pictures) {
    await new Promise<void>(resolve => terminal.write(text, resolve));
    const top = terminal.buffer.active.baseY;
    if (top !== (tops.at(-1)?.line ?? 0)) tops.push({ atMs, line: top });
    for (let line = 0; line < top + rows; line++) {
      const runs = runsOf(terminal, line);
      if (runs.length > 0) used = Math.max(used, line - top + 1);
      script.see(line, runs, atMs);
    }
  }
  const lengthMs = (pictures.at(-1)?.atMs ?? 0) + pace.lastMs;
  script.endAll(lengthMs);
  terminal.dispose();
  return { command, columns, rows: Math.min(used, rows), lengthMs, stretches: script.stretches, tops };
}
