import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Answers in the server's place; gives false for what is to pass. */
export type Interference = (request: IncomingMessage, response: ServerResponse) => boolean;

/** Stands between clients and a Git server that speaks HTTP. */
export type GitProxy = {
  readonly origin: string;
  /** `METHOD path` of each request so far. */
  readonly requests: readonly string[];
  /** Undefined: everything passes. */
  interfere: Interference | undefined;
  close(): Promise<void>;
};

/** `port` 0: any that is free. */
export const startGitProxy = async (upstream: string, port = 0): Promise<GitProxy> => {
  const requests: string[] = [];
  const server = createServer((incoming, outgoing) => {
    const { method, url = '/', headers } = incoming;
    requests.push(`${method} ${url}`);
    if (proxy.interfere?.(incoming, outgoing)) return void incoming.resume();
    const onward = httpRequest(`${upstream}${url}`, { method, headers, agent: false }, answer => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
      answer.on('error', () => outgoing.destroy());
    });
    onward.on('error', () => outgoing.destroy());
    outgoing.on('close', () => onward.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve));
  const proxy: GitProxy = {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    interfere: undefined,
    close: async () => {
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
    },
  };
  return proxy;
};
