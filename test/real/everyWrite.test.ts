import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { kubeconfigText } from './bed/apiServer.ts';
import { openBed } from './bed/bed.ts';
import { launchServer, restartServer, stopServer } from './bed/process.ts';
import { planController } from './controllerProcess.ts';
import { type Cut, startCuttingProxy } from './cuttingProxy.ts';
import { installSluice, SLUICE_NAMESPACE } from './installed.ts';
import { createFleet, openStory, type Status, type Story } from './story.ts';
import { deviation, hasFinalizer, type Timeline, timelineOf } from './timeline.ts';
import { watchObjects } from './watchObjects.ts';

const bed = openBed(inject('bedDirectory'));
const PAUSE_MS = 3_000;
const CANARY = { steps: [{ setWeight: 50, pause: { duration: `${PAUSE_MS / 1000}s` } }] };
const GATES = [{ name: 'success-rate', prometheus: { metric: 'success-rate' }, threshold: { min: 99 }, minSamples: 10 }];
/** As many stories at a time as two cores carry. */
const SIDE_BY_SIDE = 6;
const ALL_MS = 200_000;
const LATE_CUT_MS = 500;
/** On the way back the status tells of more evidence, or it does not, as measurements fall: so many writes may be missing at the end. */
const CHANCE_WRITES = 2;

type Kind = 'good' | 'bad';

const EXPECTED: Readonly<Record<Kind, Timeline>> = {
  good: {
    weights: ['v1:100', 'v1:50 v2:50', 'v2:100'],
    unexplained: [],
    // a version that became stable is no canary any more
    told: [0, 50, 100, 0],
    reasons: ['Adopted', 'Started', 'StepEntered', 'Promoted'],
    history: ['adopted', 'started', 'promoted'],
    phase: 'Healthy',
    stableVersion: 'v2',
    finalizer: [false, true, false],
    isShortened: false,
  },
  bad: {
    weights: ['v1:100', 'v1:50 v2:50', 'v1:100'],
    unexplained: [],
    told: [0, 50, 0],
    reasons: ['Adopted', 'Started', 'StepEntered', 'GateFailed'],
    history: ['adopted', 'started', 'rolledBack'],
    phase: 'RolledBack',
    stableVersion: 'v1',
    finalizer: [false, true, false],
    isShortened: false,
  },
};

interface Played {
  readonly isCut: boolean;
  readonly timeline: Timeline;
  readonly writes: readonly string[];
  readonly requests: number;
  readonly failedRequests: number;
}

/** A controller of its own for a namespace, with the cut in its way to the API server; it is started again after the cut. */
async function startCutController(namespace: string, port: number, repositoryUrl: string, cut?: Cut) {
  let restarted: Promise<void> | undefined;
  const killAndRestart = async () => {
    // the signal is sent before anything is awaited
    await stopServer(bed.directory, namespace, 0);
    proxy.mend();
    await restartServer(bed.directory, namespace);
  };
  const kill = () => {
    restarted = killAndRestart();
    restarted.catch(() => {
      // whoever awaits it is told
    });
  };
  const proxy = await startCuttingProxy({ url: bed.apiUrl, caFile: bed.caFile }, cut, kill);
  const kubeconfig = join(bed.directory, `${namespace}.kubeconfig`);
  const token = await bed.serviceAccountToken(SLUICE_NAMESPACE, 'sluice');
  await writeFile(kubeconfig, kubeconfigText(proxy.url, bed.caFile, token), { mode: 0o600 });
  // without a lease the next process goes on at once: the hard case for clocks of steps
  const settings = { kubeconfig, namespaces: [namespace], repositoryUrl, leaderElection: false };
  launchServer(bed.directory, await planController(bed, namespace, port, settings));
  return {
    writes: proxy.writes,
    isCut: () => restarted !== undefined,
    /** Waits until the process after the cut is ready. */
    restarted: async () => restarted,
    stop: async () => {
      await restarted?.catch(() => undefined);
      await stopServer(bed.directory, namespace, 0);
      await proxy.close();
    },
  };
}

