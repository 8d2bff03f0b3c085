import { cpus, loadavg } from 'node:os';
import { VERSIONS } from '../bed/versions.ts';

/** One line of a table: what was measured how often, and what it should come to. */
export interface Figure {
  readonly what: string;
  readonly unit: 'ms' | 's' | 'MB' | 'requests';
  /** What the median should reach at most; without it there is nothing to reach. */
  readonly target?: number;
  readonly samples: readonly number[];
}

/** Under what a run was made; more by what was measured. */
export type Conditions = Readonly<Record<string, string | number>>;

/** Machine and servers. The load average is that of the last minute, so ask before and after. */
export function conditionsNow(): Conditions {
  return {
    node: process.version,
    cores: cpus().length,
    'load average': loadavg()[0]?.toFixed(2) ?? '',
    'kube-apiserver': VERSIONS.kubernetes,
    etcd: VERSIONS.etcd,
    istio: VERSIONS.istioApi,
    envoy: VERSIONS.envoy,
  };
}

/** The conditions in one line. */
export function conditionsLine(conditions: Conditions): string {
  return `conditions: ${Object.entries(conditions)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ')}`;
}

/** The sample that a share of all samples (0..1) does not exceed; NaN without samples. */
export function quantile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

function shown(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(2);
}

function cellsOf({ what, unit, target, samples }: Figure): readonly string[] {
  const values = [quantile(samples, 0.5), quantile(samples, 0.9), Math.max(...samples)].map(shown);
  return [what, unit, target === undefined ? '-' : `<= ${target}`, ...values, String(samples.length)];
}

function table(figures: readonly Figure[]): string {
  const rows = [['what', 'unit', 'target', 'median', 'p90', 'max', 'n'], ...figures.map(cellsOf)];
  const widths = rows.reduce<readonly number[]>((so, row) => row.map((cell, at) => Math.max(so[at] ?? 0, cell.length)), []);
  return rows.map(row => row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('  ')).join('\n');
}

/** Prints a table, or JSON with all samples when the program was called with --json. Throws when something was not measured. */
export function printFigures(figures: readonly Figure[], before: Conditions): void {
  const conditions = { ...before, 'load average at the end': loadavg()[0]?.toFixed(2) ?? '' };
  if (process.argv.includes('--json')) {
    const summarized = figures.map(figure => ({
      ...figure,
      median: quantile(figure.samples, 0.5),
      p90: quantile(figure.samples, 0.9),
    }));
    console.log(JSON.stringify({ conditions, figures: summarized }, null, 2));
  } else {
    console.log(`${table(figures)}\n${conditionsLine(conditions)}`);
  }
  const missing = figures.filter(({ samples }) => samples.length === 0).map(({ what }) => what);
  if (missing.length > 0) throw new Error(`not measured: ${missing.join('; ')}`);
}
