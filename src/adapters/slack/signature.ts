import { createHmac, timingSafeEqual } from 'node:crypto';
import { type HookRequest, Refused } from '../../controller/channel-ports.ts';

/** Slack asks receivers to refuse what is older, so that nobody can send again what they have seen. */
const MOST_AGE_MS = 300_000;
const FORM = /^application\/x-www-form-urlencoded(?:\s*;\s*charset=utf-8)?$/i;

/**
 * Whether Slack has signed the request with this app's signing secret: version v0, HMAC-SHA256 in hex over
 * `v0:timestamp:body`. Throws Refused. An empty secret verifies nothing.
 */
export const verifySlack = (request: HookRequest, secret: () => string, nowMs: number): void => {
  const signature = only(request, 'x-slack-signature');
  const timestamp = only(request, 'x-slack-request-timestamp');
  const key = readSecret(secret);
  if (!/^v0=[0-9a-f]{64}$/.test(signature)) throw unsigned('expected a signature of version v0');
  if (!/^\d{1,12}$/.test(timestamp)) throw unsigned('expected a time stamp in seconds');
  const mac = createHmac('sha256', key).update(`v0:${timestamp}:`).update(request.body).digest('hex');
  const isGenuine = timingSafeEqual(Buffer.from(signature), Buffer.from(`v0=${mac}`));
  if (!isGenuine) throw unsigned('the signature is not of this app');
  if (Math.abs(nowMs - Number(timestamp) * 1_000) > MOST_AGE_MS)
    throw unsigned('the time stamp is more than 300 s away from the time here: is a clock wrong?');
  if (!FORM.test(only(request, 'content-type', 415))) throw new Refused(415, 'expected application/x-www-form-urlencoded');
};

/** When it was signed, in ms; to be called after `verifySlack`. */
export const signedAtMs = (request: HookRequest): number => Number(only(request, 'x-slack-request-timestamp')) * 1_000;

const only = ({ headers }: HookRequest, name: string, status: 401 | 415 = 401): string => {
  const values = Object.hasOwn(headers, name) ? (headers[name] ?? []) : [];
  const [value] = values;
  if (value === undefined || values.length !== 1)
    throw new Refused(values.length > 1 ? 400 : status, `expected one header ${name}`);
  return value;
};

const readSecret = (secret: () => string): string => {
  let key: string;
  try {
    key = secret();
  } catch {
    throw new Refused(503, 'the signing secret of Slack cannot be read');
  }
  if (key === '') throw unsigned('the signing secret of Slack is empty');
  return key;
};

const unsigned = (message: string): Refused => new Refused(401, message);
