import { readFile } from 'node:fs/promises';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { LookupFunction } from 'node:net';
import axios, { type AxiosInstance, isAxiosError } from 'axios';
import {
  CallError,
  type CallOutcome,
  networkFailure,
  publicAddress,
  retryAfterMs,
  statusFailure,
  toSystemError,
} from './failure.ts';

export type HttpClientOptions = {
  /** Kind of system as people know it, e.g. `Prometheus`. */
  readonly product: string;
  /** Its name in the configuration. */
  readonly name: string;
  /** Base address; may hold a path prefix and user and password, which are never shown. */
  readonly url: string;
  /** For the whole call, from the first packet to the last byte of the answer. */
  readonly timeoutMs: number;
  /** File with a bearer token. */
  readonly tokenFile?: string | undefined;
  /** Size limit of an answer after decompression; default 20 MiB. */
  readonly maxContentBytes?: number;
  /** Finds the server's own words in the JSON of a refusal. */
  readonly describeRefusal?: (body: unknown) => string | undefined;
  /** What a good answer looks like, for messages about bad ones. */
  readonly expected?: string;
  /** Where to connect to, instead of asking DNS; connections are not kept then. */
  readonly lookup?: LookupFunction;
  /** Called once for each call. */
  readonly onRequest?: ((provider: string, outcome: CallOutcome) => void) | undefined;
};

type HttpCall = {
  /** What is being done, for messages: `reading traffic of reviews`. */
  readonly operation: string;
  /** Path below the base address, with a leading slash. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Sent as a form by POST; without it the call is a GET. */
  readonly form?: Readonly<Record<string, string>>;
  /** Sent by POST as it stands; instead of a form. */
  readonly body?: { readonly content: string; readonly headers: Readonly<Record<string, string>> };
  readonly signal: AbortSignal;
};

export type HttpClient = {
  /** The parsed JSON of a 2xx answer. Throws SystemError for everything else. Only for calls that may be repeated. */
  requestJson(call: HttpCall): Promise<unknown>;
  /** Done with any 2xx answer, whatever it says. Throws SystemError for everything else. */
  send(call: HttpCall): Promise<void>;
  /** An error of this system about an answer that is JSON but not as it should be. */
  badAnswer(operation: string, reason: string): Error;
};

const defaultMaxContentBytes = 20 * 1024 * 1024;

/** The one way in which adapters speak HTTP to systems that answer with JSON. */
export function createHttpClient(options: HttpClientOptions): HttpClient {
  const { name, product, onRequest } = options;
  const url = new URL(options.url);
  const who = { system: `${product.toLowerCase()}/${name}`, title: `${product} "${name}"`, address: publicAddress(url) };
  const instance = createAxios(url, options);
  const run = async <T>(call: HttpCall, read: (text: string) => T): Promise<T> => {
    try {
      const result = read(await callWithDeadline(instance, options, call));
      onRequest?.(name, 'ok');
      return result;
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      onRequest?.(name, error.failure.outcome);
      throw toSystemError(who, call.operation, error.failure);
    }
  };
  return {
    requestJson: call => run(call, text => readBody(text, options)),
    send: call => run(call, () => {}),
    badAnswer: (operation, reason) => toSystemError(who, operation, { outcome: 'badAnswer', reason }),
  };
}

function createAxios(url: URL, { maxContentBytes = defaultMaxContentBytes, lookup }: HttpClientOptions): AxiosInstance {
  const agentOptions = lookup === undefined ? { keepAlive: true } : { lookup };
  return axios.create({
    baseURL: `${url.protocol}//${url.host}${url.pathname.replace(/\/+$/, '')}`,
    ...(url.username === ''
      ? {}
      : { auth: { username: decodeURIComponent(url.username), password: decodeURIComponent(url.password) } }),
    httpAgent: new HttpAgent(agentOptions),
    httpsAgent: new HttpsAgent(agentOptions),
    // Text, parsed here: axios hands out broken JSON as a string, and HTML deserves a message of its own.
    responseType: 'text',
    transformResponse: [(body: unknown) => body],
    transitional: { silentJSONParsing: false },
    maxContentLength: maxContentBytes,
    maxRedirects: 0,
    proxy: false,
    validateStatus: () => true,
    headers: { accept: 'application/json' },
  });
}

