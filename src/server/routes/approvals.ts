import { Hono } from 'hono';
import { z } from 'zod';
import type { Access, GivenAnswer, KubeUser } from '../../controller/channel-ports.ts';
import type { Clock } from '../../controller/ports.ts';
import { answerResponse, outcomeLabel, type TakeAnswer } from '../answer.ts';
import { authenticated } from '../authenticated.ts';
import { type Gatehouse, type Inbound, noted, onlyPost } from '../inbound.ts';
import { revisionField, STRICT, stepField, textField, timeField } from '../jsonBody.ts';
import { keyOf } from '../place.ts';
import { createPosted } from '../posted.ts';

export type ApprovalRoutesDeps = {
  readonly access: Access;
  readonly answer: TakeAnswer;
  readonly clock: Clock;
  readonly gatehouse: Gatehouse;
};

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
  const take = createPosted(deps);
  const path = '/api/v1/rollouts/:namespace/:name/approvals';
  routes.use(
    path,
    noted('api', gatehouse, outcome => gatehouse.metrics.answered('api', outcome)),
    onlyPost,
    authenticated(access, gatehouse),
  );
  routes.post(path, async context => {
    const posted = await take(context, schema, 'approve');
    if (posted instanceof Response) return posted;
    const { rollout, user, body } = posted;
    const given = givenBy(user, keyOf(rollout), { ...toWritten(body), at: new Date(clock.now()).toISOString() });
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
