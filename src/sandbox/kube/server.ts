import { randomBytes } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { createSwitch, type Switchable } from '../outage.ts';
import { startCollector } from './collector.ts';
import { startDefinitions } from './definitions.ts';
import { discover } from './discovery.ts';
import { handle, type Machinery } from './handlers.ts';
import type { JsonObject } from './json.ts';
import { createObjects, type Objects } from './objects.ts';
import { createPeople, type People } from './people.ts';
import { parseTarget } from './request.ts';
import { createRegistry, type Registry } from './resources.ts';
import { ApiError, unauthorized, unknownPath } from './status.ts';
import { createStore, type Store } from './store.ts';

/** The API: its HTTP side, and the same store and semantics for the programs that play the cluster. */
export interface KubeApi {
  readonly listener: RequestListener;
  readonly store: Store;
  readonly registry: Registry;
  readonly objects: Objects;
  /** The bearer token of the kubeconfig. */
  readonly token: string;
  /** Who else has a token. */
  readonly people: People;
  close(): void;
}

function respond(response: ServerResponse, code: number, body: JsonObject): void {
  if (response.headersSent || response.writableEnded) {
    response.end();
    return;
  }
  const text = JSON.stringify(body);
  response.writeHead(code, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

async function answer(machinery: Machinery, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://sandbox');
  const path = url.pathname.replace(/\/+$/, '') || '/';
  if (/^\/(healthz|readyz|livez)$/.test(path)) return void response.end('ok');
  const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
  const caller = machinery.people.identify(token);
  if (!caller) throw unauthorized();
  const document = request.method === 'GET' ? discover(machinery.registry, path) : undefined;
  if (document) return respond(response, 200, document);
  const target = parseTarget(machinery.registry, path);
  if (!target) throw unknownPath();
  const result = await handle(machinery, { target, query: url.searchParams, caller, request, response });
  if (result) respond(response, result.code, result.body);
}

function refuse(response: ServerResponse, error: unknown): void {
  const message = `Internal error occurred: ${error instanceof Error ? error.message : String(error)}`;
  const known = error instanceof ApiError ? error : new ApiError(500, 'InternalError', message);
  respond(response, known.code, known.body);
}

/** Creates a Kubernetes API. `stalled` says when watches are to be silent. `close` ends its background work, not the HTTP server. */
export function createKubeApi(stalled: () => boolean, istiod: Switchable = createSwitch()): KubeApi {
  const store = createStore();
  const registry = createRegistry();
  const objects = createObjects(store);
  const token = randomBytes(24).toString('hex');
  const people = createPeople(token, () => Date.now());
  const machinery: Machinery = {
    store,
    registry,
    objects,
    people,
    stalled,
    istiod,
  };
  const endings = [startDefinitions(store, registry), startCollector(store, registry, objects)];
  return {
    listener: (request, response) => void answer(machinery, request, response).catch(error => refuse(response, error)),
    store,
    registry,
    objects,
    token,
    people,
    close: () => {
      for (const end of endings) end();
    },
  };
}
