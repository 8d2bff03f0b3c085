import { Command, InvalidArgumentError, Option } from 'commander';
import type { Phase } from '../rollout/index.ts';
import { type ClusterOptions, inCluster, rolloutName, withClusterOptions } from './cluster/cluster.ts';
import { PHASES } from './get/choice.ts';
import { getRollouts } from './get/list.ts';
import type { Wanted } from './get/wanted.ts';
import { type CliIo, EXIT } from './io.ts';
import { createTerminal, type Terminal } from './terminal/terminal.ts';

type Options = ClusterOptions & {
  readonly watch?: boolean;
  readonly output?: Wanted['output'];
  readonly phase?: Wanted['phases'];
  readonly attention?: boolean;
  readonly sort: Wanted['sort'];
};

/**
 * `sluice get`: exit code 0 shown, also when there are none; 1 one that was named is not there, or they may not be read; 4
 * nobody answers, or the cluster knows no Rollouts.
 */
export const createGetCommand = (io: CliIo, terminal: Terminal = createTerminal(io.env)): Command =>
  withClusterOptions(
    new Command('get').description('list Rollouts: where each one is, and what it waits for').argument('[name...]', 'only these'),
    { lists: true },
  )
    .option('-w, --watch', 'go on with a line for each change')
    .addOption(new Option('-o, --output <format>', 'wide, or for programs').choices(['wide', 'json', 'yaml', 'name']))
    .addOption(
      new Option('--phase <phases>', 'only Rollouts in these, separated by commas').choices(PHASES).argParser(readPhases),
    )
    .option('--attention', 'only Rollouts that need a person, or do not go as they should')
    .addOption(
      new Option('--sort <by>', 'attention: those that need a person first').choices(['name', 'attention']).default('name'),
    )
    .action(async (names: readonly string[], options: Options) => {
      if (names.length > 0 && options.allNamespaces) {
        io.err('a name belongs to one namespace: leave out -A, or the names\n');
        return io.exit(EXIT.usage);
      }
      const { output, phase = [], attention = false, watch = false, sort, allNamespaces = false } = options;
      const wanted: Wanted = {
        names: names.map(rolloutName),
        everywhere: allNamespaces,
        phases: phase,
        attention,
        sort,
        watch,
        ...(output === undefined ? {} : { output }),
      };
      await inCluster(io, options, cluster => getRollouts({ io, terminal }, cluster, wanted));
    });

/** Also when the option is given more than once. */
const readPhases = (text: string, before: readonly Phase[] | undefined): readonly Phase[] => {
  const phases = text.split(',').map(word => {
    const phase = PHASES.find(known => known.toLowerCase() === word.trim().toLowerCase());
    if (phase === undefined) throw new InvalidArgumentError(`expected one of ${PHASES.join(', ')}`);
    return phase;
  });
  return [...(before ?? []), ...phases];
};
