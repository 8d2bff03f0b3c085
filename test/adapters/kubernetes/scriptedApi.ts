import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type ScriptedRequest = {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
};

/** Answers one request as the test wants it. */
type Script = (request: ScriptedRequest, response: ServerResponse) => void;

/** An HTTP server on loopback that says what a test tells it to say, and a kubeconfig for it. */
export type ScriptedApi = {
  readonly url: string;
  readonly folder: string;
  readonly kubeconfigPath: string;
  readonly requests: ScriptedRequest[];
  readonly openSockets: () => Promise<number>;
  answer(script: Script): void;
  close(): Promise<void>;
};

export function kubeconfigText(url: string, user: object = { token: 'secret-token' }): string {
  return JSON.stringify({
    clusters: [{ name: 'c', cluster: { server: url } }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  });
}

export function sendJson(response: ServerResponse, code: number, body: unknown): void {
  response.writeHead(code, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

export function sendStatus(
  response: ServerResponse,
  code: number,
  status: { reason?: string; message?: string; details?: object },
): void {
  sendJson(response, code, { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, ...status });
}

export async function startScriptedApi(): Promise<ScriptedApi> {
  const requests: ScriptedRequest[] = [];
  let script: Script = (_, response) => sendStatus(response, 500, { message: 'nothing scripted' });
  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on('data', chunk => chunks.push(chunk));
    incoming.on('end', () => {
      const url = new URL(incoming.url ?? '/', 'http://api');
      const { method = '', headers } = incoming;
      const request = { method, path: url.pathname, query: url.searchParams, headers, body: Buffer.concat(chunks).toString() };
      requests.push(request);
      script(request, response);
    });
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const folder = await mkdtemp(join(tmpdir(), 'sluice-kubernetes-'));
  const kubeconfigPath = join(folder, 'kubeconfig');
  await writeFile(kubeconfigPath, kubeconfigText(url));
  return {
    url,
    folder,
    kubeconfigPath,
    requests,
    openSockets: () =>
      new Promise((resolve, reject) => server.getConnections((error, count) => (error ? reject(error) : resolve(count)))),
    answer: next => {
      script = next;
    },
    close: async () => {
      const closed = new Promise(resolve => server.close(resolve));
      server.closeAllConnections();
      await closed;
      await rm(folder, { recursive: true, force: true });
    },
  };
}
