import { describe, expect, it } from 'vitest';
import { SystemError } from '../../src/controller/ports.ts';
import { createFakes } from './fakes.ts';

const SECOND = 1_000;
const INTERVAL_MS = 15 * SECOND;

const away = (reason = 'istiod does not answer') =>
  new SystemError('kubernetes', 'patching VirtualService weather/forecast', 'unavailable', reason);
const isMesh = (note: string): boolean => note.startsWith('mesh');

/** At 50 %, the pause over and every gate passed: the next raise fails. */
const raiseFails = async (reason: () => string = () => 'istiod does not answer') => {
  const fakes = createFakes();
  await fakes.live(({ traffic }) => traffic?.weight === 50);
  const { world, rest } = fakes;
  world.refuse = name => (isMesh(name) ? away(reason()) : undefined);
  world.events.splice(0);
  while (!world.notes.some(note => note.endsWith('refused'))) world.nowMs += (await rest()) ?? SECOND;
  world.notes.splice(0);
  /** Lives on, each round at the moment for which it was asked. */
  const liveOn = async (forMs: number) => {
    const endMs = world.nowMs + forMs;
    while (world.nowMs < endMs) {
      const waitMs = (await rest()) ?? SECOND;
      world.nowMs += waitMs;
    }
  };
  return { ...fakes, liveOn };
};

describe('a raise that fails for minutes', () => {
  it('R16: is tried with back-off, however often gates are measured meanwhile', async () => {
    const { world, liveOn } = await raiseFails();
    await liveOn(600 * SECOND);
    // 100 ms ... 30 s is over after ten tries and a minute, then two a minute
    expect(world.notes.filter(isMesh).length).toBeLessThan(32);
    expect(world.notes.filter(note => note === 'status').length).toBeLessThan(15);
    const measured = world.measured.filter(({ kind }) => kind === 'measure');
    expect(measured.length).toBeGreaterThan(600 / 15);
  });

  it('R2: comes no sooner because something else has woken the controller', async () => {
    let port = 40_000;
    const { world, round, liveOn } = await raiseFails(() => `read tcp 127.0.0.1:${port++}: connection reset`);
    await liveOn(120 * SECOND);
    world.notes.splice(0);
    for (let i = 0; i < 20; i++) await round();
    expect(world.notes.filter(isMesh).length).toBeLessThanOrEqual(1);
  });

  it('R6, R17: a gate that fails meanwhile puts everything back at once, and that is retried from 100 ms', async () => {
    const { world, round, live, liveOn } = await raiseFails();
    await liveOn(300 * SECOND);
    world.badPercent = 50;
    const failedAtMs = world.nowMs;
    await live(({ phase }) => phase === 'RollingBack');
    expect(world.nowMs - failedAtMs).toBeLessThanOrEqual(INTERVAL_MS);
    const again = await round();
    expect(again.kind === 'at' ? again.atMs - world.nowMs : Number.NaN).toBeLessThanOrEqual(200);
    world.refuse = () => undefined;
    await live(({ phase }) => phase === 'RolledBack');
    expect(world.status?.message).not.toContain('last write failed');
  });

  it('R16: an object that has changed is tried at once', async () => {
    const { world, rest, liveOn } = await raiseFails();
    await liveOn(300 * SECOND);
    const object = world.mesh.get('weather/forecast');
    if (object === undefined) throw new Error('expected an object');
    object.resourceVersion += 1;
    world.notes.splice(0);
    const beforeMs = world.nowMs;
    await rest();
    expect(world.notes.filter(isMesh)).toContain('mesh weather/forecast 100 refused');
    expect(world.nowMs - beforeMs).toBeLessThanOrEqual(100);
  });

  it('R35: people are told once, and that it is over is stored once', async () => {
    const { world, liveOn, live } = await raiseFails();
    await liveOn(300 * SECOND);
    expect(world.events).toEqual(['WaitingForMesh']);
    world.refuse = () => undefined;
    await live(({ stableVersion }) => stableVersion === 'v2');
    expect(world.status?.message).not.toContain('last write failed');
  });
});

describe('a write that hangs', () => {
  it('R23: is begun again at most 30 s after it was begun', async () => {
    const { world, liveOn } = await raiseFails();
    world.badPercent = 50;
    const begun: number[] = [];
    world.refuse = name => {
      if (!isMesh(name)) return undefined;
      begun.push(world.nowMs);
      world.nowMs += 5 * SECOND;
      return away();
    };
    await liveOn(300 * SECOND);
    // the first one was the raise
    const gaps = begun.slice(2).map((atMs, i) => atMs - (begun[i + 1] ?? 0));
    expect(Math.max(...gaps)).toBeLessThanOrEqual(30 * SECOND);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(5 * SECOND);
  });
});
