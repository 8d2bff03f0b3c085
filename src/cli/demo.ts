import { Command } from 'commander';
import type { RolloutStatus } from '../rollout/index.ts';
import { colours } from './colours.ts';
import { createView, type View } from './demo/view.ts';
import { type DemoWorld, openDemoWorld } from './demo/world.ts';
import { type CliIo, EXIT } from './io.ts';

const STORY_WITHIN_MS = 90_000;
const LOOK_EVERY_MS = 250;

/** `sluice demo`: exit code 0 only if both stories ended as they should, 4 when its programs cannot run. */
export const createDemoCommand = (io: CliIo): Command =>
  new Command('demo')
    .description('sandbox and controller: a good version is promoted, a bad one goes back')
    .option('--keep', 'keep everything running afterwards, to look around (Ctrl-C ends it)')
    .action(async ({ keep }: { readonly keep?: boolean }) => {
      const stopped = new AbortController();
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopped.abort());
      io.exit(await demo(io, keep === true, stopped.signal).catch(error => failed(io, stopped.signal, error)));
    });

const demo = async (io: CliIo, keep: boolean, signal: AbortSignal): Promise<number> => {
  const view = createView(io.out, process.stdout.isTTY === true, () => Date.now());
  view.say('Starting a small world on this machine: Kubernetes API, mesh, traffic, Prometheus, Zipkin, and Sluice.');
  const world = await openDemoWorld();
  try {
    introduce(view, world);
    const isGood = await tellStories(view, world, signal);
    if (keep && !signal.aborted) {
      view.say('\nEverything keeps running; look around, Ctrl-C ends it.');
      await new Promise<void>(resolve => signal.addEventListener('abort', () => resolve()));
    }
    return isGood ? EXIT.done : EXIT.no;
  } finally {
    view.rest();
    await world.close();
  }
};

/** Ctrl-C reaches all programs of a terminal at once, so that those of the demo may be gone before it has stopped itself. */
const failed = (io: CliIo, signal: AbortSignal, error: unknown): number => {
  if (signal.aborted) {
    io.out('\nStopped.\n');
    return EXIT.no;
  }
  io.err(`${error instanceof Error ? error.message : String(error)}\n`);
  return EXIT.unreachable;
};

const introduce = (view: View, { urls, kubeconfig, repository }: DemoWorld): void => {
  const rows = [
    ['the app', urls.app],
    ['metrics of Sluice', urls.metrics],
    ['Prometheus', urls.prometheus],
    ['Zipkin', urls.zipkin],
    ['Git repository', repository],
    ['kubectl', `kubectl --kubeconfig ${kubeconfig} -n weather get rollouts`],
  ];
  for (const [name = '', value = ''] of rows) view.say(`  ${colours.bold(name.padEnd(18))} ${value}`);
};

const tellStories = async (view: View, world: DemoWorld, signal: AbortSignal): Promise<boolean> => {
  await until(view, world, signal, status => status.phase === 'Healthy' && status.stableVersion === 'v1');
  const before = await world.traffic();

  view.say(`\n${colours.bold('A good version.')} forecast v2 is committed: 0 -> 50 -> 100, each step on evidence.`);
  await world.commit('v2');
  const good = await until(view, world, signal, status => status.stableVersion === 'v2' || status.phase === 'RolledBack');
  const goodWeights = await world.weights();
  const afterGood = await world.traffic();

  view.say(`\n${colours.bold('A bad version.')} forecast v3 answers every third request with an error; it is committed.`);
  await world.breakVersion('v3', 0.33);
  await world.commit('v3');
  const bad = await until(view, world, signal, status => status.phase === 'RolledBack' || status.stableVersion === 'v3');
  const badWeights = await world.weights();
  if (good === undefined || bad === undefined) {
    view.say(signal.aborted ? '\nStopped.' : `\nNot finished within ${STORY_WITHIN_MS / 1000} s.`);
    return false;
  }

  const afterBad = await world.traffic();
  const failedGood = afterGood.failed - before.failed;
  const isGoodRight = good.stableVersion === 'v2' && goodWeights['v2'] === 100 && failedGood === 0;
  const isBadRight = bad.phase === 'RolledBack' && (badWeights['v3'] ?? 0) === 0 && badWeights['v2'] === 100;
  view.say(`\n${colours.bold('Summary')}`);
  view.say(
    `  ${mark(isGoodRight)} v2 ${good.stableVersion === 'v2' ? 'is stable' : `ended ${good.phase}`}, weights ${weightsText(goodWeights)}; ${afterGood.requests - before.requests} requests meanwhile, ${failedGood} failed`,
  );
  view.say(
    `  ${mark(isBadRight)} v3 ended ${bad.phase}, weights ${weightsText(badWeights)}; ${afterBad.requests - afterGood.requests} requests meanwhile, ${afterBad.failed - afterGood.failed} failed before all traffic was back`,
  );
  view.say(`    why: ${bad.message}`);
  return isGoodRight && isBadRight;
};

const mark = (isRight: boolean): string => (isRight ? colours.green('ok ') : colours.red('BAD'));
const weightsText = (weights: Readonly<Record<string, number>>): string =>
  Object.entries(weights)
    .map(([version, weight]) => `${version} ${weight}`)
    .join(' / ');

/** Shows the rollout until it is where it should be; `undefined` when time is up or Ctrl-C was pressed. */
const until = async (
  view: View,
  world: DemoWorld,
  signal: AbortSignal,
  isThere: (status: RolloutStatus) => boolean,
): Promise<RolloutStatus | undefined> => {
  const endMs = Date.now() + STORY_WITHIN_MS;
  while (Date.now() < endMs && !signal.aborted) {
    const status = await world.status();
    view.show(status);
    if (status !== undefined && isThere(status)) return status;
    await new Promise(resolve => setTimeout(resolve, LOOK_EVERY_MS));
  }
  return undefined;
};
