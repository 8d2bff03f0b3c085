import { Hono } from 'hono';
import type { Freeze } from '../../rollout/index.ts';
import { type Gatehouse, type Inbound, noted } from '../inbound.ts';
import type { Reading } from '../reading.ts';

export type SelfRoutesDeps = {
  /** Of the program. */
  readonly version: string;
  readonly anonymousRead: boolean;
  /** Somebody stopped all forward movement of this installation. */
  readonly freeze: () => Freeze | undefined;
  readonly reading: Pick<Reading, 'known'>;
  readonly gatehouse: Gatehouse;
};

/** `GET /api/v1/self`: what this is, who the caller is, and whether everything stands still. */
export const selfRoutes = ({ version, anonymousRead, freeze, reading, gatehouse }: SelfRoutesDeps): Hono<Inbound> => {
  const routes = new Hono<Inbound>();
  const path = '/api/v1/self';
  routes.get(
    path,
    noted('read', gatehouse, () => {}),
    reading.known,
  );
  routes.get(path, context => {
    const [user, frozen] = [context.get('user')?.name, freeze()];
    const about = { version, anonymousRead, ...(user === undefined ? {} : { user }) };
    return context.json({ ...about, ...(frozen === undefined ? {} : { freeze: frozen }) }, 200, { 'cache-control': 'no-store' });
  });
  return routes;
};
