import { type Context, Hono } from 'hono';
import type { Access } from '../../controller/channel-ports.ts';
import { type StoredRollout, SystemError } from '../../controller/ports.ts';
import type { RecordReader, StoredRecord } from '../../controller/view-ports.ts';
import { decodeRecord, gateViews } from '../../rollout/index.ts';
import { authenticated, callerOf, tokenOf } from '../authenticated.ts';
import { type Gatehouse, type Inbound, noted } from '../inbound.ts';
import { placeOf } from '../place.ts';
import { Problem } from '../problem.ts';
import type { Reading } from '../reading.ts';

export type RecordRoutesDeps = {
  readonly records: RecordReader;
  readonly reading: Reading;
  readonly access: Pick<Access, 'userOf'>;
  readonly gatehouse: Gatehouse;
};

const TIMEOUT_MS = 8_000;
const NO_STORE = { 'content-type': 'application/json', 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };

/**
 * `GET /api/v1/rollouts/{namespace}/{name}/records[/{digest}]`: what decisions were made from (R37), read from where it is
 * kept with the token of the caller, who needs the right to `list` ConfigMaps there; Sluice itself may not read them.
 */
export const recordRoutes = ({ records, reading, access, gatehouse }: RecordRoutesDeps): Hono<Inbound> => {
  const routes = new Hono<Inbound>();
  const path = '/api/v1/rollouts/:namespace/:name/records';
  for (const each of [path, `${path}/:digest`])
    routes.get(
      each,
      noted('read', gatehouse, () => {}),
      authenticated(access, gatehouse),
    );

  const read = async (context: Context<Inbound>): Promise<readonly StoredRecord[]> => {
    const user = callerOf(context);
    const rollout = await reading.found(user, placeOf(context.req.param('namespace'), context.req.param('name')));
    try {
      return await records.read(tokenOf(context.env.incoming), rollout, AbortSignal.timeout(TIMEOUT_MS));
    } catch (error) {
      throw problemOf(error, user.name, rollout);
    }
  };

  routes.get(path, async context => {
    const items = (await read(context)).flatMap(toItem);
    return context.body(JSON.stringify({ items }), 200, NO_STORE);
  });
  routes.get(`${path}/:digest`, async context => {
    const digest = context.req.param('digest');
    const found = (await read(context)).find(record => record.digest === digest);
    if (found === undefined) throw new Problem(404, 'no record with this digest is kept in the cluster; early ones go with time');
    return context.body(found.text, 200, NO_STORE);
  });
  return routes;
};

const problemOf = (error: unknown, who: string, { namespace }: StoredRollout): unknown => {
  if (error instanceof Error && error.name === 'TimeoutError') return noAnswer();
  if (!(error instanceof SystemError)) return error;
  if (error.kind !== 'refused') return noAnswer();
  return new Problem(
    403,
    `${who} may not list configmaps in namespace ${namespace}, where the records are kept; a Role with this right is needed`,
  );
};

const noAnswer = (): Problem => new Problem(503, 'the API server does not give the records; try again');

/** What is no record, or one that this build cannot read, is left out. */
const toItem = ({ digest, attempt, name, text }: StoredRecord): readonly object[] => {
  const decoded = decodeRecord(text);
  if ('problem' in decoded) return [];
  try {
    const { at, action, decision } = decoded.record;
    const { phase, step, traffic, message } = decision.status;
    const where = { phase, ...(step === undefined ? {} : { step: step.index }), weight: traffic?.weight ?? 0, message };
    return [{ digest, attempt, name, at, action, ...where, gates: gateViews(decision.status) }];
  } catch {
    return [];
  }
};
