import type { KubeClient } from './client.ts';
import { KubeError } from './errors.ts';

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
