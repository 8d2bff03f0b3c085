import { Hono } from 'hono';
import { z } from 'zod';
import type { Access } from '../../controller/channel-ports.ts';
import type { Wish, WishOutcome } from '../../controller/view-ports.ts';
import { VERBS } from '../../rollout/index.ts';
import { authenticated } from '../authenticated.ts';
import { type Gatehouse, type Inbound, noted, onlyPost } from '../inbound.ts';
import { revisionField, STRICT, stepField, textField, timeField } from '../jsonBody.ts';
import { keyOf, unknownRollout } from '../place.ts';
import { createPosted } from '../posted.ts';
import { Problem } from '../problem.ts';

/** Takes a wish to the Rollout that it is about; never throws. */
export type TakeWish = (wish: Wish) => Promise<WishOutcome>;

export type RequestRoutesDeps = {
  readonly access: Access;
  readonly wish: TakeWish;
  readonly gatehouse: Gatehouse;
};

const LONGEST_REASON = 1_000;

const optional = {
  revision: revisionField.optional(),
  step: stepField(0).optional(),
  reason: textField(LONGEST_REASON).optional(),
};
const plain = z.strictObject(optional, STRICT);
/** A step that was edited since has the same number. */
const promote = z.strictObject({ ...optional, startedAt: timeField.optional() }, STRICT);
const abort = z.strictObject({ ...optional, force: z.boolean({ error: 'expected true or false' }).optional() }, STRICT);

type Written = Pick<Wish, 'revision' | 'step' | 'startedAt' | 'reason' | 'force'>;
/** All that one of them may have. */
type Sent = z.infer<typeof promote> & z.infer<typeof abort>;

const SCHEMAS: Readonly<Record<Wish['verb'], z.ZodType<Sent>>> = {
  // while a step is in progress the rules want both named; before anything is stable there is neither (R7)
  promote,
  abort,
  pause: plain,
  resume: plain,
  retry: plain,
};

/** `POST /api/v1/rollouts/{namespace}/{name}/{verb}` with a Kubernetes token (R22); the right is the verb `update` on rollouts. */
export const requestRoutes = ({ access, wish, gatehouse }: RequestRoutesDeps): Hono<Inbound> => {
  const routes = new Hono<Inbound>();
  const take = createPosted({ access, gatehouse });
  for (const verb of VERBS) {
    const path = `/api/v1/rollouts/:namespace/:name/${verb}` as const;
    const count = gatehouse.metrics.requested;
    routes.use(
      path,
      noted(`api/${verb}`, gatehouse, outcome => count(verb, outcome)),
      onlyPost,
      authenticated(access, gatehouse),
    );
    routes.post(path, async context => {
      const posted = await take(context, SCHEMAS[verb], 'update');
      if (posted instanceof Response) return posted;
      const { rollout, user, body } = posted;
      const response = answerTo(await wish({ ...toWritten(body), key: keyOf(rollout), verb, by: user.name }));
      context.set('outcome', 'recorded');
      return response;
    });
  }
  return routes;
};

const toWritten = ({ revision, step, startedAt, reason, force }: Sent): Written => ({
  ...(revision === undefined ? {} : { revision }),
  ...(step === undefined ? {} : { step }),
  ...(startedAt === undefined ? {} : { startedAt }),
  ...(reason === undefined ? {} : { reason }),
  ...(force === undefined ? {} : { force }),
});

/** Throws Problem for what was not carried out. */
const answerTo = (outcome: WishOutcome): Response => {
  switch (outcome.kind) {
    case 'done':
      return Response.json({ outcome: outcome.outcome }, { headers: { 'cache-control': 'no-store' } });
    case 'refused':
      throw new Problem(409, outcome.reason);
    case 'unknown':
      throw unknownRollout();
    case 'notStored':
      throw new Problem(503, `the request is not known to be carried out: ${outcome.reason}; look at the Rollout first`, {
        outcome: 'notStored',
      });
  }
};
