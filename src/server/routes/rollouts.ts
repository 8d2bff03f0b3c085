import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { type Context, Hono } from 'hono';
import type { MeshPreview } from '../../controller/view-ports.ts';
import { type Gatehouse, type Inbound, noted } from '../inbound.ts';
import { lineText } from '../lineText.ts';
import { createMeshTexts } from '../meshTexts.ts';
import type { Newest } from '../newest.ts';
import { placeOf } from '../place.ts';
import { namespacesOf, type Reading } from '../reading.ts';
import type { createRolloutBody } from '../rolloutBody.ts';

export type RolloutRoutesDeps = {
  readonly newest: Newest;
  readonly reading: Reading;
  readonly bodyOf: ReturnType<typeof createRolloutBody>;
  readonly mesh: MeshPreview;
  readonly gatehouse: Gatehouse;
};

const PATH = '/api/v1/rollouts';
const compress = promisify(gzip);

/**
 * `GET /api/v1/rollouts`, one of them, its history, timeline and mesh objects, from this process's caches, as every process
 * has them. The right is the verb `get` on rollouts; the list holds the namespaces for which the caller has it.
 */
export const rolloutRoutes = ({ newest, reading, bodyOf, mesh, gatehouse }: RolloutRoutesDeps): Hono<Inbound> => {
  const routes = new Hono<Inbound>();
  const one = `${PATH}/:namespace/:name`;
  const meshText = createMeshTexts(mesh, newest);
  const read = [noted('read', gatehouse, () => {}), reading.known] as const;
  for (const path of [PATH, one, ...['history', 'timeline', 'mesh'].map(part => `${one}/${part}`)]) routes.get(path, ...read);
  const found = (context: Context<Inbound>) =>
    reading.found(context.get('user'), placeOf(context.req.param('namespace'), context.req.param('name')));

  routes.get(PATH, async context => {
    const scope = await reading.scopeOf(context.get('user'), namespacesOf(newest.keys()));
    const { namespace, phase } = context.req.query();
    const items = newest
      .keys()
      .flatMap(key => newest.get(key) ?? [])
      .filter(rollout => scope.namespaces.has(rollout.namespace))
      .filter(rollout => (namespace ?? rollout.namespace) === rollout.namespace)
      .filter(({ status }) => phase === undefined || phase === (status?.phase ?? 'Pending'))
      .map(lineText);
    return await compressed(context, `{"items":[${items.join()}]}`);
  });
  routes.get(one, async context => {
    const rollout = await found(context);
    return answer(context, bodyOf(rollout)(await reading.rightsOf(context.get('user'), rollout)));
  });
  routes.get(`${one}/history`, async context =>
    answer(context, JSON.stringify({ items: (await found(context)).status?.history ?? [] })),
  );
  routes.get(`${one}/timeline`, async context => answer(context, JSON.stringify(newest.timeline.of(await found(context)))));
  routes.get(`${one}/mesh`, async context => answer(context, await meshText(await found(context))));
  return routes;
};

/** A thousand lines have 300 KB, which are 10 KB as gzip; one Rollout is not worth the work. */
const LARGE = 16 * 1024;

const compressed = async (context: Context<Inbound>, json: string): Promise<Response> => {
  const isWanted = /\bgzip\b(?! *; *q=0(?:\.0*)? *(?:,|$))/.test(context.req.header('accept-encoding') ?? '');
  if (json.length < LARGE || !isWanted) return answer(context, json);
  const headers = { ...HEADERS, 'content-encoding': 'gzip', vary: 'accept-encoding' };
  return context.body(new Uint8Array(await compress(json, { level: 1 })), 200, headers);
};

const HEADERS = { 'content-type': 'application/json', 'cache-control': 'no-store' };

const answer = (context: Context<Inbound>, json: string): Response => context.body(json, 200, HEADERS);
