import { availableParallelism } from 'node:os';
import { basename } from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Programs in sandboxes wait for much of their time, so more of them than processors run side by side. */
const WORKERS = availableParallelism() + 2;
/** Longer than any machine stands still: tests wait for signals, and only what never comes is missed. */
const TEST_TIMEOUT_MS = 120_000;
const STORY_TIMEOUT_MS = 300_000;

const PURE = ['test/rollout/**/*.test.ts', 'test/scenarios/**/*.test.ts', 'test/records/**/*.test.ts'];

/** The files that take longest begin first, then what waits, and what only calculates fills the gaps. */
const LONGEST = [
  'examples',
  'providers',
  'approvals',
  'demo',
  'badInput',
  'kubernetes',
  'istiod',
  'judgeOutage',
  'judge',
  'badCluster',
  'frugality',
];

const placeOf = ({ moduleId, project }: TestSpecification): number => {
  if (project.name !== 'e2e') return LONGEST.length + 1;
  const place = LONGEST.indexOf(basename(moduleId, '.test.ts'));
  return place < 0 ? LONGEST.length : place;
};

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await super.sort(files)).sort((a, b) => placeOf(a) - placeOf(b));
  }
}

export default defineConfig({
  define: { __SLUICE_VERSION__: JSON.stringify('0.0.0-test') },
  test: {
    testTimeout: TEST_TIMEOUT_MS,
    hookTimeout: TEST_TIMEOUT_MS,
    expect: { poll: { timeout: 60_000 } },
    dangerouslyIgnoreUnhandledErrors: false,
    // no test mocks a module and no module has state, so the files of one worker share them: a fifth of all the work was loading
    isolate: false,
    maxWorkers: WORKERS,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/real/**', 'test/e2e/**', ...PURE],
        },
      },
      {
        extends: true,
        test: {
          name: 'pure',
          include: PURE,
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          globalSetup: ['test/e2e/globalSetup.ts'],
          testTimeout: STORY_TIMEOUT_MS,
          hookTimeout: STORY_TIMEOUT_MS,
          maxConcurrency: 20,
          // listed by name at the end of the run
          retry: 1,
        },
      },
    ],
  },
});
