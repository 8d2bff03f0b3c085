import { Command, Option } from 'commander';
import type { WrittenOptions } from './analyze/options.ts';
import type { CliIo } from './io.ts';

const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];

/**
 * `sluice analyze [FILE | NAME]`: exit code 0 the gates pass or are undecided, 1 a rollout would have gone back or paused, 2 wrong
 * usage or input, 4 the cluster or a provider does not answer, or knows nothing of the new version.
 */
export const createAnalyzeCommand = (io: CliIo): Command =>
  new Command('analyze')
    .description('judge two versions that run, or a time that has passed; nothing is moved or written')
    .argument('[rollout]', 'a file with a Rollout, or the name of one in the cluster; without it the default gates')
    .option('-n, --namespace <namespace>', 'default: the one in the file, else that of the context')
    .option('--config <file>', 'configuration of the controller: its providers, gate templates and defaults')
    .option('--prometheus <url>', 'Prometheus, instead of the configured one; NAME=URL for another than default', collect, [])
    .option('--zipkin <url>', 'Zipkin, likewise', collect, [])
    .option('--kubeconfig <file>', 'default: $KUBECONFIG, ~/.kube/config, then the service account of the pod')
    .option('--context <name>', 'context of the kubeconfig')
    .option('--offline', 'ask no cluster')
    .option('--stable <version>', 'the version that is compared with; default: what the Rollout says')
    .option('--canary <version>', 'the version that is judged; default: what the Rollout says')
    .option('--host <host>', 'destination host; default: what the Rollout says')
    .option('--workloads-stable <names>', 'workloads of the stable version, separated by commas; default: found')
    .option('--workloads-canary <names>', 'workloads of the new version; default: found')
    .option('--since <duration>', 'how far back; default 1h')
    .option('--from <time>', 'when it begins, such as 2026-11-21T14:00:00Z')
    .option('--to <time>', 'when it ends; default: now')
    .option('--interval <duration>', 'how often gates are measured; default: what the Rollout says')
    .addOption(
      new Option('-o, --output <format>', 'how the outcome is written').choices(['text', 'json', 'yaml']).default('text'),
    )
    .action(async (rollout: string | undefined, options: WrittenOptions) => {
      const { analyze } = await import('./analyze/analyze.ts');
      io.exit(await analyze(io, rollout, options));
    });
