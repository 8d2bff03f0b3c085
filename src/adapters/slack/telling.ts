/** So many people are told something side by side. */
const MOST_AT_ONCE = 20;
/** So many more wait for their turn; whoever presses faster than Slack takes messages does not hear of each press. */
const MOST_WAITING = 500;

/**
 * Bounds what is told to single people. `mustBeHeard`: it waits for its turn; anything else is left out while everybody is
 * busy. Throws what `tell` throws, and an Error when too many wait.
 */
export const createTelling = (): ((mustBeHeard: boolean, tell: () => Promise<void>) => Promise<void>) => {
  let atWork = 0;
  const waiting: (() => void)[] = [];
  return async (mustBeHeard, tell) => {
    if (atWork >= MOST_AT_ONCE) {
      if (!mustBeHeard) return;
      if (waiting.length >= MOST_WAITING) throw new Error(`more than ${MOST_WAITING} people wait to be told something`);
      // Whoever ends hands on the place.
      await new Promise<void>(resolve => waiting.push(resolve));
    } else atWork += 1;
    try {
      await tell();
    } finally {
      const next = waiting.shift();
      if (next === undefined) atWork -= 1;
      else next();
    }
  };
};
