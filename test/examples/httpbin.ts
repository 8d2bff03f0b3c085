import { expect } from 'vitest';
import { endsWith, goesBack, leaves } from './endings.ts';
import { addressIn } from './folder.ts';
import type { Place } from './place.ts';
import { openStory, type Story } from './story.ts';

const ROLLOUT = 'httpbin-mirror/rollout.yaml';
const COPIES = 'v1, copies to v2 100';

const open = (place: Place, namespace: string): Promise<Story> =>
  openStory(place, {
    namespace,
    files: ['httpbin-mirror/1-workloads.yaml', 'httpbin-mirror/2-mesh.yaml'],
    users: ['alice', 'bob'].map(name => ({ name, url: place.gatewayUrl, host: addressIn(namespace, 'httpbin'), path: '/get' })),
    virtualService: 'httpbin',
  });

/** Copies go on until they are judged. */
const judged = (story: Story) =>
  story.until(
    'copies to be judged',
    ({ gates = [], step }) =>
      step?.name === 'copies' && gates.some(({ name, verdict }) => name === 'success-rate' && verdict === 'Pass'),
  );

/** System 5: v2 is judged by copies before it gets a real request. */
export async function httpbinMirror(place: Place, namespace: string): Promise<void> {
  const story = await open(place, namespace);
  try {
    const before = await story.mesh();
    await story.roll(ROLLOUT, { isHeld: true });
    await story.sees(COPIES, { alice: ['v1'], bob: ['v1'] });
    const { gates = [] } = await judged(story);
    expect(gates.find(({ name }) => name === 'success-rate')?.samples).toBeGreaterThan(0);
    expect(await place.arrived(namespace, 'v2')).toBeGreaterThan(0);
    await story.ask('promote');
    await story.sees('v1 90, v2 10', { alice: ['v1', 'v2'], bob: ['v1', 'v2'] });
    const toMs = story.endOf(COPIES);
    expect(['alice', 'bob'].map(name => story.crowd.got(name, { toMs }))).toEqual([['v1'], ['v1']]);
    await story.ask('promote');
    await story.sees('v1 50, v2 50', { alice: ['v1', 'v2'], bob: ['v1', 'v2'] });
    await story.ask('promote');
    await endsWith(story, 'v2', before);
    expect(story.shapes()).toEqual(['v1', COPIES, 'v1 90, v2 10', 'v1 50, v2 50', 'v2']);
  } finally {
    story.close();
  }
}

/** A version that fails is put back by its copies alone: nobody has seen it. Then the Rollout is deleted in the middle of a mirror. */
export async function httpbinMirrorBad(place: Place, namespace: string): Promise<void> {
  const story = await open(place, namespace);
  try {
    await place.behave(namespace, 'v2', { errorRate: 0.5 });
    await story.roll(ROLLOUT);
    expect(await goesBack(story, 'GateFailed')).toMatch(/success-rate [\d.]+ % < 99 %/);
    expect(story.shapes()).toEqual(['v1', COPIES, 'v1']);
    expect(await place.arrived(namespace, 'v2')).toBeGreaterThan(0);
    await place.behave(namespace, 'v2', {});
    await story.remove();
    await story.roll(ROLLOUT, { isHeld: true });
    await judged(story);
    await story.remove();
    await leaves(story, 'v1');
    expect(new Set(story.crowd.sights().map(({ got }) => got))).toEqual(new Set(['v1']));
  } finally {
    story.close();
  }
}
