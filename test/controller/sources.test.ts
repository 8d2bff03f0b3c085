import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { SystemError } from '../../src/controller/ports.ts';
import { createWorld } from './sourceWorld.ts';

const away = new SystemError('kubernetes', 'patching rollouts', 'unavailable', 'the API server does not answer');

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

describe('applying a commit', () => {
  test('R32 R33 writes every Rollout with its source, commit and path, at once when started', async () => {
    const world = createWorld();
    world.commit({ 'a.yaml': 'weather/forecast v1\nshop/cart v7' });
    world.source.start();
    await world.source.wake();
    const origin = { source: 'fleet', revision: 'main@sha1:1', path: 'a.yaml' };
    expect(Object.fromEntries(world.cluster)).toEqual({
      'weather/forecast': { version: 'v1', origin },
      'shop/cart': { version: 'v7', origin },
    });
    expect(world.source.status()).toEqual({
      name: 'fleet',
      lastSyncAtMs: 1_000,
      lastOid: '1',
      appliedRevision: 'main@sha1:1',
      rollouts: 2,
      problems: [],
    });
  });

  test('R34 polls once, reads nothing and writes nothing while the branch stands still', async () => {
    const world = createWorld();
    world.commit({ 'a.yaml': 'weather/forecast v1' });
    world.source.start();
    await world.source.wake();
    const { polls } = world.git;
    await world.tick();
    expect(world.git).toMatchObject({ polls: polls + 1, reads: 1 });
    expect(world.writes).toEqual(['weather/forecast']);
  });

  test('a commit costs as many writes as it changes Rollouts', async () => {
    const world = createWorld();
    world.commit({ 'a.yaml': 'weather/forecast v1', 'b.yaml': 'shop/cart v1' });
    world.source.start();
    await world.source.wake();
    world.commit({ 'a.yaml': 'weather/forecast v1', 'b.yaml': 'shop/cart v2' });
    await world.tick();
    expect(world.writes).toEqual(['weather/forecast', 'shop/cart', 'shop/cart']);
    expect(world.cluster.get('weather/forecast')?.origin.revision).toBe('main@sha1:1');
    expect(world.source.status().appliedRevision).toBe('main@sha1:2');
  });

  test('a Rollout that only moves within its file is not written', async () => {
    const world = createWorld();
    world.commit({ 'a.yaml': 'weather/forecast v1' });
    world.source.start();
    await world.source.wake();
    world.commit({ 'a.yaml': 'shop/cart v1\nweather/forecast v1' });
    await world.tick();
    expect(world.writes).toEqual(['weather/forecast', 'shop/cart']);
  });

  test('R32 a bad file keeps the last good spec, is reported with its line, and hurts no other', async () => {
    const world = createWorld();
    world.commit({ 'a.yaml': 'weather/forecast v1', 'b.yaml': 'shop/cart v1' });
    world.source.start();
    await world.source.wake();
    world.commit({ 'a.yaml': 'weather/forecast v2\n!expected a number', 'b.yaml': 'shop/cart v2' });
    await world.tick();
    expect(world.versions()).toEqual({ 'weather/forecast': 'v1', 'shop/cart': 'v2' });
    const problem = { kind: 'badFile', file: 'a.yaml', line: 2, column: 1, message: 'spec: expected a number (did you mean 1?)' };
    expect(world.problems).toEqual([problem]);
    expect(world.source.status()).toMatchObject({ problems: [problem], appliedRevision: 'main@sha1:2' });
    expect(world.logs).toContainEqual({ level: 'warn', message: 'not applied', fields: problem });
  });

  test('R32 all files are parsed before the first write', async () => {
    const world = createWorld();
    world.commit({ 'a.yaml': 'weather/forecast v1', 'z.yaml': 'shop/cart v2' });
    world.source.start();
    await world.source.wake();
    expect(world.steps).toEqual(['parse a.yaml', 'parse z.yaml', 'write weather/forecast', 'write shop/cart']);
  });

  test('R32 a file that cannot be read as text, and a parser that fails, are bad files', async () => {
    const world = createWorld();
    world.git.unreadable = [{ file: 'x.yaml', message: 'too large' }];
    world.commit({ 'a.yaml': 'weather/forecast v1', 'b.yaml': 'break the parser' });
    world.source.start();
    await world.source.wake();
    expect(world.problems).toEqual([
      { kind: 'badFile', file: 'x.yaml', message: 'too large' },
      { kind: 'badFile', file: 'b.yaml', line: 1, column: 1, message: 'the parser is broken' },
    ]);
    expect(world.versions()).toEqual({ 'weather/forecast': 'v1' });
  });

  test('a problem is reported once, and again when it has come back', async () => {
    const world = createWorld();
    const bad = { 'a.yaml': '!bad' };
    world.commit(bad);
    world.source.start();
    await world.source.wake();
    world.commit(bad);
    await world.tick();
    expect(world.problems).toHaveLength(1);
    world.commit({ 'a.yaml': 'weather/forecast v1' });
    await world.tick();
    expect(world.source.status().problems).toEqual([]);
    world.commit(bad);
    await world.tick();
    expect(world.problems).toHaveLength(2);
  });
});

