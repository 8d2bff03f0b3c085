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

export const createQueue = (clock: Clock, work: (key: Key) => Promise<void>, concurrency = 16): Queue => {
  const waiting = new Set<Key>();
  const inWork = new Set<Key>();
  const again = new Set<Key>();
  const timers = new Map<Key, { readonly atMs: number; readonly timer: NodeJS.Timeout }>();
  let isStopped = false;
  let idle: (() => void) | undefined;

  const run = async (key: Key): Promise<void> => {
    inWork.add(key);
    try {
      await work(key);
    } finally {
      inWork.delete(key);
      if (again.delete(key)) waiting.add(key);
      pump();
    }
  };

  const pump = (): void => {
    if (isStopped) {
      if (inWork.size === 0) idle?.();
      return;
    }
    for (const key of waiting) {
      if (inWork.size >= concurrency) return;
      waiting.delete(key);
      void run(key);
    }
  };

  const cancel = (key: Key): void => {
    const known = timers.get(key);
    if (known) clearTimeout(known.timer);
    timers.delete(key);
  };

  const add = (key: Key): void => {
    if (isStopped) return;
    cancel(key);
    if (inWork.has(key)) again.add(key);
    else waiting.add(key);
    pump();
  };

  const addAt = (key: Key, atMs: number): void => {
    const known = timers.get(key);
    if (isStopped || (known && known.atMs <= atMs)) return;
    cancel(key);
    const delayMs = Math.min(MAX_TIMER_MS, Math.max(0, atMs - clock.now()));
    timers.set(key, { atMs, timer: setTimeout(() => add(key), delayMs) });
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

  return { add, addAt, forget, depth: () => waiting.size, stop };
};
