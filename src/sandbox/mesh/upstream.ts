import { Agent, request as httpRequest } from 'node:http';
import { type HeaderLines, withoutHops } from './headers.ts';
import type { RetryPolicy } from './routes.ts';
import type { MeshEndpoint } from './snapshot.ts';

/** What is sent to a pod. */
export interface UpstreamRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: HeaderLines;
  readonly body: Buffer;
}

/** What came back: an answer, or how it failed (UF never connected, UC broke off, UT took too long). */
type Attempt =
  | { readonly kind: 'answer'; readonly code: number; readonly headers: HeaderLines; readonly body: Buffer }
  | { readonly kind: 'failure'; readonly flag: 'UF' | 'UC' | 'UT' };

/** The outcome after retries. `flags` as Envoy writes them, `-` when all is well. */
export interface Outcome {
  readonly attempt: Attempt;
  readonly endpoint: MeshEndpoint;
  readonly flags: string;
}

/** Sends requests to pods over kept-alive connections. */
export interface Upstream {
  /** One attempt at one pod. A connection that was closed while idle is replaced silently. */
  send(endpoint: MeshEndpoint, request: UpstreamRequest, timeoutMs: number | undefined): Promise<Attempt>;
  /** Attempts by the retry policy, each at a pod that was not tried before where there is one. */
  sendWithRetries(
    endpoints: readonly MeshEndpoint[],
    request: UpstreamRequest,
    policy: RetryPolicy & { readonly timeoutMs: number | undefined },
  ): Promise<Outcome>;
  close(): void;
}

const NOT_CONNECTED = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'EADDRNOTAVAIL', 'ENETUNREACH', 'ETIMEDOUT']);

/** Whether the policy asks for another try after this. */
function retriable(attempt: Attempt, on: readonly string[]): boolean {
  const any = (...names: string[]) => names.some(name => on.includes(name));
  if (attempt.kind === 'failure') {
    if (attempt.flag === 'UF') return any('connect-failure', '5xx', 'gateway-error', 'reset');
    return any('5xx', 'gateway-error', 'reset');
  }
  const { code } = attempt;
  if (on.includes(String(code))) return true;
  return (code >= 500 && on.includes('5xx')) || (code >= 502 && code <= 504 && on.includes('gateway-error'));
}

/** Creates the connection pool of a proxy. */
export function createUpstream(): Upstream {
  const agent = new Agent({ keepAlive: true, maxFreeSockets: 64, timeout: 60_000 });
  let turn = 0;

  const once = (endpoint: MeshEndpoint, outgoing: UpstreamRequest, timeoutMs: number | undefined): Promise<Attempt | 'stale'> =>
    new Promise(resolve => {
      const { host, port } = endpoint.address;
      const { method, path, headers } = outgoing;
      const sent = httpRequest({ host, port, method, path, headers, agent, setHost: false });
      const timer = timeoutMs ? setTimeout(() => finish({ kind: 'failure', flag: 'UT' }), timeoutMs) : undefined;
      const finish = (attempt: Attempt | 'stale') => {
        clearTimeout(timer);
        resolve(attempt);
        if (attempt === 'stale' || attempt.kind === 'failure') sent.destroy();
      };
      sent.on('response', response => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () =>
          finish({
            kind: 'answer',
            code: response.statusCode ?? 0,
            headers: withoutHops(response.headersDistinct),
            body: Buffer.concat(chunks),
          }),
        );
        response.on('error', () => finish({ kind: 'failure', flag: 'UC' }));
        response.on('aborted', () => finish({ kind: 'failure', flag: 'UC' }));
      });
      sent.on('error', (error: NodeJS.ErrnoException) => {
        if (NOT_CONNECTED.has(error.code ?? '')) finish({ kind: 'failure', flag: 'UF' });
        else finish(sent.reusedSocket ? 'stale' : { kind: 'failure', flag: 'UC' });
      });
      sent.end(outgoing.body);
    });

  const send: Upstream['send'] = async (endpoint, outgoing, timeoutMs) => {
    for (let tries = 0; tries < 3; tries += 1) {
      const attempt = await once(endpoint, outgoing, timeoutMs);
      if (attempt !== 'stale') return attempt;
    }
    return { kind: 'failure', flag: 'UC' };
  };

  const choose = (endpoints: readonly MeshEndpoint[], tried: ReadonlySet<MeshEndpoint>): MeshEndpoint | undefined => {
    const fresh = endpoints.filter(endpoint => !tried.has(endpoint));
    const pool = fresh.length > 0 ? fresh : endpoints;
    turn += 1;
    return pool[turn % pool.length];
  };

  return {
    send,
    sendWithRetries: async (endpoints, outgoing, policy) => {
      const deadline = policy.timeoutMs ? performance.now() + policy.timeoutMs : Number.POSITIVE_INFINITY;
      const tried = new Set<MeshEndpoint>();
      for (let left = policy.attempts; ; left -= 1) {
        const endpoint = choose(endpoints, tried);
        if (!endpoint) throw new Error('sending a request: no endpoint to choose from');
        tried.add(endpoint);
        const remaining = deadline - performance.now();
        const limit = Math.min(policy.perTryTimeoutMs ?? Number.POSITIVE_INFINITY, remaining);
        const attempt = await send(endpoint, outgoing, Number.isFinite(limit) ? Math.max(1, limit) : undefined);
        const timeIsUp = performance.now() >= deadline;
        const again = retriable(attempt, policy.on) && policy.attempts > 0;
        if (again && left > 0 && !timeIsUp) continue;
        const own = attempt.kind === 'failure' ? attempt.flag : '';
        const flags = [...(again && left <= 0 ? ['URX'] : []), ...(own ? [own] : [])].join(',');
        return { attempt, endpoint, flags: flags || '-' };
      }
    },
    close: () => agent.destroy(),
  };
}
