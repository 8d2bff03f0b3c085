import { type Key, type Logger, SystemError } from '../ports.ts';
import type { RolloutWriter } from '../source-ports.ts';
import type { DesiredRollout, DesiredState, SourceProblem } from './desired.ts';

/** After so many writes in a row that found the API server away, the others wait for the retry as well. */
const UNAVAILABLE_IN_A_ROW = 3;

type Written = { readonly digest: string; readonly path: string; readonly saidGone: boolean };

type Writing = {
  /** Writes what Git says and is not written yet; the answer is what could not be. */
  write(desired: DesiredState, signal: AbortSignal): Promise<readonly SourceProblem[]>;
  /** Says of each Rollout once that it has gone from Git. Nothing is deleted. */
  sayGone(desired: DesiredState): void;
  /** Forgets what is written: another leader may have written since. */
  forget(): void;
};

/** Remembers what of a source is written, so that a commit costs as many writes as it changes Rollouts. */
export function createWriting(source: string, writer: RolloutWriter, logger: Logger): Writing {
  const written = new Map<Key, Written>();

  const writeOne = async (rollout: DesiredRollout, revision: string, signal: AbortSignal): Promise<unknown> => {
    const { key, path, manifest, digest } = rollout;
    try {
      const outcome = await writer.apply(manifest, { source, revision, path }, signal);
      written.set(key, { digest, path, saidGone: false });
      if (outcome !== 'unchanged') logger.info({ rollout: key, outcome, revision, file: path }, 'Rollout written');
      return undefined;
    } catch (error) {
      return error ?? new Error('unknown');
    }
  };

  const write = async (desired: DesiredState, signal: AbortSignal): Promise<readonly SourceProblem[]> => {
    const pending = [...desired.rollouts.values()].filter(({ key, digest }) => written.get(key)?.digest !== digest);
    const problems: SourceProblem[] = [];
    let unavailable = 0;
    for (const rollout of pending) {
      if (signal.aborted) return problems;
      if (unavailable === UNAVAILABLE_IN_A_ROW) {
        problems.push(problemOf(rollout, 'notWritten', 'waiting until the Kubernetes API is available again'));
        continue;
      }
      const error = await writeOne(rollout, desired.revision, signal);
      unavailable = error instanceof SystemError && error.kind === 'unavailable' ? unavailable + 1 : 0;
      if (error !== undefined) problems.push(problemOfError(rollout, error));
    }
    return problems;
  };

  const sayGone = ({ rollouts, heldKeys, heldFiles, revision }: DesiredState): void => {
    for (const [key, last] of written) {
      const gone = !rollouts.has(key) && !heldKeys.has(key) && !heldFiles.has(last.path);
      if (gone && !last.saidGone) {
        const fields = { rollout: key, file: last.path, revision };
        logger.info(fields, 'gone from Git, still in the cluster: pruning is not supported yet');
      }
      if (gone !== last.saidGone) written.set(key, { ...last, saidGone: gone });
    }
  };

  return { write, sayGone, forget: () => written.clear() };
}

/** What was refused stays refused until somebody acts: the schedule is soon enough to try again. */
function problemOfError(rollout: DesiredRollout, error: unknown): SourceProblem {
  const kind = error instanceof SystemError && error.kind === 'refused' ? 'refused' : 'notWritten';
  return problemOf(rollout, kind, error instanceof Error ? error.message : String(error));
}

function problemOf({ key, path }: DesiredRollout, kind: SourceProblem['kind'], message: string): SourceProblem {
  return { kind, file: path, rollout: key, message };
}
