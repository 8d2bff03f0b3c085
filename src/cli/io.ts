/** The world of a command: where it writes to, and how it tells how it ended. */
export type CliIo = {
  /** Standard output; the text brings its own line ends. */
  out(text: string): void;
  /** Standard error. */
  err(text: string): void;
  /** Sets the exit code; the process ends when nothing is left to do. */
  exit(code: number): void;
  readonly env: Readonly<Record<string, string | undefined>>;
};

/** 0 done, 1 the answer is no, 2 wrong usage or input, 3 timed out, 4 cannot reach what it needs. */
export const EXIT = { done: 0, no: 1, usage: 2, timedOut: 3, unreachable: 4 } as const;
