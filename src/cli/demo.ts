import { Command, Option } from 'commander';
import { type Answer, APPROVAL, tellApproval } from './demo/approval.ts';
import { TOUR, tellTour } from './demo/tour.ts';
import { TWO_VERSIONS, tellTwoVersions } from './demo/twoVersions.ts';
import type { Telling } from './demo/until.ts';
import { createView, type View } from './demo/view.ts';
import { type DemoWorld, openDemoWorld, type Setup } from './demo/world.ts';
import { type CliIo, EXIT } from './io.ts';
import { colours } from './terminal/colours.ts';

type Options = { readonly keep?: boolean; readonly story: 'versions' | 'approval' | 'tour'; readonly answer?: Answer };

const SETUPS = { versions: TWO_VERSIONS, approval: APPROVAL, tour: TOUR } as const satisfies Record<Options['story'], Setup>;

/** `sluice demo`: exit code 0 only if the story ended as it should, 2 for wrong usage, 4 when its programs cannot run. */
export const createDemoCommand = (io: CliIo): Command =>
  new Command('demo')
    .description('sandbox and controller: a good version is promoted, a bad one goes back')
    .addOption(
      new Option('--story <name>', 'versions: a good and a bad one; approval: people are asked, and you press; tour: you drive')
        .choices(Object.keys(SETUPS))
        .default('versions'),
    )
    .addOption(
      new Option('--answer <answer>', 'with --story approval: presses by itself, for machines').choices(['approve', 'reject']),
    )
    .option('--keep', 'keep everything running afterwards, to look around (Ctrl-C ends it)')
    .action(async (options: Options) => {
      if (options.answer !== undefined && options.story !== 'approval') {
        io.err('error: --answer goes with --story approval only\n');
        io.exit(EXIT.usage);
        return;
      }
      const stopped = new AbortController();
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => stopped.abort());
      io.exit(await demo(io, options, stopped).catch(error => failed(io, options, { signal: stopped.signal, error })));
    });

const demo = async (io: CliIo, options: Options, stopped: AbortController): Promise<number> => {
  const { signal } = stopped;
  const view = createView(io.out, process.stdout.isTTY === true, () => Date.now());
  view.say('Starting a small world on this machine: Kubernetes API, mesh, traffic, Prometheus, Zipkin, and Sluice.');
  const world = await openDemoWorld(SETUPS[options.story]);
  try {
    const isGood = await tell({ view, world, signal }, options, () => stopped.abort());
    if (options.keep === true && !signal.aborted) {
      view.say('\nEverything keeps running; look around, Ctrl-C ends it.');
      await new Promise<void>(resolve => signal.addEventListener('abort', () => resolve()));
    }
    return isGood ? EXIT.done : EXIT.no;
  } finally {
    view.rest();
    await world.close();
  }
};

/** Whether the story ended as it should. */
const tell = async (telling: Telling, { story, answer }: Options, stop: () => void): Promise<boolean> => {
  if (story === 'tour') return tellTour(telling, stop);
  introduce(telling.view, telling.world);
  return story === 'approval' ? tellApproval(telling, answer) : tellTwoVersions(telling);
};

/** Ctrl-C reaches all programs of a terminal at once, so that those of the demo may be gone before it has stopped itself. */
const failed = (io: CliIo, { story }: Options, { signal, error }: { signal: AbortSignal; error: unknown }): number => {
  if (signal.aborted) {
    io.out('\nStopped.\n');
    return story === 'tour' ? EXIT.done : EXIT.no;
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
