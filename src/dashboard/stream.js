// @ts-check
/**
 * Server-sent events by fetch, as EventSource cannot send a token. A stream that ends is opened again, later and later.
 */
import { credentials, refusalOf } from './session.js';
import { nowMs } from './time.js';

/** @typedef {{event: string, data: any}} StreamEvent */

/**
 * - `connecting`: nothing has come yet
 * - `live`
 * - `lost`: what is shown may be old; it is tried again
 * - `refused`: the server said no. After 401 it is not tried again by itself, as guesses would count.
 * @typedef {{kind: 'connecting'} | {kind: 'live'}
 *   | {kind: 'lost', sinceMs: number, retryAtMs: number, detail: string}
 *   | {kind: 'refused', status: number, detail: string}} StreamState
 */

/** @typedef {{close(): void, wake(): void}} Following `wake`: try now, if it waits for the next try */

const FIRST_MS = 1_000;
const MOST_MS = 30_000;
/** The server says something every 15 s. */
const SILENT_MS = 40_000;

/**
 * How long to wait before try number `attempt` (0-based): 1 s to 30 s, spread so that not everybody comes at once.
 * @param {number} attempt
 * @param {number} random from 0 to 1
 * @param {number} [firstMs]
 */
export const backOffMs = (attempt, random, firstMs = FIRST_MS) =>
  Math.min(MOST_MS, firstMs * 2 ** Math.min(attempt, 20)) * (0.75 + random / 4);

/**
 * Takes a stream of events apart, in whatever pieces it comes.
 * @param {(event: StreamEvent) => void} onEvent
 * @returns {(piece: string) => void}
 */
export const createParser = onEvent => {
  let rest = '';
  let name = '';
  /** @type {string[]} */
  let data = [];
  /** @param {string} line */
  const take = line => {
    if (line === '') {
      if (data.length > 0) onEvent({ event: name === '' ? 'message' : name, data: JSON.parse(data.join('\n')) });
      name = '';
      data = [];
      return;
    }
    const [, field = '', value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (field === 'event') name = value;
    if (field === 'data') data.push(value);
  };
  return piece => {
    const lines = (rest + piece).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? '';
    for (const line of lines) take(line);
  };
};

/**
 * @typedef {object} Deps
 * @property {(path: string, signal: AbortSignal) => Promise<Response>} open
 * @property {number} firstMs before the first new try
 * @property {number} silentMs a stream that says nothing for so long is given up
 * @property {(error: unknown) => void} report what a page does wrong with an event
 */

/** @typedef {{path: string, onEvent: (event: StreamEvent) => void, onState: (state: StreamState) => void}} Followed */

/** One stream, as often as it has to be opened. */
class Follower {
  #deps;
  #followed;
  #attempt = 0;
  /** @type {number | undefined} */
  #lostSinceMs;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #nextTry;
  #isClosed = false;
  #current = new AbortController();

  /**
   * @param {Deps} deps
   * @param {Followed} followed
   */
  constructor(deps, followed) {
    this.#deps = deps;
    this.#followed = followed;
  }

  close() {
    this.#isClosed = true;
    clearTimeout(this.#nextTry);
    this.#current.abort();
  }

  wake() {
    if (this.#nextTry === undefined || this.#isClosed) return;
    clearTimeout(this.#nextTry);
    this.connect();
  }

  async connect() {
    const { open, silentMs } = this.#deps;
    const here = new AbortController();
    this.#nextTry = undefined;
    this.#current = here;
    let silence = setTimeout(() => here.abort(), silentMs);
    const heard = () => {
      clearTimeout(silence);
      silence = setTimeout(() => here.abort(), silentMs);
    };
    try {
      const answer = await open(this.#followed.path, here.signal);
      if (this.#isClosed) return;
      if (!answer.ok || answer.body === null) return await this.#refused(answer);
      await this.#takeAll(answer.body, heard);
      this.#lost('The connection ended.');
    } catch {
      this.#lost(here.signal.aborted ? 'Sluice has said nothing for a while.' : 'Sluice does not answer.');
    } finally {
      clearTimeout(silence);
    }
  }

  /**
   * @param {ReadableStream<Uint8Array>} body
   * @param {() => void} heard
   */
  async #takeAll(body, heard) {
    let isLive = false;
    const parse = createParser(event => {
      if (!isLive) this.#followed.onState({ kind: 'live' });
      isLive = true;
      [this.#attempt, this.#lostSinceMs] = [0, undefined];
      this.#tell(event);
    });
    const reader = body.getReader();
    const decoder = new TextDecoder();
    for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) {
      if (this.#isClosed) return;
      heard();
      parse(decoder.decode(value, { stream: true }));
    }
  }

  /** What a page does wrong with an event is no fault of the connection. */
  #tell(/** @type {StreamEvent} */ event) {
    try {
      this.#followed.onEvent(event);
    } catch (error) {
      this.#deps.report(error);
    }
  }

  /** @param {Response} answer */
  async #refused(answer) {
    const { status, detail, retryAfterMs } = await refusalOf(answer);
    if (this.#isClosed) return;
    if (status === 429 || status >= 500) return this.#lost(detail, retryAfterMs);
    if (status !== 401) this.#nextTry = setTimeout(() => this.connect(), MOST_MS);
    this.#followed.onState({ kind: 'refused', status, detail });
  }

  /** @param {string} detail */
  #lost(detail, leastMs = 0) {
    if (this.#isClosed) return;
    this.#lostSinceMs ??= nowMs();
    const delayMs = Math.max(leastMs, backOffMs(this.#attempt, Math.random(), this.#deps.firstMs));
    this.#attempt += 1;
    this.#nextTry = setTimeout(() => this.connect(), delayMs);
    this.#followed.onState({ kind: 'lost', sinceMs: this.#lostSinceMs, retryAtMs: nowMs() + delayMs, detail });
  }
}

/** @param {Pick<Deps, 'open'> & Partial<Deps>} deps */
export const createFollow =
  ({ open, firstMs = FIRST_MS, silentMs = SILENT_MS, report = error => reportError(error) }) =>
  /**
   * Follows the events of a path until it is closed.
   * @param {string} path
   * @param {(event: StreamEvent) => void} onEvent
   * @param {(state: StreamState) => void} onState
   * @returns {Following}
   */
  (path, onEvent, onState) => {
    const follower = new Follower({ open, firstMs, silentMs, report }, { path, onEvent, onState });
    onState({ kind: 'connecting' });
    follower.connect();
    return follower;
  };

export const follow = createFollow({
  open: (path, signal) => fetch(path, { headers: { accept: 'text/event-stream', ...credentials() }, cache: 'no-store', signal }),
});
