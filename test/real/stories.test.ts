import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { parse } from 'yaml';
import { openBed } from './bed/bed.ts';
import { type ControllerProcess, startController } from './controllerProcess.ts';
import { installSluice } from './installed.ts';
import { setReady } from './podReadiness.ts';
import { createFleet, openStory, type Story, type StoryOptions, sharesSeen, type VirtualService } from './story.ts';

const bed = openBed(inject('bedDirectory'));
const NAMESPACES = ['good', 'bad', 'slow', 'unready', 'asked', 'deleted'];
/** Requests per second to a version that loses its pods. */
const RATE = 40;
const HALF_THEN_ALL = { steps: [{ name: 'half', setWeight: 50, pause: { duration: '8s' } }] };

describe
  .runIf(bed.has('envoy', 'prometheus', 'zipkin', 'git'))
  .concurrent('what clients get while a controller with the rights of `sluice install`', () => {
    let controller: ControllerProcess;
    let push: ReturnType<typeof createFleet>;
    const stories: Story[] = [];

    beforeAll(async () => {
      const repository = await bed.createRepository('stories');
      push = createFleet(repository);
      await push('README.md', 'Rollouts of the stories\n');
      const kubeconfig = await installSluice(bed);
      const place = { port: 'controller', namespaces: NAMESPACES, repositoryUrl: repository.url } as const;
      controller = await startController(bed, { kubeconfig, ...place, leaderElection: true });
    });

    afterAll(async () => {
      await Promise.all(stories.map(story => story.close()));
      await controller.stop();
    });

    async function open(options: StoryOptions): Promise<Story> {
      const story = await openStory(bed, push, options);
      stories.push(story);
      return story;
    }

    it('R4, R13, R27: moves a good version to all of them in steps', async () => {
      const router = { istio: { routes: ['primary'] } };
      const story = await open({ namespace: 'good', canary: HALF_THEN_ALL, router, ratePerSecond: 100 });
      const before = await decorate(story);

      await story.commit('v2');
      const half = await story.untilSplit('v1:50 v2:50');
      await story.until('a measured step', ({ message }) => /<= 60000 ms on \d+ spans/.test(message));
      const table = await story.kubectl('get', 'rollouts');
      await story.until('the end', ({ phase, stableVersion }) => phase === 'Healthy' && stableVersion === 'v2');
      const { requests, failed } = await story.load.stop();

      expect(story.splits().map(({ weights }) => weights)).toEqual(['v1:100', 'v1:50 v2:50', 'v2:100']);
      const [none, some, all] = await sharesSeen(story, 'v2');
      expect(none).toBe(0);
      expect(some).toBeGreaterThan(40);
      expect(some).toBeLessThan(60);
      expect(all).toBe(100);
      expect({ enough: requests > 1_000, failed }).toEqual({ enough: true, failed: 0 });

      const last = story.splits().at(-1);
      expect((last?.decidedAtMs ?? 0) - half.decidedAtMs).toBeGreaterThanOrEqual(8_000);
      const subset = story.rules.find(({ object }) => object.spec.subsets.some(({ name }) => name === 'v2'));
      expect(Number(subset?.object.metadata['resourceVersion'])).toBeLessThan(half.resourceVersion);
      expect(half.atMs - (subset?.atMs ?? Number.NaN)).toBeGreaterThan(1_500);

      expect(withoutOurs(await bed.kubernetes.get<VirtualService>(story.world.virtualService))).toEqual(withoutOurs(before));
      expect(table).toMatch(/^NAME +STATUS +VERSION +STEP +WEIGHT +MESSAGE +AGE$/m);
      expect(table).toMatch(
        /^forecast +Progressing +v2 +1\/2 +50% +step 1\/2 at 50%: p99 [\d.]+ ms <= 60000 ms on \d+ spans; next step at \d\d:\d\d:\d\dZ(?:; mesh check warnings in status.meshFindings: \w+)? +\d+s$/m,
      );
      expect(await reasonsOf(story)).toEqual(expect.arrayContaining(['Adopted', 'Started', 'StepEntered', 'Promoted']));
    });

    it('R17, R23: puts all traffic back from a version with errors, and goes on with the next one', async () => {
      const story = await open({ namespace: 'bad', canary: HALF_THEN_ALL });
      await bed.pods.behave({ namespace: 'bad', app: 'forecast', version: 'v2' }, { errorRate: 0.3 });
      await story.commit('v2');
      const { reason, message, stableVersion } = await story.until('rollback', ({ phase }) => phase === 'RolledBack');
      expect({ reason, stableVersion }).toEqual({ reason: 'GateFailed', stableVersion: 'v1' });
      expect(message).toMatch(
        /^all traffic on v1: success-rate [\d.]+ % < 99 % on \d+ requests; evidence .*limit .*\(obeyed: v2 got 0 of \d+ requests since\)/,
      );
      const back = story.splits().at(-1);
      expect(back?.weights).toBe('v1:100');

      await story.commit('v3');
      await story.until('the end', ({ phase, stableVersion: stable }) => phase === 'Healthy' && stable === 'v3');
      await story.load.stop();
      const since = await story.load.summary({ fromMs: (back?.atMs ?? 0) + 1_000 });
      expect(since.byVersion['v2']).toBeUndefined();
      expect(since.failed).toBe(0);
      const weights = ['v1:100', 'v1:50 v2:50', 'v1:100', 'v1:50 v3:50', 'v3:100'];
      expect(story.splits().map(split => split.weights)).toEqual(weights);
      expect((await sharesSeen(story, 'v3')).at(-1)).toBe(100);
    });

    it('R17: puts all traffic back from a version of which one pod is slow, as spans tell', async () => {
      const gates = [{ name: 'p99', zipkin: { percentile: 99 }, threshold: { max: 500 } }];
      const story = await open({ namespace: 'slow', canary: HALF_THEN_ALL, gates });
      const [pod = ''] = (await story.kubectl('get', 'pods', '--selector=version=v2', '--output=name')).split('\n');
      await bed.pods.behave({ namespace: 'slow', pod: pod.replace('pod/', '') }, { latencyMs: 800 });
      await story.commit('v2');
      const { reason, message } = await story.until('rollback', ({ phase }) => phase === 'RolledBack');
      expect(reason).toBe('GateFailed');
      expect(message).toMatch(/p99 [\d.]+ ms > 500 ms, \d+ of \d+ spans slower than 500 ms \([\d.]+ %\), 1 % allowed/);
      expect((await story.load.stop()).failed).toBe(0);
      expect(story.splits().map(({ weights }) => weights)).toEqual(['v1:100', 'v1:50 v2:50', 'v1:100']);
    });

    it('R25: takes the traffic off a version that loses its pods, once more when they are back, and then for good', async () => {
      const story = await open({
        namespace: 'unready',
        canary: { steps: [{ setWeight: 50, pause: { duration: '10m' } }] },
        ratePerSecond: RATE,
      });
      await story.commit('v2');
      await story.untilSplit('v1:50 v2:50');
      await bed.until('requests of v2', async () => (await story.load.summary()).byVersion['v2'] !== undefined);
      const losePods = async (): Promise<number> => {
        const fromMs = Date.now();
        await setReady(bed, { namespace: 'unready', version: 'v2', ready: false });
        return (await story.untilSplit('v1:100')).atMs - fromMs;
      };
      const firstMs = await losePods();
      await story.until('PodsLost', ({ reason }) => reason === 'PodsLost');
      await setReady(bed, { namespace: 'unready', version: 'v2', ready: true });
      await story.untilSplit('v1:50 v2:50');
      const secondMs = await losePods();
      const { reason, message } = await story.until('rollback', ({ phase }) => phase === 'RolledBack');
      expect(reason).toBe('PodsLost');
      expect(message).toContain('v2 has no ready pod');
      const { failed, requests } = await story.load.stop();
      console.info(`unready: ${failed} of ${requests} requests failed`);
      // both losses reach the proxy in the same push as the weight, or before it by as long as the weight took
      expect(failed).toBeLessThan(10 + (RATE * (firstMs + secondMs)) / 1_000);
    });

    it('R22: does what people ask for by annotation, and refuses what is stale', async () => {
      const story = await open({
        namespace: 'asked',
        canary: {
          steps: [
            { setWeight: 10, pause: {} },
            { setWeight: 40, pause: {} },
          ],
        },
      });
      const ask = (request: object) =>
        story.kubectl('annotate', 'rollout', 'forecast', '--overwrite', `sluice.dev/request=${JSON.stringify(request)}`);
      await story.commit('v2');
      const { revision } = await story.until('a pause without end', ({ phase, step }) => phase === 'Paused' && step?.index === 1);

      await ask({ id: 'one', verb: 'promote', revision: '00000000', step: 1 });
      const refused = await story.until('refusal', ({ lastRequest }) => lastRequest !== undefined);
      expect(refused.lastRequest?.outcome).toMatch(/^refused: /);
      expect(refused.phase).toBe('Paused');
      await bed.until(
        'the annotation to be gone',
        async () => !(await story.kubectl('get', 'rollout', 'forecast', '-o', 'yaml')).includes('sluice.dev/request'),
      );

      await ask({ id: 'two', verb: 'promote', revision, step: 1 });
      await story.until('the second step', ({ phase, step }) => phase === 'Paused' && step?.index === 2);
      await ask({ verb: 'abort', by: 'alice', reason: 'wrong day' });
      const { reason, message } = await story.until('rollback', ({ phase }) => phase === 'RolledBack');
      expect(reason).toBe('Aborted');
      expect(message).toContain('aborted by alice: wrong day');
      expect((await story.load.stop()).failed).toBe(0);
      expect(story.splits().map(({ weights }) => weights)).toEqual(['v1:100', 'v1:90 v2:10', 'v1:60 v2:40', 'v1:100']);
      expect(await reasonsOf(story)).toEqual(expect.arrayContaining(['RequestRefused', 'RequestAccepted', 'Aborted']));
    });

    it('R30: puts all traffic back before a Rollout that is deleted in progress goes', async () => {
      const apply = async (_file: string, text: string) => bed.kubernetes.apply(parse(text));
      const canary = { steps: [{ setWeight: 50, pause: {} }] };
      const story = await openStory(bed, apply, { namespace: 'deleted', canary });
      stories.push(story);
      await story.commit('v2');
      await story.untilSplit('v1:50 v2:50');
      await bed.until('requests of v2', async () => (await story.load.summary()).byVersion['v2'] !== undefined);
      await story.kubectl('delete', 'rollout', 'forecast', '--timeout=150s');
      expect(story.splits().map(({ weights }) => weights)).toEqual(['v1:100', 'v1:50 v2:50', 'v1:100']);
      expect((await story.load.stop()).failed).toBe(0);
    });
  });

