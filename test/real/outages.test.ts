import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { openBed } from './bed/bed.ts';
import { type ControllerProcess, startController } from './controllerProcess.ts';
import { installSluice } from './installed.ts';
import { createFleet, EVER_MS, openStory, type Status, type Story, splitOf, type VirtualService } from './story.ts';

const bed = openBed(inject('bedDirectory'));

/** How long the API server is away; the others are away for longer. */
const API_AWAY_MS = 90_000;
/** A try is due at most so long after the last one, and takes up to ten seconds. */
const BACK_WITHIN_MS = 150_000;

const success = [{ name: 'success-rate', prometheus: { metric: 'success-rate' }, threshold: { min: 99 } }];
const p99 = [{ name: 'p99', zipkin: { percentile: 99 }, threshold: { max: EVER_MS } }];

/** Rollouts at 50 %, each of which misses one of the servers. `pause` ends while that one is away. */
const CELLS = {
  /** Is to go on while istiod hangs. */
  walled: { gates: [], pause: '20s' },
  /** Is to go back while istiod hangs. */
  aborted: { gates: [], pause: '10m' },
  /** Asks Zipkin. */
  untraced: { gates: p99, pause: '20s' },
  /** Asks Prometheus. */
  blind: { gates: success, pause: '45s' },
  /** Is to go on while the API server is away. */
  unreached: { gates: [], pause: '60s' },
} as const;

type Name = keyof typeof CELLS;
const NAMES = Object.keys(CELLS) as Name[];
const FORWARD = NAMES.filter(name => name !== 'aborted');

