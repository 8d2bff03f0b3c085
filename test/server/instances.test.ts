import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type RunningController, runController } from '../../src/compose.ts';
import { loadConfig } from '../../src/config/load.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { readParts } from '../config/parts.ts';
import { quiet } from '../controller/fakes.ts';
import { apiClient } from '../sandbox/client.ts';
import { approve, detailOf } from './rig.ts';

const CONFIG = {
  server: { listen: '127.0.0.1:0', hooks: '127.0.0.1:0' },
  approvals: { webhooks: [{ name: 'board', secretEnv: 'BOARD' }] },
};
const PERSON = { token: 'token-of-alice', user: 'alice', may: [{ verb: 'approve', namespace: 'weather' }] };
const ROLLOUT = {
  apiVersion: 'sluice.dev/v1alpha1',
  kind: 'Rollout',
  metadata: { name: 'forecast', namespace: 'weather' },
  spec: { version: 'v2', strategy: { canary: { steps: [{ setWeight: 50, approval: { approvers: ['user:alice'] } }] } } },
};

/** Whole programs in this process, each with its own caches and its own connections, over one lease. */
describe('two instances', () => {
  let sandbox: Sandbox;
  let folder: string;
  const running: RunningController[] = [];
  const start = async (): Promise<RunningController> => {
    const config = join(folder, 'sluice.json');
    await writeFile(config, JSON.stringify(CONFIG));
    const controller = await runController(loadConfig(config, { BOARD: 'sesame' }, readParts), sandbox.kubeconfigPath, quiet);
    running.push(controller);
    await controller.ready;
    return controller;
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-instances-'));
    sandbox = await startSandbox({ scenario: 'empty' });
    const api = apiClient(sandbox);
    const definition = await readFile(resolve(import.meta.dirname, '../../templates/crd/rollouts.sluice.dev.yaml'), 'utf8');
    await api.post('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', parse(definition));
    for (const name of ['sluice-system', 'weather'])
      await api.post('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    await api.post('/apis/sluice.dev/v1alpha1/namespaces/weather/rollouts', ROLLOUT);
    await fetch(`${sandbox.urls.control}/people`, { method: 'POST', body: JSON.stringify(PERSON) });
  });
  afterAll(async () => {
    await Promise.all(running.splice(0).map(controller => controller.stop()));
    await sandbox.close();
    await rm(folder, { recursive: true, force: true });
  });

  const answerOf = async (address: string): Promise<string> => {
    const answer = await approve({ url: `http://${address}` });
    return `${answer.status} ${await detailOf(answer)}`;
  };
  const boardStatus = async ({ hooks }: RunningController): Promise<number> =>
    (await fetch(`http://${hooks}/hooks/approvals/board`, { method: 'POST', body: '{}' })).status;

  it('R19, R31: answer alike, whichever leads, and go on when it ends', async () => {
    const first = await start();
    const NAMED = /^409 names revision 7c1f09d2, but /;
    await expect.poll(() => answerOf(first.address)).toMatch(NAMED);
    const second = await start();
    await expect.poll(() => answerOf(second.address)).toMatch(NAMED);
    expect(await boardStatus(second)).toBe(401);
    await first.stop();
    running.shift();
    await expect.poll(() => answerOf(second.address)).toMatch(NAMED);
  });
});
