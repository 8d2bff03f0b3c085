import type { Clock, Key, Logger } from '../ports.ts';
import type { SourcedRollout, SourcedRollouts } from '../source-ports.ts';
import type { Ledger, Written } from './ledger.ts';
import { problemOf } from './writing.ts';

/** Who changes a Rollout more often than this has a program that does it; the schedule is often enough for that. */
const MOST_AT_ONCE = 5;
const WITHIN_MS = 5 * 60_000;

const HANDED_OVER =
  'its label sluice.dev/source no longer names this source, so it is not kept as Git says any more; ' +
  'remove it from Git, or put the label back';

type HandBackDependencies = {
  readonly source: string;
  readonly objects: Pick<SourcedRollouts, 'get'>;
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly logger: Logger;
};

export type HandBack = {
  /** Notes that a Rollout has changed in the cluster; answers whether that is worth a turn now. */
  note(key: Key): boolean;
  /** Takes out what is to be written again; with `everything` also what is fought over. */
  take(everything: boolean): ReadonlySet<Key>;
  /** It was put back. */
  count(key: Key, lastManager: string | undefined): void;
  forget(): void;
};

/**
 * Finds what others have changed in fields that Git owns (R33), without a request. What is changed again and again is put
 * back with the schedule only, so that no two programs keep each other busy.
 */
export function createHandBack({ source, objects, ledger, clock, logger }: HandBackDependencies): HandBack {
  const noted = new Set<Key>();
  const timesMs = new Map<Key, number[]>();

  const recent = (key: Key): number[] => {
    const times = (timesMs.get(key) ?? []).filter(atMs => atMs > clock.now() - WITHIN_MS);
    if (times.length === 0) timesMs.delete(key);
    return times;
  };
  const isFoughtOver = (key: Key): boolean => recent(key).length >= MOST_AT_ONCE;

  const needsWrite = (key: Key): boolean => {
    const live = objects.get(key);
    if (live?.isDeleting === true) return false;
    const written = ledger.written(key);
    // Not written, because it was not ours: it may be now.
    if (written === undefined) return live === undefined || live.source === source;
    if (live === undefined || live.source === source) return live === undefined || differs(written, live);
    logger.info({ rollout: key, label: live.source }, 'handed over: its label no longer names this source');
    ledger.failed(written.rollout, problemOf(written.rollout, 'refused', HANDED_OVER));
    return false;
  };

  return {
    note: key => {
      const before = ledger.written(key);
      if (!needsWrite(key)) return before !== ledger.written(key);
      noted.add(key);
      return !isFoughtOver(key);
    },
    take: everything => {
      const due = new Set<Key>();
      for (const key of noted) {
        if (!everything && isFoughtOver(key)) continue;
        noted.delete(key);
        // Meanwhile our own write may have come in, or another one.
        if (needsWrite(key)) due.add(key);
      }
      return due;
    },
    count: (key, manager) => {
      const times = [...recent(key), clock.now()];
      timesMs.set(key, times);
      if (times.length !== MOST_AT_ONCE) return;
      logger.warn({ rollout: key, manager }, 'changed again and again by somebody else; put back with the schedule only for now');
    },
    forget: () => {
      noted.clear();
      timesMs.clear();
    },
  };
}

function differs({ rollout, object }: Written, live: SourcedRollout): boolean {
  const { labels, annotations } = rollout.manifest.metadata;
  return (
    live.uid !== object.uid ||
    live.generation !== object.generation ||
    live.revision !== object.revision ||
    live.path !== object.path ||
    live.authors !== object.authors ||
    !holds(live.labels, labels) ||
    !holds(live.annotations, annotations)
  );
}

function holds(live: Readonly<Record<string, string>>, wanted: Readonly<Record<string, string>> = {}): boolean {
  return Object.entries(wanted).every(([name, value]) => live[name] === value);
}
