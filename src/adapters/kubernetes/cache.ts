import type { Logger } from '../../controller/ports.ts';
import type { ReflectorSink } from './reflector.ts';
import type { KubeObject, ObjectMeta } from './resources.ts';

/** What a cache holds: a whole object, or the part of it that is needed. */
export type CachedObject = { readonly metadata: ObjectMeta };

/** Objects by namespace and name, as the watch and our own writes brought them. */
export type Cache<T extends CachedObject> = {
  get(namespace: string, name: string): T | undefined;
  list(): readonly T[];
  byNamespace(namespace: string): readonly T[];
  /** Called after the cache has changed; without `after` the object is gone. What a callback throws is logged. */
  onChange(callback: (before: T | undefined, after: T | undefined) => void): void;
  /** Shows the answer to a write of our own at once, before the watch brings it. */
  put(object: KubeObject): void;
};

export type CacheOptions<T extends CachedObject> = {
  readonly logger: Logger;
  /** What to keep of an object; the same as the reflector's. */
  readonly transform: (object: KubeObject) => T;
};

/** How many deleted objects are remembered, for answers that arrive after the deletion. */
const REMEMBERED_DELETIONS = 1000;

const NUMBER = /^\d+$/;

/** Whether version `a` is older than `b`; versions that are not numbers cannot be compared. */
function isOlder(a: string | undefined, b: string | undefined): boolean {
  if (a === undefined || b === undefined || !NUMBER.test(a) || !NUMBER.test(b)) return false;
  return BigInt(a) < BigInt(b);
}

/** Drops the field that is larger than the rest and that nobody here reads. */
export function withoutManagedFields(object: KubeObject): KubeObject {
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

type Entry<T> = { readonly object: T /** Put by us since the list that is under way began. */; readonly sinceListing: boolean };

class ObjectCache<T extends CachedObject> implements Cache<T> {
  readonly #options: CacheOptions<T>;
  readonly #namespaces = new Map<string, Map<string, Entry<T>>>();
  readonly #callbacks: ((before: T | undefined, after: T | undefined) => void)[] = [];
  readonly #deleted = new Set<string>();

  constructor(options: CacheOptions<T>) {
    this.#options = options;
  }

  get(namespace: string, name: string): T | undefined {
    return this.#entry(namespace, name)?.object;
  }

  list(): readonly T[] {
    return [...this.#namespaces.values()].flatMap(entries => [...entries.values()].map(entry => entry.object));
  }

  byNamespace(namespace: string): readonly T[] {
    return [...(this.#namespaces.get(namespace)?.values() ?? [])].map(entry => entry.object);
  }

  onChange(callback: (before: T | undefined, after: T | undefined) => void): void {
    this.#callbacks.push(callback);
  }

  put(object: KubeObject): void {
    if (this.#deleted.has(object.metadata.uid ?? '')) return;
    this.#offer(this.#options.transform(object), true);
  }

  set(object: T): void {
    // The watch is in order: whoever is told of an object by it exists.
    this.#deleted.delete(object.metadata.uid ?? '');
    this.#offer(object, false);
  }

  delete(object: T): void {
    const { namespace = '', name = '', uid, resourceVersion } = object.metadata;
    this.#remember(uid);
    const held = this.get(namespace, name);
    if (!held) return;
    const another = held.metadata.uid !== undefined && uid !== undefined && held.metadata.uid !== uid;
    if (another && isOlder(resourceVersion, held.metadata.resourceVersion)) return;
    this.#store(namespace, name, undefined);
  }

  /** A list begins; `namespace` undefined: of all namespaces. */
  listing(namespace: string | undefined): void {
    for (const [name, entries] of this.#scope(namespace)) {
      for (const [key, entry] of entries) {
        if (entry.sinceListing) this.#namespaces.get(name)?.set(key, { object: entry.object, sinceListing: false });
      }
    }
  }

  /** The list is the truth, also when its versions are lower (a restored backup), except for what we wrote meanwhile. */
  replace(objects: readonly T[], namespace: string | undefined): void {
    const listed = new Set<string>();
    for (const object of objects) {
      const { namespace: inNamespace = '', name = '', resourceVersion } = object.metadata;
      listed.add(`${inNamespace}/${name}`);
      const held = this.#entry(inNamespace, name);
      if (held?.sinceListing && isOlder(resourceVersion, held.object.metadata.resourceVersion)) continue;
      if (held?.object.metadata.resourceVersion === resourceVersion && held?.object.metadata.uid === object.metadata.uid)
        continue;
      this.#store(inNamespace, name, { object, sinceListing: false });
    }
    for (const [inNamespace, entries] of this.#scope(namespace)) {
      for (const [name, entry] of [...entries]) {
        if (listed.has(`${inNamespace}/${name}`) || entry.sinceListing) continue;
        this.#remember(entry.object.metadata.uid);
        this.#store(inNamespace, name, undefined);
      }
    }
  }

  #scope(namespace: string | undefined): readonly (readonly [string, Map<string, Entry<T>>])[] {
    if (namespace === undefined) return [...this.#namespaces];
    const entries = this.#namespaces.get(namespace);
    return entries ? [[namespace, entries]] : [];
  }

  #entry(namespace: string, name: string): Entry<T> | undefined {
    return this.#namespaces.get(namespace)?.get(name);
  }

  #offer(object: T, ours: boolean): void {
    const { namespace = '', name = '', resourceVersion, uid } = object.metadata;
    const held = this.get(namespace, name)?.metadata;
    if (held && isOlder(resourceVersion, held.resourceVersion)) return;
    if (held && held.resourceVersion === resourceVersion && held.uid === uid) return;
    this.#store(namespace, name, { object, sinceListing: ours });
  }

  #store(namespace: string, name: string, entry: Entry<T> | undefined): void {
    const entries = this.#namespaces.get(namespace) ?? new Map<string, Entry<T>>();
    const before = entries.get(name)?.object;
    if (entry) entries.set(name, entry);
    else entries.delete(name);
    if (entries.size > 0) this.#namespaces.set(namespace, entries);
    else this.#namespaces.delete(namespace);
    for (const callback of this.#callbacks) {
      try {
        callback(before, entry?.object);
      } catch (error) {
        this.#options.logger.error({ err: error, namespace, name }, 'a handler of a Kubernetes object failed');
      }
    }
  }

  #remember(uid: string | undefined): void {
    if (uid === undefined) return;
    this.#deleted.add(uid);
    const oldest = this.#deleted.values().next();
    if (this.#deleted.size > REMEMBERED_DELETIONS && !oldest.done) this.#deleted.delete(oldest.value);
  }
}

/** A cache and, for the reflectors that fill it, its other side: one per namespace, or one for all. */
export function createCache<T extends CachedObject>(
  options: CacheOptions<T>,
): { readonly cache: Cache<T>; readonly sink: (namespace?: string) => ReflectorSink<T> } {
  const cache = new ObjectCache(options);
  return {
    cache,
    sink: namespace => ({
      listing: () => cache.listing(namespace),
      replace: objects => cache.replace(objects, namespace),
      set: object => cache.set(object),
      delete: object => cache.delete(object),
    }),
  };
}
