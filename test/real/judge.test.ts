import { afterAll, beforeAll, describe, inject, it } from 'vitest';
import { openBed } from './bed/bed.ts';
import { type ControllerProcess, startController } from './controllerProcess.ts';
import { installSluice } from './installed.ts';
import { ERRORS, gateOf, isRolledBack, isStable, playStory } from './judgeStory.ts';

const bed = openBed(inject('bedDirectory'));
/** A story that is told again begins in a namespace of its own. */
const namespacesOf = (story: string) => [`judge-${story}`, `judge-${story}-again`];
const NAMES = [
  'tenfold',
  'slower',
  'buckets',
  'unwell',
  'unreached',
  'better',
  'silent',
  'onebad',
  'shared',
  'patient',
  'hidden',
];

/** Latency of spans: a limit that nothing breaks here, and a comparison with stable. */
const SPANS = { name: 'p99', zipkin: { percentile: 99 }, threshold: { max: 60_000 }, baseline: {} };
/** The same by the buckets of Prometheus. */
const BUCKETS = { name: 'p99', prometheus: { metric: 'latency', percentile: 99 }, threshold: { max: 60_000 }, baseline: {} };
const EVIDENCE = String.raw`(evidence [\d,.]+:1|evidence over 1,000,000:1), limit [\d,]+:1`;

