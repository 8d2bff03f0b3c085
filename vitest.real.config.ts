import { defineConfig } from 'vitest/config';

/** Tests against real servers. One bed serves all files, so they run one after the other. */
export default defineConfig({
  test: {
    include: ['test/real/**/*.test.ts'],
    globalSetup: ['test/real/globalSetup.ts'],
    fileParallelism: false,
    // stories wait most of the time
    maxConcurrency: 20,
    testTimeout: 180_000,
    hookTimeout: 120_000,
    teardownTimeout: 60_000,
    dangerouslyIgnoreUnhandledErrors: false,
  },
});
