import { parse } from 'yaml';
import type { Bed } from './bed/bed.ts';
import { setReady } from './podReadiness.ts';
import type { RolloutObject, Status, Story, StoryOptions, VirtualService } from './story.ts';

/** What happens in one story, from the adoption of v1 to its end. Whatever is done waits for what is seen, never for a time. */
export interface Plot {
  readonly canary: unknown;
  /** Default: v1 and v2. */
  readonly versions?: readonly string[];
  /** Share of the requests to v2 that fail. */
  readonly errorRate?: number;
  /** Least time in every step above 0; 0 where people end it. */
  readonly pauseMs: number;
  /** How Rollouts come to the cluster. Default: Git. */
  readonly via?: 'git' | 'api';
  /** Plays it to the end, and answers with the versions of the VirtualService that others wrote. */
  readonly play: (bed: Bed, story: Story) => Promise<readonly string[]>;
}

const PAUSE_MS = 3_000;
const TIMED = { duration: `${PAUSE_MS / 1000}s` };
const UNTIL_PROMOTED = { steps: [{ setWeight: 50, pause: {} }] };
/** Little enough traffic for the failures of a moment without Pods not to be taken for the failure of the version. */
const FEW = { steps: [{ setWeight: 10, pause: {} }] };
const HALF = { steps: [{ setWeight: 50, pause: TIMED }] };

/** A route of ours beside the weight: both are one write, on the way up and on the way back. */
const setHeaderRoute = { match: [{ headers: { 'end-user': { exact: 'jason' } } }] };

const isStable =
  (version: string) =>
  ({ phase, stableVersion }: Status): boolean =>
    phase === 'Healthy' && stableVersion === version;
const isRolledBack = ({ phase }: Status): boolean => phase === 'RolledBack';

const ask = (story: Story, request: { readonly verb: string; readonly revision?: string; readonly step?: number }) =>
  story.kubectl('annotate', 'rollout', 'forecast', `sluice.dev/request=${JSON.stringify({ id: 'one', ...request })}`);

async function toHalf(story: Story, version = 'v2'): Promise<void> {
  await story.commit(version);
  await story.untilSplit(`v1:50 ${version}:50`);
}

async function promoted(story: Story): Promise<void> {
  const { revision = '' } = (await story.status()) ?? {};
  await ask(story, { verb: 'promote', revision, step: 1 });
  await story.until('the end', isStable('v2'));
}

/** Gives v2 this share behind the controller's back. */
async function raise(bed: Bed, story: Story, weight: number): Promise<string> {
  const path = story.world.virtualService;
  const { spec } = await bed.kubernetes.get<VirtualService>(path);
  const http = spec.http.map(route => ({
    ...route,
    route: route.route.map(one => ({ ...one, weight: one.destination.subset === 'v2' ? weight : 100 - weight })),
  }));
  const { metadata } = await bed.kubernetes.patch<VirtualService>(path, { spec: { http } });
  return String(metadata['resourceVersion']);
}

const isGone = async (bed: Bed, { world }: Story): Promise<boolean> => {
  const { items } = await bed.kubernetes.get<{ items: readonly unknown[] }>(
    `/apis/sluice.dev/v1alpha1/namespaces/${world.namespace}/rollouts`,
  );
  return items.length === 0;
};

export const GOOD: Plot = {
  pauseMs: PAUSE_MS,
  canary: {
    steps: [
      { setWeight: 25, setHeaderRoute, pause: TIMED },
      { setWeight: 50, pause: TIMED },
    ],
  },
  play: async (_bed, story) => {
    await story.commit('v2');
    await story.until('the end', isStable('v2'));
    return [];
  },
};

export const BAD: Plot = {
  canary: { steps: [{ setWeight: 50, setHeaderRoute, pause: { duration: '10m' } }] },
  pauseMs: 0,
  errorRate: 0.3,
  play: async (_bed, story) => {
    await story.commit('v2');
    await story.until('the end', isRolledBack);
    return [];
  },
};

