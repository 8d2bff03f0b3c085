import { afterAll, beforeAll, describe, it as test } from 'vitest';
import { openWorld, type World } from './world.ts';

const PAUSED = { strategy: { canary: { steps: [{ setWeight: 50, pause: {} }] } } };
const ARGO = 'argocd-controller';

describe.concurrent('weights that others write', () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld();
    await world.controller();
  });
  afterAll(() => world.close());

  /** Writes the routes as a tool does that has its own copy of them. */
  const write = async (namespace: string, weights: Readonly<Record<string, number>>, manager: string): Promise<void> => {
    const route = Object.entries(weights).map(([subset, weight]) => ({ destination: { host: 'forecast', subset }, weight }));
    const path = `/apis/networking.istio.io/v1/namespaces/${namespace}/virtualservices/forecast?fieldManager=${manager}`;
    const { code } = await world.api.patch(path, 'merge', { spec: { http: [{ name: 'primary', route }] } });
    if (code !== 200) throw new Error(`writing ${path}: ${code}`);
  };

  test('R26: more than intended is put down, less is held until resume; who did it is named', async ({ expect }) => {
    const app = await world.app('by-hand');
    await app.roll('v2', PAUSED);
    await app.reaches(({ phase }) => phase === 'Paused', 'the pause');
    await write('by-hand', { v1: 0, v2: 100 }, 'kubectl-edit');
    const down = await app.reaches(({ drift }) => drift?.times?.length === 1, 'the weights to be put down');
    expect(down.drift?.by).toBe('kubectl-edit');
    expect(await app.weights()).toEqual({ v1: 50, v2: 50 });
    await write('by-hand', { v1: 100, v2: 0 }, 'kubectl-edit');
    const held = await app.reaches(({ waitingFor }) => waitingFor?.what === 'drift', 'it to be held');
    expect(held.message).toMatch(/kubectl-edit changed the weights \(by-hand\/forecast sends 0%\).*resume puts them back/);
    await app.ask({ verb: 'resume' });
    await app.reaches(({ phase }) => phase === 'Paused', 'the pause again');
    expect(await app.weights()).toEqual({ v1: 50, v2: 50 });
  });

  test('R26: Argo CD re-applies the old file after the promotion: undone five times, then held', async ({ expect }) => {
    const app = await world.app('reapplied');
    await app.roll('v2');
    await app.reaches(({ phase, stableVersion }) => phase === 'Healthy' && stableVersion === 'v2', 'v2 to be stable');
    for (let time = 1; time <= 5; time++) {
      await write('reapplied', { v1: 100 }, ARGO);
      const restored = await app.reaches(({ drift }) => drift?.restored?.length === time, `it to be undone ${time} times`);
      expect(restored.phase).toBe('Healthy');
      expect(await app.weights()).toMatchObject({ v2: 100 });
    }
    await write('reapplied', { v1: 100 }, ARGO);
    const held = await app.reaches(({ reason }) => reason === 'Drift', 'it to be held');
    expect(held.message).toMatch(/argocd-controller changed the weights of reapplied\/forecast.*RespectIgnoreDifferences=true/);
    expect(await app.weights()).toEqual({ v1: 100 });
  });
});
