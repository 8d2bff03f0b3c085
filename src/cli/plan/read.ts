import { readFile } from 'node:fs/promises';
import { createFileChecker } from '../../adapters/spec/check.ts';
import { type ParsedRollout, type Problem, parseRollouts } from '../../adapters/spec/parse.ts';
import { checkTemplate, createRenderer } from '../../adapters/templates/render.ts';
import { type Installation, type RolloutSpec, wantedGates } from '../../rollout/index.ts';

/** The Rollout of a file, and the installation that it is planned for. */
export type Planned = {
  readonly rollout: ParsedRollout;
  readonly installation: Installation;
  /** What a mesh is not given yet, with place; it is planned all the same. */
  readonly refused: readonly string[];
};

/** The only Rollout of a file; or everything that is wrong with it, with file and line. `undefined`: no configuration is known. */
export const readRollout = async (
  file: string,
  configured: Installation | undefined,
): Promise<Planned | { readonly problems: readonly string[] }> => {
  const text = await readText(file);
  if (text instanceof Error) return { problems: [`reading ${file}: ${reasonOf(text)}`] };
  const { rollouts, problems } = parseRollouts(text, file);
  if (problems.length > 0) return { problems: problems.map(line) };
  const [rollout, ...more] = rollouts;
  if (rollout === undefined || more.length > 0) return { problems: [`${file}: has ${rollouts.length} Rollouts, expected one`] };
  const installation = configured ?? assumedInstallation(rollout.spec);
  const errorsFor = (known: Installation): readonly Problem[] =>
    createFileChecker({ render: createRenderer(), check: checkTemplate }, known)(text, file).problems.filter(
      ({ severity }) => severity === 'error',
    );
  const wrong = errorsFor({ ...installation, routes: ['header', 'mirror'], approvals: true });
  if (wrong.length > 0) return { problems: wrong.map(line) };
  return { rollout, installation, refused: errorsFor(installation).map(({ path, message }) => `${path} ${message}`) };
};

const line = ({ file, line: at, column, path, message, suggestion }: Problem): string => {
  const where = path === '' ? '' : `${path}: `;
  return `${file}:${at}:${column}: ${where}${message}${suggestion === undefined ? '' : ` (${suggestion})`}`;
};

/** Without a configuration there is what the Rollout names, and one Prometheus. */
const assumedInstallation = (spec: RolloutSpec): Installation => {
  const gates = wantedGates(spec).map(({ gate }) => gate);
  const named = (kind: 'prometheus' | 'zipkin'): readonly string[] =>
    gates.flatMap(gate => (gate[kind] === undefined ? [] : [gate[kind].provider ?? 'default']));
  return {
    prometheus: [...new Set(['default', ...named('prometheus')])],
    zipkin: [...new Set(named('zipkin'))],
    webhookGates: gates.flatMap(({ webhook }) => originOf(webhook?.url)),
  };
};

const originOf = (url: string | undefined): readonly string[] => {
  const example = url?.replaceAll(/\{\{[^{}]*\}\}/g, 'x');
  return example !== undefined && URL.canParse(example) ? [new URL(example).origin] : [];
};

const readText = async (file: string): Promise<string | Error> => {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(file));
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
};

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  EISDIR: 'is a folder, expected a file',
  EACCES: 'not allowed',
  ERR_ENCODING_INVALID_ENCODED_DATA: 'is not UTF-8 text',
};

const reasonOf = (error: Error): string => ('code' in error && REASONS[String(error.code)]) || error.message;
