import type { CommandWords, OptionWords, Value } from './words.ts';

/** For `sluice completion fish > ~/.config/fish/completions/sluice.fish`. */
export const fishScript = (commands: readonly CommandWords[]): string =>
  [
    '# fish completion of sluice; print it anew with: sluice completion fish',
    atFunction(valuedFlags(commands)),
    NAMES,
    'complete -c sluice -f',
    `complete -c sluice -n '__sluice_at' -s h -l help -d 'print help'`,
    `complete -c sluice -n '__sluice_at' -s V -l version -d 'print the version'`,
    ...commands.flatMap(command => linesOf([], command)),
    '',
  ].join('\n');

const linesOf = (parents: readonly string[], { name, about, options, values, commands }: CommandWords): readonly string[] => {
  const path = [...parents, name];
  const at = `complete -c sluice -n '__sluice_at ${path.join(' ')}'`;
  return [
    `complete -c sluice -n '__sluice_at${parents.map(parent => ` ${parent}`).join('')}' -a ${name} -d '${about}'`,
    ...options.map(option => `${at} ${optionText(option)}`),
    ...values.flatMap(value => valueText(value).map(text => `${at} ${text}`)),
    ...commands.flatMap(command => linesOf(path, command)),
  ];
};

const optionText = ({ flags, about, value }: OptionWords): string =>
  [
    ...flags.map(flag => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`)),
    ...(value === undefined ? [] : ['-r', ...(value.kind === 'files' ? [] : ['-f']), ...valueText(value)]),
    `-d '${about}'`,
  ].join(' ');

const valueText = ({ kind, choices }: Value): readonly string[] => {
  if (kind === 'words') return [`-a '${choices.join(' ')}'`];
  if (kind === 'files') return ['-F'];
  return kind === 'nothing' ? [] : [`-a '(__sluice_names ${kind})'`];
};

/** Options that take the word behind them, of all commands: a name means the same everywhere. */
const valuedFlags = (commands: readonly CommandWords[]): readonly string[] => [
  ...new Set(
    commands.flatMap(({ options, commands: below }) => [
      ...options.flatMap(({ flags, value }) => (value === undefined ? [] : flags)),
      ...valuedFlags(below),
    ]),
  ),
];

/** Which command the line is at. */
const atFunction = (valued: readonly string[]): string => `function __sluice_at -d 'is the line at this command?'
    set -l seen
    set -l skips no
    set -l words (commandline -opc)
    set -e words[1]
    for word in $words
        if test $skips = yes
            set skips no
            continue
        end
        switch $word
            case ${valued.join(' ')}
                set skips yes
            case '-*'
            case '*'
                set -a seen $word
        end
    end
    set -l depth (count $argv)
    if test $depth -eq 0
        test (count $seen) -eq 0
        return
    end
    test (count $seen) -ge $depth; and test "$seen[1..$depth]" = "$argv"
end`;

const NAMES = `function __sluice_names -d 'names that the cluster knows'
    set -l words (commandline -opc)
    set -l flags
    for i in (seq 2 (count $words))
        switch $words[$i]
            case -n --namespace
                set -q words[(math $i + 1)]; and set -a flags --namespace $words[(math $i + 1)]
            case --context --kubeconfig
                set -q words[(math $i + 1)]; and set -a flags $words[$i] $words[(math $i + 1)]
            case '--namespace=*' '--context=*' '--kubeconfig=*'
                set -a flags $words[$i]
        end
    end
    $words[1] __complete $argv[1] $flags 2>/dev/null
end`;
