import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Context, MiddlewareHandler } from 'hono';
import type { Access, KubeUser } from '../controller/channel-ports.ts';
import { type Clock, type Logger, SystemError } from '../controller/ports.ts';
import type { Gatehouse, Inbound } from './inbound.ts';
import { Problem } from './problem.ts';

const ACCESS_TIMEOUT_MS = 5_000;
const CHALLENGE = { headers: { 'www-authenticate': 'Bearer realm="sluice"' } };

/** A program that goes on with a token that has expired must not use up what its address may fail. */
const REFUSED_AGAIN_MS = 10_000;
const MOST_REFUSED = 1_000;

/**
 * Lets requests with a token in that the API server knows, and says whose it is. A token that was refused is refused again
 * for 10 s, without counting once more. Throws Problem 400, 401, 429 and 503.
 */
export const authenticated = (access: Pick<Access, 'userOf'>, gatehouse: Gatehouse): MiddlewareHandler<Inbound> => {
  const { limit, addressOf, logger, clock } = gatehouse;
  const refused = createRefusedTokens(clock);
  return async (context, next) => {
    // whoever sends nothing guesses nothing
    context.set('isHarmless', context.env.incoming.headers.authorization === undefined);
    const token = tokenOf(context.env.incoming);
    if (refused.has(token)) {
      context.set('isHarmless', true);
      throw notValid();
    }
    limit.check(addressOf(context.env.incoming));
    const user = await asked(logger, signal => access.userOf(token, signal));
    if (user === undefined) {
      refused.add(token);
      throw notValid();
    }
    context.set('user', user);
    context.set('isVerified', true);
    context.set('about', { user: user.name });
    await next();
  };
};

/** Who sent a request that `authenticated` has let in; throws Problem 401 where nobody had to say who they are. */
export const callerOf = (context: Context<Inbound>): KubeUser => {
  const user = context.get('user');
  if (user === undefined) throw noToken();
  return user;
};

const noToken = (): Problem => new Problem(401, 'expected a Kubernetes token: `Authorization: Bearer TOKEN`', CHALLENGE);
const notValid = (): Problem => new Problem(401, 'the token is not valid, or no longer', CHALLENGE);

const createRefusedTokens = (clock: Clock) => {
  const until = new Map<string, number>();
  const digestOf = (token: string): string => createHash('sha256').update(token).digest('base64');
  return {
    has: (token: string): boolean => {
      const leftMs = (until.get(digestOf(token)) ?? 0) - clock.now();
      return leftMs > 0 && leftMs <= REFUSED_AGAIN_MS;
    },
    add: (token: string): void => {
      const digest = digestOf(token);
      until.delete(digest);
      until.set(digest, clock.now() + REFUSED_AGAIN_MS);
      const [oldest] = until.keys();
      if (until.size > MOST_REFUSED && oldest !== undefined) until.delete(oldest);
    },
  };
};

/** Throws Problem 400 and 401. */
export const tokenOf = ({ headersDistinct }: IncomingMessage): string => {
  const sent = headersDistinct['authorization'] ?? [];
  if (sent.length > 1) throw new Problem(400, 'expected the header Authorization once');
  const [, token] = /^bearer +([\w\-.~+/]+=*) *$/i.exec(sent[0] ?? '') ?? [];
  if (token === undefined) throw noToken();
  return token;
};

/** What the API server says; throws Problem 503 when it does not say it in time. */
export const asked = async <T>(logger: Logger, ask: (signal: AbortSignal) => Promise<T>): Promise<T> => {
  try {
    return await ask(AbortSignal.timeout(ACCESS_TIMEOUT_MS));
  } catch (error) {
    const isExpected = error instanceof SystemError || (error instanceof Error && error.name === 'TimeoutError');
    if (!isExpected) throw error;
    logger.warn({ reason: error.message }, 'the API server does not say who somebody is or what they may do');
    throw new Problem(503, 'the API server does not say who you are and what you may do; try again');
  }
};
