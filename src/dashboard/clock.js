// @ts-check
/** Elements that show a time and stay right by themselves: one timer for all of them. */
import { el, setAttribute, setText } from './dom.js';
import { ageText, clockText, countdownText, exactText, nowMs } from './time.js';

/** @typedef {'age' | 'countdown' | 'clock'} TimeKind */

const TEXTS = { age: ageText, countdown: countdownText, clock: clockText };

/** @type {Map<HTMLTimeElement, {iso: string, kind: TimeKind, wasShown: boolean}>} */
const running = new Map();

/**
 * `<time>` with the exact time, here and in UTC, as its title. It runs until it is no longer in the page.
 * @param {string | undefined} iso RFC 3339; undefined: nothing
 * @param {TimeKind} kind
 */
export const timeEl = (iso, kind) => {
  const element = el('time');
  setTime(element, iso, kind);
  return element;
};

/**
 * @param {HTMLTimeElement} element
 * @param {string | undefined} iso RFC 3339; undefined: nothing
 * @param {TimeKind} kind
 */
export const setTime = (element, iso, kind) => {
  if (iso === undefined) {
    running.delete(element);
    setText(element, '');
    setAttribute(element, 'datetime', undefined);
    setAttribute(element, 'title', undefined);
    return;
  }
  const before = running.get(element);
  if (before?.iso === iso && before.kind === kind) return;
  running.set(element, { iso, kind, wasShown: element.isConnected });
  setAttribute(element, 'datetime', iso);
  setAttribute(element, 'title', exactText(iso));
  setText(element, TEXTS[kind](iso, nowMs()));
};

const tick = () => {
  const now = nowMs();
  for (const [element, time] of running) {
    if (time.wasShown && !element.isConnected) running.delete(element);
    else {
      time.wasShown = element.isConnected;
      setText(element, TEXTS[time.kind](time.iso, now));
    }
  }
};

setInterval(() => {
  if (!document.hidden) tick();
}, 1_000);
document.addEventListener('visibilitychange', tick);
