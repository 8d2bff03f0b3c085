import type { KubeClient } from '../../adapters/kubernetes/client.ts';
import { KubeError } from '../../adapters/kubernetes/errors.ts';
import { serviceOf, toService } from '../../adapters/kubernetes/pods.ts';
import { type KubeObject, PODS, SERVICES } from '../../adapters/kubernetes/resources.ts';
import type { StoredRollout } from '../../controller/ports.ts';
import type { RolloutView } from '../../rollout/index.ts';
import { type PodsView, podsByVersion } from './pods.ts';

/** Where the pods of a Rollout are, or why nobody can tell. */
export type PodPlace = { readonly namespace: string; readonly labelSelector: string } | { readonly problem: string };

/** The Service behind the host, as its status or its spec names it. */
const hostOf = ({ name, spec, status }: StoredRollout): string => status?.target?.host ?? spec.host ?? name;

export const versionLabelOf = ({ spec, status }: StoredRollout): string =>
  status?.target?.versionLabel ?? spec.versionLabel ?? 'version';

export type ServiceReader = (namespace: string, name: string) => Promise<KubeObject>;

/** Most hosts are named like their Rollout, so that Service is asked for beforehand; another one is asked for when it is known. */
export const createServiceReader = (client: Pick<KubeClient, 'get'>, namespace: string, name: string): ServiceReader => {
  const early = client.get(SERVICES, { namespace, name });
  // nobody may need it
  early.catch(() => undefined);
  return (itsNamespace, itsName) =>
    itsNamespace === namespace && itsName === name ? early : client.get(SERVICES, { namespace: itsNamespace, name: itsName });
};

export const findPods = async (rollout: StoredRollout, readService: ServiceReader): Promise<PodPlace> => {
  const { namespace, name } = serviceOf(rollout.namespace, hostOf(rollout));
  try {
    const selector = Object.entries(toService(await readService(namespace, name)).selector);
    if (selector.length === 0) return { problem: `the Service ${namespace}/${name} selects no pods` };
    return { namespace, labelSelector: selector.map(([label, value]) => `${label}=${value}`).join(',') };
  } catch (error) {
    return { problem: problemOf(error, `the Service ${namespace}/${name}`) };
  }
};

/** Longer than a person waits to look at something else. */
const PODS_WITHIN_MS = 3_000;

/** Pods of a place by version, read once. */
export const readPods = async (
  client: Pick<KubeClient, 'list'>,
  rollout: StoredRollout,
  versions: RolloutView['versions'],
  readService: ServiceReader,
): Promise<PodsView> => {
  const place = await findPods(rollout, readService);
  if ('problem' in place) return place;
  try {
    const { items } = await client.list(PODS, place, AbortSignal.timeout(PODS_WITHIN_MS));
    return { versions: podsByVersion(items, versions, versionLabelOf(rollout)) };
  } catch (error) {
    return { problem: problemOf(error, `pods in ${place.namespace}`) };
  }
};

/** Why pods cannot be shown, in one line. */
export const problemOf = (error: unknown, what: string): string => {
  if (error instanceof Error && error.name === 'TimeoutError') return `not shown: no answer within ${PODS_WITHIN_MS / 1_000} s`;
  if (!(error instanceof KubeError)) throw error;
  if (error.code === 403) return `not shown: you may not read ${what}`;
  return error.kind === 'notFound' ? `not shown: there is no ${what.replace(/^the /, '')}` : `not shown: ${error.message}`;
};
