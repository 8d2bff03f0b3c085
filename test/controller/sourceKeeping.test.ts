import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type StoredRollout, SystemError } from '../../src/controller/ports.ts';
import { createTelling } from '../../src/controller/source/telling.ts';
import type { SourceProblem } from '../../src/controller/sources.ts';
import { createCluster, createWorld } from './sourceWorld.ts';

const away = new SystemError('kubernetes', 'deleting rollouts', 'unavailable', 'the API server does not answer');
const BOTH = { 'a.yaml': 'weather/forecast v1', 'b.yaml': 'shop/cart v1' };

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

async function started(options: Parameters<typeof createWorld>[0] = {}, files: Record<string, string> = BOTH) {
  const world = createWorld(options);
  world.commit(files);
  world.source.start();
  await world.source.wake();
  return world;
}

describe('what has gone from Git', () => {
  test('R33: is deleted, said, and counted', async () => {
    const world = await started();
    world.commit({ 'b.yaml': 'shop/cart v1' });
    await world.tick();
    expect(world.versions()).toEqual({ 'shop/cart': 'v1' });
    expect(world.turns.at(-1)).toMatchObject({ kind: 'sync', pruned: 1, written: 0 });
    expect(world.logs).toContainEqual({
      level: 'info',
      message: 'gone from Git, Rollout deleted',
      fields: { rollout: 'weather/forecast', revision: 'main@sha1:2', file: 'a.yaml' },
    });
    await world.tick();
    expect(world.removals).toEqual(['weather/forecast']);
  });

  test('R33: is known from the cluster after a restart', async () => {
    const cluster = createCluster();
    await (await started({ cluster })).source.stop();
    await started({ cluster }, { 'b.yaml': 'shop/cart v1' });
    expect([...cluster.live.keys()]).toEqual(['shop/cart']);
  });

  test('R33: a moved file is not a deletion', async () => {
    const world = await started();
    world.commit({ 'moved/a.yaml': 'weather/forecast v1', 'b.yaml': 'shop/cart v1' });
    await world.tick();
    expect(world.removals).toEqual([]);
    expect(world.cluster.get('weather/forecast')?.origin).toMatchObject({ path: 'moved/a.yaml', revision: 'main@sha1:2' });
  });

  test.each<[string, Record<string, string>, string]>([
    ['one of its files has errors', { 'b.yaml': 'shop/cart v1', 'c.yaml': '!bad' }, 'c.yaml has errors and may define it'],
    ['one of its files has errors, and it stood there', { 'a.yaml': '!bad', 'b.yaml': 'shop/cart v1' }, ''],
    ['a Rollout has no namespace', { 'a.yaml': '/forecast v1', 'b.yaml': 'shop/cart v1' }, ''],
    ['a Rollout of its file is refused', { 'a.yaml': 'wether/forecast v1', 'b.yaml': 'shop/cart v1' }, ''],
    ['it is defined twice', { 'a.yaml': 'weather/forecast v1', 'b.yaml': 'shop/cart v1\nweather/forecast v2' }, ''],
    ['the commit defines no Rollout at all', { 'README.yaml': '/x v1' }, 'README.yaml'],
  ])('R33: nothing is deleted when %s', async (_, files, reason) => {
    const world = await started();
    world.commit(files);
    await world.tick();
    await world.tick();
    expect(world.removals).toEqual([]);
    expect(Object.keys(world.versions())).toEqual(['weather/forecast', 'shop/cart']);
    const said = world.logs.filter(({ message }) => message === 'gone from Git, but kept in the cluster');
    if (reason.includes(' ')) {
      expect(said).toMatchObject([{ level: 'warn', fields: { rollouts: ['weather/forecast'], reason } }]);
    }
  });

  test('R33: a file that cannot be read as text keeps what is missing', async () => {
    const world = await started();
    world.git.unreadable = [{ file: 'x.yaml', message: 'too large' }];
    world.commit({ 'b.yaml': 'shop/cart v1' });
    await world.tick();
    expect(world.removals).toEqual([]);
  });

  test('R33: empty files prune nothing', async () => {
    const world = await started();
    world.commit({});
    await world.tick();
    expect(world.removals).toEqual([]);
    expect(world.logs).toContainEqual(
      expect.objectContaining({ fields: expect.objectContaining({ reason: 'no file of the commit defines any Rollout' }) }),
    );
  });

  test('R33: nothing is deleted while a write of the commit fails; then it is', async () => {
    const world = await started();
    world.writeError = key => (key === 'shop/basket' ? away : undefined);
    world.commit({ 'a.yaml': 'weather/forecast v1', 'b.yaml': 'shop/basket v1' });
    await world.tick();
    expect(world.removals).toEqual([]);
    world.writeError = () => undefined;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(world.versions()).toEqual({ 'weather/forecast': 'v1', 'shop/basket': 'v1' });
  });

  test('R33: nothing is deleted while Git cannot be read', async () => {
    const world = await started();
    world.gitError = new SystemError('git', 'polling', 'notFound', 'there is no path');
    world.commit({ 'b.yaml': 'shop/cart v1' });
    await world.tick();
    expect(world.removals).toEqual([]);
  });

  test('R33: prune false keeps it and says so once', async () => {
    const world = await started({ prune: false });
    world.commit({ 'b.yaml': 'shop/cart v1' });
    await world.tick();
    await world.tick();
    expect(world.removals).toEqual([]);
    const said = world.logs.filter(({ message }) => message === 'gone from Git, but kept in the cluster');
    expect(said).toMatchObject([{ fields: { rollouts: ['weather/forecast'], reason: 'prune is false' } }]);
  });

  test('R33: two sources never prune each other, nor what no source owns, nor other namespaces', async () => {
    const cluster = createCluster();
    const origin = { source: 'fleet', revision: 'main@sha1:0', path: 'old.yaml' };
    cluster.put('elsewhere/kept', { version: 'v1', origin });
    cluster.put('weather/mine', { version: 'v1', origin }, '');
    await started({ cluster, name: 'edge' }, { 'edge.yaml': 'weather/edge v1' });
    const fleet = await started({ cluster });
    expect(fleet.removals).toEqual([]);
    expect([...cluster.live.keys()].sort()).toEqual([
      'elsewhere/kept',
      'shop/cart',
      'weather/edge',
      'weather/forecast',
      'weather/mine',
    ]);
  });

  test('a deletion that found the API server away is tried again', async () => {
    const world = await started();
    world.writeError = () => away;
    world.commit({ 'b.yaml': 'shop/cart v1' });
    await world.tick();
    expect(world.source.status()).toMatchObject({
      problems: [{ kind: 'notWritten', rollout: 'weather/forecast', file: 'a.yaml' }],
    });
    world.writeError = () => undefined;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(world.versions()).toEqual({ 'shop/cart': 'v1' });
    expect(world.source.status().problems).toEqual([]);
  });

  test('one that is being deleted already is left to its finalizer', async () => {
    const world = await started();
    world.delete('weather/forecast', true);
    world.commit({ 'b.yaml': 'shop/cart v1' });
    await world.tick();
    expect(world.removals).toEqual([]);
  });
});

