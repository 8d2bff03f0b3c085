import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** The built command line, `sluice.js`. */
    program: string;
    /** A folder with a file for each program that runs, named by its process. */
    running: string;
  }
}

/** What the build and the program read, besides what the build makes. */
const PARTS = ['src', 'templates', 'package.json', 'node_modules'];
/** The demo's Rollouts; one of them as it is, but in less time, and judging no version by how busy this machine is. */
const DEMO = 'rollouts/forecast.yaml';
const DEMO_CHANGES = [
  ['pause: { duration: 15s }', 'pause: { duration: 8s }'],
  ['threshold: { max: 500 }', 'threshold: { max: 60000 }'],
] as const;

const quickDemo = (text: string): string =>
  DEMO_CHANGES.reduce((changed, [from, to]) => {
    if (!changed.includes(from)) throw new Error(`${DEMO} has no ${from}`);
    return changed.replace(from, to);
  }, text);

/** Ends the programs of tests that were given up: their processes may outlive the test. */
const endAll = (running: string): void => {
  for (const pid of readdirSync(running).map(Number)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // it has ended meanwhile
    }
  }
};

/** Builds the program in a folder of its own, so that no other build takes its files away while tests run. */
export const setup = (project: TestProject): (() => void) => {
  const repository = resolve(import.meta.dirname, '../..');
  const folder = mkdtempSync(join(tmpdir(), 'sluice-built-'));
  for (const part of PARTS) symlinkSync(join(repository, part), join(folder, part));
  for (const part of ['dist', 'rollouts', 'running']) mkdirSync(join(folder, part));
  for (const file of readdirSync(join(repository, 'rollouts')))
    if (`rollouts/${file}` !== DEMO) symlinkSync(join(repository, 'rollouts', file), join(folder, 'rollouts', file));
  writeFileSync(join(folder, DEMO), quickDemo(readFileSync(join(repository, DEMO), 'utf8')));
  const { status, stderr } = spawnSync(process.execPath, [join(repository, 'scripts/build.mjs')], {
    cwd: folder,
    encoding: 'utf8',
  });
  const remove = () => {
    endAll(join(folder, 'running'));
    rmSync(folder, { recursive: true, force: true });
  };
  if (status !== 0) {
    remove();
    throw new Error(`building the program: ${stderr}`);
  }
  project.provide('program', join(folder, 'dist/sluice.js'));
  project.provide('running', join(folder, 'running'));
  return remove;
};
