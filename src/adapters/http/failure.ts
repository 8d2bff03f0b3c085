import { SystemError } from '../../controller/ports.ts';

/** How a call ended, for metrics. */
export type CallOutcome =
  | 'ok'
  | 'unreachable'
  | 'timeout'
  | 'cancelled'
  | 'denied'
  | 'notFound'
  | 'throttled'
  | 'serverError'
  | 'badAnswer';

/** A failed call, before it is told to anybody. `reason` goes on after the system's name: `refused the connection`. */
export type CallFailure = {
  readonly outcome: Exclude<CallOutcome, 'ok'>;
  readonly reason: string;
  /** How long the system asks to be left alone. */
  readonly retryAfterMs?: number | undefined;
};

const kinds = {
  unreachable: 'unavailable',
  timeout: 'unavailable',
  cancelled: 'unavailable',
  throttled: 'unavailable',
  serverError: 'unavailable',
  denied: 'refused',
  notFound: 'notFound',
  badAnswer: 'badAnswer',
} as const satisfies Record<CallFailure['outcome'], SystemError['kind']>;

/** Thrown inside the HTTP adapter only; keeps no reference to the request, whose headers hold the token. */
export class CallError extends Error {
  readonly failure: CallFailure;
  constructor(failure: CallFailure) {
    super(failure.reason);
    this.name = 'CallError';
    this.failure = failure;
  }
}

/** The sentence for people: `reading traffic: Prometheus "default" at http://prometheus:9090 refused the connection ...`. */
export function toSystemError(
  who: { readonly system: string; readonly title: string; readonly address: string },
  operation: string,
  failure: CallFailure,
): SystemError {
  const { outcome, reason, retryAfterMs } = failure;
  return new SystemError(who.system, operation, kinds[outcome], `${who.title} at ${who.address} ${reason}`, { retryAfterMs });
}

/** The base address without user, password, query and fragment. */
export function publicAddress(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname.replace(/\/+$/, '')}`;
}

const networkReasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refused the connection: nothing listens there, or a firewall rejects it',
  ENOTFOUND: 'cannot be found: its host name is unknown to DNS',
  EAI_AGAIN: 'cannot be found: DNS did not answer',
  EHOSTUNREACH: 'cannot be reached: no route to the host',
  ENETUNREACH: 'cannot be reached: no route to the network',
  ECONNRESET: 'broke the connection before the answer was complete',
  EPIPE: 'broke the connection before the answer was complete',
  ETIMEDOUT: 'does not answer: the connection could not be opened',
  CERT_HAS_EXPIRED: 'has an expired TLS certificate',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'has a self-signed TLS certificate that is not trusted here',
  SELF_SIGNED_CERT_IN_CHAIN: 'has a TLS certificate whose authority is not trusted here',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'has a TLS certificate whose authority is not trusted here',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'has a TLS certificate whose authority is not trusted here',
  ERR_TLS_CERT_ALTNAME_INVALID: 'has a TLS certificate for another host name',
  EPROTO: 'does not speak TLS as expected: is it http instead of https?',
};

/** Failure without an answer, from the error code of the socket, the resolver or TLS. */
export function networkFailure(code: string | undefined): CallFailure {
  const reason = networkReasons[code ?? ''] ?? `cannot be reached${code === undefined ? '' : ` (${code})`}`;
  return { outcome: 'unreachable', reason };
}

/** Failure by HTTP status; `undefined` for success. `detail` is the server's own text, when it has one. */
export function statusFailure(status: number, detail: string | undefined): CallFailure | undefined {
  if (status >= 200 && status < 300) return undefined;
  const because = detail === undefined ? '' : `: ${detail}`;
  if (status === 401 || status === 403) {
    return { outcome: 'denied', reason: `refused the credentials (HTTP ${status})${because}` };
  }
  if (status === 404) {
    return {
      outcome: 'notFound',
      reason: `does not know this address (HTTP 404)${because || ': is a path missing in its URL?'}`,
    };
  }
  if (status === 429) return { outcome: 'throttled', reason: `says there are too many requests (HTTP 429)${because}` };
  if (status >= 500) return { outcome: 'serverError', reason: `failed with HTTP ${status}${because}` };
  if (status >= 300 && status < 400) {
    return { outcome: 'badAnswer', reason: `redirects elsewhere (HTTP ${status}): is there a login page before it?` };
  }
  return { outcome: 'badAnswer', reason: `rejected the request (HTTP ${status})${because}` };
}

/** The header Retry-After in ms, seconds or a date; a date is measured with the clock of the server that named it. */
export function retryAfterMs(headers: { readonly [name: string]: unknown }): number | undefined {
  const after = String(headers['retry-after'] ?? '').trim();
  if (/^\d{1,6}$/.test(after)) return Number(after) * 1000;
  const waitMs = Date.parse(after) - Date.parse(String(headers['date']));
  return waitMs > 0 ? waitMs : undefined;
}
