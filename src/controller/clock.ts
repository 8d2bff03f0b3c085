import type { ClockJump } from '../rollout/index.ts';
import type { Clock } from './ports.ts';

/** Less is what daemons that discipline clocks do all the time. */
const LEAST_JUMP_MS = 2_000;
const MOST_JUMPS = 20;

/**
 * The clock on the wall, which people and providers share, together with what shows that it was set: a steady clock that
 * counts from any moment. A computer that was suspended looks the same as one whose clock was set forward.
 */
export const createClock = (wall: () => number, steady: () => number): Clock & { jumps(): readonly ClockJump[] } => {
  let apartMs = wall() - steady();
  let jumps: readonly ClockJump[] = [];
  const now = (): number => {
    const wallMs = wall();
    const byMs = wallMs - steady() - apartMs;
    apartMs += byMs;
    if (Math.abs(byMs) >= LEAST_JUMP_MS) jumps = [...jumps, { atMs: wallMs, byMs }].slice(-MOST_JUMPS);
    return wallMs;
  };
  return {
    now,
    jumps: () => {
      now();
      return jumps;
    },
  };
};
