import type { Clock } from '../ports.ts';

/** A repository with much traffic, or somebody who repeats a request that was seen, costs no more than that many looks. */
const LOOK_EVERY_MS = 1_000;
/**
 * A server may tell of a push before all of it knows the branch, or be away just then. The schedule may be an hour off, so
 * that a push that has brought nothing is looked after again.
 */
const AGAIN_AFTER_MS = [3_000, 30_000] as const;

export type Pushes = {
  /** Somebody has pushed: has Git looked at, at once if that was not done a moment ago. */
  note(): void;
  /** Forgets what was pushed. */
  cancel(): void;
};

type Planned = { readonly timer: NodeJS.Timeout; readonly isForPush: boolean };

/**
 * However many pushes come, one look a second: the first at once, and one after the last. `look` answers whether the branch
 * has moved, and must not fail.
 */
export function createPushes(look: () => Promise<boolean>, clock: Clock): Pushes {
  let nextAtMs = Number.NEGATIVE_INFINITY;
  let planned: Planned | undefined;
  let looks = 0;
  let repeats = 0;

  const plan = (delayMs: number, isForPush: boolean): void => {
    clearTimeout(planned?.timer);
    planned = { timer: setTimeout(() => void lookNow(), delayMs), isForPush };
  };

  const lookNow = async (): Promise<void> => {
    clearTimeout(planned?.timer);
    planned = undefined;
    nextAtMs = clock.now() + LOOK_EVERY_MS;
    looks += 1;
    const mine = looks;
    const hasMoved = await look();
    const delayMs = AGAIN_AFTER_MS[repeats];
    if (hasMoved || delayMs === undefined || mine !== looks || planned !== undefined) return;
    repeats += 1;
    plan(delayMs, false);
  };

  return {
    note: () => {
      repeats = 0;
      if (planned?.isForPush === true) return;
      // A clock that was put back must not hold up anything.
      const waitMs = Math.min(nextAtMs - clock.now(), LOOK_EVERY_MS);
      if (waitMs <= 0) void lookNow();
      else plan(waitMs, true);
    },
    cancel: () => {
      clearTimeout(planned?.timer);
      planned = undefined;
      looks += 1;
    },
  };
}