/** axios' own time-out watches for silence only; this one bounds the whole call, also for an answer that trickles. */
async function callWithDeadline(instance: AxiosInstance, options: HttpClientOptions, call: HttpCall): Promise<string> {
  const controller = new AbortController();
  const cancel = () => controller.abort();
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    controller.abort();
  }, options.timeoutMs);
  call.signal.addEventListener('abort', cancel, { once: true });
  try {
    if (call.signal.aborted) cancel();
    return await send(instance, options, { ...call, signal: controller.signal });
  } catch (error) {
    if (late) throw new CallError({ outcome: 'timeout', reason: `gave no answer within ${options.timeoutMs / 1000} s` });
    if (call.signal.aborted) throw new CallError({ outcome: 'cancelled', reason: 'was not waited for: the call was cancelled' });
    throw error;
  } finally {
    clearTimeout(timer);
    call.signal.removeEventListener('abort', cancel);
  }
}

/** The text of a 2xx answer. */
async function send(instance: AxiosInstance, options: HttpClientOptions, call: HttpCall): Promise<string> {
  const authorization = await readAuthorization(options.tokenFile);
  const request = () =>
    instance.request<string>({
      url: call.path,
      method: call.form === undefined && call.body === undefined ? 'GET' : 'POST',
      ...(call.query === undefined ? {} : { params: call.query }),
      ...(call.form === undefined ? {} : { data: new URLSearchParams(call.form) }),
      ...(call.body === undefined ? {} : { data: Buffer.from(call.body.content) }),
      headers: { ...call.body?.headers, ...authorization },
      signal: call.signal,
    });
  try {
    const { status, data, headers } = await request().catch(error => {
      // The server closed a kept connection in the moment we used it: not an outage.
      if (wasStaleConnection(error)) return request();
      throw error;
    });
    const failure = statusFailure(status, describedRefusal(data, options));
    if (failure !== undefined) throw new CallError({ ...failure, retryAfterMs: retryAfterMs(headers) });
    return data;
  } catch (error) {
    if (isAxiosError(error) && /maxContentLength/.test(error.message)) {
      const limitMiB = (options.maxContentBytes ?? defaultMaxContentBytes) / 1024 / 1024;
      throw new CallError({ outcome: 'badAnswer', reason: `sent an answer that is too large (more than ${limitMiB} MiB)` });
    }
    if (isAxiosError(error)) throw new CallError(networkFailure(error.code));
    throw error;
  }
}

function describedRefusal(text: string, { describeRefusal }: HttpClientOptions): string | undefined {
  if (describeRefusal === undefined) return undefined;
  const body = parseJson(text);
  return body.ok ? describeRefusal(body.value) : undefined;
}

function readBody(text: string, { expected }: HttpClientOptions): unknown {
  const body = parseJson(text);
  if (body.ok) return body.value;
  const reason = /^\s*</.test(text)
    ? 'answered with a web page (HTML) instead of JSON: is its URL right, is there a login page before it?'
    : `answered with broken JSON${expected === undefined ? '' : `, expected ${expected}`}`;
  throw new CallError({ outcome: 'badAnswer', reason });
}

function parseJson(text: string): { readonly ok: true; readonly value: unknown } | { readonly ok: false } {
  try {
    return { ok: true, value: JSON.parse(text) };
  } catch {
    return { ok: false };
  }
}

/** Read for each call: tokens are rotated in place, and the file is small. */
async function readAuthorization(tokenFile: string | undefined): Promise<Record<string, string>> {
  if (tokenFile === undefined) return {};
  try {
    return { authorization: `Bearer ${(await readFile(tokenFile, 'utf8')).trim()}` };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    throw new CallError({ outcome: 'denied', reason: `was not asked: its token file ${tokenFile} cannot be read (${code})` });
  }
}

function wasStaleConnection(error: unknown): boolean {
  if (!isAxiosError(error) || (error.code !== 'ECONNRESET' && error.code !== 'EPIPE')) return false;
  const request: unknown = error.request;
  return typeof request === 'object' && request !== null && 'reusedSocket' in request && request.reusedSocket === true;
}