describe('what may be written', () => {
  test.each([
    ['another namespace', 'other/forecast v1', 'the source may not write to namespace other; it may write to weather, shop'],
    ['no namespace', '/forecast v1', 'metadata.namespace is missing'],
    ['a request', 'weather/forecast v1 sluice.dev/request', 'annotation sluice.dev/request is a one-time request'],
  ])('R33 a Rollout with %s is refused, others are written', async (_, line, reason) => {
    const world = createWorld();
    world.commit({ 'a.yaml': `${line}\nshop/cart v1` });
    world.source.start();
    await world.source.wake();
    expect(world.versions()).toEqual({ 'shop/cart': 'v1' });
    expect(world.problems).toMatchObject([{ kind: 'refused', file: 'a.yaml', message: expect.stringContaining(reason) }]);
  });

  test('R33 all namespaces are allowed only when the source says so', async () => {
    const world = createWorld({ namespaces: ['*'] });
    world.commit({ 'a.yaml': 'anywhere/forecast v1' });
    world.source.start();
    await world.source.wake();
    expect(world.versions()).toEqual({ 'anywhere/forecast': 'v1' });
  });

  test('a Rollout that two files define is refused in both, also when one of the files is bad', async () => {
    const world = createWorld();
    world.commit({ 'a.yaml': 'weather/forecast v1', 'b.yaml': 'weather/forecast v2\n!bad', 'c.yaml': 'shop/cart v1' });
    world.source.start();
    await world.source.wake();
    expect(world.versions()).toEqual({ 'shop/cart': 'v1' });
    const message = 'it is defined 2 times, in a.yaml, b.yaml; keep one';
    expect(world.problems).toContainEqual({
      kind: 'refused',
      file: 'a.yaml',
      line: 1,
      column: 1,
      rollout: 'weather/forecast',
      message,
    });
  });

  test('R33 an object of another source is left alone, and tried again with the schedule only', async () => {
    const world = createWorld();
    const refusal = new SystemError('kubernetes', 'applying rollouts weather/forecast', 'refused', 'it belongs to source edge');
    world.writeError = key => (key === 'weather/forecast' ? refusal : undefined);
    world.commit({ 'a.yaml': 'weather/forecast v1\nshop/cart v1' });
    world.source.start();
    await world.source.wake();
    expect(world.versions()).toEqual({ 'shop/cart': 'v1' });
    expect(world.problems).toMatchObject([{ kind: 'refused', rollout: 'weather/forecast' }]);
    expect(vi.getTimerCount()).toBe(0);
    world.writeError = () => undefined;
    await world.tick();
    expect(world.versions()).toEqual({ 'weather/forecast': 'v1', 'shop/cart': 'v1' });
    expect(world.git.reads).toBe(1);
  });
});

describe('R19: authors', () => {
  test('are asked for since the commit and file that stand on the object, and only for what is written', async () => {
    const world = createWorld();
    world.commit({ 'a.yaml': 'weather/forecast v1', 'b.yaml': 'shop/cart v1' });
    world.source.start();
    await world.source.wake();
    world.commit({ 'c.yaml': 'weather/forecast v2', 'b.yaml': 'shop/cart v1' });
    await world.tick();
    expect(world.asked).toEqual([
      { oid: '1', file: 'a.yaml', before: undefined },
      { oid: '1', file: 'b.yaml', before: undefined },
      { oid: '2', file: 'c.yaml', before: { revision: 'main@sha1:1', path: 'a.yaml' } },
    ]);
  });

  test('when somebody is missing among them, that is said, and the commit is applied', async () => {
    const world = createWorld();
    world.authors = async () => ({ people: ['alice'], missing: 'the history ends' });
    world.commit({ 'a.yaml': 'weather/forecast v1' });
    world.source.start();
    await world.source.wake();
    expect(world.versions()).toEqual({ 'weather/forecast': 'v1' });
    const fields = { rollout: 'weather/forecast', revision: 'main@sha1:1', file: 'a.yaml', reason: 'the history ends' };
    expect(world.logs).toContainEqual({ level: 'warn', message: 'not all authors of a change are known', fields });
  });

  test('a history that cannot be read for now holds up what it is about, and is asked again soon', async () => {
    const world = createWorld();
    const broken = new SystemError('git', 'reading the history', 'unavailable', 'the connection broke');
    world.authors = async () => Promise.reject(broken);
    const names = [1, 2, 3, 4, 5].map(index => `weather/r${index} v1`);
    world.commit({ 'a.yaml': names.join('\n') });
    world.source.start();
    await world.source.wake();
    expect(world.versions()).toEqual({});
    const message = 'reading the history: the connection broke';
    expect(world.source.status().problems).toMatchObject(names.map(() => ({ kind: 'notWritten', message })));
    world.authors = async () => ({ people: ['alice'] });
    await vi.advanceTimersByTimeAsync(4_000);
    expect(world.cluster.size).toBe(5);
  });
});

