import { basename } from 'node:path';
import { Command, CommanderError } from 'commander';
import { SystemError } from '../controller/ports.ts';
import { withNextStep } from './cluster/nextStep.ts';
import { EXAMPLES } from './examples.ts';
import { type CliIo, EXIT } from './io.ts';

type Load = (io: CliIo) => Promise<Command>;

/** What a command is for; the help lists them in this order. */
const GROUPS = { see: 'See:', steer: 'Steer:', check: 'Check:', run: 'Run:', develop: 'Develop:' } as const;

type Entry = { readonly name: string; readonly group: keyof typeof GROUPS; readonly about: string; readonly load: Load };

/** One file per command; a command's own packages are loaded when it runs. */
const COMMANDS: readonly Entry[] = [
  {
    name: 'get',
    group: 'see',
    about: 'list Rollouts: where each one is, and what it waits for',
    load: async io => (await import('./get.ts')).createGetCommand(io),
  },
  {
    name: 'status',
    group: 'see',
    about: 'look at one Rollout, once or live: steps, gates, pods, what it waits for',
    load: async io => (await import('./status.ts')).createStatusCommand(io),
  },
  {
    name: 'history',
    group: 'see',
    about: 'what happened to a Rollout, and why',
    load: async io => (await import('./history.ts')).createHistoryCommand(io),
  },
  {
    name: 'promote',
    group: 'steer',
    about: 'leave the present step of a Rollout now',
    load: async io => (await import('./request.ts')).createPromoteCommand(io),
  },
  {
    name: 'abort',
    group: 'steer',
    about: 'put all traffic back on the stable version, now',
    load: async io => (await import('./request.ts')).createAbortCommand(io),
  },
  {
    name: 'retry',
    group: 'steer',
    about: 'try the version that was rolled back once more',
    load: async io => (await import('./request.ts')).createRetryCommand(io),
  },
  {
    name: 'pause',
    group: 'steer',
    about: 'stop a Rollout from moving forward; what protects goes on',
    load: async io => (await import('./request.ts')).createPauseCommand(io),
  },
  {
    name: 'resume',
    group: 'steer',
    about: 'end a pause; weights that somebody lowered are put back',
    load: async io => (await import('./request.ts')).createResumeCommand(io),
  },
  {
    name: 'approve',
    group: 'steer',
    about: 'agree to what a Rollout asks, as a Kubernetes user',
    load: async io => (await import('./approve.ts')).createApproveCommand(io),
  },
  {
    name: 'reject',
    group: 'steer',
    about: 'say no to what a Rollout asks, as a Kubernetes user; all traffic goes back',
    load: async io => (await import('./approve.ts')).createRejectCommand(io),
  },
  {
    name: 'freeze',
    group: 'steer',
    about: 'stop all forward movement of an installation, or let it go on',
    load: async io => (await import('./freeze.ts')).createFreezeCommand(io),
  },
  {
    name: 'validate',
    group: 'check',
    about: 'check Rollout files: schema, meaning, templates, PromQL syntax',
    load: async io => (await import('./validate.ts')).createValidateCommand(io),
  },
  {
    name: 'plan',
    group: 'check',
    about: 'tell what a Rollout would do, step by step, and what its gates can find',
    load: async io => (await import('./plan.ts')).createPlanCommand(io),
  },
  {
    name: 'analyze',
    group: 'check',
    about: 'judge two versions that run, or a time that has passed, without moving traffic',
    load: async io => (await import('./analyze.ts')).createAnalyzeCommand(io),
  },
  {
    name: 'simulate',
    group: 'check',
    about: 'let a scripted world happen to a Rollout, and print the timeline',
    load: async io => (await import('./simulate.ts')).createSimulateCommand(io),
  },
  {
    name: 'replay',
    group: 'check',
    about: 'decide again from stored evidence, and compare',
    load: async io => (await import('./replay.ts')).createReplayCommand(io),
  },
  {
    name: 'templates',
    group: 'check',
    about: 'check templates of messages, or see what they make of samples',
    load: async io => (await import('./templates.ts')).createTemplatesCommand(io),
  },
  {
    name: 'install',
    group: 'run',
    about: 'print what the cluster needs: CRD, RBAC, Deployment, Service',
    load: async io => (await import('./install.ts')).createInstallCommand(io),
  },
  {
    name: 'controller',
    group: 'run',
    about: 'run the controller',
    load: async io => (await import('./controller.ts')).createControllerCommand(io),
  },
  {
    name: 'demo',
    group: 'run',
    about: 'sandbox and controller: a good version is promoted, a bad one goes back',
    load: async io => (await import('./demo.ts')).createDemoCommand(io),
  },
  {
    name: 'sandbox',
    group: 'run',
    about: 'run a small world without a cluster: Kubernetes API, mesh, traffic, telemetry, chat',
    load: async io => (await import('./sandbox.ts')).createSandboxCommand(io),
  },
  {
    name: 'completion',
    group: 'run',
    about: 'print the script by which a shell completes commands, options and names',
    load: async io => (await import('./completion.ts')).createCompletionCommand(io, loadAll),
  },
  {
    name: 'generate',
    group: 'develop',
    about: 'write files that are made from the source (for developers)',
    load: async io => (await import('./generate.ts')).createGenerateCommand(io),
  },
];

