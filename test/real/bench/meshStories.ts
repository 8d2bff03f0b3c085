import type { Bed } from '../bed/bed.ts';
import type { Load } from '../bed/load.ts';
import { setReady } from '../podReadiness.ts';
import { changesOf, JASON, JASON_MATCH, notAnswered, ofJason, openSubject, type Subject } from './meshWorld.ts';

const RATE_PER_SECOND = 30;
/** Every second request is that of the one user. */
const HEADER_SETS = [JASON, {}] as const;
/** After the last thing that happens, for requests that it may have hurt. */
const WATCHED_MS = 2_000;

/** What one story has cost the requests, from the wish for the new version to two seconds after its end. */
export interface Told {
  readonly story: string;
  /** Writes of the routes. */
  readonly writes: number;
  readonly requests: number;
  readonly notAnswered: number;
  /** Versions that answered the user with the header, one for each change: `v1, v2`. */
  readonly met: string;
}

interface Stage {
  readonly bed: Bed;
  readonly subject: Subject;
}

interface Story {
  readonly name: string;
  readonly strategy: object;
  /** More of the Rollout's spec. */
  readonly spec?: object;
  /** What happens after v2 is wanted, up to the end. */
  readonly play: (stage: Stage) => Promise<void>;
}

const PREVIEW = { preview: JASON_MATCH, mirror: { percentage: 100 }, hold: { duration: '4s' }, bake: '3s' };
const WITH_HEADER = { canary: { steps: [{ setWeight: 20, setHeaderRoute: JASON_MATCH, pause: {} }] } };
const HEADER_ONLY = { canary: { steps: [{ setHeaderRoute: JASON_MATCH, pause: {} }] } };
const MIRROR = [
  { setMirrorRoute: { percentage: 100 }, pause: { duration: '3s' } },
  { setMirrorRoute: {}, setWeight: 20, setHeaderRoute: JASON_MATCH, pause: { duration: '3s' } },
  { setWeight: 60, pause: { duration: '3s' } },
];

const isBack = ({ subject }: Stage) => subject.until('the way back', ({ phase }) => phase === 'RolledBack');
const promoted = ({ subject }: Stage): Promise<void> => subject.untilStable('v2');
const rolloutOf = ({ subject: { world } }: Stage): string =>
  `/apis/sluice.dev/v1alpha1/namespaces/${world.namespace}/rollouts/forecast`;

async function abort(stage: Stage): Promise<void> {
  await stage.subject.untilObeyed(1);
  const annotations = { 'sluice.dev/request': '{"id":"back","verb":"abort"}' };
  await stage.bed.kubernetes.patch(rolloutOf(stage), { metadata: { annotations } });
  await isBack(stage);
}

async function loseAndFindPods({ bed, subject }: Stage): Promise<void> {
  await subject.untilObeyed(1);
  const change = { namespace: subject.world.namespace, version: 'v2' };
  await setReady(bed, { ...change, ready: false });
  await subject.until('the loss', ({ reason }) => reason === 'PodsLost');
  await setReady(bed, { ...change, ready: true });
  await subject.until('the pause again', ({ phase }) => phase === 'Paused');
}

const STORIES: readonly Story[] = [
  { name: 'mirror, then a header route and weights', strategy: { canary: { steps: MIRROR } }, play: promoted },
  { name: 'A/B test, promoted', strategy: { abTest: { ...JASON_MATCH, duration: '3s' } }, play: promoted },
  {
    name: 'A/B test, ended',
    // biome-ignore lint/suspicious/noThenProperty: the field of a Rollout
    strategy: { abTest: { ...JASON_MATCH, duration: '3s', then: 'end' } },
    play: async ({ subject }) => {
      await subject.until('the end', ({ phase, reason }) => phase === 'Healthy' && reason === 'ExperimentEnded');
    },
  },
  { name: 'blue/green: preview and mirror, switch, bake', strategy: { blueGreen: PREVIEW }, play: promoted },
  {
    name: 'blue/green: the same, and at once back',
    strategy: { blueGreen: PREVIEW },
    play: async stage => {
      await promoted(stage);
      await stage.subject.want('v1', { blueGreen: PREVIEW });
      await stage.subject.untilStable('v1');
    },
  },
  { name: 'header route and weight, aborted', strategy: WITH_HEADER, play: abort },
  {
    name: 'header route and weight, a newer version',
    strategy: WITH_HEADER,
    play: async ({ subject }) => {
      await subject.untilObeyed(1);
      await subject.want('v3', WITH_HEADER);
      await subject.until('v3', ({ canaryVersion, phase }) => canaryVersion === 'v3' && phase === 'Paused');
    },
  },
  { name: 'header route alone, all pods lost, and back', strategy: HEADER_ONLY, play: loseAndFindPods },
  {
    name: 'header route alone, the Rollout deleted',
    strategy: HEADER_ONLY,
    play: async stage => {
      await stage.subject.untilObeyed(1);
      await stage.bed.kubernetes.delete(rolloutOf(stage));
      const isGone = () =>
        stage.bed.kubernetes.get(rolloutOf(stage)).then(
          () => false,
          () => true,
        );
      await stage.bed.until('the Rollout to be gone', isGone);
    },
  },
  {
    name: 'promoted, then the old subset and its pods go',
    strategy: WITH_HEADER,
    spec: { retire: { after: '0s', action: 'scaleToZero' } },
    play: async stage => {
      await stage.subject.untilObeyed(1);
      await stage.subject.promote();
      await promoted(stage);
      await stage.subject.until('the end of v1', ({ reason }) => reason === 'Retired');
    },
  },
];

async function metBy(load: Load): Promise<string> {
  const records = ofJason(await load.records(), HEADER_SETS.length).toSorted((a, b) => a.startMs - b.startMs);
  const answers = records.map(({ status, version }) => (status === 200 ? version : String(status)));
  return answers.filter((answer, index) => index === 0 || answer !== answers[index - 1]).join(', ');
}

async function tell(bed: Bed, { name, strategy, spec = {}, play }: Story, namespace: string): Promise<Told> {
  const subject = await openSubject(bed, { namespace, spec });
  await subject.want('v1', strategy);
  await subject.untilStable('v1');
  const load = bed.startLoad({ host: subject.world.host, ratePerSecond: RATE_PER_SECOND, headerSets: HEADER_SETS });
  try {
    await bed.until('the first requests', async () => (await load.summary()).requests > 0);
    await subject.want('v2', strategy);
    await play({ bed, subject });
    const endMs = Date.now() + WATCHED_MS;
    await bed.until('the requests after it', async () => Date.now() > endMs);
    const { requests } = await load.stop();
    const writes = await changesOf(bed, subject.world.virtualService);
    return { story: name, writes, requests, notAnswered: await notAnswered(load), met: await metBy(load) };
  } finally {
    await load.close();
  }
}

/** Plays every story once, side by side. */
export const tellStories = (bed: Bed): Promise<readonly Told[]> =>
  Promise.all(STORIES.map((story, index) => tell(bed, story, `story-${index}`)));
