import { Command, Option } from 'commander';
import { type HistoryEntry, isoSeconds } from '../rollout/index.ts';
import { type ClusterOptions, inCluster, rolloutName, withClusterOptions } from './cluster/cluster.ts';
import { findRollout } from './cluster/findRollout.ts';
import { type CliIo, EXIT } from './io.ts';
import { type Format, formatted } from './terminal/output.ts';
import { paint } from './terminal/paint.ts';
import { alignedLines, cell, columnWidths, fittingLines } from './terminal/table.ts';
import { createTerminal, type Terminal } from './terminal/terminal.ts';
import { cutLine, type Line, plain, type Tone, wrap } from './terminal/text.ts';

type Options = ClusterOptions & { readonly output?: Format; readonly evidence?: boolean };

/** `sluice history NAME`: exit code 0 shown, 1 there is no such Rollout or it may not be read, 4 nobody answers. */
export const createHistoryCommand = (io: CliIo, terminal: Terminal = createTerminal(io.env)): Command =>
  withClusterOptions(
    new Command('history')
      .description('what happened to a Rollout, and why; newest first')
      .argument('<name>', 'name of the Rollout')
      .option('--evidence', 'the commands that fetch and replay what was decided from')
      .addOption(new Option('-o, --output <format>', 'for programs').choices(['json', 'yaml'])),
  ).action((written: string, options: Options) =>
    inCluster(io, options, async cluster => {
      const { namespace, name, status } = (await findRollout(cluster, rolloutName(written))).rollout;
      const entries = (status?.history ?? []).toReversed();
      if (options.output !== undefined) {
        io.out(await formatted({ items: entries }, options.output));
      } else if (entries.length === 0) {
        io.err(
          `rollouts ${namespace}/${name} has no history yet: ${plain(status?.message ?? 'the controller has not looked at it')}\n`,
        );
      } else {
        for (const line of historyLines(entries, terminal)) io.out(`${paint(line)}\n`);
        if (options.evidence) io.out(evidenceText(namespace, name, entries));
      }
      return EXIT.done;
    }),
  );

const SHORT_DIGEST = 12;

const TONES: Partial<Readonly<Record<HistoryEntry['action'], Tone>>> = {
  promoted: 'good',
  rolledBack: 'bad',
  rejected: 'bad',
  refused: 'warn',
  paused: 'warn',
  superseded: 'warn',
};

/** An entry that somebody else has written may have anything there. */
const said = (text: unknown): string => (typeof text === 'string' ? plain(text) : '');

/** A table, newest first as it is given; on narrow terminals each message stands below its line. Where nobody looks nothing is cut. */
export const historyLines = (
  entries: readonly HistoryEntry[],
  terminal: Pick<Terminal, 'columns' | 'isAscii'>,
): readonly Line[] => {
  const head = ['AT', 'ACTION', 'FROM -> TO', 'STEP', 'REASON', 'EVIDENCE', 'MESSAGE'].map(title => cell(title, 'strong'));
  const rows = entries.map(({ at, from, to, action, reason, message, evidence, step, weight }) => [
    cell(Number.isNaN(Date.parse(at)) ? '-' : isoSeconds(Date.parse(at)), 'dim'),
    cell(said(action), TONES[action]),
    cell(said(from === undefined || from === to ? to : `${from} -> ${to}`)),
    cell(step === undefined ? '-' : `${step}${weight === undefined ? '' : ` at ${weight}%`}`),
    cell(said(reason)),
    cell(said(evidence).slice(0, SHORT_DIGEST) || '-', 'dim'),
    cell(said(message)),
  ]);
  const width = terminal.columns();
  const cutAtEdge = (line: Line): Line => cutLine(line, width, terminal.isAscii ? '...' : '…');
  const wide = alignedLines([head, ...rows]);
  const others = columnWidths([head, ...rows]).slice(0, MESSAGE);
  const room = others.reduce((left, needed) => left - needed - GAP, width);
  if (room >= SHORTEST_MESSAGE) return wide.map(cutAtEdge);
  const lines = fittingLines(
    [head, ...rows].map(row => row.slice(0, MESSAGE)),
    { width, drop: [5, 4, 3, 2] },
  );
  return lines.flatMap((line, index) => {
    const said = rows[index - 1]?.[MESSAGE]?.text;
    const below = said === undefined ? [] : wrap(said, width - INDENT.length);
    return [cutAtEdge(line), ...below.map(text => cutAtEdge([{ text: `${INDENT}${text}` }]))];
  });
};

const MESSAGE = 6;
const GAP = 3;
const SHORTEST_MESSAGE = 40;
const INDENT = '  ';

const evidenceText = (namespace: string, name: string, entries: readonly HistoryEntry[]): string => {
  const kept = `kubectl -n ${namespace} get configmaps -l sluice.dev/rollout=${name} -o yaml`;
  const digests = entries.flatMap(({ evidence }) => (evidence === undefined ? [] : [evidence.slice(0, SHORT_DIGEST)]));
  if (digests.length === 0) return '\nnone of these has a record\n';
  return [
    '',
    'to decide again from every record that the cluster keeps, and compare:',
    `  ${kept} | sluice replay -`,
    'one decision alone (EVIDENCE stands in brackets at the end of its line):',
    ...digests.map(digest => `  ${kept} | sluice replay - | grep -A2 ${digest}`),
    '',
  ].join('\n');
};
