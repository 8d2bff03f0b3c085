import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/** By default one processor is left free, which on a computer with two means half of them. */
const UNIT_WORKERS = Math.max(1, availableParallelism());
/** Programs in sandboxes wait most of the time, so more of them than processors run side by side. */
const E2E_WORKERS = 3;

export default defineConfig({
  define: { __SLUICE_VERSION__: JSON.stringify('0.0.0-test') },
  test: {
    testTimeout: 30_000,
    hookTimeout: 60_000,
    dangerouslyIgnoreUnhandledErrors: false,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/real/**', 'test/e2e/**'],
          maxWorkers: UNIT_WORKERS,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          globalSetup: ['test/e2e/globalSetup.ts'],
          maxWorkers: E2E_WORKERS,
          maxConcurrency: 20,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
