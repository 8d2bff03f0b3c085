import { type Key, type Logger, SystemError } from '../ports.ts';
import type { Applied, Authors, GitHistory, GitPlace, RolloutOrigin, RolloutWriter, SourcedRollouts } from '../source-ports.ts';
import type { DesiredRollout, DesiredState, SourceProblem } from './desired.ts';
import type { Ledger } from './ledger.ts';

/** After so many writes in a row that found the API server away, the others wait for the retry as well. */
const UNAVAILABLE_IN_A_ROW = 3;

type WritingDependencies = {
  readonly source: string;
  readonly ledger: Ledger;
  /** The history of a commit that was read. */
  readonly history: (oid: string) => GitHistory;
  readonly writer: Pick<RolloutWriter, 'apply'>;
  readonly objects: Pick<SourcedRollouts, 'get'>;
  readonly logger: Logger;
  /** What others had changed was written again. */
  readonly onPutBack: (key: Key, lastManager: string | undefined) => void;
};

/** Writes Rollouts of one commit and notes the outcome of each; answers how many it made or changed. */
export type Write = (rollouts: readonly DesiredRollout[], commit: Commit, signal: AbortSignal) => Promise<number>;

type Commit = Pick<DesiredState, 'oid' | 'revision'>;

export function createWriting(dependencies: WritingDependencies): Write {
  const { source, ledger, writer, objects, logger, onPutBack } = dependencies;

  const tell = (rollout: DesiredRollout, revision: string, { outcome, lastManager }: Applied): void => {
    const { key, path: file } = rollout;
    const fields = { rollout: key, outcome, revision, file };
    if (ledger.isWritten(rollout)) {
      logger.info({ ...fields, manager: lastManager }, 'changed by somebody else, put back');
      onPutBack(key, lastManager);
    } else logger.info(fields, 'Rollout written');
  };

  const originOf = (rollout: DesiredRollout, revision: string, history: GitHistory): RolloutOrigin => {
    const { key, path } = rollout;
    const authors = async (before: GitPlace | undefined, signal: AbortSignal): Promise<Authors> => {
      const found = await history.authorsOf(path, before, signal);
      const { missing: reason } = found;
      if (reason !== undefined)
        logger.warn({ rollout: key, revision, file: path, reason }, 'not all authors of a change are known');
      return found;
    };
    const last = ledger.isWritten(rollout) ? ledger.written(key)?.object : undefined;
    const written = last?.revision === undefined ? {} : { written: { revision: last.revision, authors: last.authors } };
    return { source, revision, path, authors, ...written };
  };

  const writeOne = async (rollout: DesiredRollout, origin: RolloutOrigin, signal: AbortSignal): Promise<Attempt> => {
    try {
      const applied = await writer.apply(rollout.manifest, origin, signal);
      if (applied.outcome !== 'unchanged') tell(rollout, origin.revision, applied);
      ledger.succeeded({ rollout, object: applied.object });
      return applied.outcome;
    } catch (error) {
      if (!signal.aborted) ledger.failed(rollout, problemOfError(rollout, error));
      return error instanceof SystemError && error.kind === 'unavailable' && error.system !== 'git' ? 'unavailable' : 'failed';
    }
  };

  /** Nothing has changed since it was found to be somebody else's: asking again would cost a request with each schedule. */
  const isStillForeign = (rollout: DesiredRollout): boolean => {
    const live = objects.get(rollout.key);
    return ledger.problem(rollout)?.kind === 'refused' && live !== undefined && live.source !== source;
  };

  return async (rollouts, { oid, revision }, signal) => {
    const history = dependencies.history(oid);
    let changed = 0;
    let unavailable = 0;
    for (const rollout of rollouts.filter(each => !isStillForeign(each))) {
      if (signal.aborted) break;
      if (unavailable === UNAVAILABLE_IN_A_ROW) {
        ledger.failed(rollout, problemOf(rollout, 'notWritten', 'waiting until the Kubernetes API is available again'));
        continue;
      }
      const attempt = await writeOne(rollout, originOf(rollout, revision, history), signal);
      unavailable = attempt === 'unavailable' ? unavailable + 1 : 0;
      if (attempt === 'created' || attempt === 'changed') changed += 1;
    }
    return changed;
  };
}

type Attempt = Applied['outcome'] | 'unavailable' | 'failed';

type Place = Pick<DesiredRollout, 'key' | 'path'>;

/** What was refused stays refused until somebody acts: the schedule is soon enough to try again. */
export function problemOfError(place: Place, error: unknown): SourceProblem {
  // Our own refusal is about the lease of this process, not about the Rollout.
  const isRefused = error instanceof SystemError && error.kind === 'refused' && error.system !== 'sluice';
  const message = error instanceof Error ? error.message : String(error);
  return problemOf(place, isRefused ? 'refused' : 'notWritten', message);
}

export function problemOf({ key, path }: Place, kind: SourceProblem['kind'], message: string): SourceProblem {
  return { kind, file: path, rollout: key, message };
}
