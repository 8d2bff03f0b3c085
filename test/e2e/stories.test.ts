import { afterAll, beforeAll, describe, it as test } from 'vitest';
import { deployment, service, workloadOf } from './app.ts';
import { type App, created, openWorld, type World } from './world.ts';

const PAUSED = { strategy: { canary: { steps: [{ setWeight: 50, pause: {} }] } } };
/** Longer than any test. */
const LONG = { strategy: { canary: { steps: [{ setWeight: 50, pause: { duration: '10m' } }] } } };
/** Judged by nothing but the spans in Zipkin. */
const bySpans = (max: number) => ({
  analysis: { interval: '1s', gates: [{ name: 'p99', zipkin: { percentile: 99 }, threshold: { max }, minSamples: 10 }] },
});
/** A latency that no version has, on whatever machine. */
const EVER_MS = 120_000;

describe.concurrent('a controller in a sandbox', () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld();
    await world.controller();
  });
  afterAll(() => world.close());

  const breakVersion = (namespace: string, version: string, fault: object) =>
    world.sandbox.control.setFault(workloadOf(namespace, version), fault);

  /** Ends the pause of the step that it is in. */
  const promote = async (app: App): Promise<void> => {
    const status = await app.status();
    await app.ask({ verb: 'promote', revision: status?.revision, step: status?.step?.index });
  };

  test('R14, R21: a good version gets 50 %, then all, and is stable; no request fails', async ({ expect }) => {
    const app = await world.app('good');
    const followed = app.follow('v2');
    await app.roll('v2');
    const done = await app.reaches(
      ({ phase, stableVersion }) => phase === 'Healthy' && stableVersion === 'v2',
      'v2 to be stable',
    );
    expect(await followed()).toEqual([0, 50, 100]);
    expect(app.load.stats().failed).toBe(0);
    expect(done.message).toBe('v2 is stable at 100%; nothing to do until the version changes');
    expect(await app.weights()).toEqual({ v1: 0, v2: 100 });
    expect((await app.events()).map(({ reason }) => reason)).toEqual(
      expect.arrayContaining(['Started', 'StepEntered', 'Promoted']),
    );
  });

  test('R17, R23: a version that answers with errors loses its traffic, and the message says why', async ({ expect }) => {
    breakVersion('bad', 'v2', { errorRate: 0.5 });
    const app = await world.app('bad');
    const followed = app.follow('v2');
    await app.roll('v2', LONG);
    const done = await app.reaches(({ phase }) => phase === 'RolledBack', 'the way back');
    expect(await followed()).toEqual([0, 50, 0]);
    expect(done.reason).toBe('GateFailed');
    expect(done.message).toMatch(
      /^all traffic on v1: success-rate [\d.]+ % < 99 % on \d+ requests; evidence .+, limit .+ \(obeyed: v2 got 0 of \d+ requests since\); commit another version to go on$/,
    );
    expect(await app.weights()).toEqual({ v1: 100, v2: 0 });
    const before = app.load.stats();
    await app.reaches(() => app.load.stats().requests >= before.requests + 20, 'more requests');
    expect(app.load.stats().failed).toBe(before.failed);
  });

  test('R17: a slow version loses its traffic by the spans in Zipkin', async ({ expect }) => {
    breakVersion('slow', 'v2', { latencyMs: 700 });
    const app = await world.app('slow');
    await app.roll('v2', { ...LONG, ...bySpans(500) });
    const done = await app.reaches(({ phase }) => phase === 'RolledBack', 'the way back');
    expect(done.reason).toBe('GateFailed');
    expect(done.message).toMatch(/^all traffic on v1: p99 [\d.]+ ms > 500 ms, \d+ of \d+ spans slower than 500 ms/);
    expect(await app.weights()).toEqual({ v1: 100, v2: 0 });
  });

  test('R25: a version without a ready pod loses its traffic at once; the step begins again when one is back', async ({
    expect,
  }) => {
    const app = await world.app('lost');
    const followed = app.follow('v2');
    await app.roll('v2', PAUSED);
    const { step } = await app.reaches(({ phase }) => phase === 'Paused', 'the pause');
    breakVersion('lost', 'v2', { notReady: true });
    const lost = await app.reaches(({ reason }) => reason === 'PodsLost', 'PodsLost');
    expect(lost.message).toMatch(
      /v2 lost its last ready pod, traffic was taken off it; the step begins again if one is ready by \S+Z, else it is rolled back/,
    );
    expect(await app.weights()).toEqual({ v1: 100, v2: 0 });
    breakVersion('lost', 'v2', { notReady: false });
    const again = await app.reaches(({ phase }) => phase === 'Paused', 'the step to begin again');
    expect(Date.parse(again.step?.startedAt ?? '')).toBeGreaterThan(Date.parse(step?.startedAt ?? ''));
    await promote(app);
    await app.reaches(({ stableVersion }) => stableVersion === 'v2', 'v2 to be stable');
    expect(await followed()).toEqual([0, 50, 0, 50, 100]);
    expect((await app.events()).map(({ reason }) => reason)).toContain('PodsLost');
  });

  test('R22: abort by annotation goes back, and the annotation goes', async ({ expect }) => {
    const app = await world.app('abort');
    await app.roll('v2', LONG);
    await app.reaches(({ traffic }) => traffic?.weight === 50, '50 %');
    await app.ask({ verb: 'abort', by: 'alice', reason: 'wrong colours' });
    const done = await app.reaches(({ phase }) => phase === 'RolledBack', 'the way back');
    expect(done).toMatchObject({
      reason: 'Aborted',
      lastRequest: { verb: 'abort', outcome: 'aborted by alice: wrong colours' },
    });
    expect(await app.weights()).toEqual({ v1: 100, v2: 0 });
    const { body } = await world.api.get('/apis/sluice.dev/v1alpha1/namespaces/abort/rollouts/forecast');
    expect(body.metadata.annotations ?? {}).not.toHaveProperty('sluice.dev/request');
  });

  test('R22: a stale promote is refused and said; one with revision and step ends the pause', async ({ expect }) => {
    const app = await world.app('promote');
    await app.roll('v2', PAUSED);
    const paused = await app.reaches(({ phase }) => phase === 'Paused', 'the pause');
    expect(paused.message).toMatch(/waits until a person promotes step 1 of revision \w+$/);
    await app.ask({ id: 'one', verb: 'promote', revision: 'other', step: 1 });
    const refused = await app.reaches(({ lastRequest }) => lastRequest?.id === 'one', 'the refusal');
    expect(refused.lastRequest?.outcome).toBe(`refused: names revision other, but ${paused.revision} is in progress`);
    expect(refused.phase).toBe('Paused');
    expect((await app.weights())['v2']).toBe(50);
    await app.ask({ id: 'two', verb: 'promote', revision: paused.revision, step: 1 });
    const done = await app.reaches(({ stableVersion }) => stableVersion === 'v2', 'v2 to be stable');
    expect(done.lastRequest).toMatchObject({ id: 'two', outcome: 'accepted: step 1 promoted' });
    expect((await app.events()).map(({ reason }) => reason)).toEqual(
      expect.arrayContaining(['RequestRefused', 'RequestAccepted']),
    );
  });

  test('R7: a host that is routed without a subset is pinned before a new version can take traffic', async ({ expect }) => {
    const app = await world.app('pin', {
      versions: ['v1'],
      subsets: [],
      route: [{ destination: { host: 'forecast' }, weight: 100 }],
    });
    await app.roll('v1');
    await app.reaches(({ phase }) => phase === 'Healthy', 'adoption');
    expect(await app.weights()).toEqual({ v1: 100 });
    const { path, body } = deployment('pin', 'v2');
    await created(world.api, path, body);
    const before = app.load.stats().requests;
    await app.reaches(() => app.load.stats().requests >= before + 40, 'more requests');
    expect(app.load.stats().statuses).toEqual({ 200: expect.any(Number) });
    expect(Object.keys(app.load.stats().versions)).toEqual(['v1']);
    await app.change({ spec: { version: 'v2' } });
    await app.reaches(({ stableVersion }) => stableVersion === 'v2', 'v2 to be stable');
    expect(app.load.stats().statuses).toEqual({ 200: expect.any(Number) });
  });

  test('R28: a foreign destination keeps its share: 40/40/20 at 50 %', async ({ expect }) => {
    const app = await world.app('foreign', {
      route: [
        { destination: { host: 'forecast', subset: 'v1' }, weight: 80 },
        { destination: { host: 'other' }, weight: 20 },
      ],
    });
    for (const { path, body } of [service('foreign', 'other'), deployment('foreign', 'old', 'other')])
      await created(world.api, path, body);
    await app.roll('v2', PAUSED);
    await app.reaches(({ phase }) => phase === 'Paused', 'the pause');
    expect(await app.weights()).toEqual({ v1: 40, v2: 40, other: 20 });
    await promote(app);
    await app.reaches(({ stableVersion }) => stableVersion === 'v2', 'v2 to be stable');
    expect(await app.weights()).toEqual({ v1: 0, v2: 80, other: 20 });
  });

  test('R36: a list of rollouts tells where each one is and when it goes on', async ({ expect }) => {
    const app = await world.app('table');
    await app.roll('v2', { ...LONG, ...bySpans(EVER_MS) });
    await app.reaches(
      ({ message }) => /<= \d+ ms on \d+ spans(?: \([\d.]+ % of requests\))?; next step/.test(message),
      'enough measurements',
    );
    const { body } = await world.api.get('/apis/sluice.dev/v1alpha1/namespaces/table/rollouts', {
      accept: 'application/json;as=Table;v=v1;g=meta.k8s.io',
    });
    const columns = body.columnDefinitions.filter(({ priority }: { priority: number }) => !priority);
    expect(columns.map(({ name }: { name: string }) => name.toUpperCase())).toEqual([
      'NAME',
      'STATUS',
      'VERSION',
      'STEP',
      'WEIGHT',
      'MESSAGE',
      'AGE',
    ]);
    const row = columns.map((_: unknown, i: number) => body.rows[0].cells[body.columnDefinitions.indexOf(columns[i])]);
    expect(row.slice(0, 5)).toEqual(['forecast', 'Progressing', 'v2', '1/2', '50%']);
    expect(row[5]).toMatch(
      /^step 1\/2 at 50%: p99 [\d.]+ ms <= 120000 ms on \d+ spans(?: \([\d.]+ % of requests\))?; next step at \d\d:\d\d:\d\dZ/,
    );
  });
});
