import { delimiter } from 'node:path';
import type { Command } from 'commander';
import { createKubeClient, type KubeClient } from '../../adapters/kubernetes/client.ts';
import { loadCaller } from '../../adapters/kubernetes/credentials.ts';
import { KubeError } from '../../adapters/kubernetes/errors.ts';
import { SystemError } from '../../controller/ports.ts';
import { type CliIo, EXIT } from '../io.ts';
import { isWithoutDefinition, withNextStep } from './nextStep.ts';

/** Which cluster, as whom, and where in it: what kubectl has, under the same names. */
export type ClusterOptions = {
  readonly namespace?: string;
  readonly allNamespaces?: boolean;
  readonly context?: string;
  readonly kubeconfig?: string;
};

/** Adds `-n`, `--context` and `--kubeconfig`; `-A` is for commands that list. */
export const withClusterOptions = (command: Command, { lists = false } = {}): Command => {
  command.option('-n, --namespace <namespace>', 'namespace of the Rollout; default: that of the context');
  if (lists) command.option('-A, --all-namespaces', 'Rollouts of all namespaces');
  return command
    .option('--context <name>', 'context of the kubeconfig')
    .option('--kubeconfig <file>', 'default: $KUBECONFIG, ~/.kube/config, then the service account of the pod');
};

/** A cluster as the user of the kubeconfig meets it. */
export type Cluster = {
  readonly client: KubeClient;
  /** The one that was asked for, else that of the context. */
  readonly namespace: string;
  /** What the kubeconfig calls whoever asks. */
  readonly user: string;
};

/** Opens the cluster, does the work and closes it; a SystemError becomes a message and an exit code. */
export const inCluster = async (
  io: CliIo,
  options: ClusterOptions,
  work: (cluster: Cluster) => Promise<number>,
): Promise<void> => {
  let client: KubeClient | undefined;
  try {
    const place = placeOf(options, io.env);
    const caller = loadCaller(place);
    client = createKubeClient(place);
    io.exit(await work({ client, namespace: options.namespace ?? caller.namespace, user: caller.user }));
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    io.err(`${withNextStep(error)}\n`);
    io.exit(isNo(error) ? EXIT.no : EXIT.unreachable);
  } finally {
    client?.close();
  }
};

/** A name as it was written, or as kubectl prints it: `rollout.sluice.dev/forecast`, `sro/forecast`. */
export const rolloutName = (written: string): string => written.replace(/^(rollouts?(\.sluice\.dev)?|sro)\//i, '');

/** One file that is named in the environment is read like one that is named here; a list of files is the library's business. */
export const placeOf = ({ kubeconfig, context }: ClusterOptions, env: CliIo['env']) => {
  const named = env['KUBECONFIG'];
  const path = kubeconfig ?? (named === undefined || named === '' || named.includes(delimiter) ? undefined : named);
  return { ...(path === undefined ? {} : { kubeconfigPath: path }), ...(context === undefined ? {} : { context }) };
};

/** The API server knows who asks, and does not want it, or has no such thing. */
const isNo = (error: SystemError): boolean =>
  error instanceof KubeError &&
  error.code !== undefined &&
  error.code !== 401 &&
  error.kind !== 'unavailable' &&
  !isWithoutDefinition(error);
