import type { Key, Logger } from '../ports.ts';
import type { RolloutWriter, SourcedRollout, SourcedRollouts } from '../source-ports.ts';
import type { DesiredState, SourceProblem } from './desired.ts';
import { problemOfError } from './writing.ts';

type PruningDependencies = {
  readonly source: string;
  readonly namespaces: readonly string[];
  readonly isEnabled: boolean;
  readonly writer: Pick<RolloutWriter, 'remove'>;
  readonly objects: Pick<SourcedRollouts, 'list'>;
  readonly logger: Logger;
};

export type Pruning = {
  /** Deletes what has gone from Git. `unwritten` are the problems of the writes before. */
  prune(desired: DesiredState, unwritten: readonly SourceProblem[], signal: AbortSignal): Promise<Pruned>;
};

export type Pruned = { readonly deleted: number; readonly problems: readonly SourceProblem[] };

/**
 * Deletes Rollouts of a source that no file of the commit defines any more (R33). What belongs to the source is read from
 * the cluster, so a restart forgets nothing. In any doubt nothing is deleted, and that is said.
 */
export function createPruning({ source, namespaces, isEnabled, writer, objects, logger }: PruningDependencies): Pruning {
  let said = '';

  const isGone = (rollout: SourcedRollout, { rollouts, heldKeys, heldFiles }: DesiredState): boolean => {
    const key = keyOf(rollout);
    // Without a commit it was labelled by hand and never came from Git.
    if (rollout.isDeleting || rollout.revision === undefined) return false;
    if (!namespaces.includes('*') && !namespaces.includes(rollout.namespace)) return false;
    return !rollouts.has(key) && !heldKeys.has(key) && !heldFiles.has(rollout.path ?? '');
  };

  /** Once for each set of Rollouts and reason. */
  const sayKept = (gone: readonly SourcedRollout[], reason: string, revision: string): void => {
    const rollouts = gone.map(keyOf);
    const saying = JSON.stringify([rollouts, reason]);
    if (saying === said) return;
    said = saying;
    logger.warn({ rollouts, reason, revision }, 'gone from Git, but kept in the cluster');
  };

  const removeOne = async (rollout: SourcedRollout, revision: string, signal: AbortSignal): Promise<SourceProblem | boolean> => {
    const file = rollout.path ?? '';
    try {
      const outcome = await writer.remove(rollout, source, signal);
      if (outcome === 'deleted') logger.info({ rollout: keyOf(rollout), revision, file }, 'gone from Git, Rollout deleted');
      return outcome === 'deleted';
    } catch (error) {
      return problemOfError({ key: keyOf(rollout), path: file }, error);
    }
  };

  return {
    prune: async (desired, unwritten, signal) => {
      const gone = objects.list(source).filter(rollout => isGone(rollout, desired));
      const reason = isEnabled ? doubt(desired, unwritten) : 'prune is false';
      if (gone.length === 0 || reason === undefined) said = '';
      else sayKept(gone, reason, desired.revision);
      const due = reason === undefined ? gone : [];
      const problems: SourceProblem[] = [];
      let deleted = 0;
      for (const rollout of due) {
        if (signal.aborted) break;
        const outcome = await removeOne(rollout, desired.revision, signal);
        if (outcome === true) deleted += 1;
        else if (outcome !== false && !signal.aborted) problems.push(outcome);
      }
      return { deleted, problems };
    },
  };
}

/** Why it is not certain that what is missing was meant to go. */
function doubt({ rollouts, isWhole, problems }: DesiredState, unwritten: readonly SourceProblem[]): string | undefined {
  if (!isWhole) return `${problems[0]?.file ?? 'a file'} has errors and may define it`;
  if (rollouts.size === 0) return 'no file of the commit defines any Rollout';
  const [first] = unwritten;
  return first === undefined ? undefined : `${first.rollout ?? first.file} could not be written`;
}

function keyOf({ namespace, name }: SourcedRollout): Key {
  return `${namespace}/${name}`;
}
