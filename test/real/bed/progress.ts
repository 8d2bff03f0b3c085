import { performance } from 'node:perf_hooks';

/** One line of progress. Goes to standard error: standard output belongs to the test report. */
export function say(line: string): void {
  process.stderr.write(`[bed] ${line}\n`);
}

/** Runs one step and says how long it took, or that it failed. The error passes through unchanged. */
export async function step<T>(name: string, run: () => Promise<T>): Promise<T> {
  const startedMs = performance.now();
  const took = () => `${((performance.now() - startedMs) / 1000).toFixed(1)} s`;
  try {
    const result = await run();
    say(`${name}: ${took()}`);
    return result;
  } catch (error) {
    say(`${name}: failed after ${took()}`);
    throw error;
  }
}
