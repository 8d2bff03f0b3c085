import { isoMillis } from './duration.ts';
import type { HistoryEntry, RolloutStatus } from './status.ts';

const MAX_HISTORY = 20;
/** So many places in it are for what people asked for; whoever asks often pushes out nothing else. */
const MOST_ASKED = 8;
/** So many of those are for what was refused. */
const MOST_REFUSED = 3;

/** The status with one entry more; the oldest go, those of requests before others. */
export const withHistory = (status: RolloutStatus, nowMs: number, entry: Omit<HistoryEntry, 'at'>): RolloutStatus => {
  const all = [...(status.history ?? []), { at: isoMillis(nowMs), ...entry }];
  const fewRefused = newest(all, ({ action }) => action === 'refused', MOST_REFUSED);
  return { ...status, history: newest(fewRefused, isAskedFor, MOST_ASKED).slice(-MAX_HISTORY) };
};

/** All entries, but of those that are meant only the newest ones. */
const newest = (
  entries: readonly HistoryEntry[],
  isMeant: (entry: HistoryEntry) => boolean,
  most: number,
): readonly HistoryEntry[] => {
  const surplus = entries.filter(isMeant).slice(0, -most);
  return surplus.length === 0 ? entries : entries.filter(entry => !surplus.includes(entry));
};

const ASKED: readonly HistoryEntry['action'][] = ['refused', 'stepPromoted', 'retried', 'resumed'];

/** What a person asked for, and became of it; a way back that was asked for is one like any other. */
export const isAskedFor = ({ action, reason }: HistoryEntry): boolean =>
  ASKED.includes(action) || (action === 'paused' && reason === 'PausedByPerson');
