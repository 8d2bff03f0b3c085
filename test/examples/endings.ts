import { expect } from 'vitest';
import type { RolloutStatus } from '../../src/rollout/index.ts';
import type { Story } from './story.ts';
import { additionsTo, type VirtualService, withoutDestinations } from './virtualService.ts';

export const isStable =
  (version: string) =>
  ({ phase, stableVersion }: RolloutStatus): boolean =>
    phase === 'Healthy' && stableVersion === version;

/** Waits until everybody gets this version; nothing of ours stands in the routes then. */
export async function leaves(story: Story, version: string): Promise<void> {
  await story.sees(version, Object.fromEntries(story.users.map(name => [name, [version]])));
  expect(additionsTo(await story.mesh())).toEqual([]);
}

/** Waits until the version is stable and everybody gets it; the routes are as before then, and nobody ever got an error. */
export async function endsWith(story: Story, version: string, before: VirtualService): Promise<void> {
  await story.until(`${version} to be stable`, isStable(version));
  await leaves(story, version);
  expect(withoutDestinations(await story.mesh())).toEqual(withoutDestinations(before));
  expect(story.crowd.failed()).toEqual([]);
}

/** Waits until the Rollout has gone back by itself. Returns its message. */
export async function goesBack(story: Story, reason: string): Promise<string> {
  const back = await story.until('the way back', ({ phase }) => phase === 'RolledBack');
  expect(back.reason).toBe(reason);
  await leaves(story, 'v1');
  return back.message;
}
