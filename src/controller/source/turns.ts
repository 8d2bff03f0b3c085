/**
 * `sync` looks at Git and writes; `retry` only writes again what could not be written; `recheck` only puts back what others
 * have changed.
 */
export type Turn = 'sync' | 'retry' | 'recheck';

export type Turns = {
  open(): void;
  /** Takes a turn, or waits for the one under way, after which a sync is taken if it was something less. */
  take(turn: Turn): Promise<void>;
  /** Takes a turn that begins after this call, even when one is under way. */
  takeAfresh(turn: 'sync' | 'recheck'): Promise<void>;
  /** Cancels the turn under way and waits for its end. */
  close(): Promise<void>;
};

/** One turn at a time. `work` must not throw. */
export function createTurns(work: (turn: Turn, signal: AbortSignal) => Promise<void>): Turns {
  let cancel: AbortController | undefined;
  let running: Promise<void> | undefined;
  let current: Turn | undefined;
  let again: Turn | undefined;

  const run = async (first: Turn): Promise<void> => {
    current = first;
    try {
      while (current !== undefined && cancel !== undefined) {
        again = undefined;
        await work(current, cancel.signal);
        current = again;
      }
    } finally {
      current = undefined;
      running = undefined;
    }
  };

  const takeOnce = async (turn: Turn, isAfresh: boolean): Promise<void> => {
    if (cancel === undefined) return;
    if (current === undefined) running = run(turn);
    else if (isAfresh || (turn === 'sync' && current !== 'sync')) again = again === 'sync' ? again : turn;
    await running;
  };

  return {
    open: () => {
      cancel ??= new AbortController();
    },
    take: turn => takeOnce(turn, false),
    takeAfresh: turn => takeOnce(turn, true),
    close: async () => {
      cancel?.abort(new Error('the source is being stopped'));
      cancel = undefined;
      again = undefined;
      await running;
    },
  };
}
