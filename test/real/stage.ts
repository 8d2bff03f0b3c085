import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { kubeconfigText } from './bed/apiServer.ts';
import type { Bed } from './bed/bed.ts';
import { launchServer, restartServer, stopServer } from './bed/process.ts';
import { planController } from './controllerProcess.ts';
import { type Cut, type RequestName, startCuttingProxy } from './cuttingProxy.ts';
import { SLUICE_NAMESPACE } from './installed.ts';
import { applyTo, type Plot, storyOf } from './plots.ts';
import { createFleet, openStory, type Story } from './story.ts';
import { hasFinalizer, type Timeline, timelineOf } from './timeline.ts';

export interface Played {
  readonly isCut: boolean;
  readonly timeline: Timeline;
  readonly requests: readonly RequestName[];
  /** What clients asked, and how often that failed. */
  readonly load: { readonly requests: number; readonly failed: number };
}

/** As many stories at a time as two cores carry. */
const SIDE_BY_SIDE = 8;
const LATE_CUT_MS = 5_000;
const READY_MS = 180_000;

export const describeCut = ({ when, what, nth }: Cut): string => `${when} ${what} number ${nth}`;

/** Statuses that tell of evidence come as measurements fall, and events and records with them: the last ones may be missing. */
export const isLeftToChance = ({ what, nth }: RequestName, requests: readonly RequestName[]): boolean =>
  ['PATCH rollouts/status', 'POST events', 'PATCH configmaps', 'POST configmaps'].includes(what) &&
  nth > requests.filter(request => request.what === what).length - 2;

/** A controller of its own for a namespace, with the cut in its way to the API server; it is started again after the cut. */
async function startCutController(bed: Bed, namespace: string, port: number, more: { repositoryUrl?: string; cut?: Cut }) {
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
  const proxy = await startCuttingProxy({ url: bed.apiUrl, caFile: bed.caFile }, more.cut, kill);
  const kubeconfig = join(bed.directory, `${namespace}.kubeconfig`);
  const token = await bed.serviceAccountToken(SLUICE_NAMESPACE, 'sluice');
  await writeFile(kubeconfig, kubeconfigText(proxy.url, bed.caFile, token), { mode: 0o600 });
  const git = more.repositoryUrl === undefined ? {} : { repositoryUrl: more.repositoryUrl };
  // without a lease the next process goes on at once: the hard case for clocks of steps
  const settings = { kubeconfig, namespaces: [namespace], ...git, leaderElection: false };
  launchServer(bed.directory, { ...(await planController(bed, namespace, port, settings)), readyTimeoutMs: READY_MS });
  return {
    requests: proxy.requests,
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

async function untilFinalizerIsGone(bed: Bed, { statuses, world }: Story): Promise<void> {
  await bed.until(`the end of the finalizer of ${world.namespace}`, async () => {
    const rollout = statuses.at(-1)?.object;
    return rollout !== undefined && !hasFinalizer(rollout);
  });
}

/** Plays a plot from the first sight of v1 to its end, in a namespace of its own, with a controller that is killed at the cut. */
async function playAt(bed: Bed, plot: Plot, { port, cut }: { port: number; cut?: Cut }): Promise<Played> {
  const namespace = `play-${randomUUID().slice(0, 8)}`;
  const repository = plot.via === 'api' ? undefined : await bed.createRepository(namespace);
  const push = repository === undefined ? applyTo(bed) : createFleet(repository);
  if (repository !== undefined) await push('README.md', `Rollouts of ${namespace}\n`);
  const more = { ...(repository === undefined ? {} : { repositoryUrl: repository.url }), ...(cut === undefined ? {} : { cut }) };
  const controller = await startCutController(bed, namespace, port, more);
  let story: Story | undefined;
  try {
    const { errorRate } = plot;
    story = await openStory(bed, push, storyOf(plot, namespace));
    if (errorRate !== undefined) await bed.pods.behave({ namespace, app: 'forecast', version: 'v2' }, { errorRate });
    const foreign = await plot.play(bed, story);
    if (plot.via !== 'api') await untilFinalizerIsGone(bed, story);
    // an answer that is kept back comes a moment after the write has been seen
    if (cut !== undefined) await bed.until('the cut', async () => controller.isCut(), LATE_CUT_MS).catch(() => undefined);
    await controller.restarted();
    const { requests, failed } = await story.load.stop();
    return {
      isCut: controller.isCut(),
      timeline: await timelineOf(story, { pauseMs: plot.pauseMs, foreign }),
      requests: [...controller.requests],
      load: { requests, failed },
    };
  } finally {
    await story?.close();
    await controller.stop();
    // what is over must not slow down the mesh for those that come later; nobody waits for it
    await bed.kubernetes.delete(`/api/v1/namespaces/${namespace}`).catch(() => undefined);
  }
}

/** Plays all of them, a few at a time, each with a port that no other one uses at that time. Answers in the same order. */
export async function playAll(
  bed: Bed,
  plays: readonly { readonly plot: Plot; readonly cut?: Cut }[],
): Promise<readonly (Played | Error)[]> {
  const results: (Played | Error)[] = [];
  const queue = [...plays.entries()];
  const worker = async (port: number) => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
      const [index, { plot, cut }] = item;
      results[index] = await playAt(bed, plot, { port, ...(cut === undefined ? {} : { cut }) }).catch((error: Error) => error);
    }
  };
  // a bed has a hundred ports, and uses the first of them
  const first = bed.ports.otherController + 1;
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, (_, index) => worker(first + index)));
  return results;
}
