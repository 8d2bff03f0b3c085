import { readFile } from 'node:fs/promises';
import { createFileChecker } from '../../adapters/spec/check.ts';
import { parseRollouts } from '../../adapters/spec/parse.ts';
import { checkTemplate, createRenderer } from '../../adapters/templates/render.ts';
import type { Installation, RolloutSpec } from '../../rollout/index.ts';

/** A Rollout as it stands in a file. */
export type WrittenRollout = { readonly name: string; readonly namespace?: string; readonly spec: RolloutSpec };

/** The only Rollout of a file, checked like `sluice validate` does; or everything that is wrong, with file and line. */
export const readRolloutFile = async (
  file: string,
  installation: Installation,
): Promise<WrittenRollout | { readonly problems: readonly string[] }> => {
  const text = await readText(file);
  if (text instanceof Error) return { problems: [`reading ${file}: ${reasonOf(text)}`] };
  const { problems } = createFileChecker({ render: createRenderer(), check: checkTemplate }, installation)(text, file);
  const errors = problems.filter(({ severity }) => severity === 'error');
  if (errors.length > 0) {
    return {
      problems: errors.map(({ line, column, path, message, suggestion }) => {
        const where = path === '' ? '' : `${path}: `;
        return `${file}:${line}:${column}: ${where}${message}${suggestion === undefined ? '' : ` (${suggestion})`}`;
      }),
    };
  }
  const { rollouts } = parseRollouts(text, file);
  const [rollout, ...more] = rollouts;
  if (rollout === undefined || more.length > 0) return { problems: [`${file}: has ${rollouts.length} Rollouts, expected one`] };
  const { name, namespace } = rollout.metadata;
  return { name, spec: rollout.spec, ...(namespace === undefined ? {} : { namespace }) };
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
