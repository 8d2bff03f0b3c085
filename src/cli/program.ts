import { Command, CommanderError } from 'commander';
import { type CliIo, EXIT } from './io.ts';

type Load = (io: CliIo) => Promise<Command>;

/** One file per command; a command's own packages are loaded when it runs. */
const COMMANDS: readonly { readonly name: string; readonly about: string; readonly load: Load }[] = [
  {
    name: 'controller',
    about: 'run the controller',
    load: async io => (await import('./controller.ts')).createControllerCommand(io),
  },
  {
    name: 'sandbox',
    about: 'run a small world without a cluster: Kubernetes API, mesh, traffic, telemetry, chat',
    load: async io => (await import('./sandbox.ts')).createSandboxCommand(io),
  },
  {
    name: 'demo',
    about: 'sandbox and controller: a good version is promoted, a bad one goes back',
    load: async io => (await import('./demo.ts')).createDemoCommand(io),
  },
  {
    name: 'validate',
    about: 'check Rollout files: schema, meaning, templates, PromQL syntax',
    load: async io => (await import('./validate.ts')).createValidateCommand(io),
  },
  {
    name: 'simulate',
    about: 'let a scripted world happen to a Rollout, and print the timeline',
    load: async io => (await import('./simulate.ts')).createSimulateCommand(io),
  },
  {
    name: 'plan',
    about: 'tell what a Rollout would do, step by step, and what its gates can find',
    load: async io => (await import('./plan.ts')).createPlanCommand(io),
  },
  {
    name: 'analyze',
    about: 'judge two versions that run, or a time that has passed, without moving traffic',
    load: async io => (await import('./analyze.ts')).createAnalyzeCommand(io),
  },
  {
    name: 'replay',
    about: 'decide again from stored evidence, and compare',
    load: async io => (await import('./replay.ts')).createReplayCommand(io),
  },
  {
    name: 'approve',
    about: 'agree to what a Rollout asks, as a Kubernetes user',
    load: async io => (await import('./approve.ts')).createApproveCommand(io),
  },
  {
    name: 'reject',
    about: 'say no to what a Rollout asks, as a Kubernetes user; all traffic goes back',
    load: async io => (await import('./approve.ts')).createRejectCommand(io),
  },
  {
    name: 'freeze',
    about: 'stop all forward movement of an installation, or let it go on',
    load: async io => (await import('./freeze.ts')).createFreezeCommand(io),
  },
  {
    name: 'templates',
    about: 'check templates of messages, or see what they make of samples',
    load: async io => (await import('./templates.ts')).createTemplatesCommand(io),
  },
  {
    name: 'install',
    about: 'print what the cluster needs: CRD, RBAC, Deployment, Service',
    load: async io => (await import('./install.ts')).createInstallCommand(io),
  },
  {
    name: 'generate',
    about: 'write files that are made from the source (for developers)',
    load: async io => (await import('./generate.ts')).createGenerateCommand(io),
  },
];

/** Runs the command line and sets the exit code. */
export const runCli = async (argv: readonly string[], env: CliIo['env']): Promise<void> => {
  const io: CliIo = {
    out: text => void process.stdout.write(text),
    err: text => void process.stderr.write(text),
    exit: code => {
      process.exitCode = code;
    },
    env,
  };
  // A reader that has seen enough (`sluice install | head`) is no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? EXIT.done : EXIT.no));
  const program = new Command('sluice')
    .description('GitOps progressive delivery for Istio: moves live traffic in steps, on evidence, and puts it back by itself')
    .version(__SLUICE_VERSION__)
    .showHelpAfterError('`sluice --help` lists all commands and options')
    .exitOverride();
  const name = argv[2] === 'help' ? argv[3] : argv[2];
  const asked = COMMANDS.find(command => command.name === name);
  if (asked) program.addCommand(withHint(await asked.load(io)).exitOverride());
  else for (const { name, about } of COMMANDS) program.command(name).description(about);
  try {
    await program.parseAsync([...argv]);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    io.exit(error.exitCode === 0 ? EXIT.done : EXIT.usage);
  }
};

const withHint = (command: Command): Command =>
  command.showHelpAfterError(`\`sluice ${command.name()} --help\` lists its arguments and options`);

declare global {
  /** Put in by the build, from package.json. */
  const __SLUICE_VERSION__: string;
}
