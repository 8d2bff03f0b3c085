import { stringify } from 'yaml';
import type { RolloutStatus } from '../../rollout/index.ts';
import { colours } from '../terminal/colours.ts';
import { ALICE } from './approval.ts';
import { readKeys } from './keys.ts';
import { addPerson } from './person.ts';
import { writeShell } from './shell.ts';
import { KEYS, nextOf, row } from './tourWords.ts';
import type { Telling } from './until.ts';
import type { Setup } from './world.ts';

const LOOK_EVERY_MS = 250;
const BAD = { version: 'v3', errorRate: 0.33 };
const VERSIONS = ['v1', 'v2', 'v3'];

/** A dashboard that everybody may read, and somebody who is asked. */
export const TOUR: Setup = {
  rollout: 'tour.yaml',
  author: { name: 'Carol', email: 'carol@example.com' },
  configuration: async () => stringify({ server: { anonymousRead: true }, people: [{ name: ALICE.name, user: ALICE.user }] }),
};

/** What alice may do: everything in the namespace of the example, look at everything else, and freeze. */
const RIGHTS = [
  { verb: '*', group: '*', resource: '*', namespace: 'weather' },
  ...['get', 'list', 'watch'].map(verb => ({ verb, group: '*', resource: '*' })),
  { verb: '*', group: '*', resource: 'configmaps', namespace: 'sluice-system' },
];

/**
 * Lets people drive: they press keys, look, and act, and are told what could come next. Ends by Ctrl-C or `q`, which call
 * `stop`, and has no wrong end.
 */
export const tellTour = async (telling: Telling, stop: () => void): Promise<true> => {
  const { view, world } = telling;
  await world.breakVersion(BAD.version, BAD.errorRate);
  const { token, kubeconfig } = await addPerson(world, { name: ALICE.name, user: ALICE.user, may: RIGHTS });
  const shell = await writeShell(world, kubeconfig);
  const introduce = (): void => {
    for (const line of introduction(telling, { token, shell })) view.say(line);
  };
  introduce();
  let last: RolloutStatus | undefined;
  let work = Promise.resolve();
  const key = (pressed: string): void => {
    if (pressed === 'q') stop();
    else if (pressed === 'h') introduce();
    else work = work.then(() => act(telling, pressed, last)).catch(error => view.say(`  that did not work: ${String(error)}`));
  };
  const keys = readKeys(process.stdin, { key, stop });
  try {
    await watch(telling, status => {
      last = status;
    });
  } finally {
    keys.close();
  }
  view.say('\nThe tour has ended.');
  return true;
};

/** Shows where the rollout is and what could come next, for as long as the tour lasts. */
const watch = async ({ view, world, signal }: Telling, seen: (status: RolloutStatus) => void): Promise<void> => {
  const page = `${world.urls.server}/rollouts/weather/forecast`;
  let told = '';
  while (!signal.aborted) {
    // somebody may be trying out what happens when the API server is away
    const status = await world.status().catch(() => undefined);
    if (status !== undefined) {
      seen(status);
      view.show(status);
      const hint = nextOf(status, page);
      if (hint !== undefined && hint.id !== told) for (const line of ['', ...hint.lines, '']) view.say(line);
      told = hint?.id ?? '';
    }
    await pause(LOOK_EVERY_MS, signal);
  }
};

const introduction = ({ world: { urls } }: Telling, { token, shell }: { token: string; shell: string }): readonly string[] => [
  '',
  colours.bold('Look'),
  row('dashboard', `${urls.server}/   everybody may read this one`),
  row('to act there', `sign in as alice with this token: ${token}`),
  row('what users see', urls.app),
  colours.bold('In another terminal'),
  row('paste this first', `. ${shell}`),
  row('then', 'sluice get      sluice status forecast'),
  colours.bold('Keys in this terminal'),
  ...KEYS,
  '',
];

const act = async ({ view, world }: Telling, pressed: string, last: RolloutStatus | undefined): Promise<void> => {
  if (pressed === '2' || pressed === '3') {
    const commit = await world.commit(`v${pressed}`);
    if (commit !== undefined) view.say(`\n${colours.bold(`Carol commits forecast v${pressed}`)} (${commit.slice(0, 7)}).`);
    else view.say(`\nGit says v${pressed} already; \`sluice retry forecast\` tries a version again that went back.`);
  } else if (pressed === 'b') {
    const version = last?.canaryVersion ?? 'v2';
    await world.breakVersion(version, BAD.errorRate);
    view.say(`\nFrom now on every third request to ${colours.bold(version)} fails.`);
  } else if (pressed === 'f') {
    for (const version of VERSIONS) await world.breakVersion(version, 0);
    view.say('\nAll versions are good now.');
  }
};

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise(resolve => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
  });
