import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createKubeClient } from '../../src/adapters/kubernetes/client.ts';
import { type KubeObject, PODS, type Resource, ROLLOUTS, SERVICES } from '../../src/adapters/kubernetes/resources.ts';
import { rolloutDefinition } from '../../src/adapters/spec/crd.ts';
import type { CliIo } from '../../src/cli/io.ts';
import type { Terminal } from '../../src/cli/terminal/terminal.ts';
import { createKubeApi } from '../../src/sandbox/kube/server.ts';
import { kubeconfigText } from '../adapters/kubernetes/scriptedApi.ts';

const NAMESPACES: Resource = { group: '', version: 'v1', plural: 'namespaces', namespaced: false };
const DEFINITIONS: Resource = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  plural: 'customresourcedefinitions',
  namespaced: false,
};

/** An API server of this process, which may go away and come back, and refuse what somebody asks. */
export const openCluster = async ({ knowsRollouts = true } = {}) => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-look-'));
  const api = createKubeApi(() => false);
  const state: { forbidden?: RegExp } = {};
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    if (!state.forbidden?.test(request.url ?? '')) return void api.listener(request, response);
    const message = `pods is forbidden: User "ann" cannot list resource "pods" in the namespace "weather"`;
    response.writeHead(403, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ kind: 'Status', status: 'Failure', reason: 'Forbidden', code: 403, message }));
  };
  let server: Server;
  const listen = async (port: number): Promise<number> => {
    server = createServer(listener).listen(port, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  };
  const leave = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise(resolve => server.close(resolve));
  };
  const port = await listen(0);
  const kubeconfig = join(folder, 'kubeconfig');
  await writeFile(kubeconfig, kubeconfigText(`http://127.0.0.1:${port}`, { token: api.token }));
  const client = createKubeClient({ kubeconfigPath: kubeconfig });
  if (knowsRollouts) await client.create(DEFINITIONS, rolloutDefinition() as never);
  for (const name of ['weather', 'shop', 'empty'])
    await client.apply(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } }, { fieldManager: 'test' });
  const setStatus = (name: string, status: object, namespace = 'weather') =>
    client.mergePatch(ROLLOUTS, { namespace, name, subresource: 'status' }, { status });
  return {
    kubeconfig,
    state,
    leave,
    comeBack: () => listen(port),
    setStatus,
    addRollout: async (
      name: string,
      spec: object,
      { status, namespace = 'weather' }: { status?: object; namespace?: string } = {},
    ) => {
      const metadata = { name, namespace };
      await client.create(ROLLOUTS, { apiVersion: 'sluice.dev/v1alpha1', kind: 'Rollout', metadata, spec } as KubeObject);
      if (status !== undefined) await setStatus(name, status, namespace);
    },
    remove: (name: string) => client.delete(ROLLOUTS, { namespace: 'weather', name }),
    addPods: async (version: string, statuses: readonly object[]) => {
      for (const [index, status] of statuses.entries()) {
        const metadata = { name: `forecast-${version}-${index}`, namespace: 'weather', labels: { app: 'forecast', version } };
        const spec = { containers: [{ name: 'app', image: 'app' }] };
        await client.create(PODS, { apiVersion: 'v1', kind: 'Pod', metadata, spec });
        await client.mergePatch(PODS, { namespace: 'weather', name: metadata.name, subresource: 'status' }, { status });
      }
    },
    addService: () =>
      client.create(SERVICES, {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'forecast', namespace: 'weather' },
        spec: { selector: { app: 'forecast' }, ports: [{ port: 80 }] },
      }),
    close: async () => {
      client.close();
      api.close();
      await leave();
      await rm(folder, { recursive: true, force: true });
    },
  };
};

export const READY = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };

/** A command's world in which what it says can be awaited. */
export const createListener = () => {
  const said = { out: '', err: '', code: -1 };
  const waiters = new Set<() => void>();
  const add = (stream: 'out' | 'err') => (text: string) => {
    said[stream] += text;
    for (const waiter of [...waiters]) waiter();
  };
  const io: CliIo = {
    out: add('out'),
    err: add('err'),
    exit: code => {
      said.code = code;
    },
    env: {},
  };
  /** Resolves when the pattern stands in what was said. */
  const heard = (pattern: RegExp): Promise<void> =>
    new Promise(resolve => {
      const look = (): void => {
        if (!pattern.test(said.out + said.err)) return;
        waiters.delete(look);
        resolve();
      };
      waiters.add(look);
      look();
    });
  return { io, said, heard };
};

export const terminalOf = (change: Partial<Terminal> = {}): Terminal => ({
  isLive: false,
  isAscii: true,
  columns: () => Number.POSITIVE_INFINITY,
  rows: () => 40,
  onResize: () => () => {},
  onInterrupt: () => () => {},
  ...change,
});
