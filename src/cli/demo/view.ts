import type { RolloutStatus } from '../../rollout/index.ts';
import { colours } from '../terminal/colours.ts';

/** Writes what happens: a line for each news, and on a terminal a live line below. */
export type View = {
  say(text: string): void;
  /** Shows where the rollout is; the same news twice is shown once. */
  show(status: RolloutStatus | undefined): void;
  /** Ends the live line. */
  rest(): void;
};

const WIDTH = 20;

export const createView = (out: (text: string) => void, isTerminal: boolean, nowMs: () => number): View => {
  const startMs = nowMs();
  let last = '';
  let hasLiveLine = false;
  const clear = (): void => {
    if (hasLiveLine) out('\r\u001b[2K');
    hasLiveLine = false;
  };
  const stamp = (): string => colours.dim(`${((nowMs() - startMs) / 1000).toFixed(1).padStart(5)}s`);
  return {
    say: text => {
      clear();
      out(`${text}\n`);
    },
    show: status => {
      if (status === undefined) return;
      const news = `${status.phase} ${bar(status)} ${status.message}`;
      if (news !== last) {
        clear();
        out(`${stamp()} ${colour(status)(status.phase.padEnd(12))} ${bar(status)} ${status.message}\n`);
        last = news;
      }
      if (isTerminal && status.step !== undefined) {
        clear();
        out(`${stamp()} ${colours.dim(gates(status))}`);
        hasLiveLine = true;
      }
    },
    rest: clear,
  };
};

/** The share of the new version, as `sluice status` draws it: `██████████░░░░░░░░░░ v2 50%`. */
const bar = ({ stableVersion, canaryVersion, traffic }: RolloutStatus): string => {
  if (canaryVersion === undefined) return `${colours.green('█'.repeat(WIDTH))} ${(stableVersion ?? '').padEnd(8)}`;
  const share = traffic?.weight ?? 0;
  const moved = Math.round((share / 100) * WIDTH);
  return `${colours.blue('█'.repeat(moved))}${colours.green('░'.repeat(WIDTH - moved))} ${`${canaryVersion} ${share}%`.padEnd(8)}`;
};

const gates = (status: RolloutStatus): string =>
  (status.gates ?? []).map(({ name, verdict }) => `${name}: ${verdict}`).join('  ');

const colour = ({ phase }: RolloutStatus): ((text: string) => string) => {
  if (phase === 'Healthy') return colours.green;
  return phase === 'RolledBack' || phase === 'RollingBack' || phase === 'Invalid' ? colours.red : colours.cyan;
};
