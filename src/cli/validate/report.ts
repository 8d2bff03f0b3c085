import type { CheckedFile, CheckedProblem } from '../../adapters/spec/check.ts';
import type { MeshFinding } from '../../rollout/index.ts';

/** What the cluster shows about one Rollout of a file; the place is that of its spec. */
export type ClusterFinding = MeshFinding & {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** `namespace/name`. */
  readonly rollout: string;
};

/** Without findings: no cluster was asked. */
export type Validated = CheckedFile & { readonly findings?: readonly ClusterFinding[] };

const isError = ({ severity }: { readonly severity: 'error' | 'warning' }): boolean => severity === 'error';

/** Nothing was found, or something that has to be mended. */
export const isRefused = (files: readonly Validated[]): boolean =>
  isEmpty(files) || files.some(file => [...file.problems, ...(file.findings ?? [])].some(isError));

export const isEmpty = (files: readonly Validated[]): boolean => files.every(file => file.found === 0);

export function asText(files: readonly Validated[]): string {
  const lines = files.flatMap(checked => [
    ...checked.problems.map(problemLine),
    ...(checked.findings ?? []).map(findingLine),
    summary(checked),
  ]);
  return lines.map(line => `${line}\n`).join('');
}

const findingLine = ({ file, line, column, severity, object, message, code }: ClusterFinding): string =>
  `${file}:${line}:${column}: ${severity}: ${object}: ${message} (${code})`;

function problemLine({ file, line, column, severity, path, message, suggestion }: CheckedProblem): string {
  const where = path === '' ? '' : `${path}: `;
  return `${file}:${line}:${column}: ${severity}: ${where}${message}${suggestion === undefined ? '' : ` (${suggestion})`}`;
}

function summary({ file, found, ignored, problems: ofFile, findings = [] }: Validated): string {
  const problems = [...ofFile, ...findings];
  const errors = problems.filter(isError).length;
  const counts = [
    errors > 0 ? counted(errors, 'error') : '',
    problems.length > errors ? counted(problems.length - errors, 'warning') : '',
  ];
  return [
    `${file}: ${counted(found, 'rollout')}`,
    ...(problems.length === 0 ? ['no problems'] : counts.filter(Boolean)),
    ...(ignored > 0 ? [`${counted(ignored, 'other document')} ignored`] : []),
  ].join(', ');
}

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

export function asObject(files: readonly Validated[]): object {
  const isChecked = files.some(({ findings }) => findings !== undefined);
  return {
    valid: !isRefused(files),
    files: files.map(({ file, found, ignored, names }) => ({ file, found, ignored, rollouts: names })),
    problems: files.flatMap(({ problems }) => problems),
    ...(isChecked ? { findings: files.flatMap(({ findings = [] }) => findings) } : {}),
  };
}
