// @ts-check
/** Whether somebody is about to press something: as long as that is so, nothing moves under the pointer. */

/** A pointer that lies still is not about to press anything. */
const HOLD_MS = 5_000;

/**
 * @param {HTMLElement} area
 * @param {() => void} onRelease called once what was deferred may happen
 */
export const createHold = (area, onRelease) => {
  let untilMs = 0;
  let isDeferred = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  const release = () => {
    clearTimeout(timer);
    timer = undefined;
    untilMs = 0;
    if (isDeferred) onRelease();
    isDeferred = false;
  };
  const look = () => {
    const leftMs = untilMs - performance.now();
    if (leftMs > 0) timer = setTimeout(look, leftMs);
    else release();
  };
  const hold = () => {
    untilMs = performance.now() + HOLD_MS;
    timer ??= setTimeout(look, HOLD_MS);
  };

  area.addEventListener('pointermove', event => {
    // a row that moves below a still pointer is told as a movement too
    if (event.movementX !== 0 || event.movementY !== 0) hold();
  });
  for (const activity of ['pointerdown', 'wheel', 'keydown', 'focusin']) area.addEventListener(activity, hold, { passive: true });
  area.addEventListener('pointerleave', release);
  return {
    /** Whether a change has to wait; it is told by `onRelease` when it may happen. */
    defers: () => {
      isDeferred = untilMs > performance.now();
      return isDeferred;
    },
  };
};
