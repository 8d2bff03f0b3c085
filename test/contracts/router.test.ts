import { afterAll } from 'vitest';
import type { MeshKind, MeshObject } from '../../src/adapters/istio/resource.ts';
import { createIstioRouter } from '../../src/adapters/istio/router.ts';
import { SystemError } from '../../src/controller/ports.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { fakeMesh } from '../adapters/istio/fakeMesh.ts';
import { type RouterWorld, routerContract } from './router.contract.ts';
import { openRouterServer } from './routerServer.ts';

const NAMESPACE = 'bookinfo';

routerContract('Istio on caches in memory', 'memory', async (): Promise<RouterWorld> => {
  const mesh = fakeMesh([], []);
  const keyOf = (kind: MeshKind, name: string) => `${kind} ${NAMESPACE}/${name}`;
  let version = 0;
  const versioned = (object: MeshObject): MeshObject => {
    version += 10;
    return { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } };
  };
  return {
    router: createIstioRouter({ ...mesh.deps, patch: (...given) => mesh.deps.patch(...given).catch(asConflict) }),
    namespace: NAMESPACE,
    put: async (kind, object) => mesh.put(kind, versioned(object)),
    putUnseen: async (kind, name, object) => {
      if (object === undefined) mesh.server.delete(keyOf(kind, name));
      else mesh.changeUnseen(kind, versioned(object));
    },
    remove: async (kind, name) => {
      mesh.server.delete(keyOf(kind, name));
      mesh.caches[kind].remove(NAMESPACE, name);
    },
    get: async (kind, name) => {
      const object = mesh.server.get(keyOf(kind, name));
      if (object === undefined) throw new Error(`there is no ${kind} ${name}`);
      return object;
    },
    close: async () => {},
  };
});

/** An API server says so of a `test` that does not hold. */
const asConflict = (error: unknown): never => {
  if (error instanceof SystemError) throw error;
  throw new SystemError('kubernetes', 'patching', 'conflict', String(error));
};

let sandbox: Sandbox | undefined;

routerContract('Istio on the sandbox', 'server', async () => {
  const started = await startSandbox({ portBase: 0, scenario: 'empty' });
  sandbox = started;
  const world = await openRouterServer(started.kubeconfigPath);
  return { ...world, breakWebhook: how => started.control.setOutage('istiod', how) };
});

afterAll(() => sandbox?.close());
