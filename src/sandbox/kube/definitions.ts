import { establishedStatus, resourceOfDefinition } from './crd.ts';
import { equalJson, isObject } from './json.ts';
import type { Registry } from './resources.ts';
import type { Store } from './store.ts';

const DEFINITIONS = 'customresourcedefinitions.apiextensions.k8s.io';

/** Serves what CustomResourceDefinitions declare, and says so in their status. Kinds that are built in stay as they are. */
export function startDefinitions(store: Store, registry: Registry): () => void {
  const builtIn = new Set(registry.all().map(resource => resource.id));
  return store.subscribe(change => {
    if (change.resource !== DEFINITIONS) return;
    const resource = resourceOfDefinition(change.object);
    if (change.type === 'DELETED') {
      for (const object of builtIn.has(resource.id) ? [] : store.list(resource.id)) store.remove(resource.id, object);
      if (!builtIn.has(resource.id)) registry.remove(resource.id);
      return;
    }
    if (!builtIn.has(resource.id)) registry.add(resource);
    const next = establishedStatus(change.object);
    const settled = isObject(change.object['status']) && equalJson(change.object['status'], next['status']);
    if (!settled) setImmediate(establish, store, change.object.metadata.name);
  });
}

function establish(store: Store, name: string): void {
  const found = store.get(DEFINITIONS, '', name);
  if (found && !found.metadata.deletionTimestamp) store.put(DEFINITIONS, establishedStatus(found));
}
