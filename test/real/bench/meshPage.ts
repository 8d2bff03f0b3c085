import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Counted } from './countingProxy.ts';
import type { Applied } from './meshApply.ts';
import type { Raised } from './meshDrift.ts';
import type { Share } from './meshShares.ts';
import type { Told } from './meshStories.ts';
import type { Troubles, WalkResult } from './meshWalk.ts';

const PAGE = fileURLToPath(new URL('../../../docs/mesh-bench.md', import.meta.url));

/** One table of the page; `name` says which one it replaces. */
export interface Table {
  readonly name: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
}

const number = (value: number): string => value.toLocaleString('en-US');
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** The sample that a share of all samples (0..1) does not exceed; NaN without samples. */
function quantile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

/** Throws when something was not measured, so that no page tells of it. */
function measured(table: Table): Table {
  const isMissing = table.rows.length === 0 || table.rows.flat().some(cell => String(cell).includes('NaN'));
  if (isMissing) throw new Error(`not measured: ${table.name}`);
  return table;
}

export function walkTable(name: 'walk' | 'disturbed', { walked, constant, durationS }: WalkResult, troubles?: Troubles): Table {
  const kinds = [...new Set(walked.map(({ kind }) => kind))];
  const rows = kinds.map(kind => {
    const of = walked.filter(one => one.kind === kind);
    const total = (field: 'changes' | 'requests' | 'notAnswered' | 'wrongWay') => sum(of.map(one => one[field]));
    const wrong = kind === 'weight and header' ? number(total('wrongWay')) : '-';
    return [kind, number(total('changes')), number(total('requests')), number(total('notAnswered')), wrong];
  });
  const all = (field: 'changes' | 'requests' | 'notAnswered') => number(sum(walked.map(one => one[field])));
  const minutes = `${Math.round(durationS)} s`;
  const beside =
    troubles === undefined
      ? ''
      : `, ${Object.entries(troubles)
          .map(([what, times]) => `${what} killed ${times} times`)
          .join(', ')}`;
  return measured({
    name,
    head: [
      `routes that change (${minutes}${beside})`,
      'changes',
      'requests',
      'not answered with 200',
      'header to the wrong version',
    ],
    rows: [
      ...rows,
      ['all of them', all('changes'), all('requests'), all('notAnswered'), ''],
      ['a constant route beside them', 0, number(constant.requests), number(constant.notAnswered), ''],
    ],
  });
}

/** Mesh writes of each kind of application, by step. */
export function writesTable({ walked }: WalkResult, writes: readonly Counted[]): Table {
  const kinds = [...new Set(walked.map(({ kind }) => kind))];
  const rows = kinds.map(kind => {
    const of = walked.flatMap((one, index) => (one.kind === kind ? [{ one, counted: writes[index] ?? {} }] : []));
    const steps = sum(of.map(({ one }) => one.steps));
    const count = (what: string) => sum(of.map(({ counted }) => counted[what] ?? 0));
    const each = (what: string) => (count(what) / steps).toFixed(2);
    return [
      kind,
      number(steps),
      number(count('PATCH virtualservices')),
      each('PATCH virtualservices'),
      number(count('PATCH destinationrules')),
    ];
  });
  const head = [
    'step sets',
    'steps',
    'writes of VirtualServices',
    'for each step',
    'writes of DestinationRules (subsets to be made)',
  ];
  return measured({ name: 'writes', head, rows });
}

export function sharesTable(shares: readonly Share[]): Table {
  return measured({
    name: 'shares',
    head: ['state', 'requests', 'intended', 'seen', 'difference', 'to the wrong version', 'not answered with 200'],
    rows: shares.map(({ what, requests, intended, seen, wrongWay, notAnswered }) => [
      what,
      number(requests),
      `${intended} %`,
      `${seen.toFixed(2)} %`,
      `${Math.abs(seen - intended).toFixed(2)} points`,
      wrongWay === undefined ? '-' : number(wrongWay),
      number(notAnswered),
    ]),
  });
}

export function storiesTable(stories: readonly Told[]): Table {
  return measured({
    name: 'stories',
    head: ['story', 'writes of routes', 'requests', 'not answered with 200', 'the user with the header met'],
    rows: stories.map(({ story, writes, requests, notAnswered, met }) => [
      story,
      writes,
      number(requests),
      number(notAnswered),
      met,
    ]),
  });
}

export function driftTable(raised: readonly Raised[]): Table {
  const row = (what: string, unit: string, values: readonly number[]) => [
    what,
    ...[0.5, 0.9, 0.99, 1].map(share => `${Math.round(quantile(values, share))}${unit}`),
    values.length,
  ];
  return measured({
    name: 'drift',
    head: ['from the answer to the foreign write', 'median', 'p90', 'p99', 'max', 'n'],
    rows: [
      row(
        'to the lowered weight in a watch',
        ' ms',
        raised.map(({ downMs }) => downMs),
      ),
      row(
        'to the last request that took the wrong way',
        ' ms',
        raised.map(({ lastWrongMs }) => lastWrongMs),
      ),
      row(
        'requests that took the wrong way',
        '',
        raised.map(({ wrongWay }) => wrongWay),
      ),
      row(
        'requests not answered with 200',
        '',
        raised.map(({ notAnswered }) => notAnswered),
      ),
    ],
  });
}

export function appliedTable(applied: readonly Applied[]): Table {
  const rows = applied.flatMap(({ order, times, forth, back }) => {
    const row = (what: string, failed: readonly number[]) => [
      `${order}, ${what}`,
      times,
      failed.filter(count => count > 0).length,
      number(sum(failed)),
      number(Math.max(...failed)),
    ];
    return [row('subset and half of the weight come', forth), row('both go', back)];
  });
  const head = ['one file', 'times', 'times with failures', 'failed requests', 'at most at once'];
  return measured({ name: 'apply', head, rows });
}

export function printTable({ name, head, rows }: Table): void {
  const lines = [head, ...rows].map(row => row.map(String));
  const widths = lines.reduce<readonly number[]>((so, row) => row.map((cell, at) => Math.max(so[at] ?? 0, cell.length)), []);
  console.log(`${name}\n${lines.map(row => row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('  ')).join('\n')}`);
}

const markdown = ({ head, rows }: Table): string =>
  [head, head.map(() => '---'), ...rows].map(row => `| ${row.join(' | ')} |`).join('\n');

/** Puts each table in its place on the page, with the conditions under which it was made. */
export async function writePage(tables: readonly Table[], conditions: string): Promise<void> {
  let page = await readFile(PAGE, 'utf8');
  for (const table of tables) {
    const [before, rest] = page.split(`<!-- begin ${table.name} -->`);
    const after = rest?.split(`<!-- end ${table.name} -->`)[1];
    if (after === undefined) throw new Error(`${PAGE} does not say where the figures of ${table.name} go`);
    page = `${before}<!-- begin ${table.name} -->\n${markdown(table)}\n\n${conditions}\n<!-- end ${table.name} -->${after}`;
  }
  await writeFile(PAGE, page);
}
