import type { Clock, Key, Logger } from '../ports.ts';
import type { GitRepository, RolloutWriter, SourcedRollouts } from '../source-ports.ts';
import type { DesiredState, SourceProblem } from './desired.ts';
import { createHandBack } from './handBack.ts';
import { createLedger } from './ledger.ts';
import { createPruning } from './pruning.ts';
import type { Turn } from './turns.ts';
import { createWriting } from './writing.ts';

type KeepingDependencies = {
  readonly config: { readonly name: string; readonly namespaces: readonly string[]; readonly prune: boolean };
  readonly repository: Pick<GitRepository, 'history'>;
  readonly writer: RolloutWriter;
  readonly objects: SourcedRollouts;
  readonly clock: Clock;
  readonly logger: Logger;
};

/** What was done; the problems are all that stand, of earlier turns too. */
export type Kept = { readonly written: number; readonly pruned: number; readonly problems: readonly SourceProblem[] };

type Keeping = {
  /** Makes the cluster as Git says, as far as it is the work of this turn. */
  keep(desired: DesiredState, turn: { readonly kind: Turn; readonly isGitKnown: boolean }, signal: AbortSignal): Promise<Kept>;
  /** A Rollout has changed in the cluster; answers whether that is worth a turn. */
  note(key: Key): boolean;
  /** Another leader may have written since. */
  forget(): void;
};

/** Writes what Git says, puts back what others changed, and then deletes what has gone. */
export function createKeeping({ config, repository, writer, objects, clock, logger }: KeepingDependencies): Keeping {
  const source = config.name;
  const onPutBack = (key: Key, lastManager: string | undefined): void => handBack.count(key, lastManager);
  const ledger = createLedger();
  const { history } = repository;
  const write = createWriting({ source, ledger, history, writer, objects, logger, onPutBack });
  const handBack = createHandBack({ source, objects, ledger, clock, logger });
  const { namespaces, prune: isEnabled } = config;
  const pruning = createPruning({ source, namespaces, isEnabled, writer, objects, logger });
  let wanted: DesiredState['rollouts'] = new Map();
  let unpruned: readonly SourceProblem[] = [];

  return {
    keep: async (desired, { kind, isGitKnown }, signal) => {
      wanted = desired.rollouts;
      ledger.keepOnly(desired);
      const changed = handBack.take(kind === 'sync');
      const due = [...desired.rollouts.values()].filter(
        rollout => changed.has(rollout.key) || (kind !== 'recheck' && !ledger.isWritten(rollout)),
      );
      const written = await write(due, desired, signal);
      const unwritten = ledger.problems(desired);
      // Who cannot see Git does not know what has gone from it.
      if (kind === 'recheck' || !isGitKnown) return { written, pruned: 0, problems: [...unwritten, ...unpruned] };
      const { deleted, problems } = await pruning.prune(desired, unwritten, signal);
      unpruned = problems;
      return { written, pruned: deleted, problems: [...unwritten, ...unpruned] };
    },
    note: key => wanted.has(key) && handBack.note(key),
    forget: () => {
      ledger.forget();
      handBack.forget();
      wanted = new Map();
      unpruned = [];
    },
  };
}
