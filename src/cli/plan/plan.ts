import { stringify } from 'yaml';
import { installationOf } from '../../config/installation.ts';
import { ConfigError } from '../../config/load.ts';
import type { Installation } from '../../rollout/index.ts';
import { readConfiguration } from '../configuration.ts';
import { type CliIo, EXIT } from '../io.ts';
import { foresee } from './foresee.ts';
import { asMarkdown } from './markdown.ts';
import { readOptions, type WrittenOptions } from './options.ts';
import { readRollout } from './read.ts';
import { asObject, asText, type Report, reportOf } from './report.ts';

/** Tells what the Rollout of a file would do. Answers with the exit code. */
export const plan = async (io: CliIo, file: string, written: WrittenOptions): Promise<number> => {
  const assumed = readOptions(written);
  if ('problems' in assumed) return refuse(io, assumed.problems);
  const configured = configurationOf(io, written.config);
  if (configured instanceof ConfigError) return refuse(io, [configured.message]);
  const planned = await readRollout(file, configured);
  if ('problems' in planned) return refuse(io, planned.problems);
  const foreseen = foresee(planned.rollout.spec, planned.installation, assumed);
  io.out(FORMATS[written.output](reportOf(planned, foreseen, { assumed, isConfigured: configured !== undefined })));
  return EXIT.done;
};

const FORMATS: Readonly<Record<WrittenOptions['output'], (report: Report) => string>> = {
  text: asText,
  markdown: asMarkdown,
  json: report => `${JSON.stringify(asObject(report), null, 2)}\n`,
  yaml: report => stringify(asObject(report)),
};

const configurationOf = (io: CliIo, path: string | undefined): Installation | ConfigError | undefined => {
  if (path === undefined) return undefined;
  try {
    return installationOf(readConfiguration(path, io.env, 'ignored'));
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
};

const refuse = (io: CliIo, problems: readonly string[]): number => {
  for (const problem of problems) io.err(`${problem}\n`);
  return EXIT.usage;
};
