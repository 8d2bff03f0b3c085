import { equalJson, isObject, type Json, type JsonObject, type KubeObject, listOf, objectOf, stringOf } from './json.ts';

/** Leaf fields of an object by path (a JSON list of member names); lists are atomic. */
type FieldSet = Map<string, Json>;

/** Who writes: manager name, and whether by server-side apply; status is a set of its own. */
export interface Writer {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly subresource: string;
}

const NOT_OWNED = new Set([
  'apiVersion',
  'kind',
  'name',
  'namespace',
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'managedFields',
  'generateName',
  'selfLink',
]);

const ignored = (path: readonly string[], key: string) =>
  (path.length === 0 && (key === 'apiVersion' || key === 'kind')) ||
  (path.length === 1 && path[0] === 'metadata' && NOT_OWNED.has(key));

/** The leaf fields that a manager can own in this object. */
function leavesOf(object: KubeObject): FieldSet {
  const leaves: FieldSet = new Map();
  const walk = (value: Json, path: string[]) => {
    const members = isObject(value) ? Object.entries(value).filter(([key]) => !ignored(path, key)) : [];
    if (isObject(value) && (members.length > 0 || path.length < 2)) {
      for (const [key, member] of members) if (member !== undefined) walk(member, [...path, key]);
    } else leaves.set(JSON.stringify(path), value);
  };
  walk(object, []);
  return leaves;
}

const parsePath = (path: string) => JSON.parse(path) as string[];

function toFieldsV1(paths: Iterable<string>): JsonObject {
  const root: JsonObject = {};
  for (const path of paths) {
    let node = root;
    for (const name of parsePath(path)) {
      const next = objectOf(node[`f:${name}`]);
      node[`f:${name}`] = next;
      node = next;
    }
  }
  return root;
}

function fromFieldsV1(fields: Json | undefined): Set<string> {
  const paths = new Set<string>();
  const walk = (node: JsonObject, path: string[]) => {
    const names = Object.keys(node).filter(key => key.startsWith('f:'));
    if (names.length === 0 && path.length > 0) paths.add(JSON.stringify(path));
    for (const key of names) walk(objectOf(node[key]), [...path, key.slice(2)]);
  };
  walk(objectOf(fields), []);
  return paths;
}

interface Owner {
  readonly entry: JsonObject;
  readonly paths: Set<string>;
}

const ownersOf = (object: KubeObject): Owner[] =>
  listOf(object.metadata['managedFields']).map(item => {
    const entry = objectOf(item);
    return { entry, paths: fromFieldsV1(entry['fieldsV1']) };
  });

const isWriter = (entry: JsonObject, writer: Writer) =>
  entry['manager'] === writer.manager &&
  entry['operation'] === writer.operation &&
  (entry['subresource'] ?? '') === writer.subresource;

const nowText = () => `${new Date().toISOString().slice(0, 19)}Z`;

function withOwners(object: KubeObject, owners: readonly Owner[]): KubeObject {
  const managedFields = owners
    .filter(owner => owner.paths.size > 0)
    .map(owner => ({ ...owner.entry, fieldsV1: toFieldsV1(owner.paths) }));
  return { ...object, metadata: { ...object.metadata, managedFields } };
}

function ownerEntry(object: KubeObject, writer: Writer, owners: Owner[]): Owner {
  const index = owners.findIndex(owner => isWriter(owner.entry, writer));
  const entry: JsonObject = {
    manager: writer.manager,
    operation: writer.operation,
    apiVersion: object.apiVersion,
    time: nowText(),
    fieldsType: 'FieldsV1',
  };
  if (writer.subresource) entry['subresource'] = writer.subresource;
  const owner = { entry, paths: owners[index]?.paths ?? new Set<string>() };
  if (index >= 0) owners[index] = owner;
  else owners.push(owner);
  return owner;
}

/** Notes an ordinary write: fields that changed now belong to the writer alone. */
export function trackUpdate(before: KubeObject | undefined, after: KubeObject, writer: Writer): KubeObject {
  const old = before ? leavesOf(before) : new Map<string, Json>();
  const fresh = leavesOf(after);
  const changed = [...fresh].filter(([path, value]) => !old.has(path) || !equalJson(old.get(path), value)).map(([path]) => path);
  const owners = before ? ownersOf(before) : [];
  for (const owner of owners)
    for (const path of owner.paths) if (!fresh.has(path) || changed.includes(path)) owner.paths.delete(path);
  if (changed.length > 0) for (const path of changed) ownerEntry(after, writer, owners).paths.add(path);
  return withOwners(after, owners);
}

function setAt(root: JsonObject, path: readonly string[], value: Json): void {
  let node = root;
  for (const name of path.slice(0, -1)) {
    const next = { ...objectOf(node[name]) };
    node[name] = next;
    node = next;
  }
  node[path.at(-1) ?? ''] = value;
}

function removeAt(root: JsonObject, path: readonly string[]): void {
  const parents = [root];
  for (const name of path.slice(0, -1)) parents.push(objectOf(parents.at(-1)?.[name]));
  for (let depth = path.length - 1; depth >= 0; depth -= 1) {
    const parent = parents[depth];
    const name = path[depth] ?? '';
    if (!parent || (depth < path.length - 1 && Object.keys(objectOf(parent[name])).length > 0)) return;
    delete parent[name];
  }
}

/** A field that somebody else owns with another value. */
interface ApplyConflict {
  readonly manager: string;
  readonly field: string;
}

/** The outcome of a server-side apply: the merged object, or who objects. */
export type Applied =
  | { readonly kind: 'merged'; readonly object: KubeObject }
  | { readonly kind: 'conflicts'; readonly conflicts: readonly ApplyConflict[] };

/**
 * Server-side apply in its simple form: maps merge by field, lists are atomic. Fields that this manager applied before and
 * leaves out now are removed, unless somebody else owns them too. A differing field of another owner is a conflict without `force`.
 */
export function applyFields(live: KubeObject, config: KubeObject, writer: Writer, force: boolean): Applied {
  const applied = leavesOf(config);
  const current = leavesOf(live);
  const owners = ownersOf(live);
  const others = owners.filter(owner => !isWriter(owner.entry, writer));
  const own = owners.find(owner => isWriter(owner.entry, writer));
  const differing = [...applied].filter(([path, value]) => !equalJson(current.get(path), value)).map(([path]) => path);
  const conflicts = differing.flatMap(path =>
    others
      .filter(owner => owner.paths.has(path))
      .map(owner => ({ manager: stringOf(owner.entry['manager']) ?? '', field: `.${parsePath(path).join('.')}` })),
  );
  if (conflicts.length > 0 && !force) return { kind: 'conflicts', conflicts };

  const merged = structuredClone(live);
  for (const path of own?.paths ?? [])
    if (!applied.has(path) && !others.some(owner => owner.paths.has(path))) removeAt(merged, parsePath(path));
  for (const path of differing) setAt(merged, parsePath(path), applied.get(path) ?? null);
  for (const owner of others) for (const path of differing) owner.paths.delete(path);
  if (own && differing.length === 0 && own.paths.size === applied.size) return { kind: 'merged', object: live };
  const entry = ownerEntry(merged, writer, owners);
  entry.paths.clear();
  for (const path of applied.keys()) entry.paths.add(path);
  return { kind: 'merged', object: withOwners(merged, owners) };
}
