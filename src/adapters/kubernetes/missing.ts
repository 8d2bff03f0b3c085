import type { KubeClient } from './client.ts';
import { KubeError } from './errors.ts';
import type { Resource } from './resources.ts';

export type IstioVersion = 'v1' | 'v1beta1';

const ISTIO = 'networking.istio.io';
const ROUTING = ['virtualservices', 'destinationrules'];

/** Plural names that the server serves in one version of a group; empty when it does not know the version. */
async function served(client: Pick<KubeClient, 'getPath'>, groupVersion: string): Promise<readonly string[]> {
  try {
    const { resources } = await client.getPath(`/apis/${groupVersion}`);
    return Array.isArray(resources) ? resources.map((resource: { readonly name?: unknown }) => String(resource.name)) : [];
  } catch (error) {
    if (error instanceof KubeError && error.kind === 'notFound') return [];
    throw error;
  }
}

/** The newest version in which the cluster serves VirtualServices and DestinationRules; throws KubeError when it does not answer. */
export async function istioVersion(client: Pick<KubeClient, 'getPath'>): Promise<IstioVersion | undefined> {
  for (const version of ['v1', 'v1beta1'] as const) {
    const plurals = await served(client, `${ISTIO}/${version}`);
    if (ROUTING.every(plural => plurals.includes(plural))) return version;
  }
  return undefined;
}

/** What has to be installed before Sluice can run, a sentence for each; throws KubeError when the cluster does not answer. */
export async function findMissing(client: Pick<KubeClient, 'getPath'>): Promise<readonly string[]> {
  const missing: string[] = [];
  if (!(await served(client, 'sluice.dev/v1alpha1')).includes('rollouts')) {
    missing.push(
      'The CustomResourceDefinition rollouts.sluice.dev (v1alpha1) is not installed: run `sluice install | kubectl apply -f -`.',
    );
  }
  if ((await istioVersion(client)) === undefined) {
    const names = ROUTING.map(plural => `${plural}.${ISTIO}`).join(' and ');
    missing.push(`The CustomResourceDefinitions ${names} (v1 or v1beta1) are not installed: install Istio in this cluster.`);
  }
  return missing;
}

/**
 * The first of the resources that the cluster serves, if it may be listed and watched in all the namespaces (none: in the
 * whole cluster); else why not. Throws KubeError when the cluster does not answer.
 */
export async function findAllowed(
  client: Pick<KubeClient, 'list' | 'watch'>,
  candidates: readonly Resource[],
  namespaces: readonly string[],
): Promise<{ readonly resource: Resource } | { readonly why: 'not served' | 'not allowed'; readonly error?: KubeError }> {
  for (const resource of candidates) {
    try {
      for (const namespace of namespaces.length === 0 ? [undefined] : namespaces) await tryToWatch(client, resource, namespace);
      return { resource };
    } catch (error) {
      if (!(error instanceof KubeError) || error.kind === 'unavailable' || error.kind === 'badAnswer') throw error;
      if (error.kind !== 'notFound') return { why: 'not allowed', error };
    }
  }
  return { why: 'not served' };
}

/** One short list, and a watch that ends when the server has agreed to it. */
async function tryToWatch(
  client: Pick<KubeClient, 'list' | 'watch'>,
  resource: Resource,
  namespace: string | undefined,
): Promise<void> {
  const scope = namespace === undefined ? {} : { namespace };
  const { resourceVersion } = await client.list(resource, { ...scope, limit: 1 });
  const opened = new AbortController();
  try {
    const on = { open: () => opened.abort(), event: () => {} };
    await client.watch(resource, { ...scope, resourceVersion, timeoutSeconds: 1 }, on, opened.signal);
  } catch (error) {
    if (!opened.signal.aborted) throw error;
  }
}
