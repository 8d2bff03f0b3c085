import type { IncomingMessage, ServerResponse } from 'node:http';
import { readBody } from '../kube/request.ts';
import { SCRIPT, STYLE } from './assets.ts';
import { type Inbox, inboxHtml, pageHtml, type Visit } from './page.ts';
import type { Press, PressOutcome } from './press.ts';
import type { Workspace } from './workspace.ts';

type Page = (request: IncomingMessage, response: ServerResponse, url: URL) => void | Promise<void>;

const SECURITY = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
};

/** Other sites in the same browser can neither press nor read, not even by a name of theirs for this address. */
function isForeign({ method, headers }: IncomingMessage): boolean {
  const host = headers.host ?? '';
  if (!/^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/.test(host)) return true;
  if (headers.origin !== undefined && headers.origin !== `http://${host}`) return true;
  const site = headers['sec-fetch-site'] ?? 'none';
  const isLink = method === 'GET' && headers['sec-fetch-mode'] === 'navigate';
  return site !== 'same-origin' && site !== 'none' && !isLink;
}

function visitOf(workspace: Workspace, { searchParams }: URL): Visit | undefined {
  const me = workspace.members.find(({ name }) => name === searchParams.get('as')) ?? workspace.members[0];
  const channel = workspace.channel(searchParams.get('channel') ?? '') ?? workspace.channels()[0];
  return me && channel ? { me, channel } : undefined;
}

const html =
  (inbox: Inbox, render: (inbox: Inbox, visit: Visit) => string): Page =>
  (_, response, url) => {
    const visit = visitOf(inbox.workspace, url);
    if (!visit) return void response.writeHead(404, SECURITY).end();
    response.writeHead(200, { ...SECURITY, 'content-type': 'text/html; charset=utf-8' }).end(render(inbox, visit));
  };

const asset =
  (type: string, text: string): Page =>
  (_, response) =>
    void response.writeHead(200, { ...SECURITY, 'content-type': `${type}; charset=utf-8` }).end(text);

/** Says that something has changed; what, the page asks for. */
const events =
  (workspace: Workspace): Page =>
  (_, response) => {
    response.writeHead(200, { ...SECURITY, 'content-type': 'text/event-stream' }).write('retry: 1000\n\n');
    const tell = () => void response.write('data: changed\n\n');
    response.once('close', workspace.subscribe(tell));
  };

/** Scripts get what came of it, forms are led back to the page. */
const pressed =
  (workspace: Workspace, press: (press: Press) => Promise<PressOutcome>): Page =>
  async (request, response) => {
    const form = new URLSearchParams(await readBody(request));
    const text = (key: string) => form.get(key) ?? '';
    const [user, channel] = [text('user'), text('channel')];
    const outcome = await press({ user, channel, ts: text('ts'), action: text('action') });
    if (request.headers.accept?.includes('application/json'))
      return void response.writeHead(200, { ...SECURITY, 'content-type': 'application/json' }).end(JSON.stringify(outcome));
    const as = workspace.members.find(({ id }) => id === user)?.name ?? '';
    const place = new URLSearchParams({ channel: workspace.channel(channel)?.name ?? '', as });
    response.writeHead(303, { ...SECURITY, location: `/?${place}` }).end();
  };

/** The inbox as a web site. */
export function createSite(inbox: Inbox, press: (press: Press) => Promise<PressOutcome>): Page {
  const pages: { readonly [route: string]: Page } = {
    'GET /': html(inbox, pageHtml),
    'GET /inbox': html(inbox, inboxHtml),
    'GET /inbox.css': asset('text/css', STYLE),
    'GET /inbox.js': asset('text/javascript', SCRIPT),
    'GET /events': events(inbox.workspace),
    'POST /press': pressed(inbox.workspace, press),
  };
  return async (request, response, url) => {
    if (isForeign(request)) return void response.writeHead(403, SECURITY).end('not from here\n');
    const page = pages[`${request.method} ${url.pathname}`];
    if (!page) return void response.writeHead(404, SECURITY).end();
    await page(request, response, url);
  };
}