/** Answers scripts of shells; people have no use for it, so the help does not have it. */
const HIDDEN: Entry = {
  name: '__complete',
  group: 'develop',
  about: '',
  load: async io => (await import('./completion.ts')).createNamesCommand(io),
};

/** Runs the command line and sets the exit code. `argv` is that of the process: node, the program, its arguments. */
export const runCli = async (argv: readonly string[], env: CliIo['env']): Promise<void> => {
  // A reader that has seen enough (`sluice install | head`) is no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? EXIT.done : EXIT.no));
  await runCommands(argv, {
    out: text => void process.stdout.write(text),
    err: text => void process.stderr.write(text),
    exit: code => {
      process.exitCode = code;
    },
    env,
  });
};

/** The same in another world than that of the process. */
export const runCommands = async ([, started = '', ...words]: readonly string[], io: CliIo): Promise<void> => {
  const program = createProgram(io, basename(started) === 'kubectl-sluice' ? 'kubectl sluice' : 'sluice');
  const args = words[0] === 'help' ? [...words.slice(1), '--help'] : words;
  const [name] = args;
  const asked = [...COMMANDS, HIDDEN].find(command => command.name === name);
  if (asked) program.addCommand(prepared(await asked.load(io), program));
  else for (const { name, about, group } of COMMANDS) program.command(name).description(about).helpGroup(GROUPS[group]);
  try {
    if (name === undefined) {
      program.outputHelp();
      return io.exit(EXIT.done);
    }
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (error instanceof SystemError) {
      io.err(`${withNextStep(error)}\n`);
      return io.exit(EXIT.unreachable);
    }
    if (!(error instanceof CommanderError)) throw error;
    io.exit(error.exitCode === 0 ? EXIT.done : EXIT.usage);
  }
};

const createProgram = (io: CliIo, name: string): Command =>
  new Command(name)
    .description('GitOps progressive delivery for Istio: moves live traffic in steps, on evidence, and puts it back by itself')
    .version(__SLUICE_VERSION__, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help; also of one command')
    .addHelpText('after', `\n\`${name} COMMAND --help\` has the options of a command, and examples.`)
    .helpCommand(false)
    .showHelpAfterError(`\`${name} --help\` lists all commands; options stand behind the command`)
    .configureOutput({ writeOut: io.out, writeErr: io.err })
    .exitOverride();

/** A command as it is run: with examples, hints and the outputs of the program. */
const prepared = (command: Command, program: Command): Command => {
  const examples = EXAMPLES[command.name()] ?? [];
  for (const each of [command, ...command.commands])
    each.exitOverride().configureOutput(program.configureOutput()).showHelpAfterError(hintFor(command, program.name()));
  if (examples.length === 0) return command;
  return command.addHelpText('after', ['', 'Examples:', ...examples.map(line => `  ${program.name()} ${line}`)].join('\n'));
};

const hintFor = (command: Command, program: string): string => {
  const [first] = command.registeredArguments;
  const list = first?.required && first.name() === 'name' ? `\`${program} get\` lists the Rollouts; ` : '';
  return `${list}\`${program} ${command.name()} --help\` lists its arguments and options`;
};

/** All commands with their options, for whoever wants to know what there is. */
const loadAll = async (io: CliIo): Promise<Command> => {
  const program = createProgram(io, 'sluice');
  for (const { load, group } of COMMANDS) program.addCommand((await load(io)).helpGroup(GROUPS[group]));
  return program;
};

declare global {
  /** Put in by the build, from package.json. */
  const __SLUICE_VERSION__: string;
}
