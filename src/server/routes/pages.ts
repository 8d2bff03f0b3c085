import { readdirSync, readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { Hono } from 'hono';
import type { Inbound } from '../inbound.ts';

/** Nothing of elsewhere, no frame, no markup that a text could bring along. */
const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-cache',
};

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Addresses of pages, and the file that each one is; everything else that pages need is served below `/dashboard/`. */
const PAGES = { '/': 'index.html', '/rollouts/:namespace/:name': 'rollout.html' } as const;

/**
 * The dashboard. Its files hold nothing themselves: what they show, they ask the API for, with the token of their reader.
 * They are read once, when the server starts; throws when the folder is not there.
 */
export const pageRoutes = (folder: URL): Hono<Inbound> => {
  const routes = new Hono<Inbound>();
  const files = new Map(
    readdirSync(folder)
      .filter(name => extname(name) in TYPES)
      .map(name => [name, readFileSync(new URL(name, folder), 'utf8')]),
  );
  const serve = (path: string, name: string): void => {
    const headers = { ...HEADERS, 'content-type': TYPES[extname(name)] ?? '' };
    routes.get(path, context => context.body(files.get(name) ?? '', 200, headers));
  };
  for (const [path, name] of Object.entries(PAGES)) serve(path, name);
  for (const name of files.keys()) serve(`/dashboard/${name}`, name);
  return routes;
};
