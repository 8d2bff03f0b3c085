import { byName } from '../byName.ts';
import type { Outcome } from '../outcome.ts';
import type { Attempt } from '../situation.ts';
import type { Target } from '../status.ts';

type Ground = Pick<Attempt, 'rollout' | 'mesh' | 'nowMs'> & { readonly settleMs: number };

/** Where the subset of a version is missing, and is not ours to add. */
export const noSubset = ({ destinationRule, host }: Target, version: string): string =>
  `DestinationRule ${destinationRule ?? `for ${host}`} has no subset for ${version}; add it, or set createMissing: subset`;

/**
 * What is to be done before a version may get weight again: its subset is added, and proxies get a moment to learn it.
 * `undefined`: nothing; `refused`: the subset is missing, and the spec says that it is not ours to add (R13).
 */
export const subsetFirst = (
  { rollout, mesh, nowMs, settleMs }: Ground,
  target: Target,
  version: string,
): Omit<Outcome, 'status'> | 'refused' | undefined => {
  const subset = byName(mesh.subsets, version);
  if (subset === undefined) {
    if (rollout.spec.router?.istio?.createMissing === 'none') return 'refused';
    return { actions: [{ kind: 'ensureSubset', target, version }], lookAgainAtMs: nowMs + settleMs };
  }
  const settledMs = subset.seenAtMs + settleMs;
  return nowMs < settledMs ? { lookAgainAtMs: settledMs } : undefined;
};
