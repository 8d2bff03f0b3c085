import { Command, Option } from 'commander';
import type { Verb } from '../rollout/index.ts';
import { inCluster, rolloutName, withClusterOptions } from './cluster/cluster.ts';
import { type CliIo, EXIT } from './io.ts';
import { readOptions, type WrittenOptions } from './request/options.ts';

/**
 * Requests of people (R22): exit code 0 it was accepted, 1 it was or would be refused, 2 wrong usage, 3 nobody has answered in
 * time, 4 the API server cannot be reached. With `--watch` the code tells how the rollout ended.
 */
export const createPromoteCommand = (io: CliIo): Command =>
  requesting(io, new Command('promote'), 'promote').description(
    'leave the present step now: ends a pause and waits for no data; a failed gate it does not overrule',
  );

/** `sluice abort NAME`. */
export const createAbortCommand = (io: CliIo): Command =>
  requesting(io, new Command('abort'), 'abort').description('put all traffic back on the stable version, now');

/** `sluice retry NAME`. */
export const createRetryCommand = (io: CliIo): Command =>
  requesting(io, new Command('retry'), 'retry').description('try the version that was rolled back once more');

/** `sluice pause NAME`. */
export const createPauseCommand = (io: CliIo): Command =>
  requesting(io, new Command('pause'), 'pause').description('stop moving forward, until somebody resumes; what protects goes on');

/** `sluice resume NAME`. */
export const createResumeCommand = (io: CliIo): Command =>
  requesting(io, new Command('resume'), 'resume').description('end a pause; weights that somebody lowered are put back');

const requesting = (io: CliIo, command: Command, verb: Verb): Command =>
  withClusterOptions(command.argument('<name>', 'name of the Rollout'))
    .option('--reason <text>', 'why, for everybody who looks at it later')
    .addOption(forceOption(verb))
    .option('--revision <revision>', `only this attempt; ${verb === 'promote' ? 'default: the present one' : 'default: any'}`)
    .option('--step <number>', `only in this step; ${verb === 'promote' ? 'default: the present one' : 'default: any'}`)
    .option('--replace', "take the place of somebody's request that nobody has answered")
    .option('-w, --watch', 'then look on until the rollout has ended')
    .option('--timeout <duration>', 'how long to wait; default: 10s for the answer, and with -w without an end for the rollout')
    .addOption(
      new Option('-o, --output <format>', 'how the outcome is written').choices(['text', 'json', 'yaml']).default('text'),
    )
    .action(async (name: string, written: WrittenOptions) => {
      const asked = readOptions(verb, rolloutName(name), written);
      if ('problems' in asked) {
        io.err(`${asked.problems.join('\n')}\n`);
        return io.exit(EXIT.usage);
      }
      const { request } = await import('./request/request.ts');
      await inCluster(io, written, cluster => request(io, cluster, { asked, written }));
    });

/** Only an abort can be forced; that others cannot is said by a sentence of their own. */
const forceOption = (verb: Verb): Option => {
  const option = new Option('--force', 'also when the stable version has no ready pod, and nobody would answer there');
  return verb === 'abort' ? option : option.hideHelp();
};
