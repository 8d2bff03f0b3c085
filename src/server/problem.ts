import { STATUS_CODES } from 'node:http';
import { Refused } from '../controller/channel-ports.ts';

/** What became of a request from outside; one label of a metric each. */
export type Outcome =
  | 'recorded'
  | 'woken'
  | 'stale'
  | 'notAllowed'
  | 'repeated'
  | 'unknown'
  | 'notStored'
  | 'unauthenticated'
  | 'forbidden'
  | 'invalid'
  | 'tooMany'
  | 'unavailable'
  | 'failed';

type Status = Refused['status'] | 405 | 408 | 500;

type Headers = Readonly<Record<string, string>>;

/** A request that is answered with problem JSON and changes nothing; the message is for the caller, and holds no secret. */
export class Problem extends Error {
  readonly status: Status;
  readonly outcome: Outcome;
  readonly headers: Headers;
  constructor(status: Status, detail: string, more: { readonly outcome?: Outcome; readonly headers?: Headers } = {}) {
    super(detail);
    this.name = 'Problem';
    this.status = status;
    this.outcome = more.outcome ?? OUTCOMES[status];
    this.headers = { ...(status === 503 || status === 429 ? { 'retry-after': RETRY_AFTER } : {}), ...more.headers };
  }
}

const RETRY_AFTER = '5';

const OUTCOMES: Readonly<Record<Status, Outcome>> = {
  400: 'invalid',
  401: 'unauthenticated',
  403: 'forbidden',
  404: 'unknown',
  405: 'invalid',
  408: 'invalid',
  409: 'stale',
  413: 'invalid',
  415: 'invalid',
  429: 'tooMany',
  500: 'failed',
  503: 'unavailable',
};

/** Nothing of an unexpected error is told to the caller. */
export const toProblem = (error: unknown): Problem => {
  if (error instanceof Problem) return error;
  return error instanceof Refused
    ? new Problem(error.status, error.message)
    : new Problem(500, 'an unexpected error; the log has it');
};

/** RFC 9457. */
export const problemResponse = ({ status, message, headers }: Problem): Response =>
  new Response(JSON.stringify({ type: 'about:blank', title: STATUS_CODES[status] ?? 'Problem', status, detail: message }), {
    status,
    headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store', ...headers },
  });
