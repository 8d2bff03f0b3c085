import { type Key, type Logger, SystemError } from '../ports.ts';
import type { Applied, RolloutWriter, SourcedRollout, SourcedRollouts } from '../source-ports.ts';
import type { DesiredRollout, DesiredState, SourceProblem } from './desired.ts';

/** After so many writes in a row that found the API server away, the others wait for the retry as well. */
const UNAVAILABLE_IN_A_ROW = 3;

/** A Rollout as it was written last, and the object as it was then. */
export type Written = { readonly rollout: DesiredRollout; readonly object: SourcedRollout };

type Failure = { readonly digest: string; readonly problem: SourceProblem };

type WritingDependencies = {
  readonly source: string;
  readonly writer: RolloutWriter;
  readonly objects: Pick<SourcedRollouts, 'get'>;
  readonly logger: Logger;
  /** What others had changed was written again. */
  readonly onPutBack: (key: Key, lastManager: string | undefined) => void;
};

export type Writing = {
  /** Writes those of these that are not written yet, and those that are to be written again; answers how many it changed. */
  write(desired: DesiredState, rollouts: readonly DesiredRollout[], signal: AbortSignal): Promise<number>;
  isWritten(rollout: DesiredRollout): boolean;
  written(key: Key): Written | undefined;
  /** What could not be written and still waits for it. */
  problems(desired: DesiredState): readonly SourceProblem[];
  /** Its label was taken away: it is not kept as Git says any more. */
  letGo(key: Key): void;
  /** Forgets what is written: another leader may have written since. */
  forget(): void;
};

/** Remembers what of a source is written, so that a commit costs as many writes as it changes Rollouts. */
export function createWriting({ source, writer, objects, logger, onPutBack }: WritingDependencies): Writing {
  const written = new Map<Key, Written>();
  const failures = new Map<Key, Failure>();
  const isWritten = ({ key, digest }: DesiredRollout): boolean => written.get(key)?.rollout.digest === digest;
  const fail = (rollout: DesiredRollout, problem: SourceProblem) =>
    failures.set(rollout.key, { digest: rollout.digest, problem });

  const tell = (rollout: DesiredRollout, revision: string, { outcome, lastManager }: Applied): void => {
    const { key, path: file } = rollout;
    const fields = { rollout: key, outcome, revision, file };
    if (isWritten(rollout)) {
      logger.info({ ...fields, manager: lastManager }, 'changed by somebody else, put back');
      onPutBack(key, lastManager);
    } else logger.info(fields, 'Rollout written');
  };

  const writeOne = async (rollout: DesiredRollout, revision: string, signal: AbortSignal): Promise<unknown> => {
    const { key, path, manifest } = rollout;
    try {
      const applied = await writer.apply(manifest, { source, revision, path }, signal);
      if (applied.outcome !== 'unchanged') tell(rollout, revision, applied);
      written.set(key, { rollout, object: applied.object });
      failures.delete(key);
      return applied;
    } catch (error) {
      if (!signal.aborted) fail(rollout, problemOfError(rollout, error));
      return error;
    }
  };

  /** Nothing has changed since it was found to be somebody else's: asking again would cost a request with each schedule. */
  const isStillForeign = ({ key, digest }: DesiredRollout): boolean => {
    const failure = failures.get(key);
    const live = objects.get(key);
    return failure?.digest === digest && failure.problem.kind === 'refused' && live !== undefined && live.source !== source;
  };

  const forgetGone = ({ rollouts, heldKeys, heldFiles }: DesiredState): void => {
    for (const [key, { rollout }] of written)
      if (!rollouts.has(key) && !heldKeys.has(key) && !heldFiles.has(rollout.path)) written.delete(key);
    for (const key of failures.keys()) if (!rollouts.has(key)) failures.delete(key);
  };

  return {
    write: async (desired, rollouts, signal) => {
      forgetGone(desired);
      let changed = 0;
      let unavailable = 0;
      for (const rollout of rollouts.filter(each => !isStillForeign(each))) {
        if (signal.aborted) break;
        if (unavailable === UNAVAILABLE_IN_A_ROW) {
          fail(rollout, problemOf(rollout, 'notWritten', 'waiting until the Kubernetes API is available again'));
          continue;
        }
        const answer = await writeOne(rollout, desired.revision, signal);
        unavailable = answer instanceof SystemError && answer.kind === 'unavailable' ? unavailable + 1 : 0;
        if (isApplied(answer) && answer.outcome !== 'unchanged') changed += 1;
      }
      return changed;
    },
    isWritten,
    written: key => written.get(key),
    problems: ({ rollouts }) =>
      [...failures].filter(([key, { digest }]) => rollouts.get(key)?.digest === digest).map(([, { problem }]) => problem),
    letGo: key => {
      const last = written.get(key);
      if (last === undefined) return;
      written.delete(key);
      fail(last.rollout, problemOf(last.rollout, 'refused', HANDED_OVER));
    },
    forget: () => {
      written.clear();
      failures.clear();
    },
  };
}

const HANDED_OVER =
  'its label sluice.dev/source no longer names this source, so it is not kept as Git says any more; ' +
  'remove it from Git, or put the label back';

function isApplied(answer: unknown): answer is Applied {
  return typeof answer === 'object' && answer !== null && 'outcome' in answer;
}

/** What was refused stays refused until somebody acts: the schedule is soon enough to try again. */
export function problemOfError({ key, path }: Pick<DesiredRollout, 'key' | 'path'>, error: unknown): SourceProblem {
  // Our own refusal is about the lease of this process, not about the Rollout.
  const isRefused = error instanceof SystemError && error.kind === 'refused' && error.system !== 'sluice';
  const message = error instanceof Error ? error.message : String(error);
  return problemOf({ key, path }, isRefused ? 'refused' : 'notWritten', message);
}

function problemOf(
  { key, path }: Pick<DesiredRollout, 'key' | 'path'>,
  kind: SourceProblem['kind'],
  message: string,
): SourceProblem {
  return { kind, file: path, rollout: key, message };
}
