import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../sandbox/client.ts';
import { type RefusingProxy, startRefusingProxy } from './refusingProxy.ts';
import { type App, openWorld, type World } from './world.ts';

/** A list that was refused is asked for again after a growing time: the third time is long after all other caches were filled. */
const ASKED_OFTEN = 3;

describe('a controller without a lease, while one of its caches is not filled yet', () => {
  let world: World;
  let proxy: RefusingProxy;
  let app: App;

  beforeAll(async () => {
    world = await openWorld();
    proxy = await startRefusingProxy(world.sandbox, world.folder);
    app = await world.app('cold');
    const first = await world.controller();
    await app.roll('v2', { strategy: { canary: { steps: [{ setWeight: 50, pause: { duration: '10m' } }] } } });
    await app.reaches(({ traffic }) => traffic?.weight === 50, 'half of the traffic on v2');
    await first.stop();
  });
  afterAll(async () => {
    await world.close();
    await proxy.close();
  });

  it('R3, R30: takes nothing for gone that it has not read yet: writes nothing, and then puts a deleted Rollout back', async () => {
    const path = '/apis/sluice.dev/v1alpha1/namespaces/cold/rollouts/forecast';
    await world.api.remove(path);
    const early: string[] = [];
    let refused = 0;
    let isHeld = true;
    proxy.lacks = ({ verb, resource }) => {
      if (isHeld && verb === 'patch') early.push(resource);
      const isRefused = isHeld && verb === 'list' && resource === 'virtualservices';
      if (isRefused) refused += 1;
      return isRefused;
    };
    const second = world.controller({ kubeconfigPath: proxy.kubeconfigPath });
    await until(async () => (refused >= ASKED_OFTEN ? true : undefined), 'the list to be asked for again and again');
    isHeld = false;
    await second;

    await until(async () => ((await world.api.get(path)).code === 404 ? true : undefined), 'the end of the Rollout');
    expect(early).toEqual([]);
    expect(await app.weights()).toEqual({ v1: 100, v2: 0 });
  });
});
