import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** A program that runs beside the demo. */
export type Program = {
  /** Resolves with the first line of its output that `pick` accepts; rejects when the program ends before. */
  readonly ready: Promise<Readonly<Record<string, string>>>;
  stop(): Promise<void>;
};

const STOP_WITHIN_MS = 5_000;

/** Starts a Node program whose standard output is one JSON object a line. */
export const startProgram = (args: readonly string[], pick: (line: Readonly<Record<string, string>>) => boolean): Program => {
  const child = spawn(process.execPath, [...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const complaints: string[] = [];
  child.stderr.on('data', data => complaints.push(String(data)));
  const ready = new Promise<Readonly<Record<string, string>>>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', text => {
      const line = parseLine(text);
      if (line !== undefined && pick(line)) resolve(line);
    });
    child.once('error', reject);
    child.once('exit', code =>
      reject(
        new Error(`${args[0]} ${args[1] ?? ''} ended with code ${code}: ${complaints.join('').trim() || 'it said nothing'}`),
      ),
    );
  });
  ready.catch(() => {});
  return { ready, stop: () => stop(child) };
};

const parseLine = (text: string): Readonly<Record<string, string>> | undefined => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

const stop = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>(resolve => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
  await ended;
  clearTimeout(timer);
};
