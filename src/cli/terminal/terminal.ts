import type { CliIo } from '../io.ts';

/** What a person looks at, or a pipe. */
export type Terminal = {
  /** Can lines be drawn anew? Not in pipes, files and terminals that cannot move their cursor. */
  readonly isLive: boolean;
  /** No more than plain ASCII can be shown. */
  readonly isAscii: boolean;
  /** Columns; without end where nobody looks. */
  columns(): number;
  rows(): number;
  /** Calls back until the answer is called. */
  onResize(callback: () => void): () => void;
  /** The same when a person wants it to end (Ctrl-C), which it then does not do by itself. */
  onInterrupt(callback: () => void): () => void;
};

const NARROWEST = 20;
const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** Standard output. `COLUMNS` counts where the terminal does not say how wide it is. */
export const createTerminal = (env: CliIo['env'], stream: NodeJS.WriteStream = process.stdout): Terminal => {
  const isTerminal = stream.isTTY === true;
  const wanted = Number(env['COLUMNS']);
  const given = Number.isInteger(wanted) && wanted > 0 ? wanted : undefined;
  return {
    isLive: isTerminal && env['TERM'] !== 'dumb',
    isAscii: !speaksUnicode(env),
    columns: () =>
      Math.max(NARROWEST, (isTerminal ? stream.columns : undefined) ?? given ?? (isTerminal ? 80 : Number.POSITIVE_INFINITY)),
    rows: () => (isTerminal ? stream.rows || 24 : Number.POSITIVE_INFINITY),
    onResize: callback => {
      stream.on('resize', callback);
      return () => stream.off('resize', callback);
    },
    onInterrupt: callback => {
      for (const signal of SIGNALS) process.on(signal, callback);
      return () => {
        for (const signal of SIGNALS) process.off(signal, callback);
      };
    },
  };
};

/** The first of these that is set says which characters there are, as in every program. */
const speaksUnicode = (env: CliIo['env']): boolean => {
  if (process.platform === 'win32') return true;
  const locale = [env['LC_ALL'], env['LC_CTYPE'], env['LANG']].find(value => value !== undefined && value !== '');
  return /utf-?8/i.test(locale ?? '');
};
