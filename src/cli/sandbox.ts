import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import type { CliIo } from './io.ts';

/** The sandbox is a second program beside this one; it shares no code with the controller. */
export const sandboxProgram = (): string => fileURLToPath(new URL('sandbox.js', import.meta.url));

/** `sluice sandbox`: hands all options over to that program. */
export const createSandboxCommand = (io: CliIo): Command =>
  new Command('sandbox')
    .description('run a small world without a cluster: Kubernetes API, mesh, traffic, telemetry, chat')
    .helpOption(false)
    .allowUnknownOption()
    .allowExcessArguments()
    .argument('[options...]')
    .action(async (args: readonly string[]) => {
      const child = spawn(process.execPath, [sandboxProgram(), ...args], { stdio: 'inherit' });
      for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => child.kill(signal));
      io.exit(await new Promise<number>(resolve => child.once('exit', code => resolve(code ?? 1))));
    });
