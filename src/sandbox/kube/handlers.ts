import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Switchable } from '../outage.ts';
import { authorize, verbOf } from './authorize.ts';
import { at, type Json, type JsonObject, type KubeObject, numberOf, objectOf, stringOf } from './json.ts';
import { PatchError } from './jsonpatch.ts';
import { listPage } from './lists.ts';
import type { Objects, WriteOptions } from './objects.ts';
import { APPLY_PATCH, applyPatch, checkPatchType } from './patches.ts';
import type { Identity, People } from './people.ts';
import { parseBody, readBody, readDocument, type Target, toObject } from './request.ts';
import { apiVersionOf, type Registry } from './resources.ts';
import { answerReview } from './reviews.ts';
import { fromScale, toScale } from './scale.ts';
import { createSelector } from './selectors.ts';
import * as status from './status.ts';
import type { Store } from './store.ts';
import { toTable, wantsTable } from './table.ts';
import { serveWatch } from './watch.ts';
import { callWebhook } from './webhook.ts';

/** One request for a resource. */
export interface Call {
  readonly target: Target;
  readonly query: URLSearchParams;
  readonly caller: Identity;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** What the handlers work on. */
export interface Machinery {
  readonly store: Store;
  readonly registry: Registry;
  readonly objects: Objects;
  readonly people: People;
  readonly stalled: () => boolean;
  /** The validating webhook of the mesh. */
  readonly istiod: Switchable;
}

/** An answer: a status code and a JSON body; undefined when the handler has taken over the response. */
export type Answer = { readonly code: number; readonly body: JsonObject } | undefined;

const ok = (body: JsonObject, code = 200): Answer => ({ code, body });

const inVersion = (target: Target, object: KubeObject): KubeObject => ({
  ...object,
  apiVersion: apiVersionOf(target.resource, target.version),
});

const shown = (call: Call, object: KubeObject): JsonObject => {
  const view = {
    resource: call.target.resource,
    version: call.target.version,
    include: call.query.get('includeObject') ?? 'Metadata',
  };
  const own = inVersion(call.target, object);
  const { resourceVersion } = object.metadata;
  return wantsTable(call.request.headers.accept) ? toTable(view, [own], resourceVersion ? { resourceVersion } : {}) : own;
};

function writeOptions(call: Call): WriteOptions {
  const agent = (call.request.headers['user-agent'] ?? 'unknown').split('/')[0] ?? 'unknown';
  return {
    version: call.target.version,
    manager: call.query.get('fieldManager') || agent,
    strict: call.query.get('fieldValidation') === 'Strict',
    dryRun: call.query.get('dryRun') === 'All',
    ...(call.target.subresource === 'status' ? { subresource: 'status' as const } : {}),
  };
}

function list(machinery: Machinery, call: Call): Answer {
  const { target, query } = call;
  const selector = createSelector(query.get('labelSelector'), query.get('fieldSelector'));
  const request = {
    resource: target.resource.id,
    namespace: target.namespace,
    selector,
    limit: Number(query.get('limit') ?? 0),
    continueToken: query.get('continue'),
  };
  const wanted = Number(query.get('resourceVersion') ?? 0);
  if (Number.isNaN(wanted)) throw status.badRequest(`invalid resource version: ${query.get('resourceVersion')}`);
  const { items, meta } = listPage(machinery.store, request);
  const objects = items.map(item => inVersion(target, item));
  const view = { resource: target.resource, version: target.version, include: query.get('includeObject') ?? 'Metadata' };
  if (wantsTable(call.request.headers.accept)) return ok(toTable(view, objects, meta));
  return ok({
    kind: `${target.resource.kind}List`,
    apiVersion: apiVersionOf(target.resource, target.version),
    metadata: meta,
    items: objects,
  });
}

function watch(machinery: Machinery, call: Call): Answer {
  const { target, query } = call;
  if (query.get('sendInitialEvents') === 'true') {
    const message = 'Forbidden: sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled';
    throw status.invalid({ group: 'meta.k8s.io', plural: 'listoptions', kind: 'ListOptions' }, '', [
      { reason: 'FieldValueInvalid', field: 'sendInitialEvents', message },
    ]);
  }
  const from = Number(query.get('resourceVersion') || 0);
  if (Number.isNaN(from)) throw status.badRequest(`invalid resource version: ${query.get('resourceVersion')}`);
  const kind = target.resource.kind;
  const apiVersion = apiVersionOf(target.resource, target.version);
  const name = target.name ? `metadata.name=${target.name}` : query.get('fieldSelector');
  serveWatch(
    machinery.store,
    {
      resource: target.resource.id,
      namespace: target.namespace,
      selector: createSelector(query.get('labelSelector'), name),
      from: from || undefined,
      bookmarks: /^(true|1)$/.test(query.get('allowWatchBookmarks') ?? ''),
      timeoutMs: Math.min(Number(query.get('timeoutSeconds') || 1800), 3600) * 1000,
      present: object => shown(call, object),
      bookmark: revision => ({ kind, apiVersion, metadata: { resourceVersion: String(revision), creationTimestamp: null } }),
      stalled: machinery.stalled,
    },
    call.request,
    call.response,
  );
  return undefined;
}

async function create(machinery: Machinery, call: Call): Promise<Answer> {
  const { target } = call;
  const body = await readDocument(call.request);
  const object = toObject(body, target);
  if (target.resource.review) return ok(answerReview(target.resource, object, machinery.people, call.caller), 201);
  return ok(shown(call, machinery.objects.create(target.resource, target.namespace, object, writeOptions(call))), 201);
}

async function update(machinery: Machinery, call: Call): Promise<Answer> {
  const { target } = call;
  const body = await readDocument(call.request);
  if (target.subresource === 'scale') return scale(machinery, call, body);
  const object = toObject(body, target);
  if (target.resource.custom && !object.metadata.resourceVersion) {
    const message = 'Invalid value: 0x0: must be specified for an update';
    throw status.invalid(target.resource, target.name, [
      { reason: 'FieldValueInvalid', field: 'metadata.resourceVersion', message },
    ]);
  }
  return ok(shown(call, machinery.objects.update(target.resource, target.namespace, object, writeOptions(call))));
}

function scale(machinery: Machinery, call: Call, body: Json): Answer {
  const { target } = call;
  const found = machinery.objects.get(target.resource, target.namespace, target.name);
  const { subresource: _, ...options } = writeOptions(call);
  const replicas = numberOf(at(body, 'spec', 'replicas')) ?? 0;
  return ok(toScale(machinery.objects.update(target.resource, target.namespace, fromScale(found, replicas), options)));
}

async function apply(machinery: Machinery, call: Call, text: string): Promise<Answer> {
  const { target, query } = call;
  const manager = query.get('fieldManager');
  if (!manager) {
    const message = 'Required value: is required for apply patch';
    throw status.invalid({ group: 'meta.k8s.io', plural: 'patchoptions', kind: 'PatchOptions' }, '', [
      { reason: 'FieldValueRequired', field: 'fieldManager', message },
    ]);
  }
  const object = toObject(parseBody(text, 'yaml'), target);
  if (object.metadata['managedFields'] !== undefined) throw status.badRequest('metadata.managedFields must be nil');
  const existed = machinery.store.get(target.resource.id, target.namespace, target.name) !== undefined;
  const options = { ...writeOptions(call), manager, force: query.get('force') === 'true' };
  return ok(shown(call, machinery.objects.apply(target.resource, target.namespace, object, options)), existed ? 200 : 201);
}

async function patch(machinery: Machinery, call: Call): Promise<Answer> {
  const { target } = call;
  const text = await readBody(call.request);
  const contentType = (call.request.headers['content-type'] ?? '').split(';')[0]?.trim() ?? '';
  if (contentType === APPLY_PATCH) return apply(machinery, call, text);
  checkPatchType(contentType, target.resource);
  const change = parseBody(text, 'json');
  const found = machinery.objects.get(target.resource, target.namespace, target.name);
  const current = target.subresource === 'scale' ? toScale(found) : inVersion(target, found);
  try {
    const body = applyPatch(current, contentType, change);
    if (target.subresource === 'scale') return scale(machinery, call, body);
    return ok(
      shown(call, machinery.objects.update(target.resource, target.namespace, toObject(body, target), writeOptions(call))),
    );
  } catch (error) {
    if (error instanceof PatchError) throw status.unappliablePatch();
    throw error;
  }
}

async function remove(machinery: Machinery, call: Call): Promise<Answer> {
  const { target, query } = call;
  const text = await readBody(call.request);
  const options = text ? objectOf(parseBody(text, 'json')) : {};
  const uid = stringOf(at(options, 'preconditions', 'uid'));
  const resourceVersion = stringOf(at(options, 'preconditions', 'resourceVersion'));
  if (!target.name) {
    const selector = createSelector(query.get('labelSelector'), query.get('fieldSelector'));
    const doomed = machinery.store.list(target.resource.id, target.namespace).filter(selector);
    for (const object of doomed) machinery.objects.remove(target.resource, object.metadata.namespace ?? '', object.metadata.name);
    return ok({
      kind: `${target.resource.kind}List`,
      apiVersion: apiVersionOf(target.resource, target.version),
      metadata: {},
      items: doomed,
    });
  }
  const found = machinery.objects.get(target.resource, target.namespace, target.name);
  if (query.get('dryRun') === 'All') return ok(inVersion(target, found));
  const gone = machinery.objects.remove(target.resource, target.namespace, target.name, {
    ...(uid ? { uid } : {}),
    ...(resourceVersion ? { resourceVersion } : {}),
  });
  if (gone.metadata.deletionTimestamp) return ok(inVersion(target, gone));
  const details: JsonObject = {
    name: target.name,
    group: target.resource.group,
    kind: target.resource.plural,
    uid: gone.metadata.uid ?? '',
  };
  return ok(status.success(details));
}

function get(machinery: Machinery, call: Call): Answer {
  const { target, query } = call;
  if (verbOf(call.request.method, target, query) === 'watch') return watch(machinery, call);
  if (!target.name) return list(machinery, call);
  const found = machinery.objects.get(target.resource, target.namespace, target.name);
  return ok(target.subresource === 'scale' ? toScale(found) : shown(call, found));
}

/** Serves one resource request. Refusals are thrown as ApiErrors. */
export async function handle(machinery: Machinery, call: Call): Promise<Answer> {
  const { target } = call;
  const { resource, subresource } = target;
  if (subresource === 'status' ? !resource.hasStatus : subresource === 'scale' ? !resource.hasScale : subresource !== '')
    throw status.unknownPath();
  const method = call.request.method ?? 'GET';
  authorize(machinery.people, call.caller, verbOf(method, target, call.query), target);
  if (resource.review && method !== 'POST') throw status.methodNotAllowed();
  if (method === 'GET') return get(machinery, call);
  if (method !== 'DELETE') await callWebhook(machinery.istiod, resource, call.query.get('timeout'));
  if (method === 'POST' && !target.name) {
    if (resource.namespaced && !target.namespace) throw status.methodNotAllowed();
    return create(machinery, call);
  }
  if (method === 'DELETE' && !subresource) return remove(machinery, call);
  if (!target.name) throw status.methodNotAllowed();
  if (method === 'PUT') return update(machinery, call);
  if (method === 'PATCH') return patch(machinery, call);
  throw status.methodNotAllowed();
}
