import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isObject, type Json, type JsonObject } from '../kube/json.ts';
import { readBody } from '../kube/request.ts';
import { METHODS } from './methods.ts';
import { ChatRefusal } from './refusal.ts';
import type { Workspace } from './workspace.ts';

/** One call that was made, for tests. */
export interface ChatCall {
  readonly atMs: number;
  readonly method: string;
  /** `ok`, or the error. */
  readonly outcome: string;
}

const isSame = (one: string, other: string): boolean => {
  const digest = (value: string) => createHash('sha256').update(value).digest();
  return timingSafeEqual(digest(one), digest(other));
};

function readJson(text: string): JsonObject {
  let body: Json;
  try {
    body = JSON.parse(text);
  } catch {
    throw new ChatRefusal('invalid_json');
  }
  if (!isObject(body)) throw new ChatRefusal('json_not_object');
  return body;
}

/** Arguments come as JSON or as a form. */
function readArguments(contentType: string, text: string): JsonObject {
  const type = contentType.split(';')[0]?.trim().toLowerCase() ?? '';
  if (type === 'application/json') return readJson(text);
  if (type === 'application/x-www-form-urlencoded') return Object.fromEntries(new URLSearchParams(text));
  throw new ChatRefusal(type === '' ? 'missing_post_type' : 'invalid_post_type');
}

/** A token in a JSON body does not count, one in a form does. */
function checkToken(request: IncomingMessage, args: JsonObject, workspace: Workspace): void {
  const isForm = (request.headers['content-type'] ?? '').startsWith('application/x-www-form-urlencoded');
  const given = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? (isForm ? args['token'] : undefined);
  if (typeof given !== 'string' || given === '') throw new ChatRefusal('not_authed');
  if (!isSame(given, workspace.settings().token)) throw new ChatRefusal('invalid_auth');
}

/** Answers `/api/<method>`; `called` hears of each call. */
export function createWebApi(workspace: Workspace, nowMs: () => number, called: (call: ChatCall) => void) {
  const run = async (name: string, request: IncomingMessage): Promise<JsonObject> => {
    const text = await readBody(request);
    const method = Object.hasOwn(METHODS, name) ? METHODS[name] : undefined;
    if (!method) throw new ChatRefusal('unknown_method', { req_method: name });
    const contentType = request.headers['content-type'] ?? '';
    const args = readArguments(text === '' && contentType === '' ? 'application/json' : contentType, text || '{}');
    checkToken(request, args, workspace);
    const { error } = workspace.settings();
    if (error !== '') throw new ChatRefusal(error);
    const isWithoutCharset = contentType.startsWith('application/json') && !/charset=/i.test(contentType);
    const warning = { warning: 'missing_charset', response_metadata: { warnings: ['missing_charset'] } };
    return { ok: true, ...method(args, workspace), ...(isWithoutCharset ? warning : {}) };
  };

  return async (name: string, request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const reply = (code: number, body: JsonObject, headers: { readonly [name: string]: string } = {}) => {
      called({ atMs: nowMs(), method: name, outcome: body['ok'] === true ? 'ok' : String(body['error']) });
      response.writeHead(code, { 'content-type': 'application/json; charset=utf-8', ...headers }).end(JSON.stringify(body));
    };
    const limitedMs = workspace.settings().rateLimitedUntilMs - nowMs();
    if (limitedMs > 0) {
      request.resume();
      return reply(429, { ok: false, error: 'ratelimited' }, { 'retry-after': String(Math.ceil(limitedMs / 1_000)) });
    }
    try {
      reply(200, await run(name, request));
    } catch (error) {
      if (!(error instanceof ChatRefusal)) throw error;
      reply(200, { ok: false, error: error.message, ...error.extra });
    }
  };
}
