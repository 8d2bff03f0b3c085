import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { openBed } from './bed/bed.ts';
import { type ControllerProcess, startController } from './controllerProcess.ts';
import { installSluice } from './installed.ts';
import { createFleet, openStory, type Story } from './story.ts';

const bed = openBed(inject('bedDirectory'));
const PAUSE_MS = 6_000;
const BAKE_MS = 5_000;

describe.runIf(bed.has('envoy', 'prometheus', 'zipkin', 'git'))('a controller that is killed in every step', () => {
  let controller: ControllerProcess;
  let story: Story;

  beforeAll(async () => {
    const repository = await bed.createRepository('crashes');
    const push = createFleet(repository);
    await push('README.md', 'Rollouts of a controller that is killed\n');
    const kubeconfig = await installSluice(bed);
    const place = { port: 'otherController', namespaces: ['crashes'], repositoryUrl: repository.url } as const;
    // without a lease the next process goes on at once: the hard case for clocks of steps
    controller = await startController(bed, { kubeconfig, ...place, leaderElection: false });
    const canary = { steps: [{ setWeight: 50, pause: { duration: `${PAUSE_MS / 1000}s` } }], bake: `${BAKE_MS / 1000}s` };
    story = await openStory(bed, push, { namespace: 'crashes', canary, ratePerSecond: 100 });
  });

  afterAll(async () => {
    await story?.close();
    await controller?.stop();
  });

  it('R3, R4: writes the same weights in the same order, shortens no step and loses no request', async () => {
    const killAndStart = async () => {
      await controller.kill();
      await controller.start();
    };
    await story.commit('v2');
    const seen = () => story.statuses.some(({ object }) => object.status?.step?.index === 0);
    await bed.until('an attempt before its first step', async () => seen());
    await killAndStart();
    const half = await story.untilSplit('v1:50 v2:50');
    await killAndStart();
    const all = await story.untilSplit('v2:100');
    await killAndStart();
    const end = await story.until('the end', ({ phase, stableVersion }) => phase === 'Healthy' && stableVersion === 'v2');

    expect(story.splits().map(({ weights }) => weights)).toEqual(['v1:100', 'v1:50 v2:50', 'v2:100']);
    expect(all.decidedAtMs - half.decidedAtMs).toBeGreaterThanOrEqual(PAUSE_MS);
    const promoted = end.history?.find(({ action }) => action === 'promoted');
    expect(Date.parse(promoted?.at ?? '') - all.decidedAtMs).toBeGreaterThanOrEqual(BAKE_MS);
    expect(end.history?.map(({ action }) => action)).toEqual(['adopted', 'started', 'promoted']);
    const { requests, failed } = await story.load.stop();
    expect({ enough: requests > 1_000, failed }).toEqual({ enough: true, failed: 0 });
  });
});

describe.runIf(bed.has('envoy', 'prometheus', 'zipkin', 'git'))(
  'two controllers, of which the leader hangs for longer than its lease',
  () => {
    let leader: ControllerProcess;
    let other: ControllerProcess;
    let story: Story;

    beforeAll(async () => {
      const repository = await bed.createRepository('leaders');
      const push = createFleet(repository);
      await push('README.md', 'Rollouts of two controllers\n');
      const kubeconfig = await installSluice(bed);
      const place = { kubeconfig, namespaces: ['leaders'], repositoryUrl: repository.url, leaderElection: true } as const;
      leader = await startController(bed, { ...place, port: 'controller' });
      await bed.until('a leader', () => leader.leads());
      other = await startController(bed, { ...place, port: 'otherController' });
      const canary = { steps: [{ setWeight: 50, pause: { duration: `${PAUSE_MS / 1000}s` } }], bake: `${BAKE_MS / 1000}s` };
      story = await openStory(bed, push, { namespace: 'leaders', canary });
    });

    afterAll(async () => {
      await story?.close();
      await Promise.all([leader?.stop(), other?.stop()]);
    });

    it('R31: the other one goes on where it stood, and the first one writes nothing when it wakes', async () => {
      await story.commit('v2');
      const half = await story.untilSplit('v1:50 v2:50');
      leader.pause();
      const all = await story.untilSplit('v2:100');
      leader.resume();
      await bed.until('the end of the first term', async () => !(await leader.leads()));
      await story.until('the end', ({ phase, stableVersion }) => phase === 'Healthy' && stableVersion === 'v2');

      expect(await other.leads()).toBe(true);
      expect(story.splits().map(({ weights }) => weights)).toEqual(['v1:100', 'v1:50 v2:50', 'v2:100']);
      expect(all.decidedAtMs - half.decidedAtMs).toBeGreaterThanOrEqual(PAUSE_MS);
      expect((await story.load.stop()).failed).toBe(0);
    });
  },
);
