import { Command, Option } from 'commander';
import { parseDuration } from '../rollout/index.ts';
import { type ClusterOptions, inCluster, rolloutName, withClusterOptions } from './cluster/cluster.ts';
import { type CliIo, EXIT } from './io.ts';
import { lookAt } from './status/look.ts';
import { watchStatus } from './status/watch.ts';
import type { Format } from './terminal/output.ts';
import { createTerminal, type Terminal } from './terminal/terminal.ts';

type Options = ClusterOptions & { readonly watch?: boolean; readonly timeout?: string; readonly output?: Format };

/**
 * `sluice status NAME`: exit code 0 Healthy or in progress, 1 RolledBack or Invalid, or there is no such Rollout. With `-w` it
 * ends when the rollout does: 0 Healthy, 1 RolledBack, Invalid or deleted, 3 neither within `--timeout`.
 */
export const createStatusCommand = (io: CliIo, terminal: Terminal = createTerminal(io.env)): Command =>
  withClusterOptions(
    new Command('status')
      .description('where a Rollout is, what it waits for, until when, and why')
      .argument('<name>', 'name of the Rollout')
      .option('-w, --watch', 'go on until it is Healthy, RolledBack or Invalid')
      .option('--timeout <duration>', 'with -w: give up after so long, such as 30m')
      .addOption(
        new Option('-o, --output <format>', 'for programs; with -w one document for each change').choices(['json', 'yaml']),
      ),
  ).action(async (written: string, options: Options) => {
    const timeoutMs = options.timeout === undefined ? undefined : parseDuration(options.timeout);
    const problem = problemOf(options, timeoutMs);
    if (problem !== undefined) {
      io.err(`${problem}\n`);
      return io.exit(EXIT.usage);
    }
    const { output, watch } = options;
    const asked = {
      name: rolloutName(written),
      ...(output === undefined ? {} : { output }),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    };
    await inCluster(io, options, cluster => (watch ? watchStatus : lookAt)({ io, terminal }, cluster, asked));
  });

const problemOf = ({ timeout, watch }: Options, timeoutMs: number | undefined): string | undefined => {
  if (timeout === undefined) return undefined;
  if (timeoutMs === undefined) return `--timeout ${timeout} is no duration, expected one such as 30s, 5m or 1h30m`;
  return watch ? undefined : '--timeout belongs to -w';
};
