import { basename } from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * In this order, others after them: first what needs quick answers, since Zipkin keeps the spans of all stories and gets slow; last
 * what stops servers, since Envoy takes up to half a minute to ask istiod again.
 */
const ORDER = [
  'bed',
  'traffic',
  'judge',
  'routing',
  'stories',
  'examples',
  'kubernetes',
  'evidence',
  'router',
  'git',
  'reflector',
  'lease',
  'everyRequest',
  'dashboard',
  'dashboardList',
];
const LAST = ['approvals', 'seededCrashes', 'faults', 'outages'];

const placeOf = ({ moduleId }: TestSpecification): number => {
  const name = basename(moduleId, '.test.ts');
  if (LAST.includes(name)) return ORDER.length + 1 + LAST.indexOf(name);
  return ORDER.includes(name) ? ORDER.indexOf(name) : ORDER.length;
};

class InOrder extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return [...files].sort((a, b) => placeOf(a) - placeOf(b));
  }
}

/** Tests against real servers. One bed serves all files, so they run one after the other. */
export default defineConfig({
  test: {
    include: ['test/real/**/*.test.ts'],
    globalSetup: ['test/real/globalSetup.ts'],
    fileParallelism: false,
    sequence: { sequencer: InOrder },
    // stories wait most of the time
    maxConcurrency: 20,
    // only what never comes is missed
    testTimeout: 600_000,
    hookTimeout: 600_000,
    teardownTimeout: 60_000,
    expect: { poll: { timeout: 150_000 } },
    // listed by name at the end of the run
    retry: 1,
    dangerouslyIgnoreUnhandledErrors: false,
  },
});
