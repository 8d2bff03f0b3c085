import { request as httpRequest } from 'node:http';
import { parse } from 'yaml';
import type { Sandbox } from '../../src/sandbox/sandbox.ts';

/** An answer with its body parsed where it is JSON. */
export interface Answer {
  readonly code: number;
  readonly headers: { readonly [name: string]: string | string[] | undefined };
  // biome-ignore lint/suspicious/noExplicitAny: tests read arbitrary wire bodies
  readonly body: any;
}

/** One HTTP request with a chosen Host header, which fetch does not allow. */
export function send(
  url: string,
  options: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest(
      url,
      {
        method: options.method ?? 'GET',
        headers: { ...options.headers, 'content-length': Buffer.byteLength(options.body ?? '') },
        agent: false,
      },
      response => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => {
          let body: unknown = text;
          try {
            body = JSON.parse(text);
          } catch {
            // stays text
          }
          resolve({ code: response.statusCode ?? 0, headers: response.headers, body });
        });
      },
    );
    sent.on('error', reject);
    sent.end(options.body);
  });
}

/** The Kubernetes API of a sandbox. */
export interface ApiClient {
  readonly token: string;
  get(path: string, headers?: Record<string, string>): Promise<Answer>;
  post(path: string, body: unknown): Promise<Answer>;
  put(path: string, body: unknown): Promise<Answer>;
  patch(path: string, kind: 'json' | 'merge' | 'strategic' | 'apply', body: unknown): Promise<Answer>;
  remove(path: string, body?: unknown): Promise<Answer>;
  /** Collects watch events until `enough`; the watch is closed then. */
  watch(path: string, enough: (events: WatchEvent[]) => boolean, headers?: Record<string, string>): Promise<WatchEvent[]>;
}

interface WatchEvent {
  readonly type: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests read arbitrary wire bodies
  readonly object: any;
}

const PATCH_TYPES = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};

/** A client with the token of the kubeconfig. */
export function apiClient(sandbox: Sandbox): ApiClient {
  const config = parse(sandbox.kubeconfig) as { users: { user: { token: string } }[] };
  const token = config.users[0]?.user.token ?? '';
  const authorization = { authorization: `Bearer ${token}`, 'user-agent': 'test/1' };
  const call = (method: string, path: string, headers: Record<string, string>, body?: unknown) =>
    send(`${sandbox.urls.api}${path}`, {
      method,
      headers: { ...authorization, ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  const json = { 'content-type': 'application/json' };
  return {
    token,
    get: (path, headers = {}) => call('GET', path, headers),
    post: (path, body) => call('POST', path, json, body),
    put: (path, body) => call('PUT', path, json, body),
    patch: (path, kind, body) => call('PATCH', path, { 'content-type': PATCH_TYPES[kind] }, body),
    remove: (path, body) => call('DELETE', path, json, body),
    watch: (path, enough, headers = {}) =>
      new Promise((resolve, reject) => {
        const events: WatchEvent[] = [];
        let rest = '';
        const sent = httpRequest(
          `${sandbox.urls.api}${path}`,
          { headers: { ...authorization, ...headers }, agent: false },
          response => {
            response.setEncoding('utf8');
            response.on('data', (chunk: string) => {
              const lines = (rest + chunk).split('\n');
              rest = lines.pop() ?? '';
              for (const line of lines) events.push(JSON.parse(line));
              if (!enough(events)) return;
              sent.destroy();
              resolve(events);
            });
            response.on('end', () => resolve(events));
          },
        );
        sent.on('error', error => (events.length > 0 ? resolve(events) : reject(error)));
        sent.end();
      }),
  };
}

/** Longer than any machine stands still: only what never comes is missed. */
const PATIENCE_MS = 60_000;
const LOOK_EVERY_MS = 20;

/** Asks again until the answer is there. */
export async function until<T>(
  look: () => Promise<T | undefined> | T | undefined,
  what: string,
  timeoutMs = PATIENCE_MS,
  everyMs = LOOK_EVERY_MS,
): Promise<T> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const isOver = performance.now() > end;
    const found = await look();
    if (found !== undefined) return found;
    if (isOver) throw new Error(`waiting for ${what}: nothing after ${timeoutMs} ms`);
    await new Promise(resolve => setTimeout(resolve, everyMs));
  }
}
