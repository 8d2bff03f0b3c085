import { Server } from 'node:http';
import { type ServerType, serve } from '@hono/node-server';
import type { Hono } from 'hono';
import { SystemError } from '../controller/ports.ts';
import { limitConnections } from './connections.ts';
import type { Inbound } from './inbound.ts';
import { Problem, problemResponse, toProblem } from './problem.ts';

export type Listener = {
  /** Where it listens, e.g. `127.0.0.1:8080`. */
  readonly address: string;
  close(): Promise<void>;
};

export type Listen = {
  readonly host: string;
  readonly port: number;
  /** Until a request is there as a whole; default 10 s. */
  readonly requestTimeoutMs?: number;
  /** Addresses of proxies, which hold connections for many callers; default none. */
  readonly isProxy?: (address: string) => boolean;
};

/** Slow senders are cut off. */
const limits = (requestTimeoutMs: number) => ({
  headersTimeout: requestTimeoutMs,
  requestTimeout: requestTimeoutMs,
  connectionsCheckingInterval: requestTimeoutMs / 10,
  // longer than load balancers keep idle connections, so that they close them and not we
  keepAliveTimeout: 75_000,
  maxHeaderSize: 16 * 1024,
});
const REQUEST_TIMEOUT_MS = 10_000;
const MOST_REQUESTS_PER_CONNECTION = 10_000;

/** Serves these routes, and problem JSON for everything else. Throws SystemError when it cannot listen. */
export const listenFor = async (app: Hono<Inbound>, listen: Listen): Promise<Listener> => {
  const { host, port, requestTimeoutMs = REQUEST_TIMEOUT_MS, isProxy = () => false } = listen;
  const serverOptions = limits(requestTimeoutMs);
  app.onError(error => problemResponse(toProblem(error)));
  app.notFound(context => problemResponse(new Problem(404, `nothing is served at ${context.req.path}`)));
  const asked = `${bracketed(host)}:${port}`;
  const server = await new Promise<ServerType>((resolve, reject) => {
    const started = serve({ fetch: app.fetch, hostname: host, port, serverOptions }, () => resolve(started));
    started.once('error', (error: NodeJS.ErrnoException) =>
      reject(new SystemError('http', `listening on ${asked}`, 'unavailable', reasonOf(error), { cause: error })),
    );
  });
  if (server instanceof Server) {
    server.maxRequestsPerSocket = MOST_REQUESTS_PER_CONNECTION;
    limitConnections(server, isProxy);
  }
  const bound = server.address();
  const isNetwork = typeof bound === 'object' && bound !== null;
  return {
    address: isNetwork ? `${bracketed(bound.address)}:${bound.port}` : asked,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve());
        if ('closeAllConnections' in server) server.closeAllConnections();
      }),
  };
};

const bracketed = (host: string): string => (host.includes(':') ? `[${host}]` : host);

const reasonOf = ({ code, message }: NodeJS.ErrnoException): string => (code === 'EADDRINUSE' ? 'the port is in use' : message);
