import { writeFileSync } from 'node:fs';
import type { TestProject } from 'vitest/node';
import { startBed } from './bed/startBed.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Directory of the running bed, for `openBed`. */
    bedDirectory: string;
  }
}

/** Brings up the one bed that all test files share. A server that cannot be had fails the run. Returns how to end it. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const bed = await startBed();
  project.provide('bedDirectory', bed.directory);
  const file = process.env['SLUICE_REAL_LEFT_OUT_FILE'];
  if (file) writeFileSync(file, JSON.stringify(bed.leftOut));
  return bed.close;
}
