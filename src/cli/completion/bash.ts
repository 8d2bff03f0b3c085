import type { CommandWords, Value } from './words.ts';

/** For `source <(sluice completion bash)`; works from bash 3.2 on, without the package bash-completion. */
export const bashScript = (
  commands: readonly CommandWords[],
): string => `# bash completion of sluice; print it anew with: sluice completion bash
${tables(commands)}
${COMPLETE}
${FROM_READLINE}
complete -F _sluice sluice kubectl-sluice
`;

/** A program \`kubectl_complete-sluice\`, which kubectl starts with the words behind \`kubectl sluice\`. */
export const kubectlScript = (commands: readonly CommandWords[]): string => `#!/usr/bin/env bash
# completion of kubectl sluice; put it into a folder of $PATH as kubectl_complete-sluice, executable; print it anew with: sluice completion kubectl
${tables(commands)}
${COMPLETE}
COMPREPLY=()
_sluice_complete kubectl-sluice "$@"
[[ \${#COMPREPLY[@]} -eq 0 ]] || printf '%s\\n' "\${COMPREPLY[@]}"
# what follows the colon is for kubectl: 0 files may be completed, 4 they may not
if [[ $files == yes ]]; then echo :0; else echo :4; fi
`;

/** What there is behind the words of a path: commands, options, the values of options, and of places. */
const tables = (commands: readonly CommandWords[]): string => `_sluice_words() {
  commands='' options='' valued='' places='' repeats=no
  case "$1" in
${casesOf('', { options: [{ flags: ['-h', '--help'] }, { flags: ['-V', '--version'] }], values: [], repeats: false, commands })}
  *) return 1 ;;
  esac
}`;

type Place = Pick<CommandWords, 'values' | 'repeats' | 'commands'> & {
  readonly options: readonly { readonly flags: readonly string[]; readonly value?: Value }[];
};

const casesOf = (path: string, { options, values, repeats, commands }: Place): string =>
  [
    `  '${path}')`,
    `    commands='${commands.map(({ name }) => name).join(' ')}'`,
    `    options='${options.flatMap(({ flags }) => flags).join(' ')}'`,
    `    valued='${options.flatMap(({ flags, value }) => (value === undefined ? [] : flags.map(flag => `${flag}:${valueWord(value)}`))).join(' ')}'`,
    `    places='${values.map(valueWord).join(' ')}' repeats=${repeats ? 'yes' : 'no'} ;;`,
    ...commands.map(command => casesOf(path === '' ? command.name : `${path} ${command.name}`, command)),
  ].join('\n');

const valueWord = ({ kind, choices }: Value): string => (kind === 'words' ? `=${choices.join(',')}` : kind);

const COMPLETE = `# the words of a line up to the cursor, the last one in part; sets COMPREPLY, and files to yes when files are wanted
_sluice_complete() {
  local program=$1 path='' awaits='' place=0 word pair kind='' commands options valued places repeats
  local -a names=() flags=() seen=("\${@:2:$#-2}")
  local cur="\${!#}"
  files=no
  _sluice_words ''
  for word in "\${seen[@]}"; do
    if [[ -n $awaits ]]; then
      case $awaits in -n | --namespace) flags+=(--namespace "$word") ;; --context | --kubeconfig) flags+=("$awaits" "$word") ;; esac
      awaits=''
      continue
    fi
    case $word in
    --namespace=* | --context=* | --kubeconfig=*) flags+=("$word") ;;
    -*) [[ " $valued" == *" $word:"* ]] && awaits=$word ;;
    *)
      if [[ " $commands " == *" $word "* ]]; then
        path="\${path:+$path }$word"
        _sluice_words "$path"
      else
        place=$((place + 1))
      fi
      ;;
    esac
  done
  if [[ -z $awaits && $cur == --*=* ]]; then
    awaits=\${cur%%=*}
    cur=\${cur#*=}
  fi
  if [[ -n $awaits ]]; then
    for pair in $valued; do [[ $pair == "$awaits:"* ]] && kind=\${pair#*:}; done
  elif [[ $cur == -* ]]; then
    kind="=\${options// /,}"
  elif [[ -n $commands ]]; then
    kind="=\${commands// /,}"
  else
    names=($places)
    [[ $repeats == yes && $place -ge \${#names[@]} ]] && place=$((\${#names[@]} - 1))
    kind=\${names[place]:-}
  fi
  case $kind in
  =*) COMPREPLY=($(compgen -W "\${kind//[=,]/ }" -- "$cur")) ;;
  rollouts | namespaces | contexts) COMPREPLY=($(compgen -W "$("$program" __complete "$kind" "\${flags[@]}" 2>/dev/null)" -- "$cur")) ;;
  files) files=yes ;;
  esac
  return 0
}`;

const FROM_READLINE = `# bash cuts words at = and : too; what was typed without a blank between is put together again
_sluice() {
  local line=$COMP_LINE word glued last=-1 i files
  local -a words=()
  for ((i = 0; i <= COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    glued=yes
    while [[ $line == [[:blank:]]* ]]; do line=\${line:1} glued=no; done
    [[ -z $word && \${COMP_LINE:0:COMP_POINT} == *[[:blank:]] ]] && glued=no
    line=\${line:\${#word}}
    if [[ $glued == yes && $last -ge 0 ]]; then
      words[last]+=$word
    else
      last=$((last + 1))
      words[last]=$word
    fi
  done
  COMPREPLY=()
  _sluice_complete "\${words[@]}"
  [[ $files == yes ]] && compopt -o default 2>/dev/null
  # bash puts in only what follows its last cut
  local cur=\${words[last]#--*=}
  if [[ $cur == *:* && $COMP_WORDBREAKS == *:* ]]; then
    for i in "\${!COMPREPLY[@]}"; do COMPREPLY[i]=\${COMPREPLY[i]#"\${cur%"\${cur##*:}"}"}; done
  fi
  return 0
}`;
