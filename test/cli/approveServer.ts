import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { ServerCertificate } from '../../src/sandbox/kube/certificate.ts';

export type Seen = { readonly method: string; readonly path: string; readonly token: string; readonly body: unknown };

/** What the API server says to the next requests: an object, or a status with a message. */
type KubeAnswer = { readonly object?: object; readonly code?: number; readonly message?: string };

type Said = { readonly status: number; readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> };

const bodyOf = async (request: IncomingMessage): Promise<unknown> => {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text === '' ? undefined : JSON.parse(text);
};

/** One server of loopback that is the Kubernetes API for paths below `/apis`, and Sluice for the rest. */
export const startApproveServer = async (certificate?: ServerCertificate) => {
  const seen: Seen[] = [];
  const state: { kube: KubeAnswer; sluice: Said | 'hang up' } = { kube: {}, sluice: { status: 500 } };
  const send = (response: ServerResponse, { status, body, headers = {} }: Said): void => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(typeof body === 'string' ? body : JSON.stringify(body ?? {}));
  };
  const listener: RequestListener = async (request, response) => {
    const { method = '', url: path = '' } = request;
    const token = (request.headers.authorization ?? '').replace('Bearer ', '');
    seen.push({ method, path, token, body: await bodyOf(request) });
    if (path.startsWith('/apis')) {
      const { object, code = 200, message = '' } = state.kube;
      send(response, { status: code, body: object ?? { kind: 'Status', status: 'Failure', code, message } });
    } else if (state.sluice === 'hang up') request.socket.destroy();
    else send(response, state.sluice);
  };
  const server = certificate === undefined ? createServer(listener) : createSecureServer(certificate, listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `${certificate === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    seen,
    kube: (answer: KubeAnswer): void => {
      state.kube = answer;
    },
    sluice: (said: Said | 'hang up'): void => {
      state.sluice = said;
    },
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
};
