import { spawn } from 'node:child_process';
import { performance } from 'node:perf_hooks';

/** What a program wrote to its terminal, and when. */
export interface Recording {
  /** As it was typed. */
  readonly command: string;
  readonly columns: number;
  readonly rows: number;
  readonly pieces: readonly { readonly atMs: number; readonly text: string }[];
}

export interface TerminalProgram {
  /** As people type it; stands in the picture's title. */
  readonly command: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly columns: number;
  readonly rows: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Longer than this it may not take. */
  readonly timeoutMs: number;
}

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/**
 * Runs a program in a pseudo terminal (`script` of util-linux) to its end, whatever its exit code.
 * Throws when `script` is missing, or the program is not over in time.
 */
export function record(terminal: TerminalProgram): Promise<Recording> {
  const { command, program, args, columns, rows, env = {}, timeoutMs } = terminal;
  const line = `stty cols ${columns} rows ${rows}; exec ${[program, ...args].map(quoted).join(' ')}`;
  return new Promise((resolve, reject) => {
    const child = spawn('script', ['--quiet', '--flush', '--command', line, '/dev/null'], {
      // an input that ends would be typed as the end of the file
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, TERM: 'xterm-256color', LANG: 'C.UTF-8', ...env },
    });
    const startMs = performance.now();
    const pieces: { atMs: number; text: string }[] = [];
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`recording ${command}: not over after ${timeoutMs / 1000} s`));
    }, timeoutMs);
    child.stdout.setEncoding('utf8').on('data', (text: string) => pieces.push({ atMs: performance.now() - startMs, text }));
    child.on('error', error => reject(new Error(`recording ${command}: ${error.message}`)));
    child.on('close', () => {
      clearTimeout(timer);
      resolve({ command, columns, rows, pieces });
    });
  });
}
