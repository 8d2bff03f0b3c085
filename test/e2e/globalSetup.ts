import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** The built command line, `sluice.js`. */
    program: string;
  }
}

/** What the build and the program read, besides what the build makes. */
const PARTS = ['src', 'templates', 'rollouts', 'package.json', 'node_modules'];

/** Builds the program in a folder of its own, so that no other build takes its files away while tests run. */
export const setup = (project: TestProject): (() => void) => {
  const repository = resolve(import.meta.dirname, '../..');
  const folder = mkdtempSync(join(tmpdir(), 'sluice-built-'));
  for (const part of PARTS) symlinkSync(join(repository, part), join(folder, part));
  mkdirSync(join(folder, 'dist'));
  const { status, stderr } = spawnSync(process.execPath, [join(repository, 'scripts/build.mjs')], {
    cwd: folder,
    encoding: 'utf8',
  });
  const remove = () => rmSync(folder, { recursive: true, force: true });
  if (status !== 0) {
    remove();
    throw new Error(`building the program: ${stderr}`);
  }
  project.provide('program', join(folder, 'dist/sluice.js'));
  return remove;
};
