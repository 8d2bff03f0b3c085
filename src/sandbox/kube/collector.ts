import { type KubeObject, listOf, objectOf } from './json.ts';
import type { Objects } from './objects.ts';
import type { Registry } from './resources.ts';
import type { Change, Store } from './store.ts';

const EVENTS_KEPT = 2000;

const owners = (object: KubeObject) => listOf(object.metadata['ownerReferences']).map(item => objectOf(item)['uid']);

/** Background deletion: what an owner leaves behind, what a namespace holds, and old events. Returns the function that ends it. */
export function startCollector(store: Store, registry: Registry, objects: Objects): () => void {
  const everything = (namespace?: string) =>
    registry.all().flatMap(resource => store.list(resource.id, namespace).map(object => ({ resource, object })));

  const collectDependents = (uid: string | undefined) => {
    for (const { resource, object } of everything()) {
      const gone = owners(object).includes(uid) && !object.metadata.deletionTimestamp;
      if (gone && store.get(resource.id, object.metadata.namespace ?? '', object.metadata.name)) {
        objects.remove(resource, object.metadata.namespace ?? '', object.metadata.name);
      }
    }
  };
  const emptyNamespace = (name: string) => {
    const found = store.get('namespaces', '', name);
    if (!found?.metadata.deletionTimestamp) return;
    const inside = everything(name).filter(({ resource }) => resource.namespaced);
    for (const { resource, object } of inside) {
      if (!object.metadata.deletionTimestamp && store.get(resource.id, name, object.metadata.name))
        objects.remove(resource, name, object.metadata.name);
    }
    if (everything(name).every(({ resource }) => !resource.namespaced)) store.remove('namespaces', found);
  };
  const dropOldEvents = () => {
    const events = store.list('events');
    if (events.length <= EVENTS_KEPT) return;
    const oldest = events
      .sort((a, b) => Number(a.metadata.resourceVersion) - Number(b.metadata.resourceVersion))
      .slice(0, EVENTS_KEPT / 4);
    for (const event of oldest) store.remove('events', event);
  };

  return store.subscribe((change: Change) => {
    if (change.resource === 'events' && change.type === 'ADDED') setImmediate(dropOldEvents);
    if (change.resource === 'namespaces') setImmediate(emptyNamespace, change.object.metadata.name);
    else if (change.type === 'DELETED') {
      setImmediate(collectDependents, change.object.metadata.uid);
      setImmediate(emptyNamespace, change.object.metadata.namespace ?? '');
    }
  });
}
