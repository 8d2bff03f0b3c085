import { KubeError } from '../../adapters/kubernetes/errors.ts';
import { ROLLOUTS } from '../../adapters/kubernetes/resources.ts';
import { toRollout } from '../../adapters/kubernetes/rollouts.ts';
import type { Router, StoredRollout } from '../../controller/ports.ts';
import { createRivals } from '../../controller/rivals.ts';
import { inProgress, type ResolvedTarget, type Rollout } from '../../rollout/index.ts';
import type { Cluster } from '../cluster/cluster.ts';

/** All Rollouts that may be read; `undefined`: none may be. Throws SystemError when the cluster does not answer. */
export const readRollouts = async (
  client: Cluster['client'],
  namespace: string,
): Promise<readonly StoredRollout[] | undefined> => {
  for (const scope of [{}, { namespace }]) {
    try {
      return (await client.list(ROLLOUTS, scope)).items.flatMap(object => toRollout(object) ?? []);
    } catch (error) {
      if (!(error instanceof KubeError)) throw error;
      if (error.kind === 'notFound') return [];
      if (error.kind !== 'refused') throw error;
    }
  }
  return undefined;
};

/** Younger than all that are there. */
const NOT_YET = '9999-12-31T23:59:59Z';

/** R12: `namespace/name` of the older Rollout that steers the same route; `undefined`: there is none. */
export const olderRival = (
  wished: Rollout,
  others: readonly StoredRollout[],
  router: Pick<Router, 'resolve'>,
): string | undefined => {
  const own = `${wished.namespace}/${wished.name}`;
  const before = others.find(({ namespace, name }) => `${namespace}/${name}` === own);
  const rollout: StoredRollout = before === undefined ? asNew(wished) : { ...before, ...wished };
  const all = new Map([...others.map(one => [`${one.namespace}/${one.name}`, one] as const), [own, rollout] as const]);
  const resolve = (one: StoredRollout): ResolvedTarget | undefined => {
    if (inProgress(one.status)) return one.status.target;
    const seen = router.resolve(one, []);
    return seen.kind === 'resolved' ? seen.target : undefined;
  };
  const rivals = createRivals({ keys: () => [...all.keys()], get: key => all.get(key), resolve, wake: () => undefined });
  return rivals.olderThan(rollout, resolve(rollout));
};

const asNew = (wished: Rollout): StoredRollout => ({ ...wished, resourceVersion: '', creationTimestamp: NOT_YET });
