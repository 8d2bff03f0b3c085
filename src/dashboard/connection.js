// @ts-check
/** The state of the stream in words, and when there is a stream at all. */
import { timeEl } from './clock.js';
import { el, setAttribute } from './dom.js';
import { follow } from './stream.js';

/** @typedef {import('./stream.js').StreamEvent} StreamEvent */
/** @typedef {import('./stream.js').StreamState} StreamState */

/** The element that says whether what is shown is true now. */
export const createConnectionText = () => {
  const text = el('span');
  const element = el('span', { class: 'connection', 'data-state': 'connecting' }, el('span', { class: 'dot' }), text);
  return {
    element,
    /** @param {StreamState} state */
    show: state => {
      setAttribute(element, 'data-state', state.kind);
      text.replaceChildren(...wordsOf(state));
    },
  };
};

/**
 * @param {StreamState} state
 * @returns {(string | Node)[]}
 */
const wordsOf = state => {
  if (state.kind === 'refused') return [state.status === 401 ? 'not signed in' : 'not connected'];
  if (state.kind !== 'lost') return [state.kind];
  const [since, retryAt] = [state.sinceMs, state.retryAtMs].map(atMs => new Date(atMs).toISOString());
  return [`${state.detail} What is shown is of `, timeEl(since, 'clock'), '; next try ', timeEl(retryAt, 'countdown')];
};

/** A browser has few connections for one server, and tabs that nobody looks at must not hold them all. */
const REST_AFTER_MS = 60_000;
const GLANCE_EVERY_MS = 60_000;

/**
 * Follows a stream as long as somebody looks. A tab in the background looks once a minute, for its title; one that comes to
 * the front, back from the history or back to a network looks at once.
 * @param {string} path
 * @param {(event: StreamEvent) => void} onEvent
 * @param {(state: StreamState) => void} onState
 */
export const attend = (path, onEvent, onState) => {
  let isResting = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const start = () =>
    follow(
      path,
      event => {
        onEvent(event);
        if (isResting) rest();
      },
      onState,
    );
  let following = start();

  const restart = () => {
    following.close();
    following = start();
  };
  const rest = () => {
    isResting = true;
    following.close();
    timer = setTimeout(restart, GLANCE_EVERY_MS);
  };
  const wake = () => {
    clearTimeout(timer);
    if (isResting) restart();
    else following.wake();
    isResting = false;
  };

  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) return wake();
    clearTimeout(timer);
    timer = setTimeout(rest, REST_AFTER_MS);
  });
  addEventListener('online', wake);
  addEventListener('pagehide', () => {
    clearTimeout(timer);
    following.close();
  });
  addEventListener('pageshow', event => {
    if (event.persisted) restart();
  });
  return { restart };
};
