import { Agent, createServer, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request as a version of the application received it. */
interface Arrival {
  readonly version: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, readonly string[]>>;
}

/** One application in several versions, which tells what arrives. */
export interface Echo {
  /** Ports on 127.0.0.1, by version. */
  readonly ports: Readonly<Record<string, number>>;
  /** What has arrived with this value of the header `x-probe`, requests and copies. */
  readonly arrivals: (probe: string) => readonly Arrival[];
  readonly close: () => void;
}

/** Starts a server for each version. Each answers with its name in `x-version` and a cookie of its own. */
export async function startEcho(versions: readonly string[]): Promise<Echo> {
  const arrived = new Map<string, Arrival[]>();
  const servers = versions.map(version =>
    createServer({ keepAliveTimeout: 600_000 }, (request, response) => {
      request.resume();
      const headers = Object.fromEntries(Object.entries(request.headersDistinct).map(([name, lines]) => [name, lines ?? []]));
      const probe = headers['x-probe']?.[0];
      if (probe !== undefined) arrived.set(probe, [...(arrived.get(probe) ?? []), { version, url: request.url ?? '', headers }]);
      response.writeHead(200, { 'x-version': version, 'x-app': 'app', 'set-cookie': ['app=1'] }).end();
    }),
  );
  const ports = await Promise.all(
    servers.map(
      server => new Promise<number>(done => server.listen(0, '127.0.0.1', () => done((server.address() as AddressInfo).port))),
    ),
  );
  return {
    ports: Object.fromEntries(versions.map((version, index) => [version, ports[index] ?? 0])),
    arrivals: probe => arrived.get(probe) ?? [],
    close: () => {
      for (const server of servers) {
        server.close();
        server.closeAllConnections();
      }
    },
  };
}

/** What a caller gets. */
export interface Reply {
  readonly status: number;
  /** Who answered; empty when a proxy did. */
  readonly version: string;
  readonly headers: IncomingHttpHeaders;
}

const agent = new Agent({ keepAlive: true, maxFreeSockets: 32 });

/** Sends one request to a proxy. Rejects when the connection breaks. */
export function sendTo(
  proxyUrl: string,
  request: {
    readonly host: string;
    readonly path?: string;
    readonly method?: string;
    readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  },
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(proxyUrl);
    const lines = Object.entries(request.headers ?? {}).map(([name, value]) => [
      name,
      typeof value === 'string' ? value : [...value],
    ]);
    const options = { hostname, port, path: request.path ?? '/', method: request.method ?? 'GET', setHost: false, agent };
    const sent = httpRequest({ ...options, headers: { ...Object.fromEntries(lines), host: request.host } }, answer => {
      answer.resume();
      answer.on('error', reject);
      answer.on('end', () => {
        const { statusCode = 0, headers } = answer;
        resolve({ status: statusCode, version: String(headers['x-version'] ?? ''), headers });
      });
    });
    sent.on('error', reject);
    sent.end();
  });
}
