import { isObject, type Json, type JsonObject, listOf } from './json.ts';

/** RFC 7386 merge patch: members replace, null removes, lists are replaced whole. */
export function applyMergePatch(target: Json | undefined, patch: Json): Json {
  if (!isObject(patch)) return structuredClone(patch);
  const out: JsonObject = isObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === undefined || value === null) delete out[key];
    else out[key] = applyMergePatch(out[key], value);
  }
  return out;
}

/** Lists of the built-in kinds that merge by a key instead of being replaced. */
const MERGE_KEYS: { readonly [list: string]: readonly string[] } = {
  containers: ['name'],
  initContainers: ['name'],
  ephemeralContainers: ['name'],
  volumes: ['name'],
  env: ['name'],
  volumeMounts: ['mountPath'],
  ports: ['containerPort', 'port'],
  conditions: ['type'],
  ownerReferences: ['uid'],
  imagePullSecrets: ['name'],
  hostAliases: ['ip'],
  secrets: ['name'],
};

const sameItem = (keys: readonly string[], a: Json, b: Json): boolean =>
  isObject(a) && isObject(b) && keys.some(key => a[key] !== undefined && a[key] === b[key]);

function mergeLists(keys: readonly string[], target: Json[], patch: Json[]): Json[] {
  let out = [...target];
  for (const item of patch) {
    const directive = isObject(item) ? item['$patch'] : undefined;
    const index = out.findIndex(existing => sameItem(keys, existing, item));
    if (directive === 'replace') out = patch.filter(other => !(isObject(other) && other['$patch']));
    else if (directive === 'delete') out = out.filter((_, position) => position !== index);
    else if (index >= 0) out[index] = applyStrategicPatch(out[index], item);
    else out.push(applyStrategicPatch(undefined, item));
  }
  return out;
}

function mergeMember(out: JsonObject, key: string, value: Json): void {
  const keys = MERGE_KEYS[key];
  if (key.startsWith('$deleteFromPrimitiveList/')) {
    const list = key.slice(key.indexOf('/') + 1);
    out[list] = listOf(out[list]).filter(item => !listOf(value).includes(item));
  } else if (key.startsWith('$')) {
    return;
  } else if (value === null) {
    delete out[key];
  } else if (Array.isArray(value) && key === 'finalizers') {
    out[key] = [...new Set([...listOf(out[key]), ...value])];
  } else if (Array.isArray(value) && keys) {
    out[key] = mergeLists(keys, listOf(out[key]), value);
  } else {
    out[key] = applyStrategicPatch(out[key], value);
  }
}

/** Strategic merge for the built-in kinds: known lists merge by key; `$patch: replace|delete`, `$retainKeys` and `$setElementOrder` are understood as far as kubectl needs. */
export function applyStrategicPatch(target: Json | undefined, patch: Json | undefined): Json {
  if (!isObject(patch)) return structuredClone(patch ?? null);
  if (patch['$patch'] === 'replace')
    return structuredClone(Object.fromEntries(Object.entries(patch).filter(([key]) => key !== '$patch')));
  const out: JsonObject = isObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) if (value !== undefined) mergeMember(out, key, value);
  if (Array.isArray(patch['$retainKeys'])) {
    const keep = new Set(patch['$retainKeys']);
    for (const key of Object.keys(out)) if (!keep.has(key)) delete out[key];
  }
  return out;
}
