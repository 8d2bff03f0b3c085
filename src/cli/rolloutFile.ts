import { readFile } from 'node:fs/promises';
import { createFileChecker } from '../adapters/spec/check.ts';
import { type ParsedRollout, type Problem, parseRollouts } from '../adapters/spec/parse.ts';
import { checkTemplate, createRenderer } from '../adapters/templates/render.ts';
import type { Installation } from '../rollout/index.ts';

/** A file with one Rollout, whose shape is right; what it means is checked for an installation. */
export type RolloutFile = {
  readonly rollout: ParsedRollout;
  /** Errors of the meaning for this installation, as `sluice validate` has them. */
  errorsFor(installation: Installation): readonly Problem[];
};

/** The only Rollout of a file; or everything that is wrong with its shape, with file and line. */
export const readRolloutFile = async (file: string): Promise<RolloutFile | { readonly problems: readonly string[] }> => {
  const text = await readText(file);
  if (text instanceof Error) return { problems: [`reading ${file}: ${reasonOf(text)}`] };
  const { rollouts, problems } = parseRollouts(text, file);
  if (problems.length > 0) return { problems: problems.map(problemLine) };
  const [rollout, ...more] = rollouts;
  if (rollout === undefined || more.length > 0) return { problems: [`${file}: has ${rollouts.length} Rollouts, expected one`] };
  const errorsFor = (installation: Installation): readonly Problem[] =>
    createFileChecker({ render: createRenderer(), check: checkTemplate }, installation)(text, file).problems.filter(
      ({ severity }) => severity === 'error',
    );
  return { rollout, errorsFor };
};

/** `rollout.yaml:3:5: spec.version: expected ... (did you mean ...?)`. */
export const problemLine = ({ file, line, column, path, message, suggestion }: Problem): string => {
  const where = path === '' ? '' : `${path}: `;
  return `${file}:${line}:${column}: ${where}${message}${suggestion === undefined ? '' : ` (${suggestion})`}`;
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
