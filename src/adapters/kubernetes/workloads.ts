import { SystemError, type Workloads } from '../../controller/ports.ts';
import type { KubeClient } from './client.ts';
import { deploymentsBehind, type PodCaches } from './pods.ts';
import { DEPLOYMENTS, type KubeObject } from './resources.ts';

type Spec = {
  readonly replicas?: unknown;
  readonly template?: { readonly metadata?: { readonly labels?: Readonly<Record<string, unknown>> } };
};

/**
 * Scales Deployments through their scale subresource, whatever else their spec says. Only those whose template carries the
 * version: one that shares its name with a foreign ReplicaSet, or has been given another version since, is left alone. So
 * are those of other namespaces: whoever may write Rollouts in one has no rights in another by that.
 */
export function createWorkloads(client: Pick<KubeClient, 'get' | 'mergePatch'>, caches: PodCaches): Workloads {
  const isOf = (deployment: KubeObject, versionLabel: string, version: string): boolean =>
    (deployment['spec'] as Spec | undefined)?.template?.metadata?.labels?.[versionLabel] === version;

  return {
    async scaleToZero(wanted) {
      const scaled: string[] = [];
      for (const { namespace, name } of deploymentsBehind(caches, wanted)) {
        if (namespace !== wanted.namespace) continue;
        const deployment = await found(client, { namespace, name });
        if (deployment === undefined || !isOf(deployment, wanted.versionLabel, wanted.version)) continue;
        if ((deployment['spec'] as Spec).replicas === 0) continue;
        await client.mergePatch(DEPLOYMENTS, { namespace, name, subresource: 'scale' }, { spec: { replicas: 0 } });
        scaled.push(`${namespace}/${name}`);
      }
      return scaled;
    },
  };
}

/** A Deployment, or nothing when something else made the pods. */
async function found(
  client: Pick<KubeClient, 'get'>,
  ref: { readonly namespace: string; readonly name: string },
): Promise<KubeObject | undefined> {
  try {
    return await client.get(DEPLOYMENTS, ref);
  } catch (error) {
    if (error instanceof SystemError && error.kind === 'notFound') return undefined;
    throw error;
  }
}
