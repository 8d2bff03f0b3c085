import { Command, Option } from 'commander';
import { KubeError } from '../adapters/kubernetes/errors.ts';
import { freeze, readFreeze, unfreeze } from '../adapters/kubernetes/freeze.ts';
import { type Freeze, oneLine } from '../rollout/index.ts';
import { type Cluster, type ClusterOptions, inCluster } from './cluster/cluster.ts';
import { type CliIo, EXIT } from './io.ts';
import { formatted } from './terminal/output.ts';

type Options = ClusterOptions & {
  readonly namespace: string;
  readonly reason?: string;
  readonly off?: boolean;
  readonly status?: boolean;
  readonly output: 'text' | 'json' | 'yaml';
};

/**
 * `sluice freeze`: exit code 0 when the installation is frozen (or, with `--off`, is not), also when it was so before, and with
 * `--status` in any case; 1 when the API server refuses it, 2 wrong usage, 4 when it cannot be reached.
 */
export const createFreezeCommand = (io: CliIo): Command =>
  new Command('freeze')
    .description('stop all forward movement of an installation, or let it go on; what protects goes on in any case')
    .option('--reason <text>', 'why, for everybody whose rollout waits')
    .option('--off', 'let everything go on')
    .option('--status', 'only tell whether it is frozen')
    .option('-n, --namespace <namespace>', 'namespace of the controller', 'sluice-system')
    .option('--context <name>', 'context of the kubeconfig')
    .option('--kubeconfig <file>', 'default: $KUBECONFIG, ~/.kube/config, then the service account of the pod')
    .addOption(
      new Option('-o, --output <format>', 'how the outcome is written').choices(['text', 'json', 'yaml']).default('text'),
    )
    .action(async (options: Options) => {
      const problem = problemOf(options);
      if (problem !== undefined) {
        io.err(`${problem}\n`);
        return io.exit(EXIT.usage);
      }
      await inCluster(io, options, cluster => run(io, cluster, options));
    });

const problemOf = ({ off, status, reason }: Options): string | undefined => {
  if (off && status) return '--off and --status are both there, expected one of them';
  if (reason === undefined) return undefined;
  return off || status ? `--reason belongs to a freeze, not to --${off ? 'off' : 'status'}` : undefined;
};

/** What it is now, and in words what was done. */
type Outcome = { readonly frozen: boolean; readonly changed: boolean; readonly freeze?: Freeze; readonly text: string };

const run = async (io: CliIo, cluster: Cluster, options: Options): Promise<number> => {
  try {
    const { text, ...outcome } = await act(io, cluster, options);
    io.out(
      options.output === 'text' ? `${text}\n` : await formatted({ namespace: options.namespace, ...outcome }, options.output),
    );
    return EXIT.done;
  } catch (error) {
    if (!(error instanceof KubeError) || error.code !== 403) throw error;
    io.err(`${error.message}; ${rightsOf(options)}\n`);
    return EXIT.no;
  }
};

const act = (io: CliIo, cluster: Cluster, options: Options): Promise<Outcome> => {
  if (options.status) return look(cluster, options);
  return options.off ? lift(cluster, options) : declare(io, cluster, options);
};

/** What `sluice install` prints are rights of the controller. */
const rightsOf = ({ namespace }: Options): string =>
  `who freezes needs get, create and delete on configmaps in ${namespace}, and no right of the controller`;

const look = async ({ client }: Cluster, { namespace }: Options): Promise<Outcome> => {
  const stands = await readFreeze(client, namespace);
  if (stands === undefined) return { frozen: false, changed: false, text: `the installation in ${namespace} is not frozen` };
  const text = `the installation in ${namespace} is frozen ${sentence(stands)}; sluice freeze --off ends it`;
  return { frozen: true, changed: false, freeze: stands, text };
};

const declare = async (io: CliIo, { client, user }: Cluster, { namespace, reason }: Options): Promise<Outcome> => {
  const by = io.env['USER'] ?? io.env['LOGNAME'] ?? (user || 'a person');
  const wanted = { by, since: `${new Date().toISOString().slice(0, 19)}Z`, ...(reason === undefined ? {} : { reason }) };
  const { freeze: stands, isNew } = await freeze(client, namespace, wanted);
  const text = isNew
    ? `frozen: nothing of the installation in ${namespace} moves forward until \`sluice freeze --off\`; what protects goes on`
    : `nothing changed: the installation in ${namespace} is frozen already, ${sentence(stands)}`;
  return { frozen: true, changed: isNew, freeze: stands, text };
};

const lift = async ({ client }: Cluster, { namespace }: Options): Promise<Outcome> => {
  const stood = await unfreeze(client, namespace);
  const text =
    stood === undefined
      ? `nothing changed: the installation in ${namespace} was not frozen`
      : `not frozen any more: the installation in ${namespace} goes on; it was frozen ${sentence(stood)}`;
  return { frozen: false, changed: stood !== undefined, text };
};

const LONGEST_SENTENCE = 400;

const sentence = ({ by, since, reason }: Freeze): string =>
  oneLine(`since ${since} by ${by}${reason === undefined ? '' : `: ${reason}`}`, LONGEST_SENTENCE);
