import { SystemError } from '../../controller/ports.ts';
import type { HistorySource, More } from './authorship.ts';
import { type Clone, deepen, type Session } from './clone.ts';
import { readShallow } from './objects.ts';

/** One after the other until enough is known: most often the last commit that was applied is near. */
const DEPTHS = [100, 1_000, 5_000] as const;
/** Of a Rollout that was never applied only the last changes are of interest. */
const DEPTH_WITHOUT_BEGINNING = 100;
/** So often in a row a server may fail before a change is applied without the names of all its authors. */
const MOST_FAILURES = 3;

/** Runs one operation against the server. */
type Run = (signal: AbortSignal, work: (session: Session, operation: string) => Promise<void>) => Promise<void>;

/**
 * Fetches older commits in steps into a clone that has only the newest ones. What was tried to no avail is not tried again for
 * as long as the clone is the same.
 */
export function createDeepening(clone: Clone): (run: Run) => NonNullable<HistorySource['more']> {
  /** Where the clone ended at the last try, how far it was asked to go, and how often that failed in a row. */
  let tried: Tried = { shallow: '', depth: 0, failures: 0 };

  const failed = (error: unknown): More => {
    const { failures } = tried;
    const reason = error instanceof Error ? error.message : String(error);
    const isPassing = error instanceof SystemError && error.kind === 'unavailable' && failures + 1 < MOST_FAILURES;
    tried = { ...tried, failures: failures + 1, ...(isPassing ? {} : { failed: reason }) };
    if (isPassing) throw error;
    return { failed: reason };
  };

  return run =>
    async ({ before }, signal) => {
      const shallow = await readShallow(clone.gitdir);
      if (shallow === '') return 'all';
      if (shallow !== tried.shallow) tried = { shallow, depth: 0, failures: 0 };
      if (tried.failed !== undefined) return { failed: tried.failed };
      const depth = DEPTHS.find(each => each > tried.depth);
      if (depth === undefined || (before === undefined && depth > DEPTH_WITHOUT_BEGINNING)) return 'all';
      try {
        await run(signal, async (session, operation) => await deepen(clone, session, { depth, operation }));
      } catch (error) {
        signal.throwIfAborted();
        return failed(error);
      }
      tried = { shallow: await readShallow(clone.gitdir), depth, failures: 0 };
      return 'more';
    };
}

/** `failed`: why it is not tried again. */
type Tried = { readonly shallow: string; readonly depth: number; readonly failures: number; readonly failed?: string };