// side by side: the servers are away at the same time, and each Rollout needs one of them
describe.runIf(bed.has('envoy', 'prometheus', 'zipkin', 'git'))('while servers are away for minutes', () => {
  let controller: ControllerProcess;
  let push: ReturnType<typeof createFleet>;
  const stories = new Map<Name, Story>();
  const storyOf = (name: Name): Story => {
    const story = stories.get(name);
    if (story === undefined) throw new Error(`there is no story ${name}`);
    return story;
  };

  beforeAll(async () => {
    const repository = await bed.createRepository('outages');
    push = createFleet(repository);
    await push('README.md', 'Rollouts while servers are away\n');
    const kubeconfig = await installSluice(bed);
    const place = { port: 'controller', namespaces: NAMES, repositoryUrl: repository.url } as const;
    controller = await startController(bed, { kubeconfig, ...place, leaderElection: true });
    await Promise.all(
      NAMES.map(async namespace => {
        const { gates, pause } = CELLS[namespace];
        const canary = { steps: [{ setWeight: 50, pause: { duration: pause } }] };
        stories.set(namespace, await openStory(bed, push, { namespace, canary, gates, ratePerSecond: 20 }));
      }),
    );
  });

  afterAll(async () => {
    // whatever failed above, other files need these; what runs is left as it is
    bed.resume('istiod');
    for (const part of ['zipkin', 'prometheus', 'kube-apiserver'] as const) await bed.start(part).catch(() => undefined);
    await Promise.all([...stories.values()].map(story => story.close()));
    await controller?.stop();
  });

  /** Asked, not watched: watches end with the API server. */
  const meshOf = async (name: Name) => {
    const object = await bed.kubernetes.get<VirtualService>(storyOf(name).world.virtualService);
    const { weights } = splitOf({ atMs: Date.now(), object });
    return { weights, changes: Number(object.metadata['generation']) - 1 };
  };
  const eventsOf = async (name: Name, reason: string): Promise<number> => {
    const fields = `--field-selector=involvedObject.name=forecast,reason=${reason}`;
    const names = await storyOf(name).kubectl('get', 'events', fields, '--output=jsonpath={.items[*].metadata.name}');
    return names.split(' ').filter(text => text !== '').length;
  };
  const isStable = ({ phase, stableVersion }: Status): boolean => phase === 'Healthy' && stableVersion === 'v2';
  const isHeldBy =
    (culprit: RegExp) =>
    ({ reason, message }: Status): boolean =>
      reason === 'ProviderError' && culprit.test(message);
  const expectHeld = (status: Status, culprit: RegExp): void => {
    expect(status).toMatchObject({ phase: 'Progressing', reason: 'ProviderError', step: { index: 1 }, traffic: { weight: 50 } });
    expect(status.message).toMatch(culprit);
  };

  /** One server after the other, each as soon as people know of the last one: without the API server nobody hears anything. */
  const beginOutages = async (): Promise<void> => {
    await bed.stop('zipkin', 'kill');
    bed.pause('istiod');
    const request = JSON.stringify({ id: 'back', verb: 'abort', by: 'alice' });
    await storyOf('aborted').kubectl('annotate', 'rollout', 'forecast', `sluice.dev/request=${request}`);
    const isError = ({ reason }: Status) => reason === 'ProviderError';
    const isBlocked = ({ message }: Status) => /webhook/.test(message) && /istio/.test(message);
    const [untraced, walled, aborted] = await Promise.all([
      storyOf('untraced').until('the news of Zipkin', isError),
      storyOf('walled').until('the news of istiod', isBlocked),
      storyOf('aborted').until('the news of istiod', status => status.phase === 'RollingBack' && isBlocked(status)),
    ]);
    expectHeld(untraced, /Zipkin "default" at /);
    expect(walled.phase).toBe('Progressing');
    expect(aborted.reason).toBe('Aborted');
    await bed.stop('prometheus', 'kill');
    expectHeld(await storyOf('blind').until('the news of Prometheus', isError), /Prometheus "default" at /);
    await bed.stop('kube-apiserver', 'kill');
  };

  it('R15, R16, R23, R31: nothing moves forward, what is to go back goes back first, and all go on by themselves', async () => {
    await Promise.all(NAMES.map(name => storyOf(name).commit('v2')));
    await Promise.all(NAMES.map(name => storyOf(name).untilSplit('v1:50 v2:50')));
    // istiod must have passed the weights on before it hangs
    const isObeyed = async (name: Name) => (await storyOf(name).load.summary()).byVersion['v2'] !== undefined;
    await Promise.all(NAMES.map(name => bed.until(`requests of v2 in ${name}`, () => isObeyed(name))));
    await beginOutages();
    const goneMs = Date.now();
    try {
      await bed.until('the lease to be lost', async () => !(await controller.leads()));
      await bed.until('the log to name the API server', async () => (await controller.log()).includes('does not answer'));
      await wait(Math.max(0, goneMs + API_AWAY_MS - Date.now()));
      for (const name of NAMES) {
        const { byVersion } = await storyOf(name).load.summary({ fromMs: Date.now() - 10_000 });
        expect(byVersion['v1']).toBeGreaterThan(0);
        expect(byVersion['v2']).toBeGreaterThan(0);
      }
    } finally {
      bed.resume('istiod');
      await Promise.all([bed.start('zipkin'), bed.start('kube-apiserver')]);
    }

    const backMs = Date.now();
    try {
      await bed.until('all traffic on v1', async () => (await meshOf('aborted')).weights === 'v1:100', BACK_WITHIN_MS);
      console.info(`outages: back on v1 ${Date.now() - backMs} ms after the API server was`);
      // without Prometheus nothing goes forward, as no gate may say whether requests are lost
      for (const name of FORWARD) {
        // what was stored before the API server went away may name Prometheus already, while the pause lasted
        const isHeld = isHeldBy(/Prometheus "default" at .*goes on by itself/);
        expectHeld(await storyOf(name).until('the news of Prometheus', isHeld, BACK_WITHIN_MS), /goes on by itself/);
        expect(await meshOf(name)).toEqual({ weights: 'v1:50 v2:50', changes: 1 });
      }
    } finally {
      await bed.start('prometheus');
    }

    await Promise.all(FORWARD.map(name => storyOf(name).until('the end', isStable)));
    await storyOf('aborted').until('the end of the way back', ({ phase }) => phase === 'RolledBack');
    for (const name of FORWARD) expect(await meshOf(name)).toEqual({ weights: 'v2:100', changes: 2 });
    expect(await meshOf('aborted')).toEqual({ weights: 'v1:100', changes: 2 });
    for (const name of ['blind', 'untraced'] as const) expect(await eventsOf(name, 'ProviderError')).toBe(1);
    for (const name of NAMES) expect((await storyOf(name).load.stop()).failed).toBe(0);
  }, 900_000);
});
