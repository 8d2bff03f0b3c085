import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CountingProxy, startCountingProxy } from './countingProxy.ts';
import { type App, adopted, openWorld, type World } from './world.ts';

const QUIET_MS = 12_000;
const STATUS = 'PATCH /apis/sluice.dev/v1alpha1/namespaces/frugal/rollouts/forecast/status';
/** The finalizer comes with an attempt and goes with it. */
const FINALIZER = 'PATCH /apis/sluice.dev/v1alpha1/namespaces/frugal/rollouts/forecast';
const VIRTUAL_SERVICE = 'PATCH /apis/networking.istio.io/v1/namespaces/frugal/virtualservices/forecast';
const DESTINATION_RULE = 'PATCH /apis/networking.istio.io/v1/namespaces/frugal/destinationrules/forecast';
const EVIDENCE = '/api/v1/namespaces/frugal/configmaps';
const EVENT = 'POST /api/v1/namespaces/frugal/events';

describe('what the API server is asked for', () => {
  let world: World;
  let proxy: CountingProxy;
  let app: App;
  beforeAll(async () => {
    world = await openWorld();
    proxy = await startCountingProxy(world.sandbox, world.folder);
    await world.controller({ kubeconfigPath: proxy.kubeconfigPath });
  });
  afterAll(async () => {
    await world.close();
    await proxy.close();
  });

  /** How often each request was made since the last look. */
  const counts = (): Readonly<Record<string, number>> => {
    const taken = proxy.requests.splice(0);
    return Object.fromEntries([...new Set(taken)].map(text => [text, taken.filter(other => other === text).length]));
  };

  it('R5: starting, two steps and the end: one mesh write and few status writes a step, one event each, no read', async () => {
    app = await world.app('frugal');
    await app.roll('v1');
    await adopted(app);
    counts();
    await app.change({ spec: { version: 'v2' } });
    await app.reaches(({ stableVersion }) => stableVersion === 'v2', 'v2 to be stable');
    await expect.poll(async () => (await app.events()).map(({ reason }) => reason)).toContain('Promoted');
    const record = `PATCH ${EVIDENCE}/forecast-evidence-1`;
    await expect.poll(() => proxy.requests.filter(text => text === record).length).toBeGreaterThanOrEqual(3);
    const found = counts();
    expect(found).toEqual({
      [DESTINATION_RULE]: 1,
      [VIRTUAL_SERVICE]: 2,
      [FINALIZER]: 2,
      [STATUS]: expect.any(Number),
      [EVENT]: expect.any(Number),
      // one record each: started (which makes the ConfigMap), two raises, promoted
      [`POST ${EVIDENCE}`]: 1,
      [record]: expect.any(Number),
    });
    // started; for each step: entered, gates pass (the last time: promoted); on a busy machine also that measurements are late
    expect(found[STATUS]).toBeLessThanOrEqual(8);
    expect(found[record]).toBeLessThanOrEqual(6);
    expect(found[EVENT]).toBeLessThanOrEqual(8);
  });

  it('R5: an idle rollout costs no request at all', async () => {
    counts();
    // that nothing happens for a while cannot be awaited by a signal
    await wait(QUIET_MS);
    expect(counts()).toEqual({});
  });
});
