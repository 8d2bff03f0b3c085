import type { StoredRollout } from '../../controller/ports.ts';
import { type Phase, rolloutLine } from '../../rollout/index.ts';
import { ageText } from '../terminal/age.ts';
import { alignedLines, type Cell, cell, columnWidths } from '../terminal/table.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { cut, cutLine, type Line, plain, type Tone } from '../terminal/text.ts';

export type Columns = { readonly namespace: boolean; readonly wide: boolean };

const TONES: Readonly<Record<Phase, Tone>> = {
  Pending: 'dim',
  Progressing: 'busy',
  Paused: 'warn',
  AwaitingApproval: 'warn',
  RollingBack: 'bad',
  RolledBack: 'bad',
  Healthy: 'good',
  Invalid: 'bad',
};

/** What colour a phase has; the word stands beside it in any case. */
export const phaseTone = (phase: Phase): Tone => TONES[phase];

const SHORTEST_MESSAGE = 20;
const GAP = 3;

const titles = ({ namespace, wide }: Columns): readonly Cell[] =>
  [
    ...(namespace ? ['NAMESPACE'] : []),
    'NAME',
    'STATUS',
    'VERSION',
    'STEP',
    'WEIGHT',
    'MESSAGE',
    ...(wide ? ['STABLE', 'SOURCE'] : []),
    'AGE',
  ].map(title => cell(title, 'strong'));

/** The cells of one Rollout. */
export const rowOf = (rollout: StoredRollout, columns: Columns, nowMs: number, gone = false): readonly Cell[] => {
  const { namespace, name, phase, version, step, weight, stable, source, message } = rolloutLine(rollout);
  return [
    ...(columns.namespace ? [cell(namespace)] : []),
    cell(name),
    gone ? cell('Deleted', 'dim') : cell(phase, TONES[phase]),
    cell(plain(version ?? '')),
    cell(plain(step ?? '')),
    cell(plain(weight ?? '')),
    cell(plain(message)),
    ...(columns.wide ? [cell(plain(stable ?? '')), cell(plain(source?.name ?? ''))] : []),
    cell(ageText(nowMs - Date.parse(rollout.creationTimestamp))),
  ];
};

/** A table that goes on: later rows are in line with those before, as far as they fit. On a terminal the message is cut. */
export const createTable = (columns: Columns, terminal: Pick<Terminal, 'columns' | 'isAscii'>) => {
  const head = titles(columns);
  const at = head.findIndex(({ text }) => text === 'MESSAGE');
  const ellipsis = terminal.isAscii ? '...' : '…';
  let widths: readonly number[] | undefined;
  return {
    lines: (rows: readonly (readonly Cell[])[]): readonly Line[] => {
      const needed = columnWidths([head, ...rows]);
      const others = needed.reduce((sum, width, index) => sum + (index === at ? 0 : width + GAP), 0);
      const room = columns.wide ? Number.POSITIVE_INFINITY : Math.max(SHORTEST_MESSAGE, terminal.columns() - others);
      const all = widths === undefined ? [head, ...rows] : rows;
      const fitting = all.map(row =>
        row.map((each, index) => (index === at ? { ...each, text: cut(each.text, room, ellipsis) } : each)),
      );
      widths = (widths ?? []).concat(columnWidths(fitting).slice(widths?.length ?? 0));
      const lines = alignedLines(fitting, { gap: GAP, widths });
      return columns.wide ? lines : lines.map(line => cutLine(line, terminal.columns(), ellipsis));
    },
  };
};
