import { expect } from 'vitest';
import type { User } from './crowd.ts';
import { endsWith, leaves } from './endings.ts';
import { addressIn } from './folder.ts';
import type { Place } from './place.ts';
import { openStory } from './story.ts';

const CHROME = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36';
const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0';

/** Somebody outside who uses the forecast. */
export const visitor = (place: Place, namespace: string, user: Omit<User, 'url' | 'host'>): User => ({
  ...user,
  url: place.gatewayUrl,
  host: addressIn(namespace, 'forecast'),
});

/** System 1: half of the traffic, then all; the old version is kept for a while, and retired. */
export async function weatherWeights(place: Place, namespace: string): Promise<void> {
  const users = ['alice', 'bob'].map(name => visitor(place, namespace, { name }));
  const files = ['1-workloads.yaml', '2-mesh.yaml', '3-telemetry.yaml'].map(file => `weather-weights/${file}`);
  const story = await openStory(place, { namespace, files, users, virtualService: 'forecast' });
  try {
    const before = await story.mesh();
    await story.roll('weather-weights/rollout.yaml');
    await endsWith(story, 'v2', before);
    expect(story.shapes()).toEqual(['v1', 'v1 50, v2 50', 'v2']);
    const destinations = async () => (await story.mesh()).spec.http[0]?.route?.map(({ destination }) => destination.subset);
    await place.until('v1 to leave the route', async () => (await destinations())?.length === 1);
    expect(await destinations()).toEqual(['v2']);
    await endsWith(story, 'v2', before);
  } finally {
    story.close();
  }
}

const contentFiles = ['1-workloads.yaml', '2-mesh.yaml'].map(file => `weather-content/${file}`);

/** System 2: Chrome gets v2, everybody else v1, as long as nobody decides; then everybody gets v2. */
export async function weatherContent(place: Place, namespace: string): Promise<void> {
  const users = [
    visitor(place, namespace, { name: 'chrome', headers: { 'user-agent': CHROME } }),
    visitor(place, namespace, { name: 'firefox', headers: { 'user-agent': FIREFOX } }),
    visitor(place, namespace, { name: 'nobody' }),
  ];
  const story = await openStory(place, { namespace, files: contentFiles, users, virtualService: 'forecast' });
  try {
    const before = await story.mesh();
    await story.roll('weather-content/rollout.yaml');
    await story.until('somebody to be asked', ({ phase, step }) => phase === 'Paused' && step?.name === 'hold');
    await story.sees('chosen: v2; v1', { chrome: ['v2'], firefox: ['v1'], nobody: ['v1'] });
    await story.ask('promote');
    await endsWith(story, 'v2', before);
    expect(story.shapes()).toEqual(['v1', 'chosen: v2; v1', 'v2']);
  } finally {
    story.close();
  }
}

/** The variant: an experiment that ends by itself, with two ways to be chosen. */
export async function weatherExperiment(place: Place, namespace: string): Promise<void> {
  const users = [
    visitor(place, namespace, { name: 'chosen', headers: { 'user-agent': CHROME, 'x-beta': 'please' } }),
    visitor(place, namespace, { name: 'by address', path: '/?beta=yes' }),
    visitor(place, namespace, { name: 'chrome', headers: { 'user-agent': CHROME } }),
    visitor(place, namespace, { name: 'firefox', headers: { 'user-agent': FIREFOX, 'x-beta': 'please' } }),
  ];
  const story = await openStory(place, { namespace, files: contentFiles, users, virtualService: 'forecast' });
  try {
    await story.roll('weather-content/rollout-end.yaml', { isHeld: true });
    await story.sees('chosen: v2; v1', { chosen: ['v2'], 'by address': ['v2'], chrome: ['v1'], firefox: ['v1'] });
    await story.ask('promote');
    await story.until('the end of the experiment', ({ phase, reason }) => phase === 'Healthy' && reason === 'ExperimentEnded');
    await leaves(story, 'v1');
    expect(story.shapes()).toEqual(['v1', 'chosen: v2; v1', 'v1']);
    expect(story.crowd.failed()).toEqual([]);
  } finally {
    story.close();
  }
}
