import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { Hono } from 'hono';
import { tokenOf } from '../authenticated.ts';
import { type Gatehouse, type Inbound, noted } from '../inbound.ts';
import { placeOf } from '../place.ts';
import type { Reading } from '../reading.ts';
import type { Streams } from '../stream/streams.ts';

export type StreamRoutesDeps = {
  readonly streams: Streams;
  readonly reading: Reading;
  readonly gatehouse: Gatehouse;
};

/**
 * `GET /api/v1/stream`: all Rollouts that the caller may read, or with `?namespace=NS&name=NAME` one of them, as
 * server-sent events.
 */
export const streamRoutes = ({ streams, reading, gatehouse }: StreamRoutesDeps): Hono<Inbound> => {
  const routes = new Hono<Inbound>();
  const path = '/api/v1/stream';
  routes.get(
    path,
    noted('read', gatehouse, () => {}),
    reading.known,
  );
  routes.get(path, async context => {
    const { incoming, outgoing } = context.env;
    if (incoming.method === 'HEAD') return context.body(null, 200, { 'content-type': 'text/event-stream; charset=utf-8' });
    const token = incoming.headers.authorization === undefined ? undefined : tokenOf(incoming);
    const caller = { reader: context.get('user'), token, address: gatehouse.addressOf(incoming) };
    const [namespace, name] = [context.req.query('namespace'), context.req.query('name')];
    if (namespace === undefined && name === undefined) await streams.list(outgoing, caller);
    else await streams.one(outgoing, caller, placeOf(namespace, name));
    return RESPONSE_ALREADY_SENT;
  });
  return routes;
};
