import { type Context, Hono, type MiddlewareHandler } from 'hono';
import type { Access } from '../../controller/channel-ports.ts';
import type { RolloutStore, StoredRollout } from '../../controller/ports.ts';
import { openQuestion } from '../../rollout/index.ts';
import { asked, authenticated } from '../authenticated.ts';
import { type Gatehouse, type Inbound, noted } from '../inbound.ts';
import { Problem } from '../problem.ts';

export type RolloutRoutesDeps = {
  readonly store: Pick<RolloutStore, 'keys' | 'get'>;
  readonly access: Access;
  /** Everybody may read without a token. */
  readonly anonymousRead: boolean;
  readonly gatehouse: Gatehouse;
};

/** What a reader gets of one Rollout: the object, and what people are asked now. */
const toView = ({ namespace, name, uid, spec, status }: StoredRollout) => {
  const question = openQuestion(status);
  return {
    namespace,
    name,
    uid,
    spec,
    ...(status === undefined ? {} : { status }),
    ...(question === undefined ? {} : { question }),
  };
};

const toLine = ({ namespace, name, status }: StoredRollout) => ({
  namespace,
  name,
  phase: status?.phase ?? 'Pending',
  reason: status?.reason,
  version: status?.display?.version,
  step: status?.display?.step,
  weight: status?.display?.weight,
  message: status?.message ?? 'not looked at yet',
  waitingFor: status?.waitingFor,
  stable: status?.stableVersion,
});

/**
 * `GET /api/v1/rollouts`, one of them, and its history, from this process's cache, as every process has one. The right is
 * the verb `get` on rollouts; the list holds the namespaces for which the caller has it.
 */
export const rolloutRoutes = ({ store, access, anonymousRead, gatehouse }: RolloutRoutesDeps): Hono<Inbound> => {
  const routes = new Hono<Inbound>();
  const known: MiddlewareHandler<Inbound> = anonymousRead ? anybody : authenticated(access, gatehouse);
  const mayGet = async (context: Context<Inbound>, rollout: { namespace: string; name: string }): Promise<boolean> =>
    anonymousRead || (await asked(gatehouse.logger, signal => access.may(context.get('user'), 'get', rollout, signal)));

  const found = async (context: Context<Inbound>): Promise<StoredRollout> => {
    const [namespace, name] = [context.req.param('namespace') ?? '', context.req.param('name') ?? ''];
    if (!(await mayGet(context, { namespace, name })))
      throw new Problem(403, `${context.get('user').name} may not get rollouts.sluice.dev ${name} in namespace ${namespace}`);
    const rollout = store.get(`${namespace}/${name}`);
    if (rollout === undefined) throw new Problem(404, 'there is no such Rollout');
    return rollout;
  };

  /** Asked for the whole cluster first: those who may not read all of it have few namespaces. */
  const readableNamespaces = async (context: Context<Inbound>, all: readonly string[]): Promise<ReadonlySet<string>> => {
    if (await mayGet(context, { namespace: '', name: '' })) return new Set(all);
    const readable = new Set<string>();
    for (const namespace of all) if (await mayGet(context, { namespace, name: '' })) readable.add(namespace);
    return readable;
  };

  const path = '/api/v1/rollouts';
  for (const each of [path, `${path}/:namespace/:name`, `${path}/:namespace/:name/history`])
    routes.get(
      each,
      noted('read', gatehouse, () => {}),
      known,
    );
  routes.get(path, async context => {
    const rollouts = store.keys().flatMap(key => store.get(key) ?? []);
    const readable = await readableNamespaces(context, [...new Set(rollouts.map(({ namespace }) => namespace))]);
    return answer(context, { items: rollouts.filter(({ namespace }) => readable.has(namespace)).map(toLine) });
  });
  routes.get(`${path}/:namespace/:name`, async context => answer(context, toView(await found(context))));
  routes.get(`${path}/:namespace/:name/history`, async context =>
    answer(context, { items: (await found(context)).status?.history ?? [] }),
  );
  return routes;
};

const answer = (context: Context<Inbound>, body: object): Response => context.json(body, 200, { 'cache-control': 'no-store' });

/** What anybody may ask counts against nobody. */
const anybody: MiddlewareHandler<Inbound> = (context, next) => {
  context.set('isVerified', true);
  return next();
};
