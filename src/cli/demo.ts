import { Command, Option } from 'commander';
import { colours } from './colours.ts';
import { type Answer, APPROVAL, tellApproval } from './demo/approval.ts';
import { TWO_VERSIONS, tellTwoVersions } from './demo/twoVersions.ts';
import { createView, type View } from './demo/view.ts';
import { type DemoWorld, openDemoWorld } from './demo/world.ts';
import { type CliIo, EXIT } from './io.ts';

type Options = { readonly keep?: boolean; readonly story: 'versions' | 'approval'; readonly answer?: Answer };

/** `sluice demo`: exit code 0 only if the story ended as it should, 2 for wrong usage, 4 when its programs cannot run. */
export const createDemoCommand = (io: CliIo): Command =>
  new Command('demo')
    .description('sandbox and controller: a good version is promoted, a bad one goes back')
    .addOption(
      new Option('--story <name>', 'versions: a good and a bad one; approval: people are asked, and you press')
        .choices(['versions', 'approval'])
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
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopped.abort());
      io.exit(await demo(io, options, stopped.signal).catch(error => failed(io, stopped.signal, error)));
    });

const demo = async (io: CliIo, { keep, story, answer }: Options, signal: AbortSignal): Promise<number> => {
  const view = createView(io.out, process.stdout.isTTY === true, () => Date.now());
  view.say('Starting a small world on this machine: Kubernetes API, mesh, traffic, Prometheus, Zipkin, and Sluice.');
  const world = await openDemoWorld(story === 'approval' ? APPROVAL : TWO_VERSIONS);
  try {
    introduce(view, world);
    const telling = { view, world, signal };
    const isGood = story === 'approval' ? await tellApproval(telling, answer) : await tellTwoVersions(telling);
    if (keep === true && !signal.aborted) {
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
