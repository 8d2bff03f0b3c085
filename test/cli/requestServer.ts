import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { applyPatch } from 'rfc6902';

type Meta = {
  name: string;
  namespace: string;
  uid: string;
  resourceVersion: string;
  generation: number;
  annotations?: Record<string, string>;
};
type Stored = { metadata: Meta; spec: object; status?: Record<string, unknown> };
type Patch = Parameters<typeof applyPatch>[1];

type Refusal = { readonly code: number; readonly message: string };

/** What happens before a patch is looked at, or instead of it. */
type OnPatch = (stored: Stored) => Refusal | undefined;

const bodyOf = async (request: IncomingMessage): Promise<unknown> => {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text === '' ? undefined : JSON.parse(text);
};

/** One Rollout behind an API server of loopback; whoever tests plays the controller in `onWritten`. */
export const startRequestServer = async () => {
  const state: {
    rollout?: Stored;
    others: readonly { readonly name: string; readonly namespace: string }[];
    user?: string;
    refusal?: Refusal;
    emptyNamespace?: string;
    beforePatch?: OnPatch;
    onWritten?: (stored: Stored, request: Record<string, unknown>) => void;
  } = { others: [] };
  const patches: Record<string, unknown>[] = [];

  const send = (response: ServerResponse, code: number, body: object): void => {
    response.writeHead(code, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  };
  const fail = (response: ServerResponse, code: number, message: string): void =>
    send(response, code, { kind: 'Status', status: 'Failure', code, message });

  const patch = (response: ServerResponse, stored: Stored, operations: Patch): void => {
    const written = operations.find(operation => JSON.stringify(operation).includes('request'));
    const value = written !== undefined && 'value' in written ? written.value : '{}';
    const request = JSON.parse(typeof value === 'string' ? value : (value['sluice.dev/request'] ?? '{}'));
    const refusal = state.beforePatch?.(stored);
    if (refusal !== undefined) return void fail(response, refusal.code, refusal.message);
    const [version] = operations;
    if (version !== undefined && 'value' in version && version.value !== stored.metadata.resourceVersion)
      return void fail(response, 409, 'the object has been modified');
    const [problem] = applyPatch(stored, operations).filter(error => error !== null);
    if (problem !== undefined) return void fail(response, 422, problem.message);
    stored.metadata.resourceVersion = String(Number(stored.metadata.resourceVersion) + 1);
    patches.push(request);
    send(response, 200, stored);
    state.onWritten?.(stored, request);
  };

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = '', url = '' } = request;
    const body = await bodyOf(request);
    if (url.includes('/selfsubjectreviews')) {
      return void (state.user === undefined
        ? fail(response, 404, 'the server could not find the requested resource')
        : send(response, 201, { metadata: {}, status: { userInfo: { username: state.user } } }));
    }
    if (state.refusal !== undefined) return void fail(response, state.refusal.code, state.refusal.message);
    const path = url.replace(/\?.*/, '');
    const [, namespace, name] = /\/namespaces\/([^/]+)\/rollouts\/([^/]+)$/.exec(path) ?? [];
    const { rollout } = state;
    if (name !== undefined) {
      if (rollout?.metadata.name !== name || rollout.metadata.namespace !== namespace)
        return void fail(response, 404, `rollouts.sluice.dev "${name}" not found`);
      return void (method === 'PATCH' ? patch(response, rollout, body as Patch) : send(response, 200, rollout));
    }
    const scope = /\/namespaces\/([^/]+)\/rollouts$/.exec(path)?.[1];
    const all = [...(rollout === undefined ? [] : [rollout.metadata]), ...state.others];
    const metas = path.endsWith('/namespaces')
      ? [...new Set([...all.map(each => each.namespace), state.emptyNamespace ?? 'default'])].map(each => ({ name: each }))
      : all.filter(each => scope === undefined || each.namespace === scope);
    send(response, 200, { metadata: { resourceVersion: '1' }, items: metas.map(metadata => ({ metadata })) });
  };

  const server = createServer((request, response) => void answer(request, response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    state,
    /** What was asked, as the annotation had it. */
    patches,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
};

/** The controller's side of a request: the outcome is stored, and the annotation goes. */
export const answering =
  (outcome: string, change: Record<string, unknown> = {}) =>
  (stored: Stored, request: Record<string, unknown>): void => {
    const lastRequest = { id: request['id'], verb: request['verb'], outcome, at: '2026-11-21T14:05:00.000Z' };
    stored.status = { ...stored.status, ...change, lastRequest };
    delete stored.metadata.annotations?.['sluice.dev/request'];
  };
