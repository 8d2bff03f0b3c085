import { createKubeClient } from '../../adapters/kubernetes/client.ts';
import { loadKubeConfig } from '../../adapters/kubernetes/kubeconfig.ts';
import { type Resource, ROLLOUTS } from '../../adapters/kubernetes/resources.ts';
import { type ClusterOptions, placeOf } from '../cluster/cluster.ts';
import type { CliIo } from '../io.ts';

/** Whoever presses Tab does not wait longer. */
const LIMIT_MS = 1_000;
const MOST_NAMES = 500;
const NAMESPACES: Resource = { group: '', version: 'v1', plural: 'namespaces', namespaced: false };
/** What Kubernetes takes as a name; nothing else is given to a shell. */
const NAME = /^[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?$/;
/** Contexts are named by people; in these a shell finds nothing to carry out. */
const CONTEXT = /^[\w.@:/+-]+$/;

/** Names that stand for something of `kind`; none when they cannot be had within a second. Never throws. */
export const namesOf = async (kind: string, options: ClusterOptions, env: CliIo['env']): Promise<readonly string[]> => {
  try {
    if (kind === 'contexts') return contexts(options, env);
    return kind === 'rollouts' || kind === 'namespaces' ? await listed(kind, options, env) : [];
  } catch {
    // a shell that completes nothing is better than one that prints errors into the line that somebody types
    return [];
  }
};

const contexts = (options: ClusterOptions, env: CliIo['env']): readonly string[] => {
  const { kubeconfigPath } = placeOf(options, env);
  return loadKubeConfig(kubeconfigPath)
    .getContexts()
    .map(({ name }) => name)
    .filter(name => CONTEXT.test(name));
};

const listed = async (
  kind: 'rollouts' | 'namespaces',
  options: ClusterOptions,
  env: CliIo['env'],
): Promise<readonly string[]> => {
  const place = placeOf(options, env);
  const config = loadKubeConfig(place.kubeconfigPath, place.context);
  const namespace = options.namespace ?? config.getContextObject(config.getCurrentContext())?.namespace ?? 'default';
  const client = createKubeClient({ ...place, timeoutMs: LIMIT_MS });
  try {
    const [resource, query] = kind === 'namespaces' ? [NAMESPACES, {}] : [ROLLOUTS, { namespace }];
    const { items } = await client.list(resource, { ...query, limit: MOST_NAMES }, AbortSignal.timeout(LIMIT_MS));
    return items.map(({ metadata }) => metadata.name ?? '').filter(name => NAME.test(name));
  } finally {
    client.close();
  }
};
