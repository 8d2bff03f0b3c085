import { Command, Option } from 'commander';
import { withClusterOptions } from './cluster/cluster.ts';
import type { CliIo } from './io.ts';
import type { WrittenOptions } from './plan/options.ts';

/**
 * `sluice plan FILE`: exit code 0 it is told, with warnings or without, 1 it could not work as the cluster stands, 2 wrong usage
 * or input, 4 the cluster or the repository cannot be read.
 */
export const createPlanCommand = (io: CliIo): Command =>
  withClusterOptions(new Command('plan'))
    .description('what a Rollout would do, step by step: times, gates, what changes, and what cannot work; nothing is written')
    .argument('<file>', 'a file with one Rollout')
    .option('--against <what>', 'cluster (the default), git (where the branch left the main one), or git:REF')
    .option('--offline', 'compare with nothing: neither a cluster nor Git is asked')
    .option('--no-diff', 'leave out what each step would change in the routing objects')
    .option(
      '--requests-per-second <number>',
      'requests to the host, both versions together; default: measured, where that is possible',
    )
    .option('--stable-errors <percent>', 'share of the requests to the stable version that fail; default: measured')
    .option('--sampling <percent>', 'share of the requests that have spans; default: measured, else 100')
    .option('--prometheus <url>', 'measures the requests of the last 10 minutes there')
    .option('--config <file>', 'configuration of the controller: its providers, gate templates and defaults')
    .option('--controller-namespace <namespace>', 'where a freeze would stand; default: what --config says, else sluice-system')
    .addOption(
      new Option('-o, --output <format>', 'how the plan is written; markdown is for pull requests')
        .choices(['text', 'json', 'yaml', 'markdown'])
        .default('text'),
    )
    .action(async (file: string, options: WrittenOptions) => {
      const { plan } = await import('./plan/plan.ts');
      await plan(io, file, options);
    });
