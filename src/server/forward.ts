import { Agent, type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http';
import { Problem } from './problem.ts';

/** Where a process serves, as `address:port`. */
export type Addresses = { readonly api?: string; readonly hooks?: string };

/** Who may write now, as far as this process knows. */
export type Leader =
  | { readonly kind: 'self' }
  | { readonly kind: 'nobody' }
  | { readonly kind: 'other'; readonly addresses: Addresses };

/** A request that was verified here, as it came. */
type Forwardable = { readonly incoming: IncomingMessage; readonly path: string; readonly body: Buffer };

/** Takes requests to the process that leads. */
export type Forwarder = {
  /** Its answer, or `undefined` when this process leads itself. Throws Problem 503. */
  forward(to: keyof Addresses, request: Forwardable, timeoutMs: number): Promise<Response | undefined>;
  close(): void;
};

/** Says that another process has passed the request on, so that it is passed on once only. */
const FORWARDED = 'sluice-forwarded';

const MOST_ANSWER_BYTES = 64 * 1024;
/** Of one connection only, or written anew. */
const NOT_PASSED_ON = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'x-forwarded-for',
  FORWARDED,
]);
const PASSED_BACK = ['content-type', 'retry-after', 'www-authenticate', 'allow', 'cache-control'];

export const createForwarder = (leader: () => Leader): Forwarder => {
  const agent = new Agent({ keepAlive: true, maxSockets: 64, maxFreeSockets: 8 });
  return {
    forward: async (to, forwardable, timeoutMs) => {
      const found = leader();
      if (found.kind === 'self') return undefined;
      if (found.kind === 'nobody') throw new Problem(503, 'no process leads at this moment; try again');
      if (forwardable.incoming.headers[FORWARDED] !== undefined) throw new Problem(503, 'this process does not lead; try again');
      const address = found.addresses[to];
      if (address === undefined) throw new Problem(503, 'the process that leads does not say where it is reached; try again');
      try {
        return await sendTo(address, forwardable, { agent, timeoutMs });
      } catch {
        throw new Problem(503, 'the process that leads does not answer; try again');
      }
    },
    close: () => agent.destroy(),
  };
};

type Way = { readonly agent: Agent; readonly timeoutMs: number };

/** Sent again only where an idle connection was closed by the other side in the moment in which it was used. */
const sendTo = async (address: string, forwardable: Forwardable, way: Way): Promise<Response> => {
  try {
    return await sendOnce(address, forwardable, way);
  } catch (error) {
    if (error instanceof StaleConnection) return await sendOnce(address, forwardable, way);
    throw error;
  }
};

class StaleConnection extends Error {}

const sendOnce = (address: string, { incoming, path, body }: Forwardable, { agent, timeoutMs }: Way): Promise<Response> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(`http://${address}`);
    const outgoing = request({
      hostname: hostname.replace(/^\[|\]$/g, ''),
      port,
      path,
      agent,
      method: incoming.method ?? 'POST',
      headers: headersOf(incoming, body),
    });
    const timer = setTimeout(() => outgoing.destroy(new Error(`no answer within ${timeoutMs / 1_000} s`)), timeoutMs);
    outgoing.once('close', () => clearTimeout(timer));
    outgoing.once('error', error => {
      const isStale = outgoing.reusedSocket && 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
      reject(isStale ? new StaleConnection() : error);
    });
    outgoing.once('response', answer => void toResponse(answer).then(resolve, reject));
    outgoing.end(body);
  });

const headersOf = (incoming: IncomingMessage, body: Buffer): OutgoingHttpHeaders => {
  const passed = Object.entries(incoming.headersDistinct).flatMap(([name, values]) =>
    NOT_PASSED_ON.has(name) || values === undefined ? [] : [[name, values] as const],
  );
  const hops = [...(incoming.headersDistinct['x-forwarded-for'] ?? []), incoming.socket.remoteAddress ?? ''];
  return {
    ...Object.fromEntries(passed),
    'x-forwarded-for': hops.join(', '),
    'content-length': String(body.length),
    [FORWARDED]: '1',
  };
};

const toResponse = async (answer: IncomingMessage): Promise<Response> => {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MOST_ANSWER_BYTES) throw new Error('the answer is too large');
    chunks.push(chunk);
  }
  const headers = PASSED_BACK.flatMap((name): [string, string][] => {
    const value = answer.headers[name];
    return typeof value === 'string' ? [[name, value]] : [];
  });
  return new Response(Buffer.concat(chunks), { status: answer.statusCode ?? 503, headers });
};
