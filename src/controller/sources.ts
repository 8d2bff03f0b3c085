import type { Clock, Logger } from './ports.ts';
import { type DesiredState, desiredState, type SourceProblem } from './source/desired.ts';
import { createReading } from './source/reading.ts';
import { createTurns } from './source/turns.ts';
import { createWriting } from './source/writing.ts';
import type { GitRepository, RolloutParser, RolloutWriter, Scheduler } from './source-ports.ts';

export type { SourceProblem } from './source/desired.ts';

const RETRY_FIRST_MS = 1_000;
const RETRY_LONGEST_MS = 60_000;

type SourceConfig = {
  readonly name: string;
  /** Namespaces that it may write to; `['*']`: all (R33). */
  readonly namespaces: readonly string[];
  /** Cron, seconds allowed. */
  readonly schedule: string;
};

/** What a source has done, for the API and for metrics. */
export type SourceStatus = {
  readonly name: string;
  /** When the last sync or retry ended. */
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

type SourceDependencies = {
  readonly config: SourceConfig;
  readonly repository: GitRepository;
  readonly parser: RolloutParser;
  /** One for all sources. */
  readonly writer: RolloutWriter;
  readonly scheduler: Scheduler;
  readonly logger: Logger;
  readonly clock: Clock;
  /** After each sync and each retry. Must not throw. */
  readonly onSync?: (status: SourceStatus) => void;
  /** Once for each problem that was not there before. Must not throw. */
  readonly onProblem?: (problem: SourceProblem) => void;
};

export type Source = {
  /** Looks at once, then by schedule; throws an Error when the schedule is invalid. */
  start(): void;
  /** Looks now, or once more when a look is under way; the promise ends with that look and never fails. */
  wake(): Promise<void>;
  status(): SourceStatus;
  /** Cancels what is under way and waits for its end; the source may be started again then. */
  stop(): Promise<void>;
};

/**
 * Keeps the Rollout objects of one Git source as Git has them (R32, R33, R34). A commit is parsed as a whole, then each
 * Rollout whose file is good is written; what is written already and has not changed in Git is left alone. Nothing is ever
 * deleted here, and an unreachable Git changes nothing.
 */
export function createSource(dependencies: SourceDependencies): Source {
  const { config, repository, parser, writer, scheduler, clock, onSync, onProblem } = dependencies;
  const logger = dependencies.logger.child({ source: config.name });
  const reading = createReading(repository, content => desiredState(content, parser, config.namespaces), logger);
  const writing = createWriting(config.name, writer, logger);
  const retry = createRetry(() => turns.take('retry'));
  let status: SourceStatus = { name: config.name, rollouts: 0, problems: [] };
  let schedule: { stop(): void } | undefined;

  const turns = createTurns(async (turn, signal) => {
    const error = turn === 'sync' ? await reading.look(signal) : status.error;
    const desired = reading.latest();
    const unwritten = desired === undefined ? [] : await writing.write(desired, signal);
    if (signal.aborted) return;
    if (desired !== undefined) writing.sayGone(desired);
    const before = status;
    status = nextStatus(before, desired, { unwritten, error, atMs: clock.now() });
    for (const problem of newProblems(before, status)) {
      logger.warn(problem, 'not applied');
      onProblem?.(problem);
    }
    retry.plan(unwritten.some(({ kind }) => kind === 'notWritten'));
    onSync?.(status);
  });

  return {
    start: () => {
      if (schedule !== undefined) return;
      schedule = scheduler(config.schedule, () => turns.take('sync'));
      writing.forget();
      turns.open();
      void turns.takeAfresh();
    },
    wake: () => turns.takeAfresh(),
    status: () => status,
    stop: async () => {
      schedule?.stop();
      schedule = undefined;
      const ended = turns.close();
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

function nextStatus(before: SourceStatus, desired: DesiredState | undefined, outcome: SyncOutcome): SourceStatus {
  const { error: _, ...rest } = before;
  const failed = outcome.error === undefined ? {} : { error: outcome.error };
  const base = { ...rest, lastSyncAtMs: outcome.atMs, ...failed };
  if (desired === undefined) return base;
  const waiting = outcome.unwritten.some(({ kind }) => kind === 'notWritten');
  return {
    ...base,
    lastOid: desired.oid,
    ...(waiting ? {} : { appliedRevision: desired.revision }),
    rollouts: desired.rollouts.size,
    problems: [...desired.problems, ...outcome.unwritten],
  };
}

function newProblems(before: SourceStatus, after: SourceStatus): readonly SourceProblem[] {
  const known = new Set(before.problems.map(problem => JSON.stringify(problem)));
  return after.problems.filter(problem => !known.has(JSON.stringify(problem)));
}

/** Tries again after 1 s, 2 s, 4 s ... 60 s, for as long as something waits. */
function createRetry(tryAgain: () => Promise<void>): { plan(waiting: boolean): void; cancel(): void } {
  let failures = 0;
  let timer: NodeJS.Timeout | undefined;
  return {
    plan: waiting => {
      clearTimeout(timer);
      if (waiting) timer = setTimeout(() => void tryAgain(), Math.min(RETRY_FIRST_MS * 2 ** failures, RETRY_LONGEST_MS));
      failures = waiting ? failures + 1 : 0;
    },
    cancel: () => clearTimeout(timer),
  };
}
