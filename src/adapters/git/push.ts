import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { type HookRequest, type PushHook, Refused } from '../../controller/channel-ports.ts';
import type { Logger } from '../../controller/ports.ts';

/** A secret, asked for before each use because its file may change; throws an Error that names the file when it cannot be read. */
type Secret = () => string;

type PushHookOptions = { readonly source: string; readonly secret: Secret; readonly logger: Logger };

type Check = (value: string, body: Buffer, secret: string) => boolean;

/**
 * The header by which each kind of server proves that it knows the secret. A server may send several, for the sake of
 * receivers that know others: Gitea and Forgejo also send GitHub's. Then all of them have to hold.
 */
const CHECKS: Readonly<Record<string, Check>> = {
  'x-hub-signature-256': (value, body, secret) => value.startsWith('sha256=') && isSigned(value.slice(7), body, secret),
  'x-gitea-signature': (value, body, secret) => isSigned(value, body, secret),
  'x-gitlab-token': (value, _, secret) => isSame(Buffer.from(value, 'latin1'), Buffer.from(secret, 'utf8')),
};

const NAMES = Object.keys(CHECKS).join(', ');

/**
 * Pushes that a Git server reports about one source. It verifies no more than that the sender knows the secret: a push wakes
 * the source, which asks the server itself, so the kind of event and the body do not matter, and neither does a replay.
 */
export const createPushHook = ({ source, secret, logger }: PushHookOptions): PushHook => {
  const readSecret = createSecretReader({ source, secret, logger });
  return {
    source,
    verify: ({ headers, body }: HookRequest) => {
      const known = readSecret();
      if (known === undefined) throw new Refused(401, 'the secret of this source is empty or cannot be read');
      const given = Object.entries(CHECKS).flatMap(([name, check]) => {
        const values = headers[name] ?? [];
        return values.length === 0 ? [] : [{ name, check, values }];
      });
      if (given.length === 0) throw new Refused(401, `not signed: one of the headers ${NAMES} is needed`);
      for (const { name, check, values } of given) {
        const [value, ...others] = values;
        if (value === undefined || others.length > 0) throw new Refused(401, `${name} was sent ${values.length} times`);
        if (!check(value, body, known)) throw new Refused(401, `${name} does not fit the secret of this source`);
      }
    },
  };
};

/** `undefined`: there is none, which is said once for each time that it goes away. */
const createSecretReader = ({ source, secret, logger }: PushHookOptions): (() => string | undefined) => {
  let said = false;
  const missing = (reason: string): undefined => {
    if (!said) logger.warn({ source, reason }, 'pushes are refused: there is no secret to verify them with');
    said = true;
  };
  return () => {
    let known: string;
    try {
      known = secret();
    } catch (error) {
      return missing(error instanceof Error ? error.message : String(error));
    }
    if (known === '') return missing('the secret is empty');
    said = false;
    return known;
  };
};

/** Compares in a time that depends on neither. */
const isSigned = (hex: string, body: Buffer, secret: string): boolean =>
  /^[0-9a-f]{64}$/.test(hex) && timingSafeEqual(Buffer.from(hex, 'hex'), createHmac('sha256', secret).update(body).digest());

/** Digests have one length, whatever the length of what they are of. */
const isSame = (one: Buffer, other: Buffer): boolean => {
  const key = randomBytes(32);
  const digestOf = (value: Buffer) => createHmac('sha256', key).update(value).digest();
  return timingSafeEqual(digestOf(one), digestOf(other));
};
