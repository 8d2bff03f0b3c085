import { Command, Option } from 'commander';
import type { CliIo } from './io.ts';
import type { WrittenOptions } from './plan/options.ts';

/** `sluice plan FILE --offline`: exit code 0 it is told, with warnings or without, 2 wrong usage or input. */
export const createPlanCommand = (io: CliIo): Command =>
  new Command('plan')
    .description('what a Rollout would do, step by step: times, gates, what they can find, and what cannot work')
    .argument('<file>', 'a file with one Rollout')
    .option('--offline', 'ask no cluster; needed, as asking one is not supported yet')
    .option('--requests-per-second <number>', 'requests to the host, both versions together')
    .option('--stable-errors <percent>', 'share of the requests to the stable version that fail')
    .option('--sampling <percent>', 'share of the requests that have spans; default 100')
    .option('--config <file>', 'configuration of the controller: its providers, gate templates and defaults')
    .addOption(
      new Option('-o, --output <format>', 'how the plan is written; markdown is for pull requests')
        .choices(['text', 'json', 'yaml', 'markdown'])
        .default('text'),
    )
    .action(async (file: string, options: WrittenOptions) => {
      const { plan } = await import('./plan/plan.ts');
      io.exit(await plan(io, file, options));
    });
