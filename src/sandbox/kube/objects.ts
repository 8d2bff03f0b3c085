import { admit } from './admission.ts';
import { definitionErrors } from './crd.ts';
import { withDefaults } from './defaults.ts';
import { applyFields, trackUpdate, type Writer } from './fields.ts';
import { equalJson, type JsonObject, type KubeObject, objectOf } from './json.ts';
import { identify, nowText } from './naming.ts';
import { apiVersionOf, type Resource } from './resources.ts';
import { applyDefaults, prune, validateObject } from './schema.ts';
import * as status from './status.ts';
import type { Store } from './store.ts';

/** How a write is asked for. */
export interface WriteOptions {
  /** Version of the group in the request; the storage version when absent. */
  readonly version?: string;
  readonly manager: string;
  readonly subresource?: 'status';
  /** Unknown fields are errors instead of being dropped. */
  readonly strict?: boolean;
  readonly dryRun?: boolean;
}

/** Conditions of a deletion. */
interface DeleteOptions {
  readonly uid?: string;
  readonly resourceVersion?: string;
}

/** Object semantics of the API: names, versions, generations, status, finalizers, validation. Refusals are ApiErrors. */
export interface Objects {
  get(resource: Resource, namespace: string, name: string): KubeObject;
  create(resource: Resource, namespace: string, object: KubeObject, options: WriteOptions): KubeObject;
  /** Replaces an object; a resourceVersion in it must be the stored one. */
  update(resource: Resource, namespace: string, object: KubeObject, options: WriteOptions): KubeObject;
  /** Server-side apply, creating the object when it is missing. */
  apply(
    resource: Resource,
    namespace: string,
    object: KubeObject,
    options: WriteOptions & { readonly force: boolean },
  ): KubeObject;
  remove(resource: Resource, namespace: string, name: string, options?: DeleteOptions): KubeObject;
}

const withoutStatus = ({ status: _, ...rest }: KubeObject): KubeObject => ({ ...rest });

/** True when something other than metadata and status differs. */
function specDiffers(a: KubeObject, b: KubeObject): boolean {
  const body = ({ metadata: _m, status: _s, apiVersion: _a, kind: _k, ...rest }: KubeObject): JsonObject => rest;
  return !equalJson(body(a), body(b));
}

const withoutManagers = (object: KubeObject): KubeObject => {
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata: { ...metadata, name: object.metadata.name } };
};

const writerOf = (options: WriteOptions, operation: Writer['operation']): Writer => ({
  manager: options.manager,
  operation,
  subresource: options.subresource ?? '',
});

/** The object in its stored form: pruned, defaulted, validated, admitted. */
function checked(resource: Resource, object: KubeObject, options: WriteOptions): KubeObject {
  const version = resource.versions.find(served => served.name === (options.version ?? resource.storageVersion));
  let out = object;
  if (version?.schema) {
    const pruned = prune(version.schema, object);
    if (options.strict && pruned.unknown.length > 0) {
      const texts = pruned.unknown.map(field => `unknown field "${field}"`).join(', ');
      const named = `${resource.kind} in version "${version.name}" cannot be handled as a ${resource.kind}`;
      throw status.badRequest(`${named}: strict decoding error: ${texts}`);
    }
    out = applyDefaults(version.schema, pruned.value) as KubeObject;
    const errors = validateObject(version.schema, out);
    if (errors.length > 0) throw status.invalid(resource, object.metadata.name, errors);
  }
  if (resource.id === 'customresourcedefinitions.apiextensions.k8s.io') {
    const errors = definitionErrors(out);
    if (errors.length > 0) throw status.invalid(resource, object.metadata.name, errors);
  }
  admit(resource, out);
  return { ...out, apiVersion: apiVersionOf(resource, resource.storageVersion), kind: resource.kind };
}

