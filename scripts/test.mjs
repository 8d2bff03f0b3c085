// `npm test`: builds the program, then runs every check and all tests but those against real servers. Everything is run even if something fails
// before; the exit code is 1 if anything failed. The report of vitest (JSON) goes to $SLUICE_TEST_REPORT when that is set.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { attemptLines } from './test-attempts.mjs';

const bin = name => resolve('node_modules/.bin', name);
const scratch = mkdtempSync(join(tmpdir(), 'sluice-test-'));
const report = process.env.SLUICE_TEST_REPORT || join(scratch, 'report.json');
const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];

/** What tsc knows from the run before: it looks only at what has changed since. */
const TYPES_SEEN = 'node_modules/.cache/sluice/types.json';
/** What is quiet is shown only when it fails. */
const BUILD = { name: 'build', command: process.execPath, args: ['scripts/build.mjs'], quiet: true };
const TESTS = { name: 'tests', command: bin('vitest'), args: ['run', ...reporters, ...process.argv.slice(2)], quiet: false };
/** One after the other, beside the tests, which wait for much of their time. */
const BESIDE = [
  { name: 'types', command: bin('tsc'), args: ['--noEmit', '--incremental', '--tsBuildInfoFile', TYPES_SEEN], quiet: true },
  { name: 'dashboard types', command: bin('tsc'), args: ['--noEmit', '-p', 'src/dashboard'], quiet: true },
  { name: 'lint', command: bin('biome'), args: ['ci', '--error-on-warnings', '--colors=off', '.'], quiet: true },
  { name: 'layers', command: bin('depcruise'), args: ['--config', '.dependency-cruiser.mjs', 'src'], quiet: true },
  { name: 'dead code', command: bin('knip'), args: [], quiet: true },
];
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];
let isStopped = false;

/** Runs a program to its end; signals for this process are passed on, and nothing is started after one. */
function run({ name, command, args, quiet }) {
  if (isStopped) return { name, quiet, isGood: false, output: 'not run', tookMs: 0 };
  const startMs = performance.now();
  return new Promise(done => {
    let output = '';
    const child = spawn(command, args, { stdio: quiet ? ['ignore', 'pipe', 'pipe'] : ['ignore', 'inherit', 'inherit'] });
    const take = data => {
      output += data;
    };
    child.stdout?.on('data', take);
    child.stderr?.on('data', take);
    const pass = signal => {
      isStopped = true;
      child.kill(signal);
    };
    for (const signal of SIGNALS) process.on(signal, pass);
    child.on('error', error => take(`${error.message}\n`));
    child.on('close', code => {
      for (const signal of SIGNALS) process.off(signal, pass);
      done({ name, quiet, isGood: code === 0, output, tookMs: performance.now() - startMs });
    });
  });
}

async function runAll(checks) {
  const results = [];
  for (const check of checks) results.push(await run(check));
  return results;
}

function show({ name, quiet, isGood, output, tookMs }) {
  if (!isGood && quiet) console.log(output.trim());
  console.log(`${isGood ? 'ok    ' : 'FAILED'} ${name.padEnd(15)} ${(tookMs / 1000).toFixed(1)} s`);
}

if (!existsSync('node_modules')) {
  console.error('node_modules is missing: run `npm ci` first');
  process.exit(1);
}
try {
  rmSync(report, { force: true });
  const built = await run(BUILD);
  show(built);
  const [beside, tests] = await Promise.all([runAll(BESIDE), run(TESTS)]);
  for (const result of [...beside, tests]) show(result);
  for (const line of attemptLines(report)) console.log(line);
  const failed = [built, ...beside, tests].filter(({ isGood }) => !isGood).map(({ name }) => name);
  if (failed.length > 0) console.log(`failed: ${failed.join(', ')}`);
  process.exitCode = failed.length > 0 ? 1 : 0;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
