import { afterAll, beforeAll, describe, it as test } from 'vitest';
import { until } from '../sandbox/client.ts';
import { workloadOf } from './app.ts';
import { BY_DEFAULT, ERRORS, gateOf, isRolledBack, isStable, ofGates, playStory, step } from './judgeStory.ts';
import { openWorld, type World } from './world.ts';

/** Latency: a limit that nothing breaks here, and a comparison with stable. */
const SPANS = { name: 'p99', zipkin: { percentile: 99 }, threshold: { max: 60_000 }, baseline: {} };

const EVIDENCE = String.raw`evidence [\d,.]+:1|evidence over 1,000,000:1`;

// side by side, as all of them wait for requests
describe.concurrent('the judge under live traffic', () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld();
    await world.controller();
  });
  afterAll(() => world.close());

  test('R14, R17: 50 ms more than stable: rolled back by the comparison of spans', async ({ expect }) => {
    const { ends } = await playStory(world, 'slower', {
      before: 100,
      canary: { latencyMs: 50 },
      spec: { ...step(10), ...ofGates(SPANS) },
    });
    const { status, weights, rest } = await ends(isRolledBack, 'the way back');
    expect(status.reason).toBe('GateFailed');
    expect(status.message).toMatch(
      new RegExp(
        String.raw`^all traffic on v1: p99: (?:[\d.]+ % of )?[\d,]+ spans of the new version (?:are slower than stable's p90 of [\d.]+ ms \(10 % tolerated\), [\d.]+ % of [\d,]+ of stable|take longer than those of stable at the same moments, [\d,]+ in all); (${EVIDENCE}), limit [\d,]+:1`,
      ),
    );
    expect(weights).toEqual([0, 10, 0]);
    expect(rest[1]).toEqual(rest[0]);
  });

  test.for([
    { namespace: 'unwell', canary: { errorRate: 1, status: 503 }, cause: /all [\d,]+ failures: 503/ },
    {
      namespace: 'unreached',
      canary: { down: true },
      cause: /all [\d,]+ failures: 503 URX,UF, gave up after retries, upstream connection failure/,
    },
  ])(
    'R17, R23: a new version that is hard down loses its traffic ($namespace)',
    async ({ namespace, canary, cause }, { expect }) => {
      const { ends } = await playStory(world, namespace, { before: 100, canary, spec: { ...step(10), ...BY_DEFAULT } });
      const { status, weights, rest } = await ends(isRolledBack, 'the way back');
      expect(status.reason).toBe('GateFailed');
      expect(status.message).toMatch(cause);
      expect(weights).toEqual([0, 10, 0]);
      expect(rest[1]).toEqual(rest[0]);
    },
  );

  test('R14, R21: a version that is better than stable with its 2 % of errors is promoted by the default gates', async ({
    expect,
  }) => {
    const { ends } = await playStory(world, 'better', {
      rate: 40,
      before: 200,
      stable: { errorRate: 0.02 },
      spec: { ...step(50, { duration: '4s' }), ...BY_DEFAULT },
    });
    const { status, weights, rest } = await ends(isStable, 'v2 to be stable');
    expect(status.message).toBe('v2 is stable at 100%; nothing to do until the version changes');
    expect(weights).toEqual([0, 50, 100]);
    expect(rest[1]).toEqual(rest[0]);
  });

  test('R15: without requests it holds and tells people, and goes on by itself when requests come', async ({ expect }) => {
    const told = { ...ERRORS, noDataDeadline: '2s' };
    const { app, reaches, ends } = await playStory(world, 'silent', {
      rate: 0,
      spec: { ...step(50, { duration: '1s' }), ...ofGates(told, { ...SPANS, noDataDeadline: '2s' }) },
    });
    const held = await reaches(({ reason }) => reason === 'NoData', 'the news that there is no data');
    expect(held).toMatchObject({ phase: 'Progressing', step: { index: 1 }, traffic: { weight: 50 } });
    expect(held.message).toMatch(
      /^step 1\/2 at 50%: success-rate: no requests of the new version yet; the pause is over, goes on by itself when every gate passes$/,
    );
    expect(gateOf(held, 'success-rate')?.verdict).toBe('NoData');
    await until(async () => ((await app.events()).some(({ reason }) => reason === 'NoData') ? true : undefined), 'an event');
    app.load.setRate(40);
    const { weights, rest } = await ends(isStable, 'v2 to be stable');
    expect(weights).toEqual([0, 50, 100]);
    expect(rest[1]).toEqual(rest[0]);
  });

  test('R17: one bad pod of three: rolled back, and the message names the pod', async ({ expect }) => {
    const { app, pods, reaches, ends } = await playStory(world, 'onebad', {
      pods: 3,
      before: 100,
      spec: { ...step(50), ...BY_DEFAULT },
    });
    await reaches(({ traffic }) => traffic?.weight === 50, '50 %');
    const [bad = ''] = pods;
    world.sandbox.control.setFault(bad, { errorRate: 0.5 });
    const { status, weights, rest } = await ends(isRolledBack, 'the way back');
    expect(pods).toHaveLength(3);
    expect(status.reason).toBe('GateFailed');
    expect(status.message).toMatch(new RegExp(String.raw`; all \d+ errors from pod ${bad} \(obeyed`));
    expect(weights).toEqual([0, 50, 0]);
    expect(app.load.stats().failed).toBeGreaterThan(0);
    expect(rest[1]).toEqual(rest[0]);
  });

  test('R14, R17: while both versions fail for the same reason the default gates do not roll back', async ({ expect }) => {
    const { app, answers, more, reaches, ends } = await playStory(world, 'shared', {
      rate: 40,
      before: 100,
      spec: { ...step(50, {}), ...BY_DEFAULT },
    });
    const both = ['v1', 'v2'].map(version => workloadOf('shared', version));
    await more('v2', 60);
    for (const workload of both) world.sandbox.control.setFault(workload, { errorRate: 0.3, status: 503 });
    await more('v2', 100);
    for (const workload of both) world.sandbox.control.setFault(workload, { errorRate: 0 });
    await more('v2', 100);
    // nobody promotes what was rolled back
    const { revision } = await reaches(({ phase }) => phase === 'Paused', 'the pause');
    await app.ask({ verb: 'promote', revision, step: 1 });
    const { weights, rest } = await ends(isStable, 'v2 to be stable');
    expect(weights).toEqual([0, 50, 100]);
    expect(Math.min(answers('v1').errors, answers('v2').errors)).toBeGreaterThan(10);
    expect(rest[1]).toEqual(rest[0]);
  });
});
