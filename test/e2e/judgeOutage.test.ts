import { afterAll, beforeAll, describe, it as test } from 'vitest';
import { until } from '../sandbox/client.ts';
import { workloadOf } from './app.ts';
import { ERRORS, gateOf, isRolledBack, isStable, ofGates, playStory, step } from './judgeStory.ts';
import { openWorld, type World } from './world.ts';

// a sandbox of its own: no other story may miss Prometheus
describe('the judge while Prometheus is away', () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld();
    await world.controller();
  });
  afterAll(() => world.close());

  test('R15, R16, R17: it holds, goes on by itself, and misses nothing of what happened meanwhile', async ({ expect }) => {
    const { setFault, setOutage } = world.sandbox.control;
    // an earlier attempt may have left it away
    await setOutage('prometheus', 'ok');
    const [good, bad] = await Promise.all([
      // the gate is not satisfied by what comes before the outage, and the pause is over soon
      playStory(world, 'patient', {
        rate: 40,
        before: 60,
        spec: { ...step(50, { duration: '1s' }), ...ofGates({ ...ERRORS, minSamples: 150 }) },
      }),
      playStory(world, 'hidden', { rate: 40, before: 60, spec: { ...step(50), ...ofGates(ERRORS) } }),
    ]);
    await Promise.all([good, bad].map(({ more }) => more('v2', 10)));
    await setOutage('prometheus', 'refuse');
    setFault(workloadOf('hidden', 'v2'), { errorRate: 0.5 });
    await bad.more('v2', 100);
    setFault(workloadOf('hidden', 'v2'), { errorRate: 0 });
    await good.more('v2', 150);

    for (const { app, reaches } of [good, bad]) {
      const held = await reaches(({ reason }) => reason === 'ProviderError', 'the news of Prometheus');
      expect(held).toMatchObject({ phase: 'Progressing', step: { index: 1 }, traffic: { weight: 50 } });
      expect(held.message).toMatch(/Prometheus "default" at \S+ .*(refused the connection|broke the connection)/);
      expect(await app.weights()).toEqual({ v1: 50, v2: 50 });
      const told = async () => (await app.events()).filter(({ reason }) => reason === 'ProviderError').length || undefined;
      expect(await until(told, 'an event')).toBe(1);
    }

    await setOutage('prometheus', 'ok');
    const promoted = await good.ends(isStable, 'v2 to be stable');
    const back = await bad.ends(isRolledBack, 'the way back');
    expect(promoted.weights).toEqual([0, 50, 100]);
    expect(back.weights).toEqual([0, 50, 0]);
    expect(back.status.reason).toBe('GateFailed');
    const { failures = 0, samples = 0 } = gateOf(back.status, 'success-rate') ?? {};
    // all of them happened while nobody could look
    expect(failures).toBe(bad.answers('v2').errors);
    expect(samples).toBeGreaterThanOrEqual(100);
    for (const { rest } of [promoted, back]) expect(rest[1]).toEqual(rest[0]);
  });
});
