import { type ServerType, serve } from '@hono/node-server';
import { Hono } from 'hono';
import { SystemError } from '../controller/ports.ts';
import type { Metrics } from './metrics.ts';

export type Server = {
  /** Where it listens, e.g. `127.0.0.1:8080`. */
  readonly address: string;
  close(): Promise<void>;
};

/** Serves liveness, readiness and metrics. `waitingFor` says why it is not ready yet. Throws SystemError when it cannot listen. */
export const startServer = async (
  listen: { readonly host: string; readonly port: number },
  deps: { readonly metrics: Metrics; readonly waitingFor: () => string | undefined },
): Promise<Server> => {
  const app = new Hono();
  app.get('/healthz', context => context.text('ok\n'));
  app.get('/readyz', context => {
    const reason = deps.waitingFor();
    return reason === undefined ? context.text('ok\n') : context.text(`${reason}\n`, 503);
  });
  app.get('/metrics', async context =>
    context.body(await deps.metrics.text(), 200, { 'content-type': deps.metrics.contentType }),
  );
  app.notFound(context =>
    context.json(
      { type: 'about:blank', title: 'Not Found', status: 404, detail: `nothing is served at ${context.req.path}` },
      404,
      { 'content-type': 'application/problem+json' },
    ),
  );

  const { host, port } = listen;
  const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const server = await new Promise<ServerType>((resolve, reject) => {
    const started = serve({ fetch: app.fetch, hostname: host, port }, () => resolve(started));
    started.once('error', (error: NodeJS.ErrnoException) =>
      reject(new SystemError('http', `listening on ${address}`, 'unavailable', reasonOf(error), { cause: error })),
    );
  });
  const bound = server.address();
  return {
    address:
      typeof bound === 'object' && bound !== null
        ? `${bound.address.includes(':') ? `[${bound.address}]` : bound.address}:${bound.port}`
        : address,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve());
        if ('closeAllConnections' in server) server.closeAllConnections();
      }),
  };
};

const reasonOf = ({ code, message }: NodeJS.ErrnoException): string => (code === 'EADDRINUSE' ? 'the port is in use' : message);
