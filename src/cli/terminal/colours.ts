import pc from 'picocolors';
import type { CliIo } from '../io.ts';

/**
 * Whether text may have colours: NO_COLOR says no, then FORCE_COLOR says yes (or no, with 0 or false), then it is for people
 * at a terminal that has colours. See no-color.org and force-color.org.
 */
export const wantsColours = (env: CliIo['env'], isTerminal: boolean): boolean => {
  const { NO_COLOR: no, FORCE_COLOR: force, TERM: terminal } = env;
  if (no !== undefined && no !== '') return false;
  if (force !== undefined && force !== '') return force !== '0' && force !== 'false';
  return isTerminal && terminal !== 'dumb';
};

/** Colours for what is written to standard output. */
export const colours = pc.createColors(wantsColours(process.env, process.stdout.isTTY === true));
