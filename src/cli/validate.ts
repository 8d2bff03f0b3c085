import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import type { CheckedFile, CheckedProblem, FileChecker } from '../adapters/spec/check.ts';
import { type CliIo, EXIT } from './io.ts';

type Options = { readonly config?: string; readonly output: 'text' | 'json' };

/** `sluice validate FILE...`: exit code 0 all is well (warnings are allowed), 1 something is invalid, 2 a file cannot be read. */
export function createValidateCommand(io: CliIo): Command {
  return new Command('validate')
    .description('check Rollout files: schema, meaning, templates, PromQL syntax')
    .argument('<file...>', 'YAML files, or folders with such files')
    .option('--config <file>', 'configuration of the controller, to check the names of providers too')
    .addOption(new Option('-o, --output <format>', 'how problems are written').choices(['text', 'json']).default('text'))
    .action(async (paths: readonly string[], options: Options) => {
      io.exit(await validate(io, paths, options));
    });
}

async function validate(io: CliIo, paths: readonly string[], options: Options): Promise<number> {
  const check = await createChecker(io, options.config);
  if (check === undefined) return EXIT.usage;
  const inputs = await Promise.all(paths.map(readInput));
  const unreadable = inputs.flatMap(input => ('problem' in input ? [input.problem] : []));
  if (unreadable.length > 0) {
    for (const problem of unreadable) io.err(`${problem}\n`);
    return EXIT.usage;
  }
  const files = withoutTwins(
    inputs.flatMap(input => ('files' in input ? input.files.map(({ text, file }) => check(text, file)) : [])),
  );
  io.out(options.output === 'json' ? asJson(files) : asText(files));
  const isEmpty = files.every(file => file.found === 0);
  if (isEmpty) io.err('no Rollout (apiVersion sluice.dev/v1alpha1, kind Rollout) was found\n');
  return isEmpty || files.some(({ problems }) => problems.some(isError)) ? EXIT.no : EXIT.done;
}

/** `undefined`: the configuration is invalid, which has been said. */
async function createChecker(io: CliIo, configPath: string | undefined): Promise<FileChecker | undefined> {
  const [{ createFileChecker }, { createRenderer, checkTemplate }] = await Promise.all([
    import('../adapters/spec/check.ts'),
    import('../adapters/templates/render.ts'),
  ]);
  const templates = { render: createRenderer(), check: checkTemplate };
  if (configPath === undefined) return createFileChecker(templates);
  const [{ ConfigError }, { installationOf }, { readConfiguration }] = await Promise.all([
    import('../config/load.ts'),
    import('../config/installation.ts'),
    import('./configuration.ts'),
  ]);
  try {
    return createFileChecker(templates, installationOf(readConfiguration(configPath, io.env, 'ignored')));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    io.err(`${error.message}\n`);
    return undefined;
  }
}

type Input = { readonly files: readonly { readonly file: string; readonly text: string }[] } | { readonly problem: string };

async function readInput(path: string): Promise<Input> {
  try {
    const names = (await stat(path)).isDirectory() ? await yamlFilesIn(path) : [path];
    const files = await Promise.all(names.map(async file => ({ file, text: decode(await readFile(file)) })));
    return { files };
  } catch (error) {
    return { problem: `reading ${path}: ${reasonOf(error)}` };
  }
}

async function yamlFilesIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter(entry => entry.isFile() && /\.ya?ml$/.test(entry.name))
    .map(entry => join(entry.parentPath, entry.name))
    .sort();
}

const decode = (bytes: Uint8Array): string => new TextDecoder('utf-8', { fatal: true }).decode(bytes);

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT') return 'no such file or folder';
  if (code === 'EACCES') return 'not allowed';
  if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') return 'is not UTF-8 text';
  return error instanceof Error ? error.message : String(error);
}

/** Adds a problem to each file that defines a Rollout which a file before it defines too. */
function withoutTwins(files: readonly CheckedFile[]): readonly CheckedFile[] {
  const seen = new Map<string, string>();
  return files.map(checked => {
    const twins: CheckedProblem[] = [];
    for (const name of checked.names) {
      const first = seen.get(name);
      if (first === undefined) seen.set(name, checked.file);
      else {
        const message = `the Rollout ${name} is already defined in ${first}`;
        twins.push({ file: checked.file, line: 1, column: 1, path: 'metadata.name', message, severity: 'error' });
      }
    }
    return twins.length === 0 ? checked : { ...checked, problems: [...twins, ...checked.problems] };
  });
}

const isError = (problem: CheckedProblem): boolean => problem.severity === 'error';

function asText(files: readonly CheckedFile[]): string {
  const lines = files.flatMap(checked => [...checked.problems.map(problemLine), summary(checked)]);
  return lines.map(line => `${line}\n`).join('');
}

function problemLine({ file, line, column, severity, path, message, suggestion }: CheckedProblem): string {
  const where = path === '' ? '' : `${path}: `;
  return `${file}:${line}:${column}: ${severity}: ${where}${message}${suggestion === undefined ? '' : ` (${suggestion})`}`;
}

function summary({ file, found, ignored, problems }: CheckedFile): string {
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

function asJson(files: readonly CheckedFile[]): string {
  const result = {
    valid: files.some(({ found }) => found > 0) && !files.some(({ problems }) => problems.some(isError)),
    files: files.map(({ file, found, ignored, names }) => ({ file, found, ignored, rollouts: names })),
    problems: files.flatMap(({ problems }) => problems),
  };
  return `${JSON.stringify(result, null, 2)}\n`;
}