export const PLOTS = {
  'a bad version is put back by a gate': BAD,
  'pods are lost and come back': {
    canary: FEW,
    pauseMs: 0,
    play: async (bed, story) => {
      const { namespace } = story.world;
      await story.commit('v2');
      await story.untilSplit('v1:90 v2:10');
      await setReady(bed, { namespace, version: 'v2', ready: false });
      await story.untilSplit('v1:100');
      await setReady(bed, { namespace, version: 'v2', ready: true });
      await story.untilSplit('v1:90 v2:10');
      await promoted(story);
      return [];
    },
  },
  'pods are lost for good': {
    canary: FEW,
    pauseMs: 0,
    play: async (bed, story) => {
      await story.commit('v2');
      await story.untilSplit('v1:90 v2:10');
      await setReady(bed, { namespace: story.world.namespace, version: 'v2', ready: false });
      await story.until('the end', isRolledBack, 90_000);
      return [];
    },
  },
  'a newer version comes in progress': {
    canary: UNTIL_PROMOTED,
    pauseMs: PAUSE_MS,
    versions: ['v1', 'v2', 'v3'],
    play: async (_bed, story) => {
      await toHalf(story);
      await story.commit('v3', HALF);
      await story.until('the end', isStable('v3'));
      return [];
    },
  },
  'the version is set back in progress': {
    canary: UNTIL_PROMOTED,
    pauseMs: 0,
    play: async (_bed, story) => {
      await toHalf(story);
      await story.commit('v1');
      await story.untilSplit('v1:100');
      await story.until('the end', isStable('v1'));
      return [];
    },
  },
  'a person aborts': {
    canary: UNTIL_PROMOTED,
    pauseMs: 0,
    play: async (_bed, story) => {
      await toHalf(story);
      await ask(story, { verb: 'abort' });
      await story.until('the end', isRolledBack);
      return [];
    },
  },
  'somebody raises the weight': {
    canary: UNTIL_PROMOTED,
    pauseMs: 0,
    play: async (bed, story) => {
      await toHalf(story);
      const foreign = await raise(bed, story, 80);
      await bed.until('the weight of somebody else', async () => story.splits().some(({ weights }) => weights === 'v1:20 v2:80'));
      await story.untilSplit('v1:50 v2:50');
      await promoted(story);
      return [foreign];
    },
  },
  'the Rollout is deleted at 50 %': {
    canary: UNTIL_PROMOTED,
    pauseMs: 0,
    via: 'api',
    play: async (bed, story) => {
      await toHalf(story);
      await story.kubectl('delete', 'rollout', 'forecast', '--wait=false');
      await bed.until('the Rollout to be gone', () => isGone(bed, story), 60_000);
      return [];
    },
  },
  'steps are edited in progress': {
    canary: UNTIL_PROMOTED,
    pauseMs: 0,
    play: async (_bed, story) => {
      await toHalf(story);
      await story.commit('v2', {
        steps: [
          { setWeight: 50, pause: TIMED },
          { setWeight: 75, pause: TIMED },
        ],
      });
      await story.until('the end', isStable('v2'));
      return [];
    },
  },
} as const satisfies Readonly<Record<string, Plot>>;

/** Writes a Rollout to the API server, where others write it to Git. */
export const applyTo =
  (bed: Bed) =>
  async (_file: string, text: string): Promise<void> =>
    bed.kubernetes.apply(parse(text) as RolloutObject);

/** What the story of a plot is opened with. */
export function storyOf({ canary, versions = ['v1', 'v2'] }: Plot, namespace: string): StoryOptions {
  const gates = [{ name: 'success-rate', prometheus: { metric: 'success-rate' }, threshold: { min: 99 }, minSamples: 10 }];
  return { namespace, canary, gates, versions, replicas: 1, interval: '1s', ratePerSecond: 20 };
}
