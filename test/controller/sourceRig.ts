import fs from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { openRepository, type RepositoryOptions } from '../../src/adapters/git/repository.ts';
import { withoutManagedFields } from '../../src/adapters/kubernetes/cache.ts';
import { createKubeClient } from '../../src/adapters/kubernetes/client.ts';
import { createInformer } from '../../src/adapters/kubernetes/informer.ts';
import { ROLLOUTS } from '../../src/adapters/kubernetes/resources.ts';
import { createRolloutStore } from '../../src/adapters/kubernetes/rollouts.ts';
import { createRolloutWriter } from '../../src/adapters/kubernetes/rolloutWriter.ts';
import { createSourcedRollouts } from '../../src/adapters/kubernetes/sourcedRollouts.ts';
import { rolloutDefinition } from '../../src/adapters/spec/crd.ts';
import { parseRollouts } from '../../src/adapters/spec/parse.ts';
import type { Logger } from '../../src/controller/ports.ts';
import { createSource, type Source, type SourceProblem, type SourceTurn } from '../../src/controller/sources.ts';
import { createKubeApi } from '../../src/sandbox/kube/server.ts';
import { createBareRepository } from '../adapters/git/bareRepository.ts';
import { startGitServer } from '../adapters/git/gitServer.ts';
import { kubeconfigText } from '../adapters/kubernetes/scriptedApi.ts';

export const file = (name: string, version: string): string => `apiVersion: sluice.dev/v1alpha1
kind: Rollout
metadata: {name: ${name}, namespace: weather}
spec:
  version: ${version}
  strategy: {canary: {steps: [{setWeight: 50, pause: {duration: 5m}}]}}
`;

/** The commit as `clusterState` shows it. */
export const short = (oid: string): string => `main@sha1:${oid}`.slice(0, 17);

/** A source with a real Git server on the one side and an API server on the other. */
export async function openRig(options: Partial<RepositoryOptions> = {}) {
  const root = await fs.mkdtemp(path.join(os.tmpdir(), 'sluice-source-'));
  const git = await startGitServer(root);
  const fleet = await createBareRepository(path.join(root, 'fleet.git'));
  const api = createKubeApi(() => false);
  const server = createServer(api.listener);
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const kubeconfigPath = path.join(root, 'kubeconfig');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await fs.writeFile(kubeconfigPath, kubeconfigText(url, { token: api.token }));

  const requests: string[] = [];
  const onRequest = (verb: string, resource: string) => void requests.push(`${verb} ${resource}`);
  const client = createKubeClient({ kubeconfigPath, onRequest });
  const definitions = { group: 'apiextensions.k8s.io', version: 'v1', plural: 'customresourcedefinitions', namespaced: false };
  await client.create(definitions, rolloutDefinition() as never);
  const namespaces = { group: '', version: 'v1', plural: 'namespaces', namespaced: false };
  await client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'weather' } });

  const problems: SourceProblem[] = [];
  const logs: { message: string; fields: object }[] = [];
  const turns: SourceTurn[] = [];
  const log = (fields: object, message: string) => void logs.push({ message, fields });
  const logger: Logger = { debug: () => {}, info: log, warn: log, error: log, child: () => logger };
  const informer = createInformer({
    client,
    resource: ROLLOUTS,
    namespaces: [],
    transform: withoutManagedFields,
    logger,
  });
  informer.start();
  await informer.synced;
  const openClone = (dir: string) =>
    openRepository({
      url: `${git.origin}/fleet.git`,
      branch: 'main',
      path: 'rollouts',
      dir: path.join(root, dir),
      timeoutMs: 5_000,
      ...options,
    });
  const clones = new Map([['clone', openClone('clone')]]);
  const sources: Source[] = [];
  const open = (dir = 'clone'): Source => {
    const repository = clones.get(dir) ?? openClone(dir);
    clones.set(dir, repository);
    const source = createSource({
      config: { name: 'fleet', namespaces: ['weather'], schedule: '0 0 1 1 *', prune: true },
      repository,
      parser: parseRollouts,
      writer: createRolloutWriter(client),
      objects: createSourcedRollouts(informer),
      scheduler: () => ({ stop: () => {} }),
      logger,
      clock: { now: () => Date.now() },
      onSync: (_, turn) => turns.push(turn),
      onProblem: problem => problems.push(problem),
    });
    sources.push(source);
    return source;
  };
  return {
    root,
    git,
    fleet,
    api,
    client,
    informer,
    store: createRolloutStore(client, informer),
    requests,
    problems,
    logs,
    turns,
    source: open(),
    /** Another process, after a restart; with a clone of its own when that is to be in another folder. */
    open,
    clusterState: async (): Promise<Record<string, string>> => {
      const { items } = await client.list(ROLLOUTS, { namespace: 'weather' });
      return Object.fromEntries(
        items.map(({ metadata, spec }) => {
          const commit = metadata.annotations?.['sluice.dev/commit'];
          return [metadata.name, `${(spec as { version: string }).version} of ${commit?.slice(0, 17)}`];
        }),
      );
    },
    close: async () => {
      for (const source of sources) await source.stop();
      await informer.stop();
      for (const repository of clones.values()) repository.close();
      client.close();
      api.close();
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
      await git.close();
      await fs.rm(root, { recursive: true, force: true });
    },
  };
}

export type Rig = Awaited<ReturnType<typeof openRig>>;
