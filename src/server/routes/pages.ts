import { readFile } from 'node:fs/promises';
import { Hono } from 'hono';
import type { Inbound } from '../inbound.ts';

/** Nothing of elsewhere, no frame, no markup that a text could bring along. */
const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-cache',
};

const FILES = [
  { path: '/rollouts/:namespace/:name', file: 'rollout.html', type: 'text/html; charset=utf-8' },
  { path: '/pages/rollout.js', file: 'rollout.js', type: 'text/javascript; charset=utf-8' },
  { path: '/pages/rollout.css', file: 'rollout.css', type: 'text/css; charset=utf-8' },
] as const;

/** The page of a Rollout. It holds nothing itself: what it shows, it asks the API for, with the token of its reader. */
export const pageRoutes = (folder: URL): Hono<Inbound> => {
  const routes = new Hono<Inbound>();
  for (const { path, file, type } of FILES)
    routes.get(path, async context =>
      context.body(await readFile(new URL(file, folder), 'utf8'), 200, { ...HEADERS, 'content-type': type }),
    );
  return routes;
};