describe('what others change', () => {
  test('R33: is put back at once, without a look at Git, naming who it was', async () => {
    const world = await started();
    const { polls } = world.git;
    world.edit('weather/forecast', 'v9');
    await world.settled();
    expect(world.versions()).toMatchObject({ 'weather/forecast': 'v1' });
    expect(world.git.polls).toBe(polls);
    expect(world.writes).toEqual(['weather/forecast', 'shop/cart', 'weather/forecast']);
    expect(world.turns.at(-2)).toMatchObject({ kind: 'recheck', written: 1 });
    const fields = { rollout: 'weather/forecast', manager: 'kubectl-edit', file: 'a.yaml' };
    expect(world.logs).toContainEqual(
      expect.objectContaining({ message: 'changed by somebody else, put back', fields: expect.objectContaining(fields) }),
    );
  });

  test('R33: a Rollout that somebody deletes is made again, once it is gone', async () => {
    const world = await started();
    world.delete('weather/forecast', true);
    await world.settled();
    expect(world.writes).toHaveLength(2);
    world.delete('weather/forecast');
    await world.settled();
    expect(world.versions()).toMatchObject({ 'weather/forecast': 'v1' });
  });

  test('R33: what could not be put back is tried again', async () => {
    const world = await started();
    world.writeError = () => away;
    world.edit('weather/forecast', 'v9');
    await world.settled();
    expect(world.source.status().problems).toMatchObject([{ kind: 'notWritten', rollout: 'weather/forecast' }]);
    world.writeError = () => undefined;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(world.versions()).toMatchObject({ 'weather/forecast': 'v1' });
    expect(world.source.status().problems).toEqual([]);
  });

  test('R33: no fight: after 5 times in 5 minutes it is put back with the schedule only, with a warning', async () => {
    const world = await started();
    for (let i = 0; i < 8; i += 1) {
      world.edit('weather/forecast', `x${i}`);
      await world.settled();
    }
    const times = () => world.writes.filter(key => key === 'weather/forecast').length - 1;
    expect(times()).toBe(5);
    expect(world.versions()).toMatchObject({ 'weather/forecast': 'x7' });
    const warnings = world.logs.filter(({ level }) => level === 'warn');
    expect(warnings).toMatchObject([
      { message: expect.stringContaining('again and again'), fields: { rollout: 'weather/forecast', manager: 'kubectl-edit' } },
    ]);
    await world.tick();
    expect(world.versions()).toMatchObject({ 'weather/forecast': 'v1' });
    world.nowMs += 6 * 60_000;
    world.edit('weather/forecast', 'v9');
    await world.settled();
    expect(world.versions()).toMatchObject({ 'weather/forecast': 'v1' });
  });

  test('R33: without its label it is handed over, is told once, and costs no request', async () => {
    const world = await started();
    world.edit('weather/forecast', 'v9', '');
    await world.settled();
    await world.tick();
    await world.tick();
    expect(world.versions()).toMatchObject({ 'weather/forecast': 'v9' });
    expect(world.writes).toHaveLength(2);
    expect(world.logs.filter(({ message }) => message.startsWith('handed over'))).toHaveLength(1);
    expect(world.problems).toMatchObject([
      { kind: 'refused', rollout: 'weather/forecast', message: expect.stringContaining('put the label back') },
    ]);
    world.edit('weather/forecast', 'v9', 'fleet');
    await world.settled();
    expect(world.versions()).toMatchObject({ 'weather/forecast': 'v1' });
    expect(world.source.status().problems).toEqual([]);
  });

  test('R34: an idle world costs no write, whatever happens to status and to the Rollouts of others', async () => {
    const cluster = createCluster();
    const world = await started({ cluster });
    const turns = world.turns.length;
    cluster.put('shop/foreign', { version: 'v1', origin: { source: 'edge', revision: 'r', path: 'p' } });
    cluster.delete('shop/foreign');
    world.tell('weather/forecast');
    await world.settled();
    expect(world.turns).toHaveLength(turns);
    expect(world.writes).toHaveLength(2);
  });

  test('R33: what another source owns is asked for once, and written as soon as it is free', async () => {
    const cluster = createCluster();
    const edge = await started({ cluster, name: 'edge' }, { 'e.yaml': 'weather/forecast v5\nweather/other v1' });
    const fleet = await started({ cluster });
    await fleet.tick();
    await fleet.tick();
    expect(fleet.writes).toEqual(['weather/forecast', 'shop/cart']);
    edge.commit({ 'e.yaml': 'weather/other v1' });
    await edge.tick();
    await fleet.settled();
    expect(cluster.live.get('weather/forecast')).toMatchObject({ version: 'v1', origin: { source: 'fleet' } });
  });
});

