import type { HttpBindings } from '@hono/node-server';
import type { Context, MiddlewareHandler } from 'hono';
import type { KubeUser } from '../controller/channel-ports.ts';
import type { Clock, Logger } from '../controller/ports.ts';
import type { ReadBody } from './body.ts';
import type { ClientAddress } from './clientAddress.ts';
import type { FailureLimit } from './failureLimit.ts';
import type { Forwarder } from './forward.ts';
import type { InboundMetrics } from './inboundMetrics.ts';
import { type Outcome, Problem, toProblem } from './problem.ts';

/** What a handler finds beside the request. */
export type Inbound = {
  Bindings: HttpBindings;
  Variables: {
    /** Set by `authenticated`; absent: nobody has to say who they are. */
    user?: KubeUser;
    /** What became of it; absent when it was passed on. */
    outcome?: Outcome;
    /** Whoever sent it has proved who they are. */
    isVerified?: true;
    /** It is no guess: there is no token in it, or one that was refused a moment ago. */
    isHarmless?: boolean;
    /** The person and the Rollout that it is about, for the log. */
    about?: object;
  };
};

/** What every request from outside goes through. */
export type Gatehouse = {
  readonly readBody: ReadBody;
  readonly addressOf: ClientAddress;
  readonly limit: FailureLimit;
  readonly forwarder: Forwarder;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: InboundMetrics;
};

/**
 * Counts what became of requests, and notes down those that were refused; never what is secret in them. What nobody has
 * proved to have sent counts against its address, and is noted down only as often as that is allowed to fail.
 */
export const noted =
  (via: string, gatehouse: Gatehouse, count: (outcome: Outcome) => void): MiddlewareHandler<Inbound> =>
  async (context, next) => {
    await next();
    const { error } = context;
    if (error !== undefined) {
      count(toProblem(error).outcome);
      noteRefusal(via, gatehouse, context);
      return;
    }
    const outcome = context.get('outcome');
    if (outcome === undefined) return;
    count(outcome);
    const address = gatehouse.addressOf(context.env.incoming);
    gatehouse.logger.info({ via, address, ...context.get('about'), outcome }, 'a request from outside was answered');
  };

const noteRefusal = (via: string, { logger, addressOf, limit }: Gatehouse, context: Context<Inbound>): void => {
  const address = addressOf(context.env.incoming);
  const { outcome, status, message: reason } = toProblem(context.error);
  const fields = { via, address, ...context.get('about'), outcome, status, reason };
  const isCounted = context.get('isVerified') || (!context.get('isHarmless') && limit.failed(address));
  if (outcome === 'failed') logger.error({ ...fields, err: context.error }, 'answering a request from outside failed');
  else if (isCounted) logger.info(fields, 'a request from outside was refused');
  else logger.debug(fields, 'a request from outside was refused');
};

/** Passes a verified request on to the process that leads; `undefined`: that is this one. */
export const passOn = (
  context: Context<Inbound>,
  { forwarder }: Gatehouse,
  to: { readonly listener: 'api' | 'hooks'; readonly body: Buffer; readonly timeoutMs: number },
): Promise<Response | undefined> =>
  forwarder.forward(to.listener, { incoming: context.env.incoming, path: context.req.path, body: to.body }, to.timeoutMs);

/** Only what is sent in one piece is looked at. */
export const onlyPost: MiddlewareHandler<Inbound> = async (context, next) => {
  if (context.req.method !== 'POST') throw new Problem(405, 'expected POST', { headers: { allow: 'POST' } });
  await next();
};
