import { spawn } from 'node:child_process';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

type GitAnswer = { readonly status: number; readonly headers: Record<string, string>; readonly body: Buffer };

/** Takes a request over from the real server, or lets it through by calling `proceed`. */
export type Intercept = (
  request: IncomingMessage,
  response: ServerResponse,
  proceed: () => Promise<GitAnswer>,
) => void | Promise<void>;

export type GitServer = {
  readonly origin: string;
  /** `METHOD path` of each request so far. */
  readonly requests: string[];
  readonly authorizations: (string | undefined)[];
  intercept: Intercept | undefined;
  close(): Promise<void>;
};

/** Smart HTTP by `git http-backend` for the repositories below a folder, on the loopback interface. */
export async function startGitServer(root: string, { protocolV2 = true } = {}): Promise<GitServer> {
  const answer = async (request: IncomingMessage, body: Buffer): Promise<GitAnswer> => {
    const url = new URL(request.url ?? '/', 'http://server');
    const protocol = request.headers['git-protocol'];
    const env = {
      PATH: process.env['PATH'],
      HOME: root,
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      PATH_INFO: decodeURIComponent(url.pathname),
      QUERY_STRING: url.search.slice(1),
      REQUEST_METHOD: request.method,
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      CONTENT_LENGTH: String(body.length),
      ...(protocolV2 && typeof protocol === 'string' ? { GIT_PROTOCOL: protocol } : {}),
    };
    return fromCgi(await runBackend(env, body));
  };

  const server = createServer(async (request, response) => {
    running.requests.push(`${request.method} ${request.url}`);
    running.authorizations.push(request.headers.authorization);
    const body = await readAll(request);
    const proceed = () => answer(request, body);
    if (running.intercept !== undefined) await running.intercept(request, response, proceed);
    else send(response, await proceed());
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const running: GitServer = {
    origin: `http://127.0.0.1:${port}`,
    requests: [],
    authorizations: [],
    intercept: undefined,
    close: async () => {
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
    },
  };
  return running;
}

export function send(response: ServerResponse, answer: GitAnswer): void {
  response.writeHead(answer.status, answer.headers);
  response.end(answer.body);
}

async function readAll(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function runBackend(env: NodeJS.ProcessEnv, body: Buffer): Promise<Buffer> {
  const backend = spawn('git', ['http-backend'], { env, stdio: ['pipe', 'pipe', 'ignore'] });
  // The backend may end without reading what it was sent.
  backend.stdin.on('error', () => {});
  backend.stdin.end(body);
  return await readAll(backend.stdout);
}

function fromCgi(output: Buffer): GitAnswer {
  const end = output.indexOf('\r\n\r\n');
  const headers: Record<string, string> = {};
  for (const line of output.subarray(0, end).toString('utf8').split('\r\n')) {
    const colon = line.indexOf(':');
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  const { status = '200', ...rest } = headers;
  return { status: Number.parseInt(status, 10), headers: rest, body: output.subarray(end + 4) };
}
