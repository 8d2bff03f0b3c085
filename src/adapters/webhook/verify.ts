import { createHmac, timingSafeEqual } from 'node:crypto';
import { type HookRequest, Refused } from '../../controller/channel-ports.ts';
import { keyOf, type Secret } from './signature.ts';

/** What is older, or that far ahead of this clock, is refused; both ways, as Standard Webhooks has it. */
const TOLERANCE_S = 300;
/** A sender that changes its secret signs with both; nobody has more than a few. */
const MOST_SIGNATURES = 10;
/** Without a dot, which separates what is signed. */
const ID = /^[\x21-\x2d\x2f-\x7e]{1,256}$/;
const SECONDS = /^[1-9]\d{0,11}$/;
const BYTES_OF_SIGNATURE = 32;

/**
 * Checks the headers of Standard Webhooks (https://www.standardwebhooks.com) and answers when it was signed, in ms. Each
 * header must be there exactly once; an empty secret verifies nothing. Throws Refused, which says nothing about the secret.
 */
export const verifySigned = ({ headers, body }: HookRequest, secret: Secret, nowMs: number): number => {
  const id = onlyOne(headers, 'webhook-id');
  const seconds = onlyOne(headers, 'webhook-timestamp');
  const signatures = onlyOne(headers, 'webhook-signature').split(' ');
  if (!ID.test(id)) throw unproven('webhook-id must be 1 to 256 visible ASCII characters without a dot');
  if (!SECONDS.test(seconds)) throw unproven('webhook-timestamp must be a time in seconds');
  if (Math.abs(Math.floor(nowMs / 1000) - Number(seconds)) > TOLERANCE_S)
    throw unproven(`webhook-timestamp is more than ${TOLERANCE_S} s from the time here`);
  if (signatures.length > MOST_SIGNATURES) throw unproven(`webhook-signature has more than ${MOST_SIGNATURES} signatures`);
  const expected = createHmac('sha256', usable(secret)).update(`${id}.${seconds}.`).update(body).digest();
  // each one is compared, so that the time tells nothing about which one fits
  const fitting = signatures.filter(signature => isSignature(signature, expected));
  if (fitting.length === 0)
    throw unproven('webhook-signature is not a v1 signature of this request by the secret of this webhook');
  return Number(seconds) * 1000;
};

const unproven = (reason: string): Refused => new Refused(401, reason);

const onlyOne = (headers: HookRequest['headers'], name: string): string => {
  const values = headers[name] ?? [];
  const [value] = values;
  if (value === undefined || values.length > 1) throw unproven(`${name} must be sent exactly once`);
  return value;
};

const usable = (secret: Secret): Buffer => {
  try {
    const key = keyOf(secret().trim());
    if (key.length > 0) return key;
  } catch (error) {
    throw without('the secret of this webhook cannot be read', error);
  }
  throw without('this webhook has no secret');
};

/** Nobody can be verified at the moment; the log gets the cause, which may name a file. */
const without = (reason: string, cause?: unknown): Refused => {
  const refused = new Refused(503, reason);
  if (cause !== undefined) refused.cause = cause;
  return refused;
};

const isSignature = (written: string, expected: Buffer): boolean => {
  const [version, base64 = '', ...rest] = written.split(',');
  const given = Buffer.from(base64, 'base64');
  const isWhole = version === 'v1' && rest.length === 0 && given.length === BYTES_OF_SIGNATURE;
  // Buffer.from skips what is no base64, so one signature could be written in many ways
  return isWhole && given.toString('base64') === base64 && timingSafeEqual(given, expected);
};
