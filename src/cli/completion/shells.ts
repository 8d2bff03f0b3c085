import { bashScript, kubectlScript } from './bash.ts';
import { fishScript } from './fish.ts';
import type { CommandWords } from './words.ts';
import { zshScript } from './zsh.ts';

/** `kubectl` is not a shell: it asks a program of its own for the words behind `kubectl sluice`. */
export const SHELLS = ['bash', 'zsh', 'fish', 'kubectl'] as const;

export type Shell = (typeof SHELLS)[number];

/** A script with the commands and options of this build; names it asks the program for. */
export const completionScript = (shell: Shell, commands: readonly CommandWords[]): string => SCRIPTS[shell](commands);

const SCRIPTS = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
  kubectl: kubectlScript,
} as const satisfies Record<Shell, (commands: readonly CommandWords[]) => string>;
