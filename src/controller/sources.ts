import type { Clock, Key, Logger } from './ports.ts';
import { type DesiredState, desiredState, type SourceProblem } from './source/desired.ts';
import { createKeeping, type Kept } from './source/keeping.ts';
import { createPushes } from './source/pushes.ts';
import { createReading } from './source/reading.ts';
import { createTurns, type Turn } from './source/turns.ts';
import type { GitRepository, RolloutParser, RolloutWriter, Scheduler, SourcedRollout, SourcedRollouts } from './source-ports.ts';

export type { SourceProblem } from './source/desired.ts';

const RETRY_FIRST_MS = 1_000;
const RETRY_LONGEST_MS = 60_000;

type SourceConfig = {
  readonly name: string;
  /** Namespaces that it may write to; `['*']`: all (R33). */
  readonly namespaces: readonly string[];
  /** Cron, seconds allowed. */
  readonly schedule: string;
  /** Whether a Rollout that has gone from Git is deleted. */
  readonly prune: boolean;
};

/** What a source has done, for the API and for metrics. */
export type SourceStatus = {
  readonly name: string;
  /** When the last turn ended. */
  readonly lastSyncAtMs?: number;
  /** The commit that was read last. */
  readonly lastOid?: string;
  /** The last commit of which nothing waits for a retry; what is refused does not hold it up. */
  readonly appliedRevision?: string;
  /** Rollouts that Git defines and that may be applied. */
  readonly rollouts: number;
  readonly problems: readonly SourceProblem[];
  /** Why the last look at Git failed; absent when it did not. */
  readonly error?: string;
};

/** What one turn of a source has done. */
export type SourceTurn = {
  /** `sync` looked at Git, `retry` and `recheck` only wrote. */
  readonly kind: Turn;
  readonly durationMs: number;
  /** Rollouts that were made or changed, those that others had changed among them. */
  readonly written: number;
  /** Rollouts that were deleted because they have gone from Git. */
  readonly pruned: number;
};

type SourceDependencies = {
  readonly config: SourceConfig;
  readonly repository: GitRepository;
  readonly parser: RolloutParser;
  /** One for all sources. */
  readonly writer: RolloutWriter;
  readonly objects: SourcedRollouts;
  readonly scheduler: Scheduler;
  readonly logger: Logger;
  readonly clock: Clock;
  /** After each turn. Must not throw. */
  readonly onSync?: (status: SourceStatus, turn: SourceTurn) => void;
  /** Once for each problem that was not there before, with the Rollouts in the cluster that it concerns. Must not throw. */
  readonly onProblem?: (problem: SourceProblem, concerned: readonly Key[], status: SourceStatus) => void;
};

export type Source = {
  /** Looks at once, then by schedule; throws an Error when the schedule is invalid. */
  start(): void;
  /** Looks now, or once more when a look is under way; the promise ends with that look and never fails. */
  wake(): Promise<void>;
  /**
   * Somebody has pushed: looks soon, at most once a second, and twice more later if nothing is found. Does nothing while it is
   * stopped: the start looks anyway.
   */
  pushed(): void;
  status(): SourceStatus;
  /** Cancels what is under way and waits for its end; the source may be started again then. */
  stop(): Promise<void>;
};

/**
 * Keeps the Rollout objects of one Git source as Git has them (R32, R33, R34). A commit is parsed as a whole, then each
 * Rollout whose file is good is written; what is written already and has not changed in Git or in the cluster is left alone.
 * What others change is put back at once. What has gone from Git is deleted, but never in doubt, and an unreachable Git
 * changes nothing.
 */
