// @ts-check
/** Who looks: the token of this tab, and requests that carry it. */
import { setServerTime } from './time.js';

/** Of the tab only: it is gone when the tab is closed, and no other site can read it. */
const KEY = 'sluice-token';

const TIMEOUT_MS = 20_000;

/**
 * What the server says of the reader.
 * @typedef {object} Self
 * @property {string} version
 * @property {string} [user]
 * @property {boolean} anonymousRead
 * @property {{by: string, since: string, reason?: string}} [freeze]
 */

/**
 * `status` 0: there was no answer. `detail` is a sentence for people.
 * @template T
 * @typedef {{ok: true, status: number, body: T} | {ok: false, status: number, detail: string, retryAfterMs?: number}} Answer
 */

/** @typedef {{method?: string, body?: object, signal?: AbortSignal, headers?: Record<string, string>}} Asked */

/**
 * @param {object} deps
 * @param {() => Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>} deps.storage
 * @param {(path: string, init: RequestInit) => Promise<Response>} deps.fetch
 */
export const createSession = ({ storage, fetch }) => {
  /** @type {Set<(detail: string) => void>} */
  const refusedListeners = new Set();

  /** @returns {{authorization?: string}} */
  const credentials = () => {
    const token = storage().getItem(KEY);
    return token === null ? {} : { authorization: `Bearer ${token}` };
  };

  return {
    /** Whether this tab has a token; it may have expired. */
    hasToken: () => storage().getItem(KEY) !== null,

    credentials,

    /**
     * Keeps the token for this tab; answers with what is wrong with it, if its form is.
     * @param {string} written as people paste it: with `Bearer`, or broken into lines
     * @returns {string | undefined}
     */
    signIn: written => {
      const token = tokenIn(written);
      if (token === undefined) return 'This is no token: expected letters, digits and - . _ ~ + / only.';
      storage().setItem(KEY, token);
      return undefined;
    },

    signOut: () => storage().removeItem(KEY),

    /**
     * Asks the API. Throws nothing: that nobody answers is an answer too.
     * @template [T=any]
     * @param {string} path
     * @param {Asked} [init] `body` is sent as JSON
     * @returns {Promise<Answer<T>>}
     */
    api: async (path, { method = 'GET', body, signal, headers = {} } = {}) => {
      const sent = credentials();
      try {
        const answer = await fetch(path, {
          method,
          cache: 'no-store',
          headers: {
            accept: 'application/json',
            ...(body === undefined ? {} : { 'content-type': 'application/json' }),
            ...sent,
            ...headers,
          },
          signal: signal ?? AbortSignal.timeout(TIMEOUT_MS),
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        });
        setServerTime(answer.headers.get('date'));
        if (answer.ok) return { ok: true, status: answer.status, body: await answer.json() };
        const refusal = await refusalOf(answer);
        if (answer.status === 401) {
          const isSent = 'authorization' in sent;
          // one that was given meanwhile is another one
          if (isSent && credentials().authorization === sent.authorization) storage().removeItem(KEY);
          for (const listener of refusedListeners) listener(isSent ? refusal.detail : '');
        }
        return refusal;
      } catch {
        return { ok: false, status: 0, detail: 'Sluice does not answer.' };
      }
    },

    /**
     * Called whenever a request was answered with 401, when its token is forgotten already; the sentence is empty when there
     * was none.
     * @param {(detail: string) => void} listener
     */
    onRefused: listener => {
      refusedListeners.add(listener);
    },
  };
};

/** @param {string} written */
const tokenIn = written => {
  const token = written
    .trim()
    .replace(/^bearer\s+/i, '')
    .replace(/\s+/g, '');
  return /^[\w\-.~+/]+=*$/.test(token) ? token : undefined;
};

/**
 * What a refusal says, as a sentence for people.
 * @param {Response} answer
 * @returns {Promise<{ok: false, status: number, detail: string, retryAfterMs?: number}>}
 */
export const refusalOf = async answer => {
  const { status, statusText, headers } = answer;
  const isProblem = headers.get('content-type')?.startsWith('application/problem+json') ?? false;
  const { detail } = isProblem ? await answer.json().catch(() => ({})) : { detail: undefined };
  const retryAfterMs = Number(headers.get('retry-after') ?? Number.NaN) * 1_000;
  return {
    ok: false,
    status,
    detail:
      typeof detail === 'string'
        ? asSentence(detail)
        : `${status} ${statusText}: this is no answer of Sluice; something before it sent it.`,
    ...(Number.isNaN(retryAfterMs) ? {} : { retryAfterMs }),
  };
};

/** @param {string} text */
const asSentence = text => `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;

export const { api, credentials, hasToken, onRefused, signIn, signOut } = createSession({
  storage: () => globalThis.sessionStorage,
  fetch: (path, init) => globalThis.fetch(path, init),
});