/** From the first sight of v1 to the end of v2, in a namespace and a Git repository of their own. */
async function play(kind: Kind, namespace: string, port: number, cut?: Cut): Promise<Played> {
  const repository = await bed.createRepository(namespace);
  const push = createFleet(repository);
  await push('README.md', `Rollouts of ${namespace}\n`);
  const controller = await startCutController(namespace, port, repository.url, cut);
  let story: Story | undefined;
  try {
    story = await openStory(bed, push, { namespace, canary: CANARY, gates: GATES, interval: '1s', ratePerSecond: 20 });
    if (kind === 'bad') await bed.pods.behave({ namespace, app: 'forecast', version: 'v2' }, { errorRate: 0.3 });
    await story.commit('v2');
    const isOver = ({ phase, stableVersion }: Status) =>
      phase === 'RolledBack' || (phase === 'Healthy' && stableVersion === 'v2');
    await story.until('the end', isOver, 40_000);
    const { statuses, load } = story;
    const last = () => statuses.at(-1)?.object;
    await bed.until(`the end of the finalizer of ${namespace}`, async () => {
      const rollout = last();
      return rollout !== undefined && !hasFinalizer(rollout);
    });
    // an answer that is kept back comes a moment after the write has been seen
    if (cut !== undefined) await bed.until('the cut', async () => controller.isCut(), LATE_CUT_MS).catch(() => undefined);
    await controller.restarted();
    const { requests, failed } = await load.stop();
    return {
      isCut: controller.isCut(),
      timeline: await timelineOf(story, PAUSE_MS),
      writes: [...controller.writes],
      requests,
      failedRequests: failed,
    };
  } finally {
    await story?.close();
    await controller.stop();
  }
}

/** Runs all of them, a few at a time, each with a port that no other one uses at that time. */
async function sideBySide<T>(items: readonly T[], run: (item: T, port: number) => Promise<void>): Promise<void> {
  const queue = [...items];
  const worker = async (port: number) => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await run(item, port);
  };
  // a bed has a hundred ports, and uses the first of them
  const first = bed.ports.otherController + 1;
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, (_, index) => worker(first + index)));
}

/** Plays the story once for each write from `first` on, before and after it. Answers what is not as in the story without a cut. */
async function deviations(kind: Kind, writes: readonly string[], first: number): Promise<Readonly<Record<string, unknown>>> {
  const found: Record<string, unknown> = {};
  const cuts = writes.flatMap((_, index) => (['before', 'after'] as const).map(when => ({ write: index + 1, when })));
  await sideBySide(
    cuts.filter(({ write }) => write >= first),
    async (cut, port) => {
      const name = `${cut.when} write ${cut.write} (${writes[cut.write - 1]})`;
      try {
        const { isCut, timeline, requests, failedRequests } = await play(kind, `${kind}-${cut.when}-${cut.write}`, port, cut);
        const lost = kind === 'good' && failedRequests > 0 ? { requests, failedRequests } : {};
        const missed = isCut || cut.write > writes.length - CHANCE_WRITES ? {} : { isCut };
        const wrong = { ...deviation(timeline, EXPECTED[kind]), ...lost, ...missed };
        if (Object.keys(wrong).length > 0) found[name] = wrong;
      } catch (error) {
        found[name] = error instanceof Error ? error.message : String(error);
      }
    },
  );
  return found;
}

describe.runIf(bed.has('envoy', 'prometheus', 'git'))('a controller that is killed at any single write', () => {
  const uncut: Partial<Record<Kind, Played>> = {};

  beforeAll(async () => {
    await installSluice(bed);
    // a new kind can be written a moment before it can be watched
    await bed.until('a watch of Rollouts', async () => {
      (await watchObjects(bed, '/apis/sluice.dev/v1alpha1/rollouts')).stop();
      return true;
    });
    await sideBySide(['good', 'bad'] as const, async (kind, port) => {
      uncut[kind] = await play(kind, `${kind}-uncut`, port);
    });
  });

  it('plays both stories as expected when nothing is cut, with writes of every kind', () => {
    const { good, bad } = uncut;
    expect([good?.timeline, bad?.timeline]).toEqual([EXPECTED.good, EXPECTED.bad]);
    expect(good?.failedRequests).toBe(0);
    const kinds = ['PATCH destinationrules', 'PATCH rollouts', 'PATCH rollouts/status', 'PATCH virtualservices'];
    expect([...new Set(good?.writes)].sort()).toEqual(kinds);
  });

  it(
    'R3, R4: a good version goes the same way, shortens no step and loses no request',
    async () => {
      expect(await deviations('good', uncut.good?.writes ?? [], 1)).toEqual({});
    },
    ALL_MS,
  );

  it(
    'R3, R4: a version with errors goes back the same way',
    async () => {
      const writes = uncut.bad?.writes ?? [];
      expect(await deviations('bad', writes, writes.lastIndexOf('PATCH virtualservices') + 1)).toEqual({});
    },
    ALL_MS,
  );
});
