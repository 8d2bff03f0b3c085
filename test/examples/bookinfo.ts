import { expect } from 'vitest';
import type { User } from './crowd.ts';
import { endsWith, isStable, leaves } from './endings.ts';
import type { Place } from './place.ts';
import { openStory } from './story.ts';
import { withoutDestinations } from './virtualService.ts';

const PORT = 9080;

/** The product page calls reviews for somebody, and passes on who that is. */
const reader = (place: Place, namespace: string, name: string): User => ({
  name,
  url: place.meshUrl(PORT),
  host: `reviews.${namespace}.svc.cluster.local:${PORT}`,
  headers: { 'end-user': name },
});

/** System 3: three versions in one DestinationRule, v1 to v2 and later v2 to v3. */
export async function bookinfoWeights(place: Place, namespace: string): Promise<void> {
  const users = ['jason', 'alice'].map(name => reader(place, namespace, name));
  const files = ['bookinfo-weights/0-workloads.yaml', 'bookinfo-weights/1-mesh.yaml'];
  const story = await openStory(place, { namespace, files, users, virtualService: 'reviews' });
  try {
    const before = await story.mesh();
    await story.roll('bookinfo-weights/2-rollout-v2.yaml');
    await story.until('v2 to be stable', isStable('v2'));
    await story.roll('bookinfo-weights/3-rollout-v3.yaml');
    await story.sees('v2 50, v3 50', { jason: ['v2', 'v3'], alice: ['v2', 'v3'] });
    await story.until('a person to be asked', ({ phase }) => phase === 'Paused');
    await story.ask('promote');
    await endsWith(story, 'v3', before);
    expect(story.shapes()).toEqual(['v1', 'v1 90, v2 10', 'v1 50, v2 50', 'v2', 'v2 50, v3 50', 'v3']);
  } finally {
    story.close();
  }
}

/** System 4: jason gets v2, also while half of the others have it. */
export async function bookinfoUser(place: Place, namespace: string): Promise<void> {
  const users = ['jason', 'alice', 'bob'].map(name => reader(place, namespace, name));
  const files = ['bookinfo-user/0-workloads.yaml', 'bookinfo-user/1-mesh.yaml'];
  const story = await openStory(place, { namespace, files, users, virtualService: 'reviews' });
  try {
    const before = await story.mesh();
    await story.roll('bookinfo-user/rollout.yaml', { isHeld: true });
    await story.sees('chosen: v2; v1', { jason: ['v2'], alice: ['v1'], bob: ['v1'] });
    await story.ask('promote');
    await story.sees('chosen: v2; v1 50, v2 50', { jason: ['v2'], alice: ['v1', 'v2'], bob: ['v1', 'v2'] });
    await story.ask('promote');
    await endsWith(story, 'v2', before);
    expect(story.shapes()).toEqual(['v1', 'chosen: v2; v1', 'chosen: v2; v1 50, v2 50', 'v2']);
  } finally {
    story.close();
  }
}

/** The others stay on v3, in a route without a name and a weight. The Rollout is deleted while jason sees v2. */
export async function bookinfoUserDeleted(place: Place, namespace: string): Promise<void> {
  const users = ['jason', 'alice'].map(name => reader(place, namespace, name));
  const files = ['bookinfo-user/0-workloads.yaml', 'bookinfo-user/1-mesh-v3.yaml'];
  const story = await openStory(place, { namespace, files, users, virtualService: 'reviews' });
  try {
    const before = await story.mesh();
    await story.roll('bookinfo-user/rollout.yaml', { isHeld: true });
    await story.sees('chosen: v2; v3', { jason: ['v2'], alice: ['v3'] });
    await story.remove();
    await leaves(story, 'v3');
    expect(withoutDestinations(await story.mesh())).toEqual(withoutDestinations(before));
    expect(story.crowd.failed()).toEqual([]);
  } finally {
    story.close();
  }
}
