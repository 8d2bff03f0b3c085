import type { Operation } from './errors.ts';
import { KubeError } from './errors.ts';
import { collectionPath, describe, type KubeObject, type ObjectRef, objectPath, type Resource } from './resources.ts';
import type { Exchange } from './transport.ts';

type ListQuery = {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly resourceVersion?: string;
  /** Objects per page; without it all at once. */
  readonly limit?: number;
  readonly continue?: string;
};

type WatchQuery = Omit<ListQuery, 'limit' | 'continue'> & { readonly timeoutSeconds: number };

type ObjectList = { readonly resourceVersion: string; readonly continue?: string; readonly items: readonly KubeObject[] };

export type WatchEvent = {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  /** For ERROR a Status. */
  readonly object: KubeObject;
};

type WatchListener = {
  /** The server has agreed to the watch. */
  readonly open: () => void;
  readonly event: (event: WatchEvent) => void;
};

export type JsonPatchOperation =
  | { readonly op: 'add' | 'replace' | 'test'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string };

type WriteOptions = {
  readonly fieldManager?: string;
  /** Only `apply`: take over fields that other managers own. */
  readonly force?: boolean;
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
};

type DeleteOptions = WriteOptions & {
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
};

/**
 * The REST interface of the API server, for any resource. All methods throw KubeError (a SystemError); when `signal` ends
 * the request, its AbortError.
 */
export type KubeClient = {
  /** Where the API server is, for people; holds no credentials. */
  readonly server: string;
  /** How long a request may take. */
  readonly timeoutMs: number;
  list(resource: Resource, query?: ListQuery, signal?: AbortSignal): Promise<ObjectList>;
  /** Resolves when the server ends the watch in order. */
  watch(resource: Resource, query: WatchQuery, on: WatchListener, signal?: AbortSignal): Promise<void>;
  get(resource: Resource, ref: ObjectRef, signal?: AbortSignal): Promise<KubeObject>;
  /** The namespace is the one in the object. */
  create(resource: Resource, object: KubeObject, options?: WriteOptions): Promise<KubeObject>;
  replace(resource: Resource, object: KubeObject, options?: WriteOptions): Promise<KubeObject>;
  /** A `test` that does not hold is a `conflict`. */
  jsonPatch(
    resource: Resource,
    ref: ObjectRef,
    patch: readonly JsonPatchOperation[],
    options?: WriteOptions,
  ): Promise<KubeObject>;
  mergePatch(resource: Resource, ref: ObjectRef, patch: object, options?: WriteOptions): Promise<KubeObject>;
  /** Server-side apply of an object with apiVersion, kind and name. */
  apply(resource: Resource, object: KubeObject, options: WriteOptions & { readonly fieldManager: string }): Promise<KubeObject>;
  delete(resource: Resource, ref: ObjectRef, options?: DeleteOptions): Promise<void>;
  /** Reads a document that is not an object, such as `/apis/networking.istio.io/v1`. */
  getPath(path: string, signal?: AbortSignal): Promise<Readonly<Record<string, unknown>>>;
  /** The same client, whose writes call `guard` in the tick in which they are sent; what it throws stops the write. */
  withGuard(guard: () => void): KubeClient;
  close(): void;
};

/** One request, ready to be sent. */
export type Call = {
  readonly operation: Operation;
  readonly exchange: Omit<Exchange, 'timeoutMs' | 'path'> & { readonly path: string; readonly timeoutMs?: number };
};

export type Sender = (call: Call) => Promise<unknown>;

const VERBING = {
  get: 'getting',
  list: 'listing',
  watch: 'watching',
  create: 'creating',
  update: 'updating',
  patch: 'patching',
  delete: 'deleting',
} as const satisfies Record<Operation['verb'], string>;

export function operationOf(verb: Operation['verb'], resource: Resource, ref: Partial<ObjectRef>): Operation {
  const plural = ref.subresource ? `${resource.plural}/${ref.subresource}` : resource.plural;
  const name = resource.group ? `${plural}.${resource.group}` : plural;
  return { verb, resource: name, text: `${VERBING[verb]} ${describe(resource, ref)}` };
}

export function queryOf(parameters: object): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined && value !== '') query.set(name, String(value));
  const text = query.toString();
  return text ? `?${text}` : '';
}

export function parseObject(operation: Operation, text: string): Record<string, unknown> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    // Below: the text itself is nobody's to print.
  }
  if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed as Record<string, unknown>;
  throw new KubeError(operation.text, { kind: 'badAnswer', reason: 'expected a JSON object from the API server' });
}

