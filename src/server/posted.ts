import type { Context } from 'hono';
import type { z } from 'zod';
import type { Access, KubeUser } from '../controller/channel-ports.ts';
import { asked, callerOf } from './authenticated.ts';
import { type Gatehouse, type Inbound, passOn } from './inbound.ts';
import { readJson } from './jsonBody.ts';
import { keyOf, type Place, placeOf } from './place.ts';
import { forbidden } from './reading.ts';

const MOST_BODY_BYTES = 256 * 1024;
/** The leader stores what came of it first, which may take 10 s. */
const FORWARD_TIMEOUT_MS = 15_000;

/** What a person has sent about a Rollout, and may send. */
export type Posted<T> = { readonly rollout: Place; readonly user: KubeUser; readonly body: T };

/**
 * Takes what an authenticated person sends about a Rollout; the right is `verb` on rollouts. A Response is that of the
 * process that leads, to which it was passed on. Throws Problem.
 */
export const createPosted =
  ({ access, gatehouse }: { readonly access: Pick<Access, 'may'>; readonly gatehouse: Gatehouse }) =>
  async <T extends object>(context: Context<Inbound>, schema: z.ZodType<T>, verb: string): Promise<Posted<T> | Response> => {
    const rollout = placeOf(context.req.param('namespace'), context.req.param('name'));
    const user = callerOf(context);
    context.set('about', { user: user.name, rollout: keyOf(rollout) });
    const { incoming } = context.env;
    const bytes = await gatehouse.readBody(incoming, MOST_BODY_BYTES, gatehouse.addressOf(incoming));
    const passed = await passOn(context, gatehouse, { listener: 'api', body: bytes, timeoutMs: FORWARD_TIMEOUT_MS });
    if (passed !== undefined) return passed;
    const body = readJson(schema, incoming.headersDistinct['content-type'] ?? [], bytes);
    // whether the Rollout exists is for those who may change it only
    if (!(await asked(gatehouse.logger, signal => access.may(user, verb, rollout, signal)))) throw forbidden(user, verb, rollout);
    return { rollout, user, body };
  };
