import { Hono } from 'hono';
import { z } from 'zod';
import type { Access, GivenAnswer, KubeUser } from '../../controller/channel-ports.ts';
import type { Clock } from '../../controller/ports.ts';
import { answerResponse, outcomeLabel, type TakeAnswer } from '../answer.ts';
import { asked, authenticated } from '../authenticated.ts';
import { type Gatehouse, type Inbound, noted, onlyPost, passOn } from '../inbound.ts';
import { Problem } from '../problem.ts';

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
const MOST_STEPS = 1_000;

const LABEL = '[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?';
const NAMESPACE = new RegExp(`^${LABEL}$`);
const NAME = new RegExp(`^(?=.{1,253}$)${LABEL}(?:\\.${LABEL})*$`);

const EXPECTED_STEP = 'expected the number of a step';

const schema = z.strictObject(
  {
    decision: z.enum(['approve', 'reject'], { error: 'expected approve or reject' }),
    revision: z.string({ error: 'expected a text' }).regex(/^[\w.-]{1,253}$/, { error: 'expected the revision of an attempt' }),
    step: z.int({ error: EXPECTED_STEP }).min(1, { error: EXPECTED_STEP }).max(MOST_STEPS, { error: EXPECTED_STEP }),
    comment: z
      .string({ error: 'expected a text' })
      .max(LONGEST_COMMENT, { error: `expected at most ${LONGEST_COMMENT} characters` })
      .optional(),
  },
  // names of fields that nobody knows are not repeated: they come from outside
  { error: ({ code }) => (code === 'unrecognized_keys' ? 'has a field that is not known' : 'expected an object') },
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
    const rollout = { namespace: context.req.param('namespace'), name: context.req.param('name') };
    if (!NAMESPACE.test(rollout.namespace) || !NAME.test(rollout.name)) throw new Problem(404, 'there is no such Rollout');
    const user = context.get('user');
    context.set('about', { user: user.name, rollout: `${rollout.namespace}/${rollout.name}` });
    const { incoming } = context.env;
    const body = await gatehouse.readBody(incoming, MOST_BODY_BYTES, gatehouse.addressOf(incoming));
    const passed = await passOn(context, gatehouse, { listener: 'api', body, timeoutMs: FORWARD_TIMEOUT_MS });
    if (passed !== undefined) return passed;
    const read = readBodyOf(incoming.headersDistinct['content-type'] ?? [], body);
    // whether the Rollout exists is for those who may answer only
    if (!(await asked(gatehouse.logger, signal => access.may(user, 'approve', rollout, signal))))
      throw new Problem(
        403,
        `${user.name} may not approve rollouts.sluice.dev ${rollout.name} in namespace ${rollout.namespace}`,
      );
    const given = givenBy(user, `${rollout.namespace}/${rollout.name}`, { ...read, at: new Date(clock.now()).toISOString() });
    const outcome = await answer(given);
    const response = answerResponse(given, outcome);
    context.set('outcome', outcomeLabel(outcome));
    return response;
  });
  return routes;
};

type Written = Pick<GivenAnswer, 'revision' | 'step' | 'decision' | 'comment'>;

/** Groups that the API server itself hands out say nothing about a person. */
const givenBy = ({ name, groups }: KubeUser, key: string, written: Written & { readonly at: string }): GivenAnswer => ({
  key,
  ...written,
  identity: `user:${name}`,
  groups: groups.filter(group => !group.startsWith('system:')),
  via: 'api',
});

const readBodyOf = (contentTypes: readonly string[], body: Buffer): Written => {
  if (contentTypes.length !== 1 || !/^application\/json(?: *; *charset=(?:utf-8|"utf-8"))? *$/i.test(contentTypes[0] ?? ''))
    throw new Problem(415, 'expected content-type application/json, once');
  const text = textOf(body);
  const { success, data, error } = schema.safeParse(parsed(text));
  if (!success) throw new Problem(400, problemOf(error));
  if (membersOf(text) !== Object.keys(data).length)
    throw new Problem(400, 'the body: has a field twice, or one that is not known');
  const { decision, revision, step, comment } = data;
  return { revision, step, decision: DECISIONS[decision], ...(comment === undefined ? {} : { comment }) };
};

const textOf = (body: Buffer): string => {
  try {
    // a byte order mark stays, and is no JSON
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    throw new Problem(400, 'the body is no UTF-8');
  }
};

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    throw new Problem(400, 'the body is no JSON');
  }
};

const problemOf = ({ issues }: z.ZodError): string =>
  issues.map(({ path, message }) => `${path.map(String).join('.') || 'the body'}: ${message}`).join('; ');

/** How many members the text of an object without objects inside has; one that stands twice counts twice. */
const membersOf = (text: string): number => text.replace(/"(?:[^"\\]|\\.)*"/g, '').split(',').length;
