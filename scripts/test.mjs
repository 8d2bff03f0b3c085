// `npm test`: builds the program, then runs every check and all tests but those against real servers. Everything is run even if something fails
// before, the fast checks first; the exit code is 1 if anything failed. The report of vitest (JSON) goes to $SLUICE_TEST_REPORT when that is set.
import { spawn } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';

const bin = name => resolve('node_modules/.bin', name);
const report = process.env.SLUICE_TEST_REPORT;
const reporters = report ? ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`] : [];

/** In this order; what is quiet is shown only when it fails. */
const CHECKS = [
  { name: 'build', command: process.execPath, args: ['scripts/build.mjs'], quiet: true },
  { name: 'types', command: bin('tsc'), args: ['--noEmit'], quiet: true },
  { name: 'lint', command: bin('biome'), args: ['ci', '--error-on-warnings', '--colors=off', '.'], quiet: true },
  { name: 'layers', command: bin('depcruise'), args: ['--config', '.dependency-cruiser.mjs', 'src'], quiet: true },
  { name: 'dead code', command: bin('knip'), args: [], quiet: true },
  { name: 'tests', command: bin('vitest'), args: ['run', ...reporters, ...process.argv.slice(2)], quiet: false },
];

/** Runs a program to its end; signals for this process are passed on. */
function run({ command, args, quiet }) {
  return new Promise(done => {
    let output = '';
    const child = spawn(command, args, { stdio: quiet ? ['ignore', 'pipe', 'pipe'] : ['ignore', 'inherit', 'inherit'] });
    const take = data => {
      output += data;
    };
    child.stdout?.on('data', take);
    child.stderr?.on('data', take);
    const pass = signal => child.kill(signal);
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
    for (const signal of signals) process.on(signal, pass);
    child.on('error', error => take(`${error.message}\n`));
    child.on('close', (code, signal) => {
      for (const name of signals) process.off(name, pass);
      done({ isGood: code === 0, isStopped: signal !== null, output });
    });
  });
}

if (!existsSync('node_modules')) {
  console.error('node_modules is missing: run `npm ci` first');
  process.exit(1);
}
if (report) rmSync(report, { force: true });
const failed = [];
for (const check of CHECKS) {
  const startMs = performance.now();
  const { isGood, isStopped, output } = await run(check);
  if (!isGood) failed.push(check.name);
  if (!isGood && check.quiet) console.log(output.trim());
  console.log(`${isGood ? 'ok    ' : 'FAILED'} ${check.name.padEnd(10)} ${((performance.now() - startMs) / 1000).toFixed(1)} s`);
  if (isStopped) break;
}
if (failed.length > 0) console.log(`failed: ${failed.join(', ')}`);
process.exitCode = failed.length > 0 ? 1 : 0;
