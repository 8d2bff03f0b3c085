import http from 'node:http';
import https from 'node:https';
import type { GitHttpRequest, GitHttpResponse, HttpClient } from 'isomorphic-git';

const MAX_REDIRECTS = 3;
const MEBIBYTE = 1024 * 1024;

/** Reason for people, for an answer that is no Git. */
export const NOT_GIT = 'the answer is not Git but something else, such as a web page; check the url: it is the one for git clone';

/** A failure on the way to the Git server or back. The message is a reason for people and holds no address and no secret. */
export class GitTransportError extends Error {
  readonly kind: 'timeout' | 'network' | 'tooLarge' | 'redirect' | 'notGit';
  constructor(kind: GitTransportError['kind'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'GitTransportError';
    this.kind = kind;
  }
}

export type GitTransport = {
  /**
   * Gives `work` a client for one operation, such as a poll or a fetch: its requests share a cancel signal and a budget of
   * bytes. When it ends, requests that are still open end too. An answer that broke off is an error even if `work` took it
   * for one that had ended, as the library does.
   */
  use<T>(
    limits: { readonly signal: AbortSignal; readonly maxBytes: number },
    work: (client: HttpClient) => Promise<T>,
  ): Promise<T>;
  close(): void;
};

type Operation = {
  readonly signal: AbortSignal;
  readonly maxBytes: number;
  readonly open: Set<http.ClientRequest>;
  receivedBytes: number;
  brokenBy: unknown;
};

/**
 * HTTP for isomorphic-git. The client that comes with the library uses Node's shared agent, whose sockets give up after a
 * few seconds: a server that packs a large repository needs longer. This one has agents of its own, limits of its own, asks
 * no proxy, and follows redirects only on the same host, because credentials travel with every request. `timeoutMs` is the
 * longest silence of the server, from the look-up of its name to the last byte.
 */
export function createGitTransport(timeoutMs: number): GitTransport {
  const agents = { 'http:': new http.Agent(), 'https:': new https.Agent() };

  const send = async (operation: Operation, url: URL, request: SentRequest): Promise<http.IncomingMessage> => {
    const options = { method: request.method, headers: request.headers, signal: operation.signal };
    const outgoing =
      url.protocol === 'https:'
        ? https.request(url, { ...options, agent: agents['https:'] })
        : http.request(url, { ...options, agent: agents['http:'] });
    operation.open.add(outgoing);
    outgoing.once('close', () => operation.open.delete(outgoing));
    const watch = startWatch(timeoutMs, error => outgoing.destroy(error));
    try {
      return await new Promise<http.IncomingMessage>((resolve, reject) => {
        // Stays on: an error after the answer has begun reaches the body, and must not end the process here.
        outgoing.on('error', reject);
        outgoing.once('response', resolve);
        outgoing.end(request.body);
      });
    } catch (error) {
      throw transportError(error, operation.signal);
    } finally {
      watch.stop();
    }
  };

  const request = async (operation: Operation, given: GitHttpRequest): Promise<GitHttpResponse> => {
    const sent = await toSentRequest(given);
    let url = new URL(given.url);
    for (let redirects = 0; ; redirects += 1) {
      const response = await send(operation, url, sent);
      const location = redirectOf(response);
      if (location === undefined) {
        if (sent.method === 'POST') assertGit(response);
        return toResponse(response, url, body(operation, response, timeoutMs));
      }
      response.destroy();
      if (redirects === MAX_REDIRECTS) throw new GitTransportError('redirect', `the server redirected ${redirects + 1} times`);
      url = followed(url, location);
    }
  };

  return {
    use: async ({ signal, maxBytes }, work) => {
      const operation: Operation = { signal, maxBytes, open: new Set(), receivedBytes: 0, brokenBy: undefined };
      try {
        const result = await work({ request: given => request(operation, given) });
        if (operation.brokenBy !== undefined) throw operation.brokenBy;
        return result;
      } finally {
        for (const outgoing of operation.open) outgoing.destroy();
      }
    },
    close: () => {
      agents['http:'].destroy();
      agents['https:'].destroy();
    },
  };
}

type SentRequest = { readonly method: string; readonly headers: http.OutgoingHttpHeaders; readonly body: Buffer };

async function toSentRequest(given: GitHttpRequest): Promise<SentRequest> {
  const chunks: Uint8Array[] = [];
  if (given.body !== undefined) for await (const chunk of given.body) chunks.push(chunk);
  const content = Buffer.concat(chunks);
  const method = given.method ?? 'GET';
  // Some servers answer a client that does not call itself git with their web page.
  const headers = { ...given.headers, 'user-agent': 'git/sluice' };
  return { method, headers: method === 'GET' ? headers : { ...headers, 'content-length': content.length }, body: content };
}

/** Counts silence only: it runs while the server is awaited, not while the caller works on what has come. */
function startWatch(timeoutMs: number, onTimeout: (error: GitTransportError) => void): { stop(): void } {
  const timer = setTimeout(() => {
    onTimeout(new GitTransportError('timeout', `no answer for ${timeoutMs / 1000} s`));
  }, timeoutMs);
  return { stop: () => clearTimeout(timer) };
}

async function* body(operation: Operation, response: http.IncomingMessage, timeoutMs: number): AsyncGenerator<Uint8Array> {
  const chunks: AsyncIterator<Buffer> = response[Symbol.asyncIterator]();
  try {
    for (;;) {
      const watch = startWatch(timeoutMs, error => response.destroy(error));
      const next = await chunks.next().finally(() => watch.stop());
      if (next.done) return;
      operation.receivedBytes += next.value.length;
      if (operation.receivedBytes > operation.maxBytes) throw tooLarge(operation.maxBytes);
      yield next.value;
    }
  } catch (error) {
    operation.brokenBy = transportError(error, operation.signal);
    throw operation.brokenBy;
  } finally {
    response.destroy();
  }
}

function toResponse(response: http.IncomingMessage, url: URL, content: AsyncGenerator<Uint8Array>): GitHttpResponse {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(response.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return {
    url: url.href,
    statusCode: response.statusCode ?? 0,
    statusMessage: response.statusMessage ?? '',
    headers,
    body: content as AsyncGenerator<Uint8Array, void, undefined>,
  };
}

function redirectOf(response: http.IncomingMessage): string | undefined {
  const status = response.statusCode ?? 0;
  return [301, 302, 303, 307, 308].includes(status) ? (response.headers.location ?? '') : undefined;
}

/** The same host and never from https to http; from http to https on the standard ports is the one change of port. */
function followed(from: URL, location: string): URL {
  if (!URL.canParse(location, from.href)) throw new GitTransportError('redirect', 'the server redirected to nowhere');
  const to = new URL(location, from);
  const upgraded = from.protocol === 'http:' && to.protocol === 'https:' && from.port === '' && to.port === '';
  if (to.hostname === from.hostname && (to.origin === from.origin || upgraded)) return to;
  const reason = `the server redirected to ${to.protocol}//${to.host}; only redirects on the same host are followed`;
  throw new GitTransportError('redirect', reason);
}

/** The library looks at the type of the first answer only. */
function assertGit(response: http.IncomingMessage): void {
  const type = response.headers['content-type'] ?? '';
  if (response.statusCode !== 200 || /^application\/x-git-/.test(type)) return;
  response.destroy();
  throw new GitTransportError('notGit', NOT_GIT);
}

function tooLarge(maxBytes: number): GitTransportError {
  return new GitTransportError('tooLarge', `the answer is larger than ${Math.ceil(maxBytes / MEBIBYTE)} MiB`);
}

function transportError(error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  if (error instanceof GitTransportError) return error;
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  return new GitTransportError('network', networkReason(code, error), { cause: error });
}

function networkReason(code: string | undefined, error: unknown): string {
  if (code === 'ECONNREFUSED') return 'the connection was refused';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'the name of the server cannot be resolved';
  if (code === 'ECONNRESET' || code === 'EPIPE') return 'the connection broke before the answer was complete';
  if (code?.includes('CERT') || code?.startsWith('UNABLE_TO_VERIFY') || code?.startsWith('ERR_TLS')) {
    return `the certificate of the server is not trusted (${code}); NODE_EXTRA_CA_CERTS can name a file with its authority`;
  }
  return code ?? (error instanceof Error ? error.message : String(error));
}
