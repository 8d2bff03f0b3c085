/** `sync` looks at Git and writes; `retry` only writes again what could not be written. */
type Turn = 'sync' | 'retry';

export type Turns = {
  open(): void;
  /** Takes a turn, or waits for the one under way. */
  take(turn: Turn): Promise<void>;
  /** Takes a turn that begins after this call, even when one is under way. */
  takeAfresh(): Promise<void>;
  /** Cancels the turn under way and waits for its end. */
  close(): Promise<void>;
};

/** One turn at a time. `work` must not throw. */
export function createTurns(work: (turn: Turn, signal: AbortSignal) => Promise<void>): Turns {
  let cancel: AbortController | undefined;
  let running: Promise<void> | undefined;
  let again = false;

  const run = async (first: Turn): Promise<void> => {
    let next: Turn | undefined = first;
    try {
      while (next !== undefined && cancel !== undefined) {
        again = false;
        await work(next, cancel.signal);
        next = again ? 'sync' : undefined;
      }
    } finally {
      running = undefined;
    }
  };

  const take = async (turn: Turn): Promise<void> => {
    if (cancel === undefined) return;
    running ??= run(turn);
    await running;
  };

  return {
    open: () => {
      cancel ??= new AbortController();
    },
    take,
    takeAfresh: async () => {
      again = running !== undefined;
      await take('sync');
    },
    close: async () => {
      cancel?.abort(new Error('the source is being stopped'));
      cancel = undefined;
      again = false;
      await running;
    },
  };
}
