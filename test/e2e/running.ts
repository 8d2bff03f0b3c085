import { type ChildProcess, spawn } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { inject } from 'vitest';

type LogLine = { readonly level: number; readonly msg: string; readonly [field: string]: unknown };

export type Ended = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

/** The program as a child process. */
export type Running = {
  readonly pid: number;
  /** Log lines so far (lines that are JSON objects). */
  readonly log: readonly LogLine[];
  /** Everything that it wrote so far. */
  output(): string;
  /** Resolves with the first log line, also an earlier one, that fits; rejects when the program ends before. */
  logged(fits: (line: LogLine) => boolean): Promise<LogLine>;
  /** Resolves when its output contains the text; rejects when the program ends before. */
  wrote(text: string): Promise<void>;
  readonly ended: Promise<Ended>;
  signal(signal: NodeJS.Signals): void;
  /** Writes to its standard input, if it has one (`typed`). */
  type(text: string): void;
  /** SIGTERM, and the end. */
  stop(): Promise<Ended>;
};

type Wait = { readonly look: () => boolean; readonly fail: (error: Error) => void };

type Surroundings = {
  readonly env?: Readonly<Record<string, string>>;
  /** As in a terminal: signals reach the program and all that it has started. */
  readonly terminal?: boolean;
  /** With a standard input to type into. */
  readonly typed?: boolean;
};

/** Programs do not outlive the process of their test, nor that process the run. */
const living = new Set<ChildProcess>();
for (const event of ['exit', 'disconnect'] as const)
  process.once(event, () => {
    for (const child of living) child.kill('SIGKILL');
  });

/** Starts the built program with these arguments. */
export const start = (args: readonly string[], { env = {}, terminal = false, typed = false }: Surroundings = {}): Running => {
  const child: ChildProcess = spawn(process.execPath, [inject('program'), ...args], {
    stdio: [typed ? 'pipe' : 'ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
    detached: terminal,
  });
  const pid = child.pid ?? 0;
  living.add(child);
  // what a test that was given up has left is ended with the run
  const mark = join(inject('running'), String(pid));
  writeFileSync(mark, '');
  const log: LogLine[] = [];
  const waits = new Set<Wait>();
  let output = '';
  const look = () => {
    for (const wait of waits) if (wait.look()) waits.delete(wait);
  };
  const take = (data: unknown) => {
    output += String(data);
    look();
  };
  child.stdout?.on('data', take);
  child.stderr?.on('data', take);
  if (child.stdout)
    createInterface({ input: child.stdout }).on('line', text => {
      const line = parse(text);
      if (line === undefined) return;
      log.push(line);
      look();
    });
  const ended = new Promise<Ended>(resolve =>
    child.once('close', (code, signal) => {
      living.delete(child);
      rmSync(mark, { force: true });
      resolve({ code, signal });
      for (const wait of waits) wait.fail(new Error(`sluice ${args.join(' ')} ended with ${code ?? signal}:\n${output}`));
    }),
  );
  const waitFor = <T>(found: () => T | undefined): Promise<T> =>
    new Promise((resolve, reject) => {
      const tryIt = () => {
        const value = found();
        if (value !== undefined) resolve(value);
        return value !== undefined;
      };
      if (!tryIt()) waits.add({ look: tryIt, fail: reject });
    });
  return {
    pid,
    log,
    output: () => output,
    logged: fits => waitFor(() => log.find(fits)),
    wrote: async text => void (await waitFor(() => (output.includes(text) ? true : undefined))),
    ended,
    signal: signal => void (terminal ? process.kill(-pid, signal) : child.kill(signal)),
    type: text => void child.stdin?.write(text),
    stop: () => {
      child.kill('SIGTERM');
      return ended;
    },
  };
};

const parse = (text: string): LogLine | undefined => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/** Runs the program to its end. */
export const run = async (args: readonly string[], surroundings: Surroundings = {}): Promise<Ended & { output: string }> => {
  const running = start(args, surroundings);
  return { ...(await running.ended), output: running.output() };
};
