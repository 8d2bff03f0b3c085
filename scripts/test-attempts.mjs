// Tests that passed at their second attempt, read from vitest's JSON report: nothing that failed once is hidden.
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';

/** Their files and names; none where there is no report. */
function secondAttempts(path) {
  let report;
  try {
    report = JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return [];
  }
  // a test that passed has no messages but those of an attempt before
  return report.testResults.flatMap(file =>
    file.assertionResults
      .filter(test => test.status === 'passed' && test.failureMessages.length > 0)
      .map(test => ({ name: `${relative('', file.name)} > ${test.fullName}`, why: firstLine(test.failureMessages[0]) })),
  );
}

/** vitest says a time-out like this. */
const firstLine = text => (text.includes('STACK_TRACE_ERROR') ? 'it took too long' : text.split('\n', 1)[0]);

/** Lines for the summary of a run. */
export function attemptLines(path) {
  const found = secondAttempts(path);
  if (found.length === 0) return ['passed at the second attempt: none'];
  return [`passed at the second attempt: ${found.length}`, ...found.map(({ name, why }) => `  ${name}\n    first: ${why}`)];
}
