import { Hono } from 'hono';
import { z } from 'zod';
import type { Access, GivenAnswer, KubeUser } from '../../controller/channel-ports.ts';
import type { Clock } from '../../controller/ports.ts';
import { answerResponse, outcomeLabel, type TakeAnswer } from '../answer.ts';
import { asked, authenticated, callerOf } from '../authenticated.ts';
import { type Gatehouse, type Inbound, noted, onlyPost, passOn } from '../inbound.ts';
import { readJson, revisionField, STRICT, stepField, textField, timeField } from '../jsonBody.ts';
import { keyOf, placeOf } from '../place.ts';
import { forbidden } from '../reading.ts';

export type ApprovalRoutesDeps = {
  readonly access: Access;
  readonly answer: TakeAnswer;
  readonly clock: Clock;
  readonly gatehouse: Gatehouse;
};

const MOST_BODY_BYTES = 256 * 1024;
/** The leader stores the answer first, which may take 10 s. */
const FORWARD_TIMEOUT_MS = 15_000;
const LONGEST_COMMENT = 1_000;

const schema = z.strictObject(
  {
    decision: z.enum(['approve', 'reject'], { error: 'expected approve or reject' }),
    revision: revisionField,
    step: stepField(1),
    askedAt: timeField.optional(),
    comment: textField(LONGEST_COMMENT).optional(),
  },
  STRICT,
);

const DECISIONS = { approve: 'approved', reject: 'rejected' } as const;

/** `POST /api/v1/rollouts/{namespace}/{name}/approvals` with a Kubernetes token; the right is the verb `approve` on rollouts. */
export const approvalRoutes = (deps: ApprovalRoutesDeps): Hono<Inbound> => {
  const { access, answer, clock, gatehouse } = deps;
  const routes = new Hono<Inbound>();
  const path = '/api/v1/rollouts/:namespace/:name/approvals';
  routes.use(
    path,
    noted('api', gatehouse, outcome => gatehouse.metrics.answered('api', outcome)),
    onlyPost,
    authenticated(access, gatehouse),
  );
  routes.post(path, async context => {
    const rollout = placeOf(context.req.param('namespace'), context.req.param('name'));
    const user = callerOf(context);
    context.set('about', { user: user.name, rollout: keyOf(rollout) });
    const { incoming } = context.env;
    const body = await gatehouse.readBody(incoming, MOST_BODY_BYTES, gatehouse.addressOf(incoming));
    const passed = await passOn(context, gatehouse, { listener: 'api', body, timeoutMs: FORWARD_TIMEOUT_MS });
    if (passed !== undefined) return passed;
    const read = toWritten(readJson(schema, incoming.headersDistinct['content-type'] ?? [], body));
    // whether the Rollout exists is for those who may answer only
    if (!(await asked(gatehouse.logger, signal => access.may(user, 'approve', rollout, signal))))
      throw forbidden(user, 'approve', rollout);
    const given = givenBy(user, keyOf(rollout), { ...read, at: new Date(clock.now()).toISOString() });
    const outcome = await answer(given);
    const response = answerResponse(given, outcome);
    context.set('outcome', outcomeLabel(outcome));
    return response;
  });
  return routes;
};

type Written = Pick<GivenAnswer, 'revision' | 'step' | 'decision' | 'askedAt' | 'comment'>;

/** Groups that the API server itself hands out say nothing about a person. */
const givenBy = ({ name, groups }: KubeUser, key: string, written: Written & { readonly at: string }): GivenAnswer => ({
  key,
  ...written,
  identity: `user:${name}`,
  groups: groups.filter(group => !group.startsWith('system:')),
  via: 'api',
});

const toWritten = ({ decision, revision, step, askedAt, comment }: z.infer<typeof schema>): Written => ({
  revision,
  step,
  decision: DECISIONS[decision],
  ...(askedAt === undefined ? {} : { askedAt }),
  ...(comment === undefined ? {} : { comment }),
});
