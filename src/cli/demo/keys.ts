import type { ReadStream } from 'node:tty';

const CTRL_C = '\u0003';

/** What is typed, one key at a time, until `close`. A terminal gives keys at once, anything else what it is fed. */
export const readKeys = (
  input: ReadStream,
  { key, stop }: { key(pressed: string): void; stop(): void },
): { readonly close: () => void } => {
  const take = (data: Buffer): void => {
    for (const pressed of data.toString('utf8')) {
      if (pressed === CTRL_C) stop();
      else if (pressed.trim() !== '') key(pressed);
    }
  };
  // in raw mode Ctrl-C is a key like any other, and what is typed is not shown
  if (input.isTTY) input.setRawMode(true);
  input.on('data', take);
  input.on('error', () => {});
  input.resume();
  return {
    close: () => {
      input.off('data', take);
      if (input.isTTY) input.setRawMode(false);
      input.pause();
    },
  };
};
