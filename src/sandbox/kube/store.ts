import type { KubeObject } from './json.ts';

/** One change, at the resourceVersion that it made. `previous` is the object before it. */
export interface Change {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly resource: string;
  readonly revision: number;
  readonly object: KubeObject;
  readonly previous?: KubeObject;
}

/** Objects, one counter of versions, and a bounded history of changes. */
export interface Store {
  revision(): number;
  /** The oldest resourceVersion a watch may start from. */
  oldest(): number;
  get(resource: string, namespace: string, name: string): KubeObject | undefined;
  /** Sorted by namespace and name; of all namespaces when none is given. */
  list(resource: string, namespace?: string): KubeObject[];
  /** Stores the object under a new resourceVersion and returns it as stored. */
  put(resource: string, object: KubeObject): KubeObject;
  remove(resource: string, object: KubeObject): KubeObject;
  /** The changes after a revision, oldest first; `expired` when history no longer reaches back that far. */
  since(revision: number): Change[] | 'expired';
  /** Forgets the history: every watch position becomes too old. */
  compact(): void;
  /** Calls back after each change, in order. Returns the function that ends it. */
  subscribe(listener: (change: Change) => void): () => void;
}

const HISTORY = 4000;

const keyOf = (namespace: string, name: string) => `${namespace}/${name}`;

/** An empty store. Memory is bounded by the objects and a history of 4,000 changes. */
export function createStore(): Store {
  const tables = new Map<string, Map<string, KubeObject>>();
  const listeners = new Set<(change: Change) => void>();
  let history: Change[] = [];
  let revision = 1;
  let forgotten = 1;

  const record = (change: Change) => {
    history.push(change);
    if (history.length > 2 * HISTORY) {
      forgotten = history[HISTORY - 1]?.revision ?? forgotten;
      history = history.slice(HISTORY);
    }
    for (const listener of listeners) listener(change);
  };
  const tableOf = (resource: string) => {
    const table = tables.get(resource) ?? new Map<string, KubeObject>();
    tables.set(resource, table);
    return table;
  };
  const stamped = (object: KubeObject): KubeObject => {
    revision += 1;
    return { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
  };

  return {
    revision: () => revision,
    oldest: () => forgotten,
    get: (resource, namespace, name) => tables.get(resource)?.get(keyOf(namespace, name)),
    list: (resource, namespace) => {
      const entries = [...tableOf(resource).entries()].filter(([key]) => !namespace || key.startsWith(`${namespace}/`));
      return entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
    },
    put: (resource, object) => {
      const key = keyOf(object.metadata.namespace ?? '', object.metadata.name);
      const previous = tableOf(resource).get(key);
      const stored = stamped(object);
      tableOf(resource).set(key, stored);
      record(
        previous
          ? { type: 'MODIFIED', resource, revision, object: stored, previous }
          : { type: 'ADDED', resource, revision, object: stored },
      );
      return stored;
    },
    remove: (resource, object) => {
      tableOf(resource).delete(keyOf(object.metadata.namespace ?? '', object.metadata.name));
      const last = stamped(object);
      record({ type: 'DELETED', resource, revision, object: last, previous: object });
      return last;
    },
    since: from => {
      if (from < forgotten) return 'expired';
      const last = history.findLastIndex(change => change.revision <= from);
      return history.slice(last + 1);
    },
    compact: () => {
      history = [];
      revision += 1;
      forgotten = revision;
    },
    subscribe: listener => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
