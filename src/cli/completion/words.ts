import type { Argument, Command, Option } from 'commander';

/** What stands at a place of the command line. */
export type Kind = 'rollouts' | 'namespaces' | 'contexts' | 'files' | 'words' | 'nothing';

export type Value = { readonly kind: Kind; readonly choices: readonly string[] };

export type OptionWords = {
  /** `--output`, and `-o` when it has a short form. */
  readonly flags: readonly string[];
  readonly about: string;
  /** Absent: it is a switch. */
  readonly value?: Value;
};

/** A command as completion knows it. */
export type CommandWords = {
  readonly name: string;
  readonly about: string;
  readonly options: readonly OptionWords[];
  /** In their order. */
  readonly values: readonly Value[];
  /** The last one of `values` counts for all that follow, too. */
  readonly repeats: boolean;
  readonly commands: readonly CommandWords[];
};

/** What Commander knows, below a program. */
export const readCommands = (program: Command): readonly CommandWords[] => [
  ...program.commands.map(readCommand),
  {
    name: 'help',
    about: 'print help',
    options: [],
    values: [{ kind: 'words', choices: program.commands.map(named) }],
    repeats: false,
    commands: [],
  },
];

const named = (command: Command): string => command.name();

const readCommand = (command: Command): CommandWords => ({
  name: command.name(),
  about: firstClause(command.description()),
  options: [
    ...command.options.filter(({ hidden }) => !hidden).map(readOption),
    { flags: ['-h', '--help'], about: 'print this help' },
  ],
  values: command.commands.length > 0 ? [] : command.registeredArguments.map(readArgument),
  repeats: command.registeredArguments.at(-1)?.variadic ?? false,
  commands: command.commands.map(readCommand),
});

const readOption = (option: Option): OptionWords => {
  const flags = [option.short, option.long].filter(flag => flag !== undefined);
  const about = firstClause(option.description.replace(/^default: /, ''));
  if (!option.required && !option.optional) return { flags, about };
  return { flags, about, value: readValue(option.argChoices, optionKind(option)) };
};

const readValue = (choices: readonly string[] | undefined, kind: Kind): Value =>
  choices === undefined ? { kind, choices: [] } : { kind: 'words', choices };

const optionKind = ({ long, flags }: Option): Kind => {
  if (long === '--namespace') return 'namespaces';
  if (long === '--context') return 'contexts';
  return /<(?:file|folder)>/.test(flags) ? 'files' : 'nothing';
};

const readArgument = (argument: Argument): Value => readValue(argument.argChoices, argumentKind(argument.name()));

const argumentKind = (name: string): Kind => {
  if (name === 'name') return 'rollouts';
  return ['file', 'record', 'rollout'].includes(name) ? 'files' : 'nothing';
};

/** As much of a sentence as stands in one line of a list. */
const firstClause = (text: string): string => (/^[^;:(]*/.exec(text)?.[0] ?? '').replace(/[^\w ,.$/-]/g, '').trim();
