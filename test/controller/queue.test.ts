import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createQueue, type Queue } from '../../src/controller/queue.ts';

const clock = { now: () => Date.now() };

/** Work that ends when the test says so. */
const recorded = () => {
  const started: string[] = [];
  const ends = new Map<string, () => void>();
  const work = (key: string) =>
    new Promise<void>(resolve => {
      started.push(key);
      ends.set(key, resolve);
    });
  const end = async (key: string) => {
    ends.get(key)?.();
    ends.delete(key);
    await vi.advanceTimersByTimeAsync(0);
  };
  return { started, work, end };
};

describe('the work queue', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('works on a key once at a time, and once more for all additions meanwhile', async () => {
    const { started, work, end } = recorded();
    const queue = createQueue(clock, work);
    queue.add('a');
    queue.add('a');
    queue.add('a');
    expect(started).toEqual(['a']);
    await end('a');
    expect(started).toEqual(['a', 'a']);
    await end('a');
    expect(started).toEqual(['a', 'a']);
  });

  it('works on different keys side by side, up to its concurrency, in the order of their addition', async () => {
    const { started, work, end } = recorded();
    const queue = createQueue(clock, work, 2);
    for (const key of ['a', 'b', 'c', 'd']) queue.add(key);
    expect(started).toEqual(['a', 'b']);
    expect(queue.depth()).toBe(2);
    await end('b');
    expect(started).toEqual(['a', 'b', 'c']);
    await end('a');
    expect(started).toEqual(['a', 'b', 'c', 'd']);
    expect(queue.depth()).toBe(0);
  });

  it('of several moments the earliest counts, whatever their order', async () => {
    const { started, work, end } = recorded();
    const queue = createQueue(clock, work);
    const now = Date.now();
    queue.addAt('a', now + 3_000);
    queue.addAt('a', now + 1_000);
    queue.addAt('a', now + 2_000);
    await vi.advanceTimersByTimeAsync(999);
    expect(started).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(started).toEqual(['a']);
    await end('a');
    await vi.advanceTimersByTimeAsync(10_000);
    expect(started).toEqual(['a']);
  });

  it('a moment that is over, and one that no timer can hold, are kept', async () => {
    const { started, work } = recorded();
    const queue = createQueue(clock, work);
    queue.addAt('past', Date.now() - 1);
    queue.addAt('far', Date.now() + 100 * 86_400_000);
    await vi.advanceTimersByTimeAsync(1);
    expect(started).toEqual(['past']);
  });

  it('an addition now replaces a later moment', async () => {
    const { started, work, end } = recorded();
    const queue = createQueue(clock, work);
    queue.addAt('a', Date.now() + 1_000);
    queue.add('a');
    await end('a');
    await vi.advanceTimersByTimeAsync(2_000);
    expect(started).toEqual(['a']);
  });

  it('a key that was forgotten is not worked on', async () => {
    const { started, work, end } = recorded();
    const queue = createQueue(clock, work, 1);
    queue.add('a');
    queue.add('a');
    queue.add('b');
    queue.addAt('c', Date.now() + 1_000);
    for (const key of ['a', 'b', 'c']) queue.forget(key);
    await end('a');
    await vi.advanceTimersByTimeAsync(2_000);
    expect(started).toEqual(['a']);
  });

  it('stop waits for what is in hand and takes nothing new', async () => {
    const { started, work, end } = recorded();
    const queue = createQueue(clock, work, 1);
    for (const key of ['a', 'b']) queue.add(key);
    queue.addAt('c', Date.now() + 1_000);
    let isOver = false;
    const stopped = queue.stop().then(() => {
      isOver = true;
    });
    queue.add('d');
    await vi.advanceTimersByTimeAsync(5_000);
    expect(isOver).toBe(false);
    await end('a');
    await stopped;
    expect(started).toEqual(['a']);
  });

  it('stop with nothing in hand ends at once', async () => {
    const queue: Queue = createQueue(clock, async () => {});
    await expect(queue.stop()).resolves.toBeUndefined();
  });

  it('tells since when a key has been due: its first addition, the moment it was planned for, or its addition in work', async () => {
    const dues: (readonly [string, number])[] = [];
    const { work, end } = recorded();
    const startMs = Date.now();
    const noting = (key: string, dueAtMs: number): Promise<void> => {
      dues.push([key, dueAtMs - startMs]);
      return work(key);
    };
    const queue = createQueue(clock, noting, 1);
    queue.add('a');
    queue.addAt('planned', startMs + 2_000);
    queue.addAt('late', startMs - 60_000);
    await vi.advanceTimersByTimeAsync(1_000);
    queue.add('b');
    await vi.advanceTimersByTimeAsync(1_500);
    queue.add('a');
    queue.add('b');
    await vi.advanceTimersByTimeAsync(500);
    for (const key of ['a', 'late', 'b', 'planned', 'a']) await end(key);
    expect(dues).toEqual([
      ['a', 0],
      ['late', 0],
      ['b', 1_000],
      ['planned', 2_000],
      ['a', 2_500],
    ]);
  });
});
