import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { start } from './running.ts';
import { openWorld, type World } from './world.ts';

/** A short step, which only requests and a freeze hold. */
const STEPS = { strategy: { canary: { steps: [{ setWeight: 50, pause: { duration: '1s' } }] } } };
const RATE = 24;

describe('an installation that is frozen', () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld();
    await world.api.post('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'sluice-system' } });
    await world.controller();
  });
  afterAll(() => world.close());

  const freeze = async (...args: readonly string[]): Promise<string> => {
    const running = start(['freeze', '--kubeconfig', world.sandbox.kubeconfigPath, ...args]);
    expect(await running.ended).toMatchObject({ code: 0 });
    return running.output();
  };

  it('R20: a freeze holds all rollouts at once, aborts still work, and everything goes on by itself afterwards', async () => {
    const [first, second] = [await world.app('first', { rate: 0 }), await world.app('second', { rate: 0 })];
    await first.roll('v2', STEPS);
    await second.roll('v2', STEPS);
    for (const app of [first, second]) await app.reaches(({ step }) => step?.index === 1, 'the first step');
    expect(await freeze('--reason', 'release of the shop')).toMatch(/^frozen/);
    for (const app of [first, second]) {
      const { message } = await app.reaches(({ reason }) => reason === 'Frozen', 'the freeze');
      expect(message).toMatch(/at 50%.*release of the shop/);
    }
    for (const app of [first, second]) app.load.setRate(RATE);
    await second.ask({ verb: 'abort' });
    await second.reaches(({ phase }) => phase === 'RolledBack', 'the way back');
    expect(await first.weights()).toEqual({ v1: 50, v2: 50 });
    expect(await freeze('--off')).toMatch(/^not frozen any more/);
    const done = await first.reaches(({ phase }) => phase === 'Healthy', 'v2 to be stable');
    expect(done.stableVersion).toBe('v2');
  });
});
