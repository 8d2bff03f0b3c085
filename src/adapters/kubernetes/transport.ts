import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Connection, Credentials } from './credentials.ts';

/** One HTTP exchange. `path` begins below the server's own path. */
export type Exchange = {
  readonly method: string;
  readonly path: string;
  readonly contentType?: string;
  readonly body?: string;
  readonly signal?: AbortSignal;
  /** Until the whole answer is there; for streams until its first line. */
  readonly timeoutMs: number;
  /** Runs in the same tick as the send; what it throws stops the request. */
  readonly guard?: () => void;
};

export type Answer = { readonly code: number; readonly body: string };

/** No answer that Sluice asks for comes near this; a page of objects has at most some megabytes. */
const LARGEST_BODY_BYTES = 256 * 1024 * 1024;
/** One event of a watch holds one object, of which the API server's store takes less than two megabytes. */
const LONGEST_LINE = 16 * 1024 * 1024;

function optionsOf(connection: Connection, exchange: Exchange): RequestOptions {
  const { server } = connection;
  const body = exchange.body;
  return {
    protocol: server.protocol,
    hostname: server.hostname.replace(/^\[|\]$/g, ''),
    port: server.port || (server.protocol === 'https:' ? 443 : 80),
    path: `${server.pathname.replace(/\/$/, '')}${exchange.path}`,
    method: exchange.method,
    agent: connection.agent,
    ...(connection.auth ? { auth: connection.auth } : {}),
    ...(exchange.signal ? { signal: exchange.signal } : {}),
    headers: {
      accept: 'application/json',
      'user-agent': 'sluice',
      ...connection.headers,
      ...(body === undefined
        ? {}
        : { 'content-type': exchange.contentType ?? 'application/json', 'content-length': Buffer.byteLength(body) }),
    },
  };
}

/** Sends and gives the head of the answer; the time-out goes on until `done` is called. */
function send(connection: Connection, exchange: Exchange): Promise<{ message: IncomingMessage; done: () => void }> {
  return new Promise((resolve, reject) => {
    exchange.guard?.();
    const start = connection.server.protocol === 'https:' ? httpsRequest : httpRequest;
    const outgoing = start(optionsOf(connection, exchange));
    let head: IncomingMessage | undefined;
    const timer = setTimeout(() => {
      (head ?? outgoing).destroy(new Error(`no answer within ${exchange.timeoutMs / 1000} s`));
    }, exchange.timeoutMs);
    const done = () => clearTimeout(timer);
    outgoing.on('response', message => {
      head = message;
      resolve({ message, done });
    });
    outgoing.on('error', error => {
      done();
      // The server closed an idle connection in the moment in which it was used again.
      const stale = outgoing.reusedSocket && 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
      reject(stale ? new StaleConnection(error) : error);
    });
    outgoing.end(exchange.body);
  });
}

class StaleConnection extends Error {
  constructor(cause: Error) {
    super(cause.message, { cause });
  }
}

/** Every write carries a precondition or has the same effect twice, so that sending once more is harmless. */
async function sendFresh(credentials: Credentials, exchange: Exchange): ReturnType<typeof send> {
  for (let attempt = 1; ; attempt += 1) {
    const connection = await credentials.connection();
    exchange.signal?.throwIfAborted();
    try {
      return await send(connection, exchange);
    } catch (error) {
      // Each of the sockets that were idle may be stale, so a few attempts may meet one.
      if (!(error instanceof StaleConnection) || attempt === 5) throw error;
    }
  }
}

async function readBody(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > LARGEST_BODY_BYTES) throw new Error(`the answer is larger than ${LARGEST_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Throws what Node throws for sockets, and what `guard` and `signal` throw. */
export async function exchange(credentials: Credentials, request: Exchange): Promise<Answer> {
  const { message, done } = await sendFresh(credentials, request);
  try {
    const body = await readBody(message);
    if (message.statusCode === 401) credentials.forget();
    return { code: message.statusCode ?? 0, body };
  } finally {
    done();
  }
}

/**
 * Calls back with every line of a streamed answer. Gives the body when the status is not 200; resolves without one when the
 * server ended the stream; throws when the connection broke.
 */
export async function streamLines(
  credentials: Credentials,
  request: Exchange,
  on: { readonly open: (code: number) => void; readonly line: (line: string) => void },
): Promise<Answer | undefined> {
  const { message, done } = await sendFresh(credentials, request);
  const code = message.statusCode ?? 0;
  on.open(code);
  if (code !== 200) {
    if (code === 401) credentials.forget();
    return readBody(message)
      .then(body => ({ code, body }))
      .finally(done);
  }
  done();
  message.setEncoding('utf8');
  let rest = '';
  for await (const chunk of message as AsyncIterable<string>) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > LONGEST_LINE) throw new Error(`a line of the stream is longer than ${LONGEST_LINE} characters`);
    for (const line of lines) if (line !== '') on.line(line);
  }
  if (rest.trim() !== '') on.line(rest);
  return undefined;
}
