// Counts of a test run, read from vitest's JSON report. As a program: `node scripts/count-tests.mjs <report>...` prints the sum of several.
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

/** Counts of one report. A file that failed outside its tests (import, set-up) counts as one failure; so does a report that is missing. */
export function countTests(path) {
  let report;
  try {
    report = JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  }
  const brokenFiles = report.testResults.filter(
    file => file.status === 'failed' && !file.assertionResults.some(test => test.status === 'failed'),
  ).length;
  const counts = {
    passed: report.numPassedTests,
    failed: report.numFailedTests + brokenFiles,
    skipped: report.numPendingTests + (report.numTodoTests ?? 0),
  };
  // unhandled errors fail a run without failing a test
  if (!report.success && counts.failed === 0) counts.failed = 1;
  return counts;
}

/** The plain line that programs look for. */
export function countLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const all = process.argv.slice(2).map(countTests);
  const sum = key => all.reduce((total, counts) => total + counts[key], 0);
  console.log(countLine({ passed: sum('passed'), failed: sum('failed'), skipped: sum('skipped') }));
}