export function createSource(dependencies: SourceDependencies): Source {
  const { config, repository, parser, scheduler, clock, objects, onSync, onProblem } = dependencies;
  const logger = dependencies.logger.child({ source: config.name });
  const reading = createReading(repository, content => desiredState(content, parser, config.namespaces), logger);
  const keeping = createKeeping({ ...dependencies, logger });
  const retry = createRetry(() => turns.take('retry'));
  let status: SourceStatus = { name: config.name, rollouts: 0, problems: [] };
  let schedule: { stop(): void } | undefined;

  const turns = createTurns(async (kind, signal) => {
    const startedMs = clock.now();
    const error = kind === 'sync' ? await reading.look(signal) : status.error;
    const desired = reading.latest();
    const kept = desired === undefined ? NOTHING : await keeping.keep(desired, { kind, isGitKnown: error === undefined }, signal);
    if (signal.aborted) return;
    const before = status;
    const atMs = clock.now();
    status = nextStatus(before, desired, { unwritten: kept.problems, error, atMs });
    for (const problem of newProblems(before, status)) {
      logger.warn(problem, 'not applied');
      onProblem?.(problem, concernedBy(problem, objects.list(config.name)), status);
    }
    retry.plan(kept.problems.some(isWaiting), kind);
    onSync?.(status, { kind, durationMs: atMs - startedMs, written: kept.written, pruned: kept.pruned });
  });

  const pushes = createPushes(async () => {
    const { lastOid } = status;
    await turns.takeAfresh('sync');
    return status.lastOid !== lastOid;
  }, clock);

  objects.onChange(key => {
    if (schedule !== undefined && keeping.note(key)) void turns.takeAfresh('recheck');
  });

  return {
    start: () => {
      if (schedule !== undefined) return;
      schedule = scheduler(config.schedule, () => turns.take('sync'));
      reading.distrust();
      keeping.forget();
      turns.open();
      void turns.takeAfresh('sync');
    },
    wake: () => turns.takeAfresh('sync'),
    pushed: () => {
      if (schedule !== undefined) pushes.note();
    },
    status: () => status,
    stop: async () => {
      schedule?.stop();
      schedule = undefined;
      const ended = turns.close();
      pushes.cancel();
      retry.cancel();
      await ended;
    },
  };
}

type SyncOutcome = {
  readonly unwritten: readonly SourceProblem[];
  readonly error: string | undefined;
  readonly atMs: number;
};

const NOTHING: Kept = { written: 0, pruned: 0, problems: [] };

function isWaiting({ kind }: SourceProblem): boolean {
  return kind === 'notWritten';
}

function nextStatus(before: SourceStatus, desired: DesiredState | undefined, outcome: SyncOutcome): SourceStatus {
  const { error: _, ...rest } = before;
  const failed = outcome.error === undefined ? {} : { error: outcome.error };
  const base = { ...rest, lastSyncAtMs: outcome.atMs, ...failed };
  if (desired === undefined) return base;
  return {
    ...base,
    lastOid: desired.oid,
    ...(outcome.unwritten.some(isWaiting) ? {} : { appliedRevision: desired.revision }),
    rollouts: desired.rollouts.size,
    problems: [...desired.problems, ...outcome.unwritten],
  };
}

/** A file with an error concerns what was written from it before. */
function concernedBy({ rollout, file }: SourceProblem, ours: readonly SourcedRollout[]): readonly Key[] {
  if (rollout !== undefined) return [rollout];
  return ours.filter(({ path }) => path === file).map(({ namespace, name }) => `${namespace}/${name}`);
}

function newProblems(before: SourceStatus, after: SourceStatus): readonly SourceProblem[] {
  const known = new Set(before.problems.map(problem => JSON.stringify(problem)));
  return after.problems.filter(problem => !known.has(JSON.stringify(problem)));
}

type Retry = {
  /** `after` a recheck, which tries little, what is planned already stays. */
  plan(waiting: boolean, after: Turn): void;
  cancel(): void;
};

/** Tries again after 1 s, 2 s, 4 s ... 60 s, for as long as something waits. */
function createRetry(tryAgain: () => Promise<void>): Retry {
  let failures = 0;
  let timer: NodeJS.Timeout | undefined;
  const cancel = () => {
    clearTimeout(timer);
    timer = undefined;
  };
  return {
    plan: (waiting, after) => {
      if (waiting && after === 'recheck' && timer !== undefined) return;
      cancel();
      if (waiting) timer = setTimeout(() => void tryAgain(), Math.min(RETRY_FIRST_MS * 2 ** failures, RETRY_LONGEST_MS));
      failures = waiting ? failures + 1 : 0;
    },
    cancel,
  };
}
