import { type Credentials, createCredentials } from './credentials.ts';
import { connectionFailure, failureOf, KubeError, type Operation } from './errors.ts';
import { loadKubeConfig } from './kubeconfig.ts';
import { collectionPath } from './resources.ts';
import { type Call, type KubeClient, operationOf, parseObject, queryOf, reads, toEvent, writes } from './rest.ts';
import { type Exchange, exchange, streamLines } from './transport.ts';

export type { JsonPatchOperation, KubeClient } from './rest.ts';

export type KubeClientOptions = {
  /** Without it: $KUBECONFIG, ~/.kube/config, then the pod's service account. */
  readonly kubeconfigPath?: string;
  /** Default: the current-context of the kubeconfig. */
  readonly context?: string;
  /** Default 10 s. */
  readonly timeoutMs?: number;
  /** Called once for each request; `code` is the HTTP status or `error` when there was no answer. */
  readonly onRequest?: (verb: string, resource: string, code: string, seconds: number) => void;
};

const DEFAULT_TIMEOUT_MS = 10_000;

/** What the caller's own function threw; it is not to be taken for a failure of the network. */
class CallerError extends Error {
  readonly thrown: unknown;
  constructor(thrown: unknown) {
    super('thrown by the caller');
    this.thrown = thrown;
  }
}

function ofCaller(work: () => void): void {
  try {
    work();
  } catch (error) {
    throw new CallerError(error);
  }
}

/** What every request needs. */
type Link = {
  readonly credentials: Credentials;
  readonly server: string;
  readonly timeoutMs: number;
  /** Without a code there was no answer. */
  readonly count: (operation: Operation, startedMs: number, code?: number) => void;
};

function failed(link: Link, operation: Operation, error: unknown, signal: AbortSignal | undefined): unknown {
  if (error instanceof CallerError) return error.thrown;
  if (signal?.aborted || error instanceof KubeError) return error;
  return new KubeError(operation.text, connectionFailure(error, link.server), { cause: error });
}

/**
 * The server is to give a write up, too, and a little earlier than we do: one that takes effect after its sender has lost
 * the lease would be worse than none (R31).
 */
function bounded(request: Exchange): Exchange {
  if (request.method === 'GET') return request;
  const limit = queryOf({ timeout: `${Math.max(1, Math.floor(request.timeoutMs * 0.9))}ms` });
  return { ...request, path: request.path + (request.path.includes('?') ? limit.replace('?', '&') : limit) };
}

async function send(link: Link, call: Call, guard?: () => void): Promise<unknown> {
  const { operation } = call;
  const request = bounded({ timeoutMs: link.timeoutMs, ...call.exchange });
  const startedMs = performance.now();
  let answer: Awaited<ReturnType<typeof exchange>>;
  try {
    answer = await exchange(link.credentials, { ...request, ...(guard ? { guard: () => ofCaller(guard) } : {}) });
  } catch (error) {
    if (!(error instanceof CallerError)) link.count(operation, startedMs);
    throw failed(link, operation, error, request.signal);
  }
  link.count(operation, startedMs, answer.code);
  if (answer.code < 200 || answer.code > 299) throw new KubeError(operation.text, failureOf(operation, answer.code, answer.body));
  return parseObject(operation, answer.body);
}

async function watch(link: Link, ...[resource, query, on, signal]: Parameters<KubeClient['watch']>): Promise<void> {
  const operation = operationOf('watch', resource, query);
  const { namespace, ...parameters } = query;
  const path = collectionPath(resource, namespace) + queryOf({ watch: 1, allowWatchBookmarks: true, ...parameters });
  const request = { method: 'GET', path, timeoutMs: link.timeoutMs, ...(signal ? { signal } : {}) };
  const startedMs = performance.now();
  let opened = false;
  const open = (code: number) => {
    opened = true;
    link.count(operation, startedMs, code);
    if (code === 200) ofCaller(on.open);
  };
  const line = (text: string) => {
    const event = toEvent(operation, text);
    ofCaller(() => on.event(event));
  };
  let refused: Awaited<ReturnType<typeof streamLines>>;
  try {
    refused = await streamLines(link.credentials, request, { open, line });
  } catch (error) {
    if (!opened && !signal?.aborted) link.count(operation, startedMs);
    throw failed(link, operation, error, signal);
  }
  if (refused) throw new KubeError(operation.text, failureOf(operation, refused.code, refused.body));
}

/** Throws KubeError when the kubeconfig is missing or wrong; reaches the server with the first request only. */
export function createKubeClient(options: KubeClientOptions): KubeClient {
  const config = loadKubeConfig(options.kubeconfigPath, options.context);
  const link: Link = {
    credentials: createCredentials(config),
    server: config.getCurrentCluster()?.server ?? '',
    timeoutMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    count: (operation, startedMs, code) => {
      const seconds = (performance.now() - startedMs) / 1000;
      options.onRequest?.(operation.verb, operation.resource, code === undefined ? 'error' : String(code), seconds);
    },
  };
  const build = (guard?: () => void): KubeClient => ({
    server: link.server,
    timeoutMs: link.timeoutMs,
    ...reads(call => send(link, call)),
    ...writes(call => send(link, call, guard)),
    watch: (...parameters) => watch(link, ...parameters),
    withGuard: build,
    close: () => link.credentials.close(),
  });
  return build();
}
