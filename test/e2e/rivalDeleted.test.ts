import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RolloutStatus } from '../../src/rollout/index.ts';
import { until } from '../sandbox/client.ts';
import { rollout } from './app.ts';
import { created, openWorld, type World } from './world.ts';

const NAMESPACE = 'rivals';
const ROLLOUTS = `/apis/sluice.dev/v1alpha1/namespaces/${NAMESPACE}/rollouts`;
const WAITS = { strategy: { canary: { steps: [{ setWeight: 50, pause: {} }] } } };

describe('two Rollouts on one route', () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld();
    await world.controller();
  });
  afterAll(() => world.close());

  const younger = async (): Promise<RolloutStatus | undefined> => (await world.api.get(`${ROLLOUTS}/younger`)).body.status;
  const youngerReaches = (phase: string): Promise<RolloutStatus> =>
    until(async () => {
      const status = await younger();
      return status?.phase === phase ? status : undefined;
    }, `the younger one to be ${phase}`);

  it('R12, R30: the older one is deleted in progress: Safe first, then the younger one takes over from there', async () => {
    const app = await world.app(NAMESPACE);
    await app.roll('v1', WAITS);
    await app.reaches(({ phase }) => phase === 'Healthy', 'adoption');
    await app.change({ spec: { version: 'v2' } });
    await app.reaches(({ traffic }) => traffic?.weight === 50, 'half of it on v2');

    const body = rollout(NAMESPACE, 'v2', {
      host: 'forecast',
      initialVersion: 'v1',
      router: { istio: { virtualServices: ['forecast'] } },
    });
    const { metadata: older } = (await world.api.get(`${ROLLOUTS}/forecast`)).body;
    const nextSecondMs = Date.parse(older.creationTimestamp) + 1_000;
    await until(async () => (Date.now() > nextSecondMs ? true : undefined), 'a later second: creation has no finer time');
    await created(world.api, ROLLOUTS, { ...body, metadata: { namespace: NAMESPACE, name: 'younger' } });
    const { message } = await youngerReaches('Invalid');
    expect(message).toContain('rivals/forecast');
    expect(await app.weights()).toEqual({ v1: 50, v2: 50 });

    const followed = app.follow('v2');
    await world.api.remove(`${ROLLOUTS}/forecast`);
    await until(
      async () => ((await world.api.get(`${ROLLOUTS}/forecast`)).code === 404 ? true : undefined),
      'the end of the older one',
    );
    const { stableVersion } = await youngerReaches('Healthy');
    await until(async () => ((await younger())?.stableVersion === 'v2' ? true : undefined), 'v2 to be stable');
    expect(['v1', 'v2']).toContain(stableVersion);
    expect(await followed()).toEqual([50, 0, 50, 100]);
    const { metadata } = (await world.api.get(`/apis/networking.istio.io/v1/namespaces/${NAMESPACE}/virtualservices/forecast`))
      .body;
    expect(Object.values(JSON.parse(metadata.annotations['sluice.dev/position'])).at(-1)).toMatchObject({
      state: 'raised',
      weight: 100,
    });
  });
});
