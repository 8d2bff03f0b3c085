import * as fs from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pass } from 'node:timers/promises';
import git from 'isomorphic-git';
import { stringify } from 'yaml';
import type { RolloutStatus } from '../../src/rollout/index.ts';
import { startLoad } from '../../src/sandbox/load.ts';
import { startSandboxed } from '../../test/real/bench/sandboxed.ts';
import { type App, hostOf, objectsOf, rolloutOf, workloadOf } from './apps.ts';

/** The sandbox with several teams' applications, their Rollouts in Git, and Sluice, which works on them. */
export interface PictureWorld {
  /** The dashboard. */
  readonly url: string;
  readonly kubeconfig: string;
  /** Of somebody who may do everything. */
  readonly token: string;
  readonly commit: (app: App, version: string) => Promise<void>;
  readonly breakVersion: (app: App, version: string, errorRate: number) => Promise<void>;
  /** Waits until the status is so. Throws with the last one after four minutes. */
  readonly until: (app: App, what: string, is: (status: RolloutStatus) => boolean) => Promise<void>;
  readonly close: () => Promise<void>;
}

const TOKEN = 'picture-token';
const PATIENCE_MS = 240_000;
const AUTHOR = { name: 'Alice', email: 'alice@example.com' };

async function createFleet(dir: string): Promise<PictureWorld['commit']> {
  await mkdir(join(dir, 'rollouts'), { recursive: true });
  await git.init({ fs, dir, defaultBranch: 'main' });
  return async (app, version) => {
    const filepath = `rollouts/${app.namespace}-${app.name}.yaml`;
    await writeFile(join(dir, filepath), stringify(rolloutOf(app, version)));
    await git.add({ fs, dir, filepath });
    await git.commit({ fs, dir, message: `${app.name} ${version}`, author: AUTHOR });
  };
}

/** Starts it, and waits until the first version of each application is known as stable. */
export async function openPictureWorld(apps: readonly App[]): Promise<PictureWorld> {
  const sandbox = await startSandboxed('empty');
  const { api, place } = sandbox;
  const loads: { close(): void }[] = [];
  const close = async () => {
    for (const load of loads) load.close();
    await sandbox.close();
  };
  try {
    const namespaces = [...new Set(apps.map(({ namespace }) => namespace))];
    for (const name of namespaces) {
      const metadata = { name, labels: { 'istio-injection': 'enabled' } };
      const path = `/api/v1/namespaces/${name}?fieldManager=pictures`;
      await api('PATCH', path, { apiVersion: 'v1', kind: 'Namespace', metadata }, 'application/apply-patch+yaml');
    }
    for (const { path, body } of apps.flatMap(objectsOf)) await api('POST', path, body);
    await sandbox.control('people', { token: TOKEN, user: 'alice@example.com', groups: ['system:masters'], may: [] });
    const repository = join(sandbox.folder, 'fleet');
    const commit = await createFleet(repository);
    for (const app of apps) await commit(app, 'v1');
    for (const app of apps) loads.push(startLoad(place['gateway'] ?? '', { host: hostOf(app), path: '/api' }, app.rate));
    const source = { name: 'fleet', url: repository, branch: 'main', path: 'rollouts', namespaces, schedule: '*/1 * * * * *' };
    const controller = await sandbox.controller({
      leaderElection: { enabled: false },
      sources: [source],
      providers: {
        prometheus: { default: { url: place['prometheus'] } },
        zipkin: { default: { url: place['zipkin'], lag: '1s' } },
      },
    });
    const until: PictureWorld['until'] = async (app, what, is) => {
      const path = `/apis/sluice.dev/v1alpha1/namespaces/${app.namespace}/rollouts/${app.name}`;
      let last: RolloutStatus | undefined;
      for (const untilMs = Date.now() + PATIENCE_MS; last === undefined || !is(last); await pass(100)) {
        last = (await api<{ status?: RolloutStatus }>('GET', path).catch(() => ({ status: last }))).status;
        if (Date.now() > untilMs)
          throw new Error(`waiting for ${what} of ${app.name}: ${last?.phase} ${last?.reason}: ${last?.message}`);
      }
    };
    await Promise.all(apps.map(app => until(app, 'adoption', ({ phase }) => phase === 'Healthy')));
    return {
      url: controller.url,
      kubeconfig: sandbox.kubeconfig,
      token: TOKEN,
      commit,
      breakVersion: (app, version, errorRate) => sandbox.control('faults', { workload: workloadOf(app, version), errorRate }),
      until,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
