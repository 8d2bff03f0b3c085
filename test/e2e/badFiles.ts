import type { Says } from './snapshot.ts';

/** A Rollout file with one mistake, and what has to be said about it. */
type BadFile = {
  readonly what: string;
  /** The file, for a Rollout in this namespace. */
  readonly text: (namespace: string) => string;
  /** Where `sluice validate` and a Git source see the mistake. */
  readonly line: number;
  /** What both say: what is wrong, and what was expected. */
  readonly says: Says;
  /** What a Git source says where it differs, because it looks before it reads. */
  readonly gitSays?: Says;
  /** How the API server refuses it; absent: it accepts what the schema cannot see, and the Rollout says that it is invalid. */
  readonly api?: { readonly code: number; readonly says: Says };
};

const BYTES_5_MB = 5 * 1024 * 1024;

/** Lines are counted by the rows below. */
export const rolloutFile = (namespace: string, version: string, interval = '1s'): string => `apiVersion: sluice.dev/v1alpha1
kind: Rollout
metadata:
  name: forecast
  namespace: ${namespace}
spec:
  version: ${version}
  strategy:
    canary:
      steps:
      - setWeight: 50
        pause: {duration: 1s}
  router: {istio: {settle: 500ms}}
  analysis:
    interval: ${interval}
    gates:
    - name: success
      prometheus: {metric: success-rate}
      threshold: {min: 90}
      minSamples: 5
`;

const changed =
  (from: string, to: string): BadFile['text'] =>
  namespace => {
    const text = rolloutFile(namespace, 'v2');
    if (!text.includes(from)) throw new Error(`the file has no ${from}`);
    return text.replace(from, to);
  };

/** Nine levels of nine references each: 387 million values. */
const bomb = (): string => {
  const levels = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'];
  const list = (level: number) => Array.from({ length: 9 }, () => (level === 0 ? 'x' : `*${levels[level - 1]}`)).join(', ');
  return levels.map((name, level) => `    ${name}: &${name} [${list(level)}]\n`).join('');
};

export const BAD_FILES: readonly BadFile[] = [
  {
    what: 'broken YAML',
    text: changed('- setWeight: 50', '- setWeight: [50'),
    line: 12,
    says: [/flow|bracket|\]/i],
    api: { code: 400, says: ['must be of type JSON or YAML'] },
  },
  {
    what: 'aliases bomb',
    text: changed('  name: forecast\n', `  name: forecast\n  annotations:\n${bomb()}`),
    line: 1,
    says: [/alias/],
    api: { code: 400, says: [/./] },
  },
  {
    what: 'a file of 5 MB',
    text: namespace => `${rolloutFile(namespace, 'v2')}# ${'x'.repeat(BYTES_5_MB)}\n`,
    line: 1,
    says: [/the file has \d+ bytes, expected at most 1048576 \(1 MiB\)/],
    gitSays: ['the file is larger than 1 MiB; split it'],
    api: { code: 413, says: [/too large/] },
  },
  {
    what: 'deep nesting',
    text: changed('  name: forecast\n', `  name: ${'['.repeat(100_000)}${']'.repeat(100_000)}\n`),
    line: 4,
    says: ['nested too deeply, expected at most 100 levels'],
    api: { code: 400, says: [/./] },
  },
  {
    what: 'unknown field',
    text: changed('setWeight', 'setWieght'),
    line: 11,
    says: ['spec.strategy.canary.steps[0].setWieght: unknown field `setWieght` (did you mean `setWeight`?)'],
    api: { code: 400, says: ['unknown field "spec.strategy.canary.steps[0].setWieght"'] },
  },
  {
    what: 'weight 101',
    text: changed('setWeight: 50', 'setWeight: 101'),
    line: 11,
    says: ['spec.strategy.canary.steps[0].setWeight: is the number 101, expected a whole number from 0 to 100'],
    api: { code: 422, says: ['spec.strategy.canary.steps[0].setWeight: Invalid value: 101', 'less than or equal to 100'] },
  },
  {
    what: 'decreasing weights',
    text: changed('- setWeight: 50', '- setWeight: 60\n      - setWeight: 50'),
    line: 12,
    says: ['spec.strategy.canary.steps[1].setWeight: is 50, expected at least 60', 'must not decrease'],
  },
  {
    what: 'two strategies',
    text: changed('  strategy:\n', '  strategy:\n    blueGreen: {}\n'),
    line: 8,
    says: ['spec.strategy', /canary.*blueGreen/, /exactly one/],
    api: { code: 422, says: ['spec.strategy', /exactly one/] },
  },
];

/** The same Rollout with a gate that only the installation, or only Prometheus, can refuse. */
export const withQuery = (namespace: string, prometheus: string): string =>
  changed('{metric: success-rate}', `{${prometheus}}`)(namespace).replace('      minSamples: 5\n', '');

/** The same Rollout with a webhook for a gate. */
export const withWebhook = (namespace: string, url: string): string =>
  changed(
    'prometheus: {metric: success-rate}',
    `webhook: {url: '${url}'}`,
  )(namespace)
    .replace('      threshold: {min: 90}\n', '')
    .replace('      minSamples: 5\n', '');
