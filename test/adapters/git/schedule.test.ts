import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createScheduler } from '../../../src/adapters/git/schedule.ts';
import type { Logger } from '../../../src/controller/ports.ts';

const quiet = () => {};
const errors: object[] = [];
const logger: Logger = { debug: quiet, info: quiet, warn: quiet, error: fields => errors.push(fields), child: () => logger };
const scheduler = createScheduler(logger);

beforeEach(() => {
  vi.useFakeTimers({ now: Date.UTC(2026, 0, 1) });
});

afterEach(() => {
  vi.useRealTimers();
});

test('calls back at the times of a cron expression with seconds, until it is stopped', async () => {
  let calls = 0;
  const { stop } = scheduler('*/10 * * * * *', async () => {
    calls += 1;
  });
  await vi.advanceTimersByTimeAsync(31_000);
  expect(calls).toBe(3);
  stop();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(calls).toBe(3);
  expect(vi.getTimerCount()).toBe(0);
});

test('never calls back while the last call is still running', async () => {
  let running = 0;
  let most = 0;
  const { stop } = scheduler('* * * * * *', async () => {
    running += 1;
    most = Math.max(most, running);
    await new Promise(resolve => setTimeout(resolve, 3_500));
    running -= 1;
  });
  await vi.advanceTimersByTimeAsync(20_000);
  expect(most).toBe(1);
  stop();
});

test('a call that fails is logged, and the next one comes', async () => {
  let calls = 0;
  const { stop } = scheduler('* * * * * *', async () => {
    calls += 1;
    throw new Error('broken');
  });
  await vi.advanceTimersByTimeAsync(3_000);
  expect(calls).toBeGreaterThan(1);
  expect(errors.length).toBeGreaterThan(1);
  stop();
});

test('an invalid expression is an error that names the field', () => {
  expect(() => scheduler('*/10 * * 13 *', async () => {})).toThrow(/^reading schedule '\*\/10 \* \* 13 \*': .*month/i);
});