describe('a leader that comes back', () => {
  test('R31 R32: writes nothing of what it knew before Git could be read again', async () => {
    const world = await started();
    await world.source.stop();
    world.edit('weather/forecast', 'v2');
    world.gitError = new SystemError('git', 'polling', 'unavailable', 'the connection was refused');
    world.source.start();
    await world.source.wake();
    expect(world.versions()).toMatchObject({ 'weather/forecast': 'v2' });
    world.gitError = undefined;
    await world.tick();
    expect(world.versions()).toMatchObject({ 'weather/forecast': 'v1' });
  });
});

describe('whom a problem concerns', () => {
  test('R32: a bad file concerns what was written from it before', async () => {
    const world = await started();
    world.commit({ 'a.yaml': '!bad', 'b.yaml': 'shop/cart v1' });
    await world.tick();
    expect(world.problems).toMatchObject([{ kind: 'badFile', file: 'a.yaml', line: 1 }]);
    expect(world.concerned).toEqual([['weather/forecast']]);
  });
});

describe('events', () => {
  const rollout = { uid: '0123456789', namespace: 'weather', name: 'forecast' } as StoredRollout;
  const tell = (problem: SourceProblem) => {
    const emitted: unknown[] = [];
    const store = { get: (key: string) => (key === 'weather/forecast' ? rollout : undefined) };
    const telling = createTelling({ store, events: { emit: (about, event) => emitted.push([about.name, event]) } });
    telling(problem, ['weather/forecast', 'weather/gone'], { name: 'fleet', lastOid: 'abcdef0123456789' });
    return emitted;
  };

  test('R32: a problem makes one on each Rollout that exists, named for object, commit and file', () => {
    expect(tell({ kind: 'badFile', file: 'rollouts/a.yaml', line: 6, message: 'expected a number' })).toEqual([
      [
        'forecast',
        {
          name: 'forecast.01234567.abcdef012345.rollouts/a.yaml',
          type: 'Warning',
          reason: 'SourceProblem',
          message: 'source fleet: rollouts/a.yaml:6: expected a number',
        },
      ],
    ]);
  });

  test('what is only tried again makes none', () => {
    expect(tell({ kind: 'notWritten', file: 'a.yaml', message: 'away' })).toEqual([]);
  });
});

describe('the lease', () => {
  test('R31: a write that our own lease forbids is not told as refused, and is tried again', async () => {
    const world = createWorld();
    world.writeError = () => new SystemError('sluice', 'writing', 'refused', 'the lease is held by another process');
    world.commit(BOTH);
    world.source.start();
    await world.source.wake();
    expect(world.source.status().problems).toMatchObject([{ kind: 'notWritten' }, { kind: 'notWritten' }]);
    expect(vi.getTimerCount()).toBe(1);
  });
});
