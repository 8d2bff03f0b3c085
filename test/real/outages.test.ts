import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { openBed } from './bed/bed.ts';
import { type ControllerProcess, startController } from './controllerProcess.ts';
import { installSluice } from './installed.ts';
import { createFleet, openStory, type Story } from './story.ts';

const bed = openBed(inject('bedDirectory'));
const PAUSE_MS = 8_000;
const NAMESPACES = ['away', 'hangs'];

// one after the other: what one of them stops, all of them need
describe.runIf(bed.has('envoy', 'prometheus', 'zipkin', 'git'))('while a server is away', () => {
  let controller: ControllerProcess;
  let push: ReturnType<typeof createFleet>;
  const stories: Story[] = [];

  beforeAll(async () => {
    const repository = await bed.createRepository('outages');
    push = createFleet(repository);
    await push('README.md', 'Rollouts while servers are away\n');
    const kubeconfig = await installSluice(bed);
    const place = { port: 'controller', namespaces: NAMESPACES, repositoryUrl: repository.url } as const;
    controller = await startController(bed, { kubeconfig, ...place, leaderElection: true });
  });

  afterAll(async () => {
    await Promise.all(stories.map(story => story.close()));
    await controller?.stop();
  });

  async function openAtHalf(namespace: string): Promise<Story> {
    const canary = { steps: [{ setWeight: 50, pause: { duration: `${PAUSE_MS / 1000}s` } }] };
    const story = await openStory(bed, push, { namespace, canary });
    stories.push(story);
    await story.commit('v2');
    await story.untilSplit('v1:50 v2:50');
    await story.until('a step that lacks nothing but time', ({ message }) => /<= 500 ms on \d+ spans/.test(message));
    return story;
  }

  async function expectGoodEnd(story: Story): Promise<void> {
    await story.until('the end', ({ phase, stableVersion }) => phase === 'Healthy' && stableVersion === 'v2');
    expect(story.splits().map(({ weights }) => weights)).toEqual(['v1:100', 'v1:50 v2:50', 'v2:100']);
    expect((await story.load.stop()).failed).toBe(0);
  }

  it('R16: nothing moves without Prometheus, people are told, and it goes on by itself', async () => {
    const story = await openAtHalf('away');
    await bed.stop('prometheus', 'kill');
    try {
      const { message, phase } = await story.until('the news', ({ reason }) => reason === 'ProviderError');
      expect(phase).toBe('Progressing');
      expect(message).toMatch(/prometheus/i);
      await story.until('the end of the pause', status => status.message.includes('the pause is over'));
      const waiting = await story.load.summary();
      await bed.until('three more seconds of requests', async () => {
        return (await story.load.summary()).requests > waiting.requests + 150;
      });
      expect(story.splits().at(-1)?.weights).toBe('v1:50 v2:50');
    } finally {
      await bed.start('prometheus');
    }
    await expectGoodEnd(story);
  });

  it('R23: a write that istiod does not answer is tried again, and its message says who is to blame', async () => {
    const story = await openAtHalf('hangs');
    bed.pause('istiod');
    try {
      const { message } = await story.until('the news', status => status.message.includes('last write failed'));
      expect(message).toMatch(/istio/);
      expect(message).toMatch(/webhook/);
      expect(story.splits().at(-1)?.weights).toBe('v1:50 v2:50');
    } finally {
      bed.resume('istiod');
    }
    await expectGoodEnd(story);
  });
});
