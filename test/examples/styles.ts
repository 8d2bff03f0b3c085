import { expect } from 'vitest';
import type { User } from './crowd.ts';
import { endsWith, goesBack, leaves } from './endings.ts';
import type { Place } from './place.ts';
import { openStory, type Seen, type Story } from './story.ts';
import { additionsTo, type VirtualService } from './virtualService.ts';
import { visitor } from './weather.ts';

/** A style with what its users get in its first step. */
interface Style {
  readonly file: string;
  readonly users: readonly Omit<User, 'url' | 'host'>[];
  readonly shape: string;
  readonly seen: Seen;
}

interface Opened {
  readonly story: Story;
  readonly before: VirtualService;
}

const open = async (place: Place, namespace: string, users: Style['users']): Promise<Opened> => {
  const story = await openStory(place, {
    namespace,
    files: ['release-styles/1-workloads.yaml', 'release-styles/2-mesh.yaml'],
    users: users.map(user => visitor(place, namespace, user)),
    virtualService: 'forecast',
  });
  return { story, before: await story.mesh() };
};

/** With a version that fails it goes back by itself; deleted in the middle it goes back, too. Ends in the first step of a good version. */
async function backTwice({ story }: Opened, { file, shape, seen }: Style): Promise<void> {
  const { place, namespace } = story;
  await place.behave(namespace, 'v2', { errorRate: 1 });
  await story.roll(file);
  await goesBack(story, 'GateFailed');
  await story.remove();
  await place.behave(namespace, 'v2', {});
  story.crowd.forget();

  await story.roll(file, { isHeld: true });
  await story.sees(shape, seen);
  await story.remove();
  await leaves(story, 'v1');

  await story.roll(file, { isHeld: true });
  await story.sees(shape, seen);
}

const BOTH = ['v1', 'v2'] as const;
const PEOPLE = [{ name: 'alice' }, { name: 'bob' }];

/** System 8, canary. */
export async function canary(place: Place, namespace: string): Promise<void> {
  const few = 'v1 90, v2 10';
  const style = { file: 'release-styles/canary.yaml', users: PEOPLE, shape: few, seen: { alice: BOTH, bob: BOTH } };
  const opened = await open(place, namespace, style.users);
  const { story } = opened;
  try {
    await backTwice(opened, style);
    await story.ask('promote');
    await story.sees('v1 50, v2 50', style.seen);
    await story.ask('promote');
    await endsWith(story, 'v2', opened.before);
    expect(story.shapes()).toEqual(['v1', few, 'v1', few, 'v1', few, 'v1 50, v2 50', 'v2']);
  } finally {
    story.close();
  }
}

/** System 8, canary for people who should not change sides: nobody who has met v2 meets v1 again. */
export async function sticky(place: Place, namespace: string): Promise<void> {
  const file = 'release-styles/canary-sticky.yaml';
  const people = Array.from({ length: 8 }, (_, index) => ({ name: `user-${index}`, keepsCookies: true }));
  // without cookies they are drawn at each request, so that v2 gets some when none of the others was drawn to it
  const passers = Array.from({ length: 4 }, (_, index) => ({ name: `passer-by-${index}` }));
  const { story, before } = await open(place, namespace, [...people, ...passers]);
  const hasCookies = async () => additionsTo(await story.mesh()).includes('cookie of primary');
  try {
    await place.behave(namespace, 'v2', { errorRate: 1 });
    await story.roll(file);
    await goesBack(story, 'GateFailed');
    await story.remove();
    await place.behave(namespace, 'v2', {});
    await story.roll(file, { isHeld: true });
    await place.until('cookies in the routes', hasCookies);
    await story.remove();
    await leaves(story, 'v1');

    // cookies of the attempts before do not count in this one
    story.crowd.forget();
    await story.roll(file, { isHeld: true });
    for (const name of ['few', 'half']) {
      await story.until(`step ${name}`, ({ step }) => step?.name === name);
      const fromMs = Date.now();
      await place.until('cookies of everybody', async () =>
        people.every(one => story.crowd.got(one.name, { fromMs }).length > 0),
      );
      await story.ask('promote');
    }
    await endsWith(story, 'v2', before);
    for (const { name } of people) {
      const got = story.crowd.sights().flatMap(sight => (sight.user === name ? [sight.got] : []));
      const sides = got.filter((one, index) => one !== got[index - 1]).join(' then ');
      expect({ name, sides }).toEqual({ name, sides: expect.stringMatching(/^(v1 then )?v2$/) });
      expect(Object.keys(story.crowd.cookies(name))).toEqual(['sluice-forecast']);
    }
  } finally {
    story.close();
  }
}

/** System 8, blue/green: seen by testers and copies, then by everybody; and back in one write. */
export async function blueGreen(place: Place, namespace: string): Promise<void> {
  const preview = 'chosen: v2; v1, copies to v2 100';
  const style = {
    file: 'release-styles/blue-green.yaml',
    users: [{ name: 'tester', headers: { 'x-preview': 'yes' } }, { name: 'alice' }],
    shape: preview,
    seen: { tester: ['v2'], alice: ['v1'] },
  };
  const opened = await open(place, namespace, style.users);
  const { story, before } = opened;
  try {
    await backTwice(opened, style);
    await story.until(
      'a person to be asked',
      ({ phase, gates = [] }) =>
        phase === 'Paused' && gates.some(({ name, verdict }) => name === 'success-rate' && verdict === 'Pass'),
    );
    await story.ask('promote');
    await endsWith(story, 'v2', before);
    await story.change({ version: 'v1' });
    await endsWith(story, 'v1', before);
    expect(story.shapes()).toEqual(['v1', preview, 'v1', preview, 'v1', preview, 'v2', 'v1']);
  } finally {
    story.close();
  }
}

/** System 8, A/B test: told apart by a cookie that the application has set. */
export async function abTest(place: Place, namespace: string): Promise<void> {
  const chosen = 'chosen: v2; v1';
  const style = {
    file: 'release-styles/ab-test.yaml',
    users: [
      { name: 'group a', headers: { cookie: 'theme=dark; group=a' } },
      { name: 'group b', headers: { cookie: 'theme=dark; group=b' } },
      { name: 'nobody' },
    ],
    shape: chosen,
    seen: { 'group a': ['v1'], 'group b': ['v2'], nobody: ['v1'] },
  };
  const opened = await open(place, namespace, style.users);
  const { story } = opened;
  try {
    await backTwice(opened, style);
    await story.ask('promote');
    await endsWith(story, 'v2', opened.before);
    expect(story.shapes()).toEqual(['v1', chosen, 'v1', chosen, 'v1', chosen, 'v2']);
  } finally {
    story.close();
  }
}

/** System 8, what a rolling update would have been. It looks at readiness only. */
export async function rollingUpdate(place: Place, namespace: string): Promise<void> {
  const { story, before } = await open(place, namespace, PEOPLE);
  try {
    await place.behave(namespace, 'v2', { isUnready: true });
    await story.roll('release-styles/rolling-update.yaml');
    await story.until('pods to be awaited', ({ waitingFor }) => waitingFor?.what === 'pods');
    await leaves(story, 'v1');
    await place.behave(namespace, 'v2', {});
    await endsWith(story, 'v2', before);
    expect(story.shapes()).toEqual(['v1', 'v1 75, v2 25', 'v1 50, v2 50', 'v1 25, v2 75', 'v2']);
  } finally {
    story.close();
  }
}
