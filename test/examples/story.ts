import { isDeepStrictEqual } from 'node:util';
import { type Crowd, gather, type User } from './crowd.ts';
import { objectsIn, placedIn } from './folder.ts';
import { isReady, type Place } from './place.ts';
import { createRollout, type RolloutOfExample, type Until } from './rollout.ts';
import { type Shape, shapesOf } from './shapes.ts';
import type { VirtualService } from './virtualService.ts';

interface StoryOptions {
  /** Also the name of the story: one namespace for each. */
  readonly namespace: string;
  /** Files of the example that are applied first, as `folder/file.yaml`. */
  readonly files: readonly string[];
  readonly users: readonly User[];
  /** The VirtualService that is looked at. */
  readonly virtualService: string;
}

/** What each user gets: one version, or several in turn. */
export type Seen = Readonly<Record<string, readonly string[]>>;

/** One example in a namespace of its own: its objects, its users, and all that happens to its routes. */
export interface Story extends RolloutOfExample {
  readonly place: Place;
  readonly namespace: string;
  readonly crowd: Crowd;
  /** Names of its users. */
  readonly users: readonly string[];
  /** The VirtualService as it is now. */
  readonly mesh: () => Promise<VirtualService>;
  /** What the routes of the VirtualService said, one entry for each change (see `shapeOf`). */
  readonly shapes: () => readonly string[];
  /** Waits until the routes say this and the users get what is expected, and goes on looking for some answers of everybody. */
  readonly sees: (shape: string, expected: Seen) => Promise<void>;
  /** When it was decided that the routes say this no more, for the last time. Throws when they still do. */
  readonly endOf: (shape: string) => number;
  readonly close: () => void;
}

/** So many answers of each user say what that user gets. */
const ANSWERS = 6;

/** What each user gets from now on. */
async function look(crowd: Crowd, users: readonly string[], waitFor: Until): Promise<Seen> {
  const fromMs = Date.now();
  const answers = (name: string) => crowd.sights({ fromMs }).filter(({ user }) => user === name).length;
  await waitFor('answers of everybody', async () => users.every(name => answers(name) >= ANSWERS));
  return Object.fromEntries(users.map(name => [name, crowd.got(name, { fromMs })]));
}

function endOf(wanted: string, shapes: readonly Shape[]): number {
  const index = shapes.findLastIndex(({ shape }) => shape === wanted);
  const next = index === -1 ? undefined : shapes[index + 1];
  if (next === undefined) throw new Error(`${wanted} did not end: ${shapes.map(({ shape }) => shape).join(' > ')}`);
  return next.sinceMs;
}

/** Applies the files, waits until every user gets an answer, and lets them go on asking. */
export async function openStory(place: Place, options: StoryOptions): Promise<Story> {
  const { namespace, files, virtualService } = options;
  const { kubernetes } = place;
  await kubernetes.apply(...place.fitted(files.flatMap(file => placedIn(namespace, objectsIn(file)))));
  await place.until(`pods in ${namespace}`, () => isReady(place, namespace));
  const path = `/apis/networking.istio.io/v1/namespaces/${namespace}/virtualservices`;
  const watch = await place.watch(path);
  const crowd = gather(options.users, place.ratePerSecond);
  const users = options.users.map(({ name }) => name);
  const shapes = () => shapesOf(watch.sightings, virtualService);
  const said = () => shapes().map(({ shape }) => shape);
  const { waitFor, ...rollout } = createRollout(place, namespace, () => `routes: ${said().join(' > ')}`);
  const close = () => {
    crowd.stop();
    watch.stop();
  };
  // proxies learn of the routes a moment after they were written; what was asked before does not count
  await waitFor('first answers', async () =>
    users.every(name => crowd.sights().findLast(({ user }) => user === name)?.status === 200),
  ).catch((error: unknown) => {
    close();
    throw error;
  });
  crowd.forget();
  return {
    ...rollout,
    place,
    namespace,
    crowd,
    users,
    close,
    mesh: () => kubernetes.get<VirtualService>(`${path}/${virtualService}`),
    shapes: said,
    endOf: shape => endOf(shape, shapes()),
    sees: async (shape, expected) => {
      await waitFor(`routes ${shape}`, async () => said().at(-1) === shape);
      const sees = async () => isDeepStrictEqual(await look(crowd, users, waitFor), expected);
      await waitFor(`users to get ${JSON.stringify(expected)}`, sees);
      for (const [user, got] of Object.entries(await look(crowd, users, waitFor))) {
        const wrong = got.filter(one => expected[user]?.includes(one) !== true);
        if (wrong.length > 0) throw new Error(`${namespace}: ${user} still gets ${wrong.join(', ')} while routes say ${shape}`);
      }
    },
  };
}
