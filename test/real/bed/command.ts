import { spawn } from 'node:child_process';

interface CommandOptions {
  readonly cwd?: string;
  /** Added to the environment of this process. */
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** The command is killed after this time. Default: 30 minutes, as long as a slow machine may compile. */
  readonly timeoutMs?: number;
}

const ERROR_TAIL_CHARACTERS = 2_000;

/**
 * Runs a program to its end and returns its standard output.
 * Throws with the command, its exit code and the end of its standard error when it fails or is not installed.
 */
export function run(command: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: options.timeoutMs ?? 1_800_000,
      killSignal: 'SIGKILL',
    });
    let output = '';
    let errors = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors = (errors + text).slice(-ERROR_TAIL_CHARACTERS);
    });
    child.stdin.on('error', () => {
      // a program that ends without reading its input is judged by its exit code
    });
    child.on('error', error => reject(new Error(`running ${command}: ${error.message}`)));
    child.on('close', (code, signal) => {
      if (code === 0) resolve(output);
      else
        reject(new Error(`running ${command} ${args.join(' ')}: ended with ${signal ?? `exit code ${code}`}\n${errors.trim()}`));
    });
    child.stdin.end(options.input ?? '');
  });
}

/** Whether a program can be run at all (it is in PATH, or the path exists). */
export async function isRunnable(command: string, args: readonly string[]): Promise<boolean> {
  try {
    await run(command, args, { timeoutMs: 30_000 });
    return true;
  } catch {
    return false;
  }
}
