import { createHmac } from 'node:crypto';

/** A secret, asked for before each use because its file may change; throws an Error that names the file when it cannot be read. */
export type Secret = () => string;

/** What is sent to a webhook: the bytes that are signed are the bytes that go out. */
export type SignedBody = { readonly content: string; readonly headers: Readonly<Record<string, string>> };

/**
 * The body as JSON with the headers of Standard Webhooks (https://www.standardwebhooks.com): id, time, and, with a secret,
 * `v1,` and the base64 of HMAC-SHA256 over `id.seconds.body`.
 */
export const signBody = (body: object, { id, atMs }: { id: string; atMs: number }, secret?: Secret): SignedBody => {
  const content = JSON.stringify(body);
  const seconds = String(Math.floor(atMs / 1000));
  const unsigned = { 'content-type': 'application/json', 'webhook-id': id, 'webhook-timestamp': seconds };
  if (secret === undefined) return { content, headers: unsigned };
  const signature = createHmac('sha256', keyOf(secret())).update(`${id}.${seconds}.${content}`).digest('base64');
  return { content, headers: { ...unsigned, 'webhook-signature': `v1,${signature}` } };
};

/** `whsec_` and base64, as Standard Webhooks writes keys; any other text is the key as it stands. */
export const keyOf = (secret: string): Buffer =>
  secret.startsWith('whsec_') ? Buffer.from(secret.slice('whsec_'.length), 'base64') : Buffer.from(secret, 'utf8');