function checkVersions(resource: Resource, before: KubeObject, after: KubeObject): void {
  const { resourceVersion, uid } = after.metadata;
  const { name } = before.metadata;
  if (uid && uid !== before.metadata.uid) {
    throw status.conflict(
      resource,
      name,
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${before.metadata.uid}`,
    );
  }
  if (resourceVersion && resourceVersion !== before.metadata.resourceVersion) throw status.conflict(resource, name);
}

function replaced(resource: Resource, before: KubeObject, incoming: KubeObject, options: WriteOptions): KubeObject {
  if (options.subresource === 'status') {
    const candidate = incoming['status'] === undefined ? withoutStatus(before) : { ...before, status: incoming['status'] };
    return checked(resource, candidate, options);
  }
  const { uid, creationTimestamp, generation, deletionTimestamp, resourceVersion } = before.metadata;
  const system = {
    uid,
    creationTimestamp,
    generation,
    deletionTimestamp,
    resourceVersion,
    namespace: before.metadata.namespace,
  };
  const kept = Object.fromEntries(Object.entries(system).filter(([, value]) => value !== undefined));
  const metadata = {
    ...incoming.metadata,
    ...kept,
    name: before.metadata.name,
    managedFields: before.metadata['managedFields'] ?? [],
  };
  const body = resource.hasStatus
    ? { ...withoutStatus(incoming), ...(before['status'] === undefined ? {} : { status: before['status'] }) }
    : incoming;
  return checked(resource, withDefaults(resource, { ...body, metadata }), options);
}

/** Creates the object layer over a store. */
export function createObjects(store: Store): Objects {
  const live = (resource: Resource, namespace: string, name: string): KubeObject => {
    const found = store.get(resource.id, namespace, name);
    if (!found) throw status.notFound(resource, name);
    return found;
  };

  const checkNamespace = (namespace: string) => {
    const found = store.get('namespaces', '', namespace);
    if (!found) throw status.notFound({ group: '', plural: 'namespaces', kind: 'Namespace' }, namespace);
    if (found.metadata.deletionTimestamp) {
      throw new status.ApiError(
        403,
        'Forbidden',
        `unable to create new content in namespace ${namespace} because it is being terminated`,
      );
    }
  };

  const insert = (resource: Resource, namespace: string, object: KubeObject, options: WriteOptions): KubeObject => {
    if (resource.namespaced) checkNamespace(namespace);
    const named = identify(resource, namespace, resource.hasStatus ? withoutStatus(object) : object);
    if (store.get(resource.id, namespace, named.metadata.name)) throw status.alreadyExists(resource, named.metadata.name);
    return checked(resource, withDefaults(resource, named), options);
  };

  const finish = (resource: Resource, object: KubeObject, dryRun: boolean | undefined): KubeObject => {
    if (dryRun) return object;
    const gone =
      object.metadata.deletionTimestamp && (object.metadata.finalizers ?? []).length === 0 && resource.id !== 'namespaces';
    return gone ? store.remove(resource.id, object) : store.put(resource.id, object);
  };

  const keep = (resource: Resource, before: KubeObject, after: KubeObject, options: WriteOptions): KubeObject => {
    if (equalJson(withoutManagers(before), withoutManagers(after))) return before;
    const raised = before.metadata.generation !== undefined && specDiffers(before, after);
    const metadata = raised ? { ...after.metadata, generation: (before.metadata.generation ?? 0) + 1 } : after.metadata;
    return finish(resource, { ...after, metadata }, options.dryRun);
  };

  return {
    get: live,
    create: (resource, namespace, object, options) => {
      const ready = insert(resource, namespace, object, options);
      return finish(resource, trackUpdate(undefined, ready, writerOf(options, 'Update')), options.dryRun);
    },
    update: (resource, namespace, object, options) => {
      const before = live(resource, namespace, object.metadata.name);
      checkVersions(resource, before, object);
      const after = replaced(resource, before, object, options);
      const same = equalJson(withoutManagers(before), withoutManagers(after));
      return same ? before : keep(resource, before, trackUpdate(before, after, writerOf(options, 'Update')), options);
    },
    apply: (resource, namespace, object, options) => {
      const writer = writerOf(options, 'Apply');
      const before = store.get(resource.id, namespace, object.metadata.name);
      if (!before && options.subresource) throw status.notFound(resource, object.metadata.name);
      if (!before) {
        const ready = insert(resource, namespace, object, options);
        const merged = applyFields({ ...ready, metadata: { ...ready.metadata, managedFields: [] } }, object, writer, true);
        return finish(
          resource,
          merged.kind === 'merged' ? { ...ready, metadata: merged.object.metadata } : ready,
          options.dryRun,
        );
      }
      checkVersions(resource, before, object);
      const merged = applyFields(before, object, writer, options.force);
      if (merged.kind === 'conflicts') throw applyConflict(merged.conflicts);
      if (merged.object === before) return before;
      const after = replaced(resource, before, merged.object, options);
      const managed = { ...after, metadata: { ...after.metadata, managedFields: merged.object.metadata['managedFields'] ?? [] } };
      return keep(resource, before, managed, options);
    },
    remove: (resource, namespace, name, options = {}) => {
      const found = live(resource, namespace, name);
      checkVersions(resource, found, { ...found, metadata: { name, ...options } });
      const waits = (found.metadata.finalizers ?? []).length > 0 || resource.id === 'namespaces';
      if (!waits) return store.remove(resource.id, found);
      if (found.metadata.deletionTimestamp) return found;
      const metadata = { ...found.metadata, deletionTimestamp: nowText(), deletionGracePeriodSeconds: 0 };
      const phase = resource.id === 'namespaces' ? { status: { ...objectOf(found['status']), phase: 'Terminating' } } : {};
      return store.put(resource.id, { ...found, ...phase, metadata });
    },
  };
}

function applyConflict(conflicts: readonly { manager: string; field: string }[]): status.ApiError {
  const count = conflicts.length === 1 ? '1 conflict' : `${conflicts.length} conflicts`;
  const causes = conflicts.map(item => ({
    reason: 'FieldManagerConflict',
    message: `conflict with "${item.manager}"`,
    field: item.field,
  }));
  const list = conflicts.map(item => `conflict with "${item.manager}": ${item.field}`).join('; ');
  return new status.ApiError(409, 'Conflict', `Apply failed with ${count}: ${list}`, { causes });
}
