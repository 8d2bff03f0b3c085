// `npm run test:real`: builds the program and runs the tests in test/real against real servers. Arguments go on to vitest.
// The report of vitest (JSON) goes to $SLUICE_TEST_REPORT when that is set.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { countLine, countTests } from './count-tests.mjs';
import { attemptLines } from './test-attempts.mjs';

const scratch = mkdtempSync(join(tmpdir(), 'sluice-test-real-'));
const report = process.env.SLUICE_TEST_REPORT || join(scratch, 'report.json');
const leftOutFile = join(scratch, 'left-out.json');

function missingPrerequisites() {
  const missing = [];
  if (process.platform !== 'linux') missing.push('Linux: the servers listen on addresses all over 127.0.0.0/8');
  const runs = (command, args) => spawnSync(command, args, { encoding: 'utf8' });
  if (runs('git', ['--version']).status !== 0) missing.push('git: serves the repositories that the controller reads');
  if (!/^OpenSSL [3-9]/.test(runs('openssl', ['version']).stdout ?? ''))
    missing.push('openssl 3.0 or newer: makes the certificates of the servers');
  return missing;
}

/** Runs a Node program to its end; signals for this process are passed on, so that it can end its servers. */
function runNode(args, env) {
  return new Promise(resolve => {
    const child = spawn(process.execPath, args, { stdio: 'inherit', env: { ...process.env, ...env } });
    const pass = signal => child.kill(signal);
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
    for (const signal of signals) process.on(signal, pass);
    child.on('close', (code, signal) => {
      for (const name of signals) process.off(name, pass);
      resolve(signal ? 1 : (code ?? 1));
    });
  });
}

function summarize() {
  if (!existsSync(leftOutFile)) console.log('The servers did not come up: no test has run. The reason stands above.');
  else {
    const leftOut = JSON.parse(readFileSync(leftOutFile, 'utf8'));
    if (leftOut.length > 0)
      console.log(`Left out by SLUICE_REAL_WITHOUT, with all that needs them: ${leftOut.join(', ')}. Their tests are skipped.`);
  }
  for (const line of attemptLines(report)) console.log(line);
  console.log(countLine(countTests(report)));
}

async function main() {
  const missing = missingPrerequisites();
  if (missing.length > 0) {
    console.error(`The real servers need what is not here:\n${missing.map(line => `  ${line}`).join('\n')}`);
    return 1;
  }
  if ((await runNode(['scripts/build.mjs'], {})) !== 0) return 1;
  rmSync(report, { force: true });
  const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--config', 'vitest.real.config.ts'];
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const code = await runNode([...vitest, ...reporters, ...process.argv.slice(2)], { SLUICE_REAL_LEFT_OUT_FILE: leftOutFile });
  summarize();
  return code;
}

try {
  process.exitCode = await main();
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
