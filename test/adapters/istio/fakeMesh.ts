import type { JsonPatchOperation, MeshKind, MeshObject, ObjectCache } from '../../../src/adapters/istio/resource.ts';
import { keyOf } from '../../../src/adapters/istio/resource.ts';
import type { IstioRouterDeps } from '../../../src/adapters/istio/router.ts';
import { SystemError } from '../../../src/controller/ports.ts';
import { applyPatch } from './applyPatch.ts';

type Callback = Parameters<ObjectCache['onChange']>[0];

export type FakeCache = ObjectCache & { remove(namespace: string, name: string): void };

function fakeCache(): FakeCache {
  const objects = new Map<string, MeshObject>();
  const callbacks: Callback[] = [];
  const tell: Callback = (before, after) => {
    for (const callback of callbacks) callback(before, after);
  };
  return {
    get: (namespace, name) => objects.get(`${namespace}/${name}`),
    list: () => objects.values(),
    onChange: callback => callbacks.push(callback),
    put(object) {
      const before = objects.get(keyOf(object));
      objects.set(keyOf(object), object);
      tell(before, object);
    },
    remove(namespace, name) {
      const before = objects.get(`${namespace}/${name}`);
      objects.delete(`${namespace}/${name}`);
      tell(before, undefined);
    },
  };
}

const bumped = (object: MeshObject): MeshObject => ({
  ...object,
  metadata: { ...object.metadata, resourceVersion: String(Number(object.metadata?.resourceVersion) + 1) },
});

/** Caches and an API server that keeps resource versions as the real one does; `clock.nowMs` is set by tests. */
export function fakeMesh(virtualServices: readonly MeshObject[], destinationRules: readonly MeshObject[]) {
  const server = new Map<string, MeshObject>();
  const caches = { VirtualService: fakeCache(), DestinationRule: fakeCache() };
  const requests: string[] = [];
  const patches: (readonly JsonPatchOperation[])[] = [];
  const nowMs = { value: 1000 };
  const conflict = (key: string) => new SystemError('kubernetes', `patching ${key}`, 'conflict', 'it has changed');
  const put = (kind: MeshKind, object: MeshObject) => {
    server.set(`${kind} ${keyOf(object)}`, object);
    caches[kind].put(object);
  };
  const deps: IstioRouterDeps = {
    virtualServices: caches.VirtualService,
    destinationRules: caches.DestinationRule,
    clock: { now: () => nowMs.value },
    patch: async (kind: MeshKind, namespace: string, name: string, operations: readonly JsonPatchOperation[]) => {
      const key = `${kind} ${namespace}/${name}`;
      requests.push(`patch ${key}`);
      patches.push(operations);
      const object = server.get(key);
      if (object === undefined) throw new SystemError('kubernetes', `patching ${key}`, 'notFound', 'not found');
      const patched = applyPatch(object, operations);
      if (patched.metadata?.resourceVersion !== object.metadata?.resourceVersion) throw conflict(key);
      server.set(key, bumped(patched));
      return bumped(patched);
    },
    refresh: async (kind: MeshKind, namespace: string, name: string) => {
      requests.push(`get ${kind} ${namespace}/${name}`);
      return server.get(`${kind} ${namespace}/${name}`);
    },
  };
  for (const object of virtualServices) put('VirtualService', object);
  for (const object of destinationRules) put('DestinationRule', object);
  /** Somebody else writes, and the watch has not told us yet. */
  const changeUnseen = (kind: MeshKind, object: MeshObject) => server.set(`${kind} ${keyOf(object)}`, bumped(object));
  return { deps, caches, server, requests, patches, nowMs, put, changeUnseen };
}