describe('when something is away', () => {
  test('R32 an unreachable Git changes nothing, is said once, and is tried again with the schedule', async () => {
    const world = createWorld();
    world.commit({ 'a.yaml': 'weather/forecast v1' });
    world.source.start();
    await world.source.wake();
    world.gitError = new SystemError('git', 'polling', 'unavailable', 'the connection was refused');
    await world.tick();
    await world.tick();
    expect(world.source.status()).toMatchObject({ error: 'polling: the connection was refused', appliedRevision: 'main@sha1:1' });
    expect(world.logs.filter(({ level }) => level === 'warn')).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
    world.gitError = undefined;
    world.commit({ 'a.yaml': 'weather/forecast v2' });
    await world.tick();
    expect(world.source.status().error).toBeUndefined();
    expect(world.versions()).toEqual({ 'weather/forecast': 'v2' });
  });

  test('a write that found the API server away is retried with back-off, without a look at Git', async () => {
    const world = createWorld();
    world.writeError = () => away;
    world.commit({ 'a.yaml': 'weather/forecast v1' });
    world.source.start();
    await world.source.wake();
    const { polls } = world.git;
    const writes = world.writes.length;
    expect(world.source.status()).toMatchObject({ problems: [{ kind: 'notWritten' }] });
    expect(world.source.status()).not.toHaveProperty('appliedRevision');
    await vi.advanceTimersByTimeAsync(63_000);
    expect(world.writes.length - writes).toBeGreaterThan(3);
    expect(world.writes.length - writes).toBeLessThan(7);
    world.writeError = () => undefined;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(world.versions()).toEqual({ 'weather/forecast': 'v1' });
    expect(world.source.status()).toMatchObject({ problems: [], appliedRevision: 'main@sha1:1' });
    expect(world.git.polls).toBe(polls);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('a write is retried while Git is away as well', async () => {
    const world = createWorld();
    world.writeError = () => away;
    world.commit({ 'a.yaml': 'weather/forecast v1' });
    world.source.start();
    await world.source.wake();
    world.gitError = new SystemError('git', 'polling', 'unavailable', 'the connection was refused');
    world.writeError = () => undefined;
    await world.tick();
    expect(world.versions()).toEqual({ 'weather/forecast': 'v1' });
  });

  test('an API server that is away is not asked for every Rollout, and one that fails does not hold up the others', async () => {
    const world = createWorld();
    const names = Array.from({ length: 20 }, (_, index) => `weather/r${index} v1`);
    world.commit({ 'a.yaml': names.join('\n') });
    world.writeError = key => (key === 'weather/r3' ? away : undefined);
    world.source.start();
    await world.source.wake();
    expect(world.cluster.size).toBe(19);

    const other = createWorld();
    other.commit({ 'a.yaml': names.join('\n') });
    other.writeError = () => away;
    other.source.start();
    await other.tick();
    expect(other.writes).toHaveLength(3);
    expect(other.source.status().problems).toHaveLength(20);
  });
});

describe('pushes', () => {
  test('a push is looked at once at a time, the first at once, and the last not left out', async () => {
    const world = createWorld();
    world.commit({ 'a.yaml': 'weather/forecast v1' });
    world.source.start();
    await world.source.wake();
    const { polls } = world.git;
    world.commit({ 'a.yaml': 'weather/forecast v2' });
    world.source.pushed();
    await world.settled();
    expect(world.versions()).toEqual({ 'weather/forecast': 'v2' });
    for (let pushes = 0; pushes < 1_000; pushes += 1) {
      world.source.pushed();
      world.nowMs += 5;
      await vi.advanceTimersByTimeAsync(5);
    }
    expect(world.git.polls - polls).toBeLessThanOrEqual(7);
    world.commit({ 'a.yaml': 'weather/forecast v3' });
    world.source.pushed();
    world.nowMs += 1_000;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(world.versions()).toEqual({ 'weather/forecast': 'v3' });
    expect(world.git.polls - polls).toBeLessThanOrEqual(8);
  });

  test('a clock that was put back holds no push up', async () => {
    const world = createWorld();
    world.source.start();
    world.source.pushed();
    await world.settled();
    const { polls } = world.git;
    world.nowMs -= 3_600_000;
    world.source.pushed();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(world.git.polls).toBe(polls + 1);
  });

  test('R31 a source that is stopped is not woken, and a push that waits goes with it', async () => {
    const world = createWorld();
    world.commit({ 'a.yaml': 'weather/forecast v1' });
    world.source.pushed();
    await world.settled();
    expect(world.git.polls).toBe(0);
    world.source.start();
    world.source.pushed();
    world.source.pushed();
    await world.source.stop();
    const { polls } = world.git;
    world.source.pushed();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(world.git.polls).toBe(polls);
    expect(vi.getTimerCount()).toBe(0);
  });

  test.each<[string, (world: ReturnType<typeof createWorld>) => void]>([
    [
      'Git is away',
      world => {
        world.gitError = new SystemError('git', 'polling', 'unavailable', 'the connection was refused');
      },
    ],
    ['the server does not know of it yet', () => {}],
  ])('R32 a push while %s is not lost: it is looked after twice more, and no longer', async (_, happen) => {
    const world = createWorld();
    world.commit({ 'a.yaml': 'weather/forecast v1' });
    world.source.start();
    await world.source.wake();
    const { polls } = world.git;
    happen(world);
    world.source.pushed();
    await vi.advanceTimersByTimeAsync(20_000);
    expect(world.git.polls - polls).toBe(2);
    expect(world.versions()).toEqual({ 'weather/forecast': 'v1' });
    world.gitError = undefined;
    world.commit({ 'a.yaml': 'weather/forecast v2' });
    await vi.advanceTimersByTimeAsync(20_000);
    expect(world.versions()).toEqual({ 'weather/forecast': 'v2' });
    expect(world.git.polls - polls).toBe(3);
    world.nowMs += 60_000;
    world.source.pushed();
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(world.git.polls - polls).toBe(6);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('a push while an earlier one is looked after is looked at soon', async () => {
    const world = createWorld();
    world.commit({ 'a.yaml': 'weather/forecast v1' });
    world.source.start();
    await world.source.wake();
    world.source.pushed();
    await world.settled();
    world.nowMs += 1_500;
    await vi.advanceTimersByTimeAsync(1_500);
    world.commit({ 'a.yaml': 'weather/forecast v2' });
    world.source.pushed();
    await world.settled();
    expect(world.versions()).toEqual({ 'weather/forecast': 'v2' });
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('turns', () => {
  test('R34 a wake during a look leads to one more look, a tick of the schedule does not; none overlap', async () => {
    const world = createWorld();
    let release = () => {};
    world.hold = new Promise(resolve => {
      release = resolve;
    });
    world.commit({ 'a.yaml': 'weather/forecast v1' });
    world.source.start();
    const waiting = [world.tick(), world.tick()];
    expect(world.git.polls).toBe(1);
    release();
    await Promise.all(waiting);
    expect(world.git.polls).toBe(1);

    world.hold = new Promise(resolve => {
      release = resolve;
    });
    const woken = [world.tick(), world.source.wake(), world.source.wake()];
    release();
    await Promise.all(woken);
    expect(world.git.polls).toBe(3);
  });

  test('stop cancels what is under way, ends schedule and retries, and start begins anew', async () => {
    const world = createWorld();
    let release = () => {};
    world.hold = new Promise(resolve => {
      release = resolve;
    });
    world.commit({ 'a.yaml': 'weather/forecast v1' });
    world.source.start();
    const stopped = world.source.stop();
    release();
    await stopped;
    expect(world).toMatchObject({ stopped: true, writes: [], syncs: [] });
    await world.source.wake();
    expect(world.git.polls).toBe(1);
    world.source.start();
    await world.source.wake();
    expect(world.versions()).toEqual({ 'weather/forecast': 'v1' });
    expect(world.logs.filter(({ level }) => level === 'warn')).toEqual([]);
  });

  test('R31 a source that is started again checks everything: another leader may have written meanwhile', async () => {
    const world = createWorld();
    world.commit({ 'a.yaml': 'weather/forecast v1' });
    world.source.start();
    await world.source.wake();
    await world.source.stop();
    world.cluster.set('weather/forecast', {
      version: 'v2',
      origin: { source: 'fleet', revision: 'main@sha1:x', path: 'a.yaml' },
    });
    world.source.start();
    await world.source.wake();
    expect(world.versions()).toEqual({ 'weather/forecast': 'v1' });
    expect(world.git.reads).toBe(1);
  });

  test('stop during a back-off leaves no timer', async () => {
    const world = createWorld();
    world.writeError = () => away;
    world.commit({ 'a.yaml': 'weather/forecast v1' });
    world.source.start();
    await world.source.wake();
    expect(vi.getTimerCount()).toBe(1);
    await world.source.stop();
    expect(vi.getTimerCount()).toBe(0);
  });
});
