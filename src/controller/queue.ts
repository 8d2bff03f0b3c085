import type { Clock, Key } from './ports.ts';

/** A work queue: each key at most once in work, later additions kept, delays by absolute time. */
export type Queue = {
  add(key: Key): void;
  /** Adds the key at a moment; of several moments the earliest counts. */
  addAt(key: Key, atMs: number): void;
  forget(key: Key): void;
  /** Keys that wait to be worked on now. */
  depth(): number;
  /** Stops taking new work and waits for what is in hand. */
  stop(): Promise<void>;
};

const MAX_TIMER_MS = 2_000_000_000;

/** Works on a key that has been due since `dueAtMs`: added then, or planned for then. */
export type Work = (key: Key, dueAtMs: number) => Promise<void>;

export const createQueue = (clock: Clock, work: Work, concurrency = 16): Queue => {
  /** Since when each key has been due. */
  const waiting = new Map<Key, number>();
  const inWork = new Set<Key>();
  const again = new Map<Key, number>();
  const timers = new Map<Key, { readonly atMs: number; readonly timer: NodeJS.Timeout }>();
  let isStopped = false;
  let idle: (() => void) | undefined;

  const run = async (key: Key, dueAtMs: number): Promise<void> => {
    inWork.add(key);
    try {
      await work(key, dueAtMs);
    } finally {
      inWork.delete(key);
      const dueAgainAtMs = again.get(key);
      again.delete(key);
      if (dueAgainAtMs !== undefined) waiting.set(key, dueAgainAtMs);
      pump();
    }
  };

  const pump = (): void => {
    if (isStopped) {
      if (inWork.size === 0) idle?.();
      return;
    }
    for (const [key, dueAtMs] of waiting) {
      if (inWork.size >= concurrency) return;
      waiting.delete(key);
      void run(key, dueAtMs);
    }
  };

  const cancel = (key: Key): void => {
    const known = timers.get(key);
    if (known) clearTimeout(known.timer);
    timers.delete(key);
  };

  const addDue = (key: Key, dueAtMs: number): void => {
    if (isStopped) return;
    cancel(key);
    const line = inWork.has(key) ? again : waiting;
    if (!line.has(key)) line.set(key, dueAtMs);
    pump();
  };

  const addAt = (key: Key, atMs: number): void => {
    const known = timers.get(key);
    if (isStopped || (known && known.atMs <= atMs)) return;
    cancel(key);
    const nowMs = clock.now();
    const delayMs = Math.min(MAX_TIMER_MS, Math.max(0, atMs - nowMs));
    // A moment that was over when it was planned is no lag of the queue.
    const dueAtMs = nowMs + delayMs;
    timers.set(key, { atMs, timer: setTimeout(() => addDue(key, dueAtMs), delayMs) });
  };

  const forget = (key: Key): void => {
    cancel(key);
    waiting.delete(key);
    again.delete(key);
  };

  const stop = async (): Promise<void> => {
    isStopped = true;
    for (const key of [...timers.keys()]) cancel(key);
    waiting.clear();
    again.clear();
    if (inWork.size > 0) {
      await new Promise<void>(resolve => {
        idle = resolve;
      });
    }
  };

  return { add: key => addDue(key, clock.now()), addAt, forget, depth: () => waiting.size, stop };
};
