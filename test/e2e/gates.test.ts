import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { json, type Loopback, listen } from '../adapters/http/loopback.ts';
import { openWorld, type World } from './world.ts';

type Asked = { readonly path: string; readonly body: Readonly<Record<string, unknown>> };

describe('gates that other programs judge', () => {
  let world: World;
  let judge: Loopback;
  const asked: Asked[] = [];
  /** What is answered for a namespace; pass where nothing is said. */
  const verdicts = new Map<string, 'pass' | 'fail' | 'nodata'>();
  const of = (namespace: string): readonly Asked[] => asked.filter(({ body }) => body['namespace'] === namespace);

  beforeAll(async () => {
    world = await openWorld();
    judge = await listen(({ request, body }, response) => {
      const question = JSON.parse(body);
      asked.push({ path: request.url ?? '', body: question });
      json(response, { verdict: verdicts.get(question.namespace) ?? 'pass', message: 'as the test wants it' });
    });
    await world.controller({
      config: {
        webhookGates: { allow: [judge.url] },
        gateTemplates: { smoke: { webhook: { url: `${judge.url}/smoke/{{version}}?commit={{commit}}` }, failureLimit: 1 } },
        defaults: { analysis: { interval: '1s' } },
      },
    });
  });
  afterAll(async () => {
    await world.close();
    await judge.close();
  });

  const steps = (gate: object) => ({
    strategy: {
      canary: {
        steps: [
          { setWeight: 20, pause: { duration: '2s' } },
          { setWeight: 50, pause: { duration: '2s' }, gates: [gate] },
        ],
      },
    },
    analysis: {
      gates: [{ name: 'success-rate', prometheus: { metric: 'success-rate' }, threshold: { min: 99 }, minSamples: 5 }],
    },
  });
  const started = async (namespace: string, gate: object) => {
    const app = await world.app(namespace);
    await app.roll('v1', steps(gate));
    await app.reaches(({ phase }) => phase === 'Healthy', 'adoption');
    await app.change({ spec: { version: 'v2' } });
    return app;
  };

  it('R14: one that passes is asked in its step only, and is told where the rollout is', async () => {
    const app = await started('passes', { template: 'smoke' });
    await app.reaches(({ stableVersion }) => stableVersion === 'v2', 'v2 to be stable');
    expect(of('passes').length).toBeGreaterThan(0);
    for (const { path, body } of of('passes')) {
      expect(path).toBe('/smoke/v2?commit=');
      expect(body).toMatchObject({
        name: 'forecast',
        gate: 'smoke',
        version: 'v2',
        stable: 'v1',
        step: 2,
        steps: 3,
        weight: 50,
        interval: '1s',
      });
    }
  });

  it('R17: one that fails puts everything back', async () => {
    verdicts.set('fails', 'fail');
    const app = await started('fails', { template: 'smoke', failureLimit: 0 });
    const told = await app.reaches(({ phase }) => phase === 'RolledBack', 'the way back');
    expect(told).toMatchObject({
      reason: 'GateFailed',
      message: expect.stringContaining('smoke answered fail: as the test wants it'),
    });
    expect(await app.weights()).toMatchObject({ v1: 100 });
  });

  it('R17, R22: one with onFailure: pause waits for a person; resume begins the step again', async () => {
    verdicts.set('pauses', 'fail');
    const app = await started('pauses', { template: 'smoke', onFailure: 'pause' });
    const told = await app.reaches(({ reason }) => reason === 'PausedByGate', 'the pause');
    expect(told).toMatchObject({ phase: 'Paused', step: { index: 2 }, pause: { by: 'gate smoke' } });
    expect(await app.weights()).toEqual({ v1: 50, v2: 50 });
    const calls = of('pauses').length;
    expect(calls).toBe(2);
    verdicts.set('pauses', 'pass');
    await app.ask({ verb: 'resume' });
    const again = await app.reaches(({ lastRequest }) => lastRequest !== undefined, 'the answer to the request');
    expect(again.lastRequest?.outcome).toBe('accepted: resumed, the step begins again');
    await app.reaches(({ stableVersion }) => stableVersion === 'v2', 'v2 to be stable');
    expect(of('pauses').length).toBeGreaterThan(calls);
  });
});
