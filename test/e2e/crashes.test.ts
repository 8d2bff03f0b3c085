import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Running } from './running.ts';
import { openWorld, type World } from './world.ts';

/** The process is killed as soon as the status says that the attempt stands there. */
const PLACES = [0, 1, 2];

describe('a controller that is killed', () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld();
  });
  afterAll(() => world.close());
  const running: Running[] = [];
  afterEach(() => Promise.all(running.splice(0).map(controller => controller.stop())));

  const started = async (namespace: string): Promise<Running> => {
    const controller = await world.controller({ namespaces: [namespace] });
    running.push(controller);
    return controller;
  };

  it('R4: once in each step: weights go the same way, no step is shorter, and no request fails', async () => {
    const app = await world.app('killed');
    const followed = app.follow('v2');
    let controller = await started('killed');
    // a step at 100 with a pause of its own, so that there is time to be killed in
    await app.roll('v2', {
      strategy: {
        canary: {
          steps: [
            { setWeight: 50, pause: { duration: '3s' } },
            { setWeight: 100, pause: { duration: '3s' } },
          ],
        },
      },
    });
    const startedAt: string[] = [];
    for (const place of PLACES) {
      const before = await app.reaches(({ step }) => step?.index === place, `step ${place}`);
      controller.signal('SIGKILL');
      await controller.ended;
      controller = await started('killed');
      if (place === 0) continue;
      startedAt.push(before.step?.startedAt ?? '');
      const after = await app.reaches(({ step, gates }) => step?.index !== place || (gates?.length ?? 0) > 0, 'a measurement');
      if (after.step?.index === place) expect(after.step.startedAt).toBe(before.step?.startedAt);
    }
    const done = await app.reaches(({ stableVersion }) => stableVersion === 'v2', 'v2 to be stable');
    expect(await followed()).toEqual([0, 50, 100]);
    expect(app.load.stats().failed).toBe(0);
    const [first = '', second = ''] = startedAt;
    const promotedAt = done.history?.at(-1)?.at ?? '';
    expect(Date.parse(second) - Date.parse(first)).toBeGreaterThanOrEqual(3_000);
    expect(Date.parse(promotedAt) - Date.parse(second)).toBeGreaterThanOrEqual(3_000);
    expect(done.attempt).toBe(1);
  });

  it('R23: on its way back: goes on going back', async () => {
    world.sandbox.control.setFault('back-v2', { errorRate: 0.6 });
    const app = await world.app('back');
    const followed = app.follow('v2');
    const controller = await started('back');
    await app.roll('v2', { strategy: { canary: { steps: [{ setWeight: 50, pause: { duration: '10m' } }] } } });
    await app.reaches(({ phase }) => phase === 'RollingBack', 'the way back');
    controller.signal('SIGKILL');
    await controller.ended;
    await started('back');
    const done = await app.reaches(({ phase }) => phase === 'RolledBack', 'all traffic on v1');
    expect(await followed()).toEqual([0, 50, 0]);
    expect(done.reason).toBe('GateFailed');
    expect(done.history?.filter(({ action }) => action === 'rolledBack')).toHaveLength(1);
  });
});
