import { Argument, Command } from 'commander';
import { SHELLS, type Shell } from './completion/shells.ts';
import type { CliIo } from './io.ts';

/** `sluice completion SHELL`: prints a script that the shell reads; exit code 0. */
export const createCompletionCommand = (io: CliIo, loadAll: (io: CliIo) => Promise<Command>): Command =>
  new Command('completion')
    .description('print the script by which a shell completes commands, options and names')
    .addArgument(
      new Argument('<shell>', 'the shell; kubectl is for `kubectl sluice`: the file kubectl_complete-sluice').choices(SHELLS),
    )
    .action(async (shell: Shell) => {
      const [{ completionScript }, { readCommands }] = await Promise.all([
        import('./completion/shells.ts'),
        import('./completion/words.ts'),
      ]);
      io.out(completionScript(shell, readCommands(await loadAll(io))));
    });

type Options = { readonly namespace?: string; readonly context?: string; readonly kubeconfig?: string };

/** What the scripts ask: names of a kind, one a line; nothing at all when that takes too long or fails. */
export const createNamesCommand = (io: CliIo): Command =>
  new Command('__complete')
    .description('names for the completion of shells')
    .argument('<kind>', 'rollouts, namespaces or contexts')
    .option('-n, --namespace <namespace>')
    .option('--context <name>')
    .option('--kubeconfig <file>')
    .action(async (kind: string, options: Options) => {
      const { namesOf } = await import('./completion/names.ts');
      for (const name of await namesOf(kind, options, io.env)) io.out(`${name}\n`);
    });
