import { Command } from 'commander';
import { createKubeClient, type KubeClient } from '../adapters/kubernetes/client.ts';
import { KubeError } from '../adapters/kubernetes/errors.ts';
import { freeze, unfreeze } from '../adapters/kubernetes/freeze.ts';
import { SystemError } from '../controller/ports.ts';
import type { Freeze } from '../rollout/index.ts';
import { type CliIo, EXIT } from './io.ts';

type Options = {
  readonly namespace: string;
  readonly reason?: string;
  readonly off?: boolean;
  readonly kubeconfig?: string;
};

/**
 * `sluice freeze`: exit code 0 when the installation is frozen (or, with `--off`, is not), also when it was so before; 1
 * when the API server refuses it, 4 when it cannot be reached.
 */
export const createFreezeCommand = (io: CliIo): Command =>
  new Command('freeze')
    .description('stop all forward movement of an installation, or let it go on; what protects goes on in any case')
    .option('--reason <text>', 'why, for everybody whose rollout waits')
    .option('--off', 'let everything go on')
    .option('-n, --namespace <namespace>', 'namespace of the controller', 'sluice-system')
    .option('--kubeconfig <file>', 'default: $KUBECONFIG, ~/.kube/config, then the service account of the pod')
    .action(async (options: Options) => {
      if (options.off && options.reason !== undefined) {
        io.err('--reason belongs to a freeze, not to --off\n');
        return io.exit(EXIT.usage);
      }
      await run(io, options);
    });

const run = async (io: CliIo, options: Options): Promise<void> => {
  let client: KubeClient | undefined;
  try {
    client = createKubeClient(options.kubeconfig === undefined ? {} : { kubeconfigPath: options.kubeconfig });
    io.out(`${options.off ? await lift(client, options) : await declare(io, client, options)}\n`);
    io.exit(EXIT.done);
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    io.err(`${error.message}${isForbidden(error) ? rightsOf(options) : ''}\n`);
    io.exit(isNo(error) ? EXIT.no : EXIT.unreachable);
  } finally {
    client?.close();
  }
};

const isForbidden = (error: SystemError): boolean => error instanceof KubeError && error.code === 403;

/** What `sluice install` prints are rights of the controller. */
const rightsOf = ({ namespace }: Options): string =>
  `; who freezes needs get, create and delete on configmaps in ${namespace}, and no right of the controller`;

/** The API server knows who asks, and does not want it. */
const isNo = (error: SystemError): boolean =>
  error instanceof KubeError && error.code !== undefined && error.code !== 401 && error.kind !== 'unavailable';

const declare = async (io: CliIo, client: KubeClient, { namespace, reason }: Options): Promise<string> => {
  const by = io.env['USER'] ?? io.env['LOGNAME'] ?? 'a person';
  const wanted = { by, since: `${new Date().toISOString().slice(0, 19)}Z`, ...(reason === undefined ? {} : { reason }) };
  const { freeze: stands, isNew } = await freeze(client, namespace, wanted);
  if (isNew)
    return `frozen: nothing of the installation in ${namespace} moves forward until \`sluice freeze --off\`; what protects goes on`;
  return `nothing changed: the installation in ${namespace} is frozen already, ${sentence(stands)}`;
};

const lift = async (client: KubeClient, { namespace }: Options): Promise<string> => {
  const stood = await unfreeze(client, namespace);
  if (stood === undefined) return `nothing changed: the installation in ${namespace} was not frozen`;
  return `not frozen any more: the installation in ${namespace} goes on; it was frozen ${sentence(stood)}`;
};

const sentence = ({ by, since, reason }: Freeze): string => `since ${since} by ${by}${reason === undefined ? '' : `: ${reason}`}`;
