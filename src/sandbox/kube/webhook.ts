import { setTimeout as wait } from 'node:timers/promises';
import { SLOW_MS, type Switchable } from '../outage.ts';
import type { Resource } from './resources.ts';
import { ApiError } from './status.ts';

const TIMEOUT_MS = 10_000;
const CALL = 'Internal error occurred: failed calling webhook "rev.validation.istio.io": failed to call webhook:';
const POST = 'Post "https://istiod.istio-system.svc:443/validate?timeout=10s":';

/** What the API server says of istiod; an answer that it cannot use names no address. */
const FAILURES = {
  refuse: `${POST} dial tcp 127.0.0.1:443: connect: connection refused`,
  error500: 'an error on the server ("injected failure") has prevented the request from succeeding',
  nonsense:
    "couldn't get version/kind; json parse error: json: cannot unmarshal string into Go value of type struct " +
    '{ APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }',
} as const;

/** How long the sender of a request lets the server take, from `timeout=4500ms` or `timeout=5s`. */
function senderPatienceMs(timeout: string | null): number {
  const [, value, unit] = /^([\d.]+)(ms|s)$/.exec(timeout ?? '') ?? [];
  return value === undefined ? Number.POSITIVE_INFINITY : Number(value) * (unit === 'ms' ? 1 : 1_000);
}

/**
 * Asks istiod whether a write of its kinds may pass; with istiod away (failurePolicy Fail) every one ends in a 500, a silent
 * one after ten seconds, or in a 504 when the sender's own `timeout` ends before.
 */
export async function callWebhook(istiod: Switchable, resource: Resource, timeout: string | null): Promise<void> {
  const mode = istiod.mode();
  if (mode === 'ok' || resource.group !== 'networking.istio.io') return;
  if (mode === 'slow') return wait(SLOW_MS, undefined, { ref: false });
  if (mode !== 'hang') throw new ApiError(500, 'InternalError', `${CALL} ${FAILURES[mode]}`);
  const patienceMs = senderPatienceMs(timeout);
  await wait(Math.min(TIMEOUT_MS, patienceMs), undefined, { ref: false });
  if (patienceMs < TIMEOUT_MS)
    throw new ApiError(504, 'Timeout', 'Timeout: request did not complete within requested timeout - context deadline exceeded');
  throw new ApiError(500, 'InternalError', `${CALL} ${POST} context deadline exceeded`);
}