/** Gives the VirtualService fields and a route that are none of the controller's business. */
async function decorate(story: Story): Promise<VirtualService> {
  const before = await bed.kubernetes.get<VirtualService>(story.world.virtualService);
  const [primary] = before.spec.http;
  const health = {
    name: 'health',
    match: [{ uri: { prefix: '/health' } }],
    route: [{ destination: { host: 'forecast', subset: 'v1' } }],
  };
  const more = { timeout: '7s', retries: { attempts: 0 }, headers: { response: { add: { 'x-team': 'weather' } } } };
  const http = [health, { ...primary, ...more }];
  return bed.kubernetes.patch<VirtualService>(story.world.virtualService, {
    metadata: { labels: { team: 'weather' } },
    spec: { http },
  });
}

/** All of the spec and the labels but the destinations of the steered route. */
function withoutOurs({ metadata, spec }: VirtualService): unknown {
  const http = spec.http.map(route => (route.name === 'primary' ? { ...route, route: [] } : route));
  return { labels: metadata['labels'], spec: { ...spec, http } };
}

async function reasonsOf(story: Story): Promise<readonly string[]> {
  const reasons = await story.kubectl(
    'get',
    'events',
    '--field-selector=involvedObject.name=forecast',
    '--output=jsonpath={.items[*].reason}',
  );
  return reasons.split(' ');
}
