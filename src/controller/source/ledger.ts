import type { Key } from '../ports.ts';
import type { SourcedRollout } from '../source-ports.ts';
import type { DesiredRollout, DesiredState, SourceProblem } from './desired.ts';

/** A Rollout as it was written last, and the object as it was then. */
export type Written = { readonly rollout: DesiredRollout; readonly object: SourcedRollout };

type Failure = { readonly digest: string; readonly problem: SourceProblem };

/** What of a source is written, and what could not be; in memory, because the cluster and Git tell it anew. */
export type Ledger = {
  written(key: Key): Written | undefined;
  /** Whether it was written as Git says it now. */
  isWritten(rollout: DesiredRollout): boolean;
  /** Why it could not be written as Git says it now. */
  problem(rollout: DesiredRollout): SourceProblem | undefined;
  succeeded(written: Written): void;
  /** It is to be written again. */
  failed(rollout: DesiredRollout, problem: SourceProblem): void;
  /** All that could not be written and is still wanted. */
  problems(desired: DesiredState): readonly SourceProblem[];
  /** Forgets what Git does not say any more. */
  keepOnly(desired: DesiredState): void;
  forget(): void;
};

export function createLedger(): Ledger {
  const written = new Map<Key, Written>();
  const failures = new Map<Key, Failure>();

  const problem = ({ key, digest }: DesiredRollout): SourceProblem | undefined => {
    const failure = failures.get(key);
    return failure?.digest === digest ? failure.problem : undefined;
  };

  return {
    written: key => written.get(key),
    isWritten: ({ key, digest }) => written.get(key)?.rollout.digest === digest,
    problem,
    succeeded: entry => {
      written.set(entry.rollout.key, entry);
      failures.delete(entry.rollout.key);
    },
    failed: ({ key, digest }, reason) => {
      written.delete(key);
      failures.set(key, { digest, problem: reason });
    },
    problems: ({ rollouts }) => [...rollouts.values()].flatMap(rollout => problem(rollout) ?? []),
    keepOnly: ({ rollouts, heldKeys, heldFiles }) => {
      for (const [key, { rollout }] of written)
        if (!rollouts.has(key) && !heldKeys.has(key) && !heldFiles.has(rollout.path)) written.delete(key);
      for (const key of failures.keys()) if (!rollouts.has(key)) failures.delete(key);
    },
    forget: () => {
      written.clear();
      failures.clear();
    },
  };
}