function toObject(operation: Operation, parsed: unknown): KubeObject {
  const object = parsed as KubeObject;
  if (typeof object.metadata === 'object' && object.metadata !== null) return object;
  throw new KubeError(operation.text, { kind: 'badAnswer', reason: 'expected an object with metadata from the API server' });
}

function toList(operation: Operation, parsed: unknown): ObjectList {
  const list = parsed as { metadata?: { resourceVersion?: unknown; continue?: unknown }; items?: unknown };
  const version = list.metadata?.resourceVersion;
  if (typeof version !== 'string' || !(Array.isArray(list.items) || list.items === null)) {
    throw new KubeError(operation.text, { kind: 'badAnswer', reason: 'expected a list with a resourceVersion and items' });
  }
  const next = list.metadata?.continue;
  const items = (list.items ?? []) as KubeObject[];
  return { resourceVersion: version, items, ...(typeof next === 'string' && next !== '' ? { continue: next } : {}) };
}

export function toEvent(operation: Operation, line: string): WatchEvent {
  const event = parseObject(operation, line) as Partial<WatchEvent>;
  if (typeof event.type === 'string' && typeof event.object === 'object' && event.object !== null) return event as WatchEvent;
  throw new KubeError(operation.text, { kind: 'badAnswer', reason: 'expected a watch event with type and object' });
}

function writeQuery(options: WriteOptions): string {
  return queryOf({ fieldManager: options.fieldManager, force: options.force, dryRun: options.dryRun ? 'All' : undefined });
}

function writeOf(method: string, path: string, options: WriteOptions): Call['exchange'] {
  return {
    method,
    path: path + writeQuery(options),
    ...(options.signal ? { signal: options.signal } : {}),
    ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
  };
}

export function reads(send: Sender): Pick<KubeClient, 'list' | 'get' | 'getPath'> {
  return {
    list: async (resource, query = {}, signal) => {
      const operation = operationOf('list', resource, query);
      const { namespace, ...parameters } = query;
      const path = collectionPath(resource, namespace) + queryOf(parameters);
      return toList(operation, await send({ operation, exchange: { method: 'GET', path, ...(signal ? { signal } : {}) } }));
    },
    get: async (resource, ref, signal) => {
      const operation = operationOf('get', resource, ref);
      const path = objectPath(resource, ref);
      return toObject(operation, await send({ operation, exchange: { method: 'GET', path, ...(signal ? { signal } : {}) } }));
    },
    getPath: async (path, signal) => {
      const operation: Operation = { verb: 'get', resource: 'discovery', text: `getting ${path}` };
      const answer = await send({ operation, exchange: { method: 'GET', path, ...(signal ? { signal } : {}) } });
      return answer as Readonly<Record<string, unknown>>;
    },
  };
}

export function writes(send: Sender): Pick<KubeClient, 'create' | 'replace' | 'jsonPatch' | 'mergePatch' | 'apply' | 'delete'> {
  const write = async (operation: Operation, call: Call['exchange'], body: unknown) =>
    toObject(operation, await send({ operation, exchange: { ...call, body: JSON.stringify(body) } }));
  const patch = (type: string, resource: Resource, ref: ObjectRef, content: { body: unknown; options: WriteOptions }) =>
    write(
      operationOf('patch', resource, ref),
      { ...writeOf('PATCH', objectPath(resource, ref), content.options), contentType: `application/${type}` },
      content.body,
    );
  return {
    create: (resource, object, options = {}) => {
      const operation = operationOf('create', resource, refOf(object));
      return write(operation, writeOf('POST', collectionPath(resource, object.metadata.namespace), options), object);
    },
    replace: (resource, object, options = {}) => {
      const ref = refOf(object);
      return write(operationOf('update', resource, ref), writeOf('PUT', objectPath(resource, ref), options), object);
    },
    jsonPatch: (resource, ref, body, options = {}) => patch('json-patch+json', resource, ref, { body, options }),
    mergePatch: (resource, ref, body, options = {}) => patch('merge-patch+json', resource, ref, { body, options }),
    apply: (resource, object, options) => patch('apply-patch+yaml', resource, refOf(object), { body: object, options }),
    delete: async (resource, ref, options = {}) => {
      const { uid, resourceVersion, propagationPolicy } = options;
      const preconditions = { ...(uid ? { uid } : {}), ...(resourceVersion ? { resourceVersion } : {}) };
      const body = JSON.stringify({ preconditions, ...(propagationPolicy ? { propagationPolicy } : {}) });
      const exchange = { ...writeOf('DELETE', objectPath(resource, ref), options), body };
      await send({ operation: operationOf('delete', resource, ref), exchange });
    },
  };
}

function refOf(object: KubeObject): ObjectRef {
  const { namespace, name } = object.metadata;
  return { name: name ?? '', ...(namespace === undefined ? {} : { namespace }) };
}