describe.runIf(bed.has('envoy', 'prometheus', 'zipkin'))('the judge on a real mesh', () => {
  let controller: ControllerProcess;
  const stories: { readonly close: () => Promise<void> }[] = [];
  const begun = new Set<string>();

  beforeAll(async () => {
    const kubeconfig = await installSluice(bed);
    const namespaces = NAMES.flatMap(namespacesOf);
    controller = await startController(bed, { kubeconfig, namespaces, port: 'controller', leaderElection: true });
  });
  afterAll(async () => {
    // whatever failed above, other files need it
    await bed.start('prometheus').catch(() => undefined);
    await Promise.all(stories.map(story => story.close()));
    await controller.stop();
  });

  const play = async (story: string, plot: Parameters<typeof playStory>[2]) => {
    const namespace = namespacesOf(story).find(one => !begun.has(one)) ?? story;
    begun.add(namespace);
    const played = await playStory(bed, namespace, plot);
    stories.push(played);
    return played;
  };

  describe.concurrent('under live traffic', () => {
    it('R14, R17: 2 % of errors beside 0.2 % of stable: rolled back by the comparison, while the limit of 99 % is undecided', async ({
      expect,
    }) => {
      const { ends } = await play('tenfold', {
        weight: 10,
        gates: [ERRORS],
        untraced: 400,
        stable: { errorRate: 0.002 },
        canary: { errorRate: 0.02 },
      });
      const { status, splits, rest } = await ends('the way back', isRolledBack);
      expect(status.reason).toBe('GateFailed');
      expect(status.message).toMatch(
        new RegExp(
          String.raw`^all traffic on v1: success-rate: new version fails [\d.]+ % of [\d,]+ requests, stable [\d.]+ % of [\d,]+; ${EVIDENCE}`,
        ),
      );
      const { evidence = 0, alpha = 0, baseline } = gateOf(status, 'success-rate') ?? {};
      expect({ limit: evidence * alpha >= 1, baseline: (baseline?.evidence ?? 0) * (baseline?.alpha ?? 0) >= 1 }).toEqual({
        limit: false,
        baseline: true,
      });
      expect(splits).toEqual(['v1:100', 'v1:90 v2:10', 'v1:100']);
      expect(rest[1]).toEqual(rest[0]);
    });

    it.for([
      {
        story: 'slower',
        gate: SPANS,
        what: /spans of the new version (are slower than stable's p90 of [\d.]+ ms|take longer than those of stable)/,
      },
      { story: 'buckets', gate: BUCKETS, what: /requests of the new version are slower than stable's p90 of [\d.]+ ms/ },
    ])(
      'R14, R17: 50 ms more than stable: rolled back by the comparison of latency ($story)',
      async ({ story, gate, what }, { expect }) => {
        const { ends } = await play(story, { weight: 10, gates: [gate], canary: { latencyMs: 50 } });
        const { status, splits, rest } = await ends('the way back', isRolledBack);
        expect(status.reason).toBe('GateFailed');
        expect(status.message).toMatch(what);
        expect(status.message).toMatch(new RegExp(EVIDENCE));
        expect(splits).toEqual(['v1:100', 'v1:90 v2:10', 'v1:100']);
        expect(rest[1]).toEqual(rest[0]);
      },
    );

    it.for([
      { story: 'unwell', interval: '15s', canary: { errorRate: 1, status: 503 }, cause: /all [\d,]+ failures: 503/ },
      {
        story: 'unreached',
        interval: '5s',
        canary: { refuses: true },
        cause: /all [\d,]+ failures: 503 \S*UF\S*, .*upstream connection failure/,
      },
    ])(
      'R17, R23: a new version that is hard down loses its traffic ($story)',
      async ({ story, interval, canary, cause }, { expect }) => {
        const { ends } = await play(story, { weight: 10, interval, canary });
        const { status, splits, rest } = await ends('the way back', isRolledBack);
        expect(status.reason).toBe('GateFailed');
        expect(status.message).toMatch(cause);
        expect(splits).toEqual(['v1:100', 'v1:90 v2:10', 'v1:100']);
        expect(rest[1]).toEqual(rest[0]);
      },
    );

    it('R14, R21: a version that is better than stable with its 2 % of errors is promoted by the default gates', async ({
      expect,
    }) => {
      const { answers, ends } = await play('better', { weight: 50, pause: { duration: '6s' }, stable: { errorRate: 0.02 } });
      const { splits, rest } = await ends('v2 to be stable', isStable);
      expect(splits).toEqual(['v1:100', 'v1:50 v2:50', 'v2:100']);
      expect((await answers('v1')).errors).toBeGreaterThan(0);
      expect(rest[1]).toEqual(rest[0]);
    });

    it('R15: without requests it holds and tells people, and goes on by itself when requests come', async ({ expect }) => {
      const gates = [ERRORS, SPANS].map(gate => ({ ...gate, noDataDeadline: '3s' }));
      const { story, reaches, ends } = await play('silent', { weight: 50, pause: { duration: '1s' }, gates, isSilent: true });
      const held = await reaches('the news that there is no data', ({ reason }) => reason === 'NoData');
      expect(held).toMatchObject({ phase: 'Progressing', step: { index: 1 }, traffic: { weight: 50 } });
      expect(held.message).toMatch(/success-rate: no requests of the new version yet; the pause is over, goes on by itself/);
      await bed.until('an event', async () => (await story.kubectl('get', 'events', '--output=name')).length > 0);
      expect(await story.kubectl('get', 'events', '--output=jsonpath={.items[*].reason}')).toContain('NoData');
      const load = bed.startLoad({ host: story.world.host, ratePerSecond: 30 });
      stories.push(load);
      const { splits, rest } = await ends('v2 to be stable', isStable);
      expect(splits).toEqual(['v1:100', 'v1:50 v2:50', 'v2:100']);
      expect(rest[1]).toEqual(rest[0]);
    });

    it('R17: one bad pod of three: rolled back, and the message names the pod', async ({ expect }) => {
      const { story, ends } = await play('onebad', { weight: 50, replicas: 3 });
      const names = await story.kubectl('get', 'pods', '--selector=version=v2', '--output=jsonpath={.items[*].metadata.name}');
      const [pod = ''] = names.split(' ');
      expect(names.split(' ')).toHaveLength(3);
      await story.untilSplit('v1:50 v2:50');
      await bed.pods.behave({ namespace: story.world.namespace, pod }, { errorRate: 0.5 });
      const { status, splits, rest } = await ends('the way back', isRolledBack);
      expect(status.reason).toBe('GateFailed');
      expect(status.message).toMatch(new RegExp(String.raw`; all \d+ errors from pod ${pod} \(obeyed`));
      expect(splits).toEqual(['v1:100', 'v1:50 v2:50', 'v1:100']);
      expect(rest[1]).toEqual(rest[0]);
    });

    it('R14, R17: while both versions fail for the same reason the default gates do not roll back', async ({ expect }) => {
      const { story, answers, more, reaches, ends } = await play('shared', { weight: 50, pause: {} });
      const scope = { namespace: story.world.namespace };
      await more('v2', 60);
      await bed.pods.behave(scope, { errorRate: 0.3 });
      await more('v2', 100);
      await bed.pods.behave(scope, { errorRate: 0 });
      await more('v2', 100);
      // nobody promotes what was rolled back
      const { revision } = await reaches('the pause', ({ phase }) => phase === 'Paused');
      const request = JSON.stringify({ verb: 'promote', revision, step: 1 });
      await story.kubectl('annotate', 'rollout', 'forecast', `sluice.dev/request=${request}`);
      const { splits, rest } = await ends('v2 to be stable', isStable);
      expect(splits).toEqual(['v1:100', 'v1:50 v2:50', 'v2:100']);
      const errors = await Promise.all(['v1', 'v2'].map(async version => (await answers(version)).errors));
      expect(Math.min(...errors)).toBeGreaterThan(10);
      expect(rest[1]).toEqual(rest[0]);
    });
  });

  // after the others, which need Prometheus
  it('R15, R16, R17: without Prometheus it holds, goes on by itself, and misses nothing of what happened meanwhile', async ({
    expect,
  }) => {
    // an earlier attempt may have left it away
    await bed.start('prometheus').catch(() => undefined);
    const [patient, hidden] = await Promise.all([
      // the gate is not satisfied by what comes before the outage, and the pause is over soon
      play('patient', { weight: 50, pause: { duration: '1s' }, gates: [{ ...ERRORS, minSamples: 150 }] }),
      play('hidden', { weight: 50, gates: [ERRORS] }),
    ]);
    await Promise.all([patient, hidden].map(({ more }) => more('v2', 10)));
    await bed.stop('prometheus');
    const scope = { namespace: hidden.story.world.namespace, app: 'forecast', version: 'v2' };
    await bed.pods.behave(scope, { errorRate: 0.5 });
    await hidden.more('v2', 100);
    await bed.pods.behave(scope, {});
    await patient.more('v2', 150);
    for (const { story, reaches } of [patient, hidden]) {
      const held = await reaches('the news of Prometheus', ({ reason }) => reason === 'ProviderError');
      expect(held).toMatchObject({ phase: 'Progressing', step: { index: 1 }, traffic: { weight: 50 } });
      expect(held.message).toContain('Prometheus "default" at ');
      expect(story.splits().at(-1)?.weights).toBe('v1:50 v2:50');
    }
    await bed.start('prometheus');
    const promoted = await patient.ends('v2 to be stable', isStable);
    const back = await hidden.ends('the way back', isRolledBack);
    expect(promoted.splits).toEqual(['v1:100', 'v1:50 v2:50', 'v2:100']);
    expect(back.splits).toEqual(['v1:100', 'v1:50 v2:50', 'v1:100']);
    expect(back.status.reason).toBe('GateFailed');
    // all of them happened while nobody could look
    expect(gateOf(back.status, 'success-rate')?.failures).toBe((await hidden.answers('v2')).errors);
    for (const { rest } of [promoted, back]) expect(rest[1]).toEqual(rest[0]);
  });
});
