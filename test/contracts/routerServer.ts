import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import type { MeshKind } from '../../src/adapters/istio/resource.ts';
import { withoutManagedFields } from '../../src/adapters/kubernetes/cache.ts';
import { createKubeClient } from '../../src/adapters/kubernetes/client.ts';
import type { KubeObject, Resource } from '../../src/adapters/kubernetes/resources.ts';
import { createInformers, createRouter } from '../../src/compose/cluster.ts';
import type { Config } from '../../src/config/load.ts';
import { SystemError } from '../../src/controller/ports.ts';
import { createLines } from '../adapters/kubernetes/quiet.ts';
import { startApiProxy } from './apiProxy.ts';
import type { RouterWorld } from './router.contract.ts';

/** What is waited for comes at once, or on a busy machine later. */
const PATIENT = { timeout: 60_000, interval: 20 };

const NAMESPACES: Resource = { group: '', version: 'v1', plural: 'namespaces', namespaced: false };
const istio = (plural: string): Resource => ({ group: 'networking.istio.io', version: 'v1', plural, namespaced: true });
const RESOURCES = { VirtualService: istio('virtualservices'), DestinationRule: istio('destinationrules') } as const;

/** The router as the controller puts it together, before an API server that has Istio's kinds. `kubeconfigPath`: a cluster admin's. */
export const openRouterServer = async (kubeconfigPath: string): Promise<RouterWorld> => {
  const admin = createKubeClient({ kubeconfigPath });
  const namespace = `router-${randomBytes(4).toString('hex')}`;
  await admin.create(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
  const folder = await mkdtemp(join(tmpdir(), 'sluice-router-'));
  const proxy = await startApiProxy(kubeconfigPath, join(folder, 'kubeconfig'));
  const client = createKubeClient({ kubeconfigPath: proxy.kubeconfigPath });
  const watched: Pick<Config, 'watchNamespaces'> = { watchNamespaces: [namespace] };
  const informers = createInformers(watched as Config, client, 'v1', createLines().logger);
  const caches = { VirtualService: informers.virtualServices, DestinationRule: informers.destinationRules };
  const running = Object.values(caches);
  for (const informer of running) informer.start();
  await Promise.all(running.map(informer => informer.synced));

  const get = (kind: MeshKind, name: string) => admin.get(RESOURCES[kind], { namespace, name }).then(withoutManagedFields);
  const hearAgain = () => {
    for (const watch of proxy.watches) watch.unmute();
  };
  const write = async (kind: MeshKind, object: KubeObject): Promise<KubeObject> => {
    const { name = '' } = object.metadata;
    const held = await get(kind, name).catch(ifNotFound);
    if (held === undefined) return await admin.create(RESOURCES[kind], object);
    return await admin.replace(RESOURCES[kind], { ...object, metadata: { ...object.metadata, ...versionOf(held) } });
  };
  return {
    router: createRouter(client, informers, { istio: 'v1', clock: { now: () => Date.now() } }),
    namespace,
    get,
    put: async (kind, object) => {
      hearAgain();
      const { metadata } = await write(kind, object as KubeObject);
      const { name = '', resourceVersion } = metadata;
      await vi.waitFor(() => expect(caches[kind].get(namespace, name)?.metadata.resourceVersion).toBe(resourceVersion), PATIENT);
    },
    putUnseen: async (kind, name, object) => {
      for (const watch of proxy.watches) watch.mute();
      if (object === undefined) await admin.delete(RESOURCES[kind], { namespace, name });
      else await write(kind, object as KubeObject);
    },
    remove: async (kind, name) => {
      hearAgain();
      await admin.delete(RESOURCES[kind], { namespace, name });
      await vi.waitFor(() => expect(caches[kind].get(namespace, name)).toBeUndefined(), PATIENT);
    },
    close: async () => {
      await Promise.all(running.map(informer => informer.stop()));
      client.close();
      await proxy.close();
      await admin.delete(NAMESPACES, { name: namespace });
      admin.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
};

const versionOf = ({ metadata }: KubeObject): object => {
  const { resourceVersion } = metadata;
  return resourceVersion === undefined ? {} : { resourceVersion };
};

const ifNotFound = (error: unknown): undefined => {
  if (error instanceof SystemError && error.kind === 'notFound') return undefined;
  throw error;
};
