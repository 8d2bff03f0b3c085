import type { CommandWords, OptionWords, Value } from './words.ts';

/** For a file `_sluice` in a folder of `$fpath`, or `source <(sluice completion zsh)` after compinit. */
export const zshScript = (commands: readonly CommandWords[]): string =>
  [
    '#compdef sluice kubectl-sluice',
    '# zsh completion of sluice; print it anew with: sluice completion zsh',
    NAMES,
    ...functionOf('_sluice', { options: OF_PROGRAM, values: [], repeats: false, commands }),
    'if [[ $funcstack[1] == _sluice ]]; then _sluice "$@"; else compdef _sluice sluice kubectl-sluice; fi',
    '',
  ].join('\n');

const OF_PROGRAM: readonly OptionWords[] = [
  { flags: ['-h', '--help'], about: 'print help' },
  { flags: ['-V', '--version'], about: 'print the version' },
];

/** A function of the shell for a command, and those for the commands below it. */
const functionOf = (
  name: string,
  command: Pick<CommandWords, 'options' | 'values' | 'repeats' | 'commands'>,
): readonly string[] => {
  const { options, commands } = command;
  const specs = options.map(optionSpec);
  if (commands.length === 0)
    return [`${name}() {`, `  _arguments -s -S ${[...specs, ...placeSpecs(command)].join(' \\\n    ')}`, '}'];
  return [
    ...commands.flatMap(each => functionOf(`${name}_${each.name}`, each)),
    `${name}() {`,
    '  local curcontext="$curcontext" state line',
    '  typeset -A opt_args',
    `  _arguments -C ${[...specs, "'1: :->command'", "'*:: :->rest'"].join(' \\\n    ')}`,
    '  case $state in',
    '  command)',
    `    local -a commands=(${commands.map(each => `'${each.name}:${each.about}'`).join(' ')})`,
    '    _describe command commands ;;',
    '  rest)',
    '    case $words[1] in',
    ...commands.map(each => `    ${each.name}) ${name}_${each.name} ;;`),
    '    esac ;;',
    '  esac',
    '}',
  ];
};

const optionSpec = ({ flags, about, value }: OptionWords): string => {
  const text = `[${about}]${value === undefined ? '' : `:${flags.at(-1)?.replace(/^-+/, '')}:${action(value)}`}`;
  return flags.length === 1 ? `'${flags[0]}${text}'` : `'(${flags.join(' ')})'{${flags.join(',')}}'${text}'`;
};

const placeSpecs = ({ values, repeats }: Pick<CommandWords, 'values' | 'repeats'>): readonly string[] =>
  values.map((value, index) => `'${repeats && index === values.length - 1 ? '*' : index + 1}:${value.kind}:${action(value)}'`);

const action = ({ kind, choices }: Value): string => {
  if (kind === 'words') return `(${choices.join(' ')})`;
  if (kind === 'files') return '_files';
  return kind === 'nothing' ? ' ' : `_sluice_names ${kind}`;
};

const NAMES = `_sluice_names() {
  # _arguments puts what it wants of compadd before the kind
  local -a flags found
  local i kind=$argv[-1]
  for ((i = 1; i < CURRENT; i++)); do
    case $words[i] in
    -n | --namespace) flags+=(--namespace "$words[i+1]") ;;
    --context | --kubeconfig) flags+=("$words[i]" "$words[i+1]") ;;
    --namespace=* | --context=* | --kubeconfig=*) flags+=("$words[i]") ;;
    esac
  done
  found=(\${(f)"$(command sluice __complete $kind $flags 2>/dev/null)"})
  compadd "\${(@)argv[1,-2]}" -a found
}`;
