import fs from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openRepository } from '../../src/adapters/git/repository.ts';
import { createKubeClient, type KubeClient } from '../../src/adapters/kubernetes/client.ts';
import { ROLLOUTS } from '../../src/adapters/kubernetes/resources.ts';
import { createRolloutWriter } from '../../src/adapters/kubernetes/rolloutWriter.ts';
import { rolloutDefinition } from '../../src/adapters/spec/crd.ts';
import { parseRollouts } from '../../src/adapters/spec/parse.ts';
import type { Logger } from '../../src/controller/ports.ts';
import type { GitRepository } from '../../src/controller/source-ports.ts';
import { createSource, type Source, type SourceProblem } from '../../src/controller/sources.ts';
import { createKubeApi, type KubeApi } from '../../src/sandbox/kube/server.ts';
import { type BareRepository, createBareRepository } from '../adapters/git/bareRepository.ts';
import { type GitServer, startGitServer } from '../adapters/git/gitServer.ts';
import { kubeconfigText } from '../adapters/kubernetes/scriptedApi.ts';

const quiet = () => {};
const logger: Logger = { debug: quiet, info: quiet, warn: quiet, error: quiet, child: () => logger };

let root: string;
let git: GitServer;
let fleet: BareRepository;
let repository: GitRepository;
let api: KubeApi;
let apiServer: Server;
let client: KubeClient;
let source: Source;
let problems: SourceProblem[];

beforeEach(async () => {
  root = await fs.mkdtemp(path.join(os.tmpdir(), 'sluice-source-'));
  git = await startGitServer(root);
  fleet = await createBareRepository(path.join(root, 'fleet.git'));
  api = createKubeApi(() => false);
  apiServer = createServer(api.listener);
  await new Promise<void>(resolve => apiServer.listen(0, '127.0.0.1', resolve));
  const kubeconfigPath = path.join(root, 'kubeconfig');
  const url = `http://127.0.0.1:${(apiServer.address() as AddressInfo).port}`;
  await fs.writeFile(kubeconfigPath, kubeconfigText(url, { token: api.token }));
  client = createKubeClient({ kubeconfigPath });
  const definitions = { group: 'apiextensions.k8s.io', version: 'v1', plural: 'customresourcedefinitions', namespaced: false };
  await client.create(definitions, rolloutDefinition() as never);
  const namespaces = { group: '', version: 'v1', plural: 'namespaces', namespaced: false };
  await client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'weather' } });
  repository = openRepository({
    url: `${git.origin}/fleet.git`,
    branch: 'main',
    path: 'rollouts',
    dir: path.join(root, 'clone'),
  });
  problems = [];
  source = createSource({
    config: { name: 'fleet', namespaces: ['weather'], schedule: '0 0 1 1 *', prune: true },
    repository,
    parser: parseRollouts,
    writer: createRolloutWriter(client),
    scheduler: () => ({ stop: () => {} }),
    logger,
    clock: { now: () => 0 },
    onProblem: problem => problems.push(problem),
  });
});

afterEach(async () => {
  await source.stop();
  repository.close();
  client.close();
  api.close();
  apiServer.closeAllConnections();
  await new Promise(resolve => apiServer.close(resolve));
  await git.close();
  await fs.rm(root, { recursive: true, force: true });
});

function file(name: string, version: string): string {
  return `apiVersion: sluice.dev/v1alpha1
kind: Rollout
metadata: {name: ${name}, namespace: weather}
spec:
  version: ${version}
  strategy: {canary: {steps: [{setWeight: 50, pause: {duration: 5m}}]}}
`;
}

async function clusterState(): Promise<Record<string, string>> {
  const { items } = await client.list(ROLLOUTS, { namespace: 'weather' });
  return Object.fromEntries(
    items.map(({ metadata, spec }) => {
      const commit = metadata.annotations?.['sluice.dev/commit'];
      return [metadata.name, `${(spec as { version: string }).version} of ${commit?.slice(0, 17)}`];
    }),
  );
}

const short = (oid: string) => `main@sha1:${oid}`.slice(0, 17);

test('R32 R33 R34 a commit reaches the cluster as a whole; a bad file stops its own Rollout only', async () => {
  const first = await fleet.commit({ 'rollouts/forecast.yaml': file('forecast', 'v1'), 'rollouts/map.yaml': file('map', 'v1') });
  source.start();
  await source.wake();
  expect(await clusterState()).toEqual({ forecast: `v1 of ${short(first)}`, map: `v1 of ${short(first)}` });

  const bad = file('forecast', 'v2').replace('setWeight: 50', 'setWeight: 500');
  const second = await fleet.commit({ 'rollouts/forecast.yaml': bad, 'rollouts/map.yaml': file('map', 'v2') });
  await source.wake();
  expect(await clusterState()).toEqual({ forecast: `v1 of ${short(first)}`, map: `v2 of ${short(second)}` });
  expect(problems).toMatchObject([
    { kind: 'badFile', file: 'rollouts/forecast.yaml', line: 6, message: expect.stringContaining('setWeight') },
  ]);

  const before = git.requests.length;
  await source.wake();
  expect(git.requests.length - before).toBe(1);
});

test('R34 a rewrite is followed, and a new process writes nothing that is as Git says', async () => {
  const first = await fleet.commit({ 'rollouts/forecast.yaml': file('forecast', 'v1') });
  source.start();
  await source.wake();
  await source.stop();
  let writes = 0;
  api.store.subscribe(() => {
    writes += 1;
  });
  await fleet.rewrite({ 'rollouts/forecast.yaml': file('forecast', 'v1'), 'README.md': 'rewritten' });
  const restarted = createSource({
    config: { name: 'fleet', namespaces: ['weather'], schedule: '0 0 1 1 *', prune: true },
    repository,
    parser: parseRollouts,
    writer: createRolloutWriter(client),
    scheduler: () => ({ stop: () => {} }),
    logger,
    clock: { now: () => 0 },
  });
  restarted.start();
  await restarted.wake();
  expect(restarted.status()).toMatchObject({ rollouts: 1, problems: [], lastOid: await fleet.tip() });
  expect(writes).toBe(0);
  expect(await clusterState()).toEqual({ forecast: `v1 of ${short(first)}` });
  await restarted.stop();
});
