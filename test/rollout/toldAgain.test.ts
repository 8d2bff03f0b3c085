import { describe, expect, it } from 'vitest';
import { pastAnnouncements } from '../../src/rollout/index.ts';
import { OBJECT, START_MS, type World, type WorldOptions } from '../../src/simulation/world.ts';
import { check, HALF, MINUTE, mark, restingWorld, SECOND, specOf, worldInProgress } from './check.ts';

describe('drift at rest', () => {
  it('R26, R35: is told each time that it begins, and when it is over; a restart tells it with the same name', () => {
    const world = worldInProgress({ spec: specOf(HALF) }).run(MINUTE);
    check(world, { phase: 'Healthy', stable: 'v2' });
    const before = world.announced.length;
    for (let time = 0; time < 2; time++) {
      world.edit(OBJECT, { v1: 60, v2: 40 }, { manager: 'kubectl-edit' });
      check(world.run(MINUTE), { phase: 'Healthy', reason: 'Drift' });
      world.crash();
      world.run(MINUTE);
      const last = world.announced.at(-1)?.name;
      if (world.status === undefined) expect.unreachable('a status');
      expect(pastAnnouncements('f3b0', world.status, world.nowMs - 5 * MINUTE).at(-1)?.name).toBe(last);
      world.edit(OBJECT, { v1: 0, v2: 100 }, { manager: 'kubectl-edit' });
      check(world.run(7 * 24 * 60 * MINUTE), { phase: 'Healthy', reason: 'UpToDate' });
    }
    const told = world.announced.slice(before);
    expect(told.map(({ reason }) => reason)).toEqual(['Drift', 'UpToDate', 'Drift', 'UpToDate']);
    expect(new Set(told.map(({ name }) => name)).size).toBe(4);
  });

  it('R5: while it lasts nothing is written', () => {
    const world = worldInProgress().run(MINUTE);
    world.edit(OBJECT, { v1: 60, v2: 40 }, { manager: 'kubectl-edit' });
    const { status } = world.run(SECOND).counts;
    world.crash();
    expect(world.run(60 * MINUTE).counts.status).toBe(status);
    expect(restingWorld().run(60 * MINUTE).counts.mesh).toBe(0);
  });
});

describe('what comes and goes in one step', () => {
  const LONG = specOf([{ setWeight: 50, pause: { duration: '2h' } }]);
  const inMinute = (ms: number): number => (ms - START_MS) / MINUTE;
  const isWithin = (ms: number, from: number, to: number): boolean => inMinute(ms) >= from && inMinute(ms) < to;
  const awayTwice = (_: string, ms: number): boolean => isWithin(ms, 5, 10) || isWithin(ms, 20, 25);
  /** Away at every other measurement. */
  const flicker = (_: string, ms: number): boolean => Math.floor((ms - START_MS) / (5 * SECOND)) % 2 === 0;
  const told = (world: World, reason: string) => world.announced.filter(known => known.reason === reason);
  const isToldAgain = (world: World): void => {
    if (world.status === undefined) expect.unreachable('a status');
    const last = world.announced.at(-1)?.name;
    expect(pastAnnouncements('f3b0', world.status, world.nowMs - 10 * MINUTE).at(-1)?.name).toBe(last);
  };

  it.each<[string, NonNullable<WorldOptions['truth']>, string]>([
    ['a provider', { down: awayTwice }, 'ProviderError'],
    ['data', { query: (_name, ms) => (isWithin(ms, 5, 20) || isWithin(ms, 25, 40) ? undefined : 5) }, 'NoData'],
  ])('R15, R16, R35: %s that was back is told again, once each time, with the same name after a restart', (_, truth, reason) => {
    const orders = { name: 'orders', prometheus: { query: 'x', window: '5s' }, threshold: { min: 1 } };
    const world = worldInProgress({ spec: { ...LONG, analysis: { interval: '5s', gates: [orders] } }, truth });
    for (let minute = 0; minute < 50; minute++) {
      world.run(MINUTE);
      if (world.status?.reason === reason) isToldAgain(world);
      if (minute % 3 === 0) world.crash();
    }
    expect(told(world, reason).map(({ type }) => type)).toEqual(['Warning', 'Warning']);
    expect(new Set(told(world, reason).map(({ name }) => name)).size).toBe(2);
    expect(
      new Set(
        told(world, 'StepEntered')
          .slice(1)
          .map(({ name }) => name),
      ).size,
    ).toBe(1);
  });

  it('R20, R35: a second freeze is told again', () => {
    const world = worldInProgress({ spec: LONG });
    for (const by of ['alice', 'alice']) {
      world.freeze = { by, since: '2026-11-21T14:00:00Z' };
      check(world.run(MINUTE), { reason: 'Frozen' });
      isToldAgain(world);
      world.freeze = undefined;
      check(world.run(MINUTE), { reason: 'StepEntered' });
    }
    expect(new Set(told(world, 'Frozen').map(({ name }) => name)).size).toBe(2);
  });

  it('R5, R16: a provider that flickers at every measurement costs a status write a minute, and is told at once', () => {
    const world = worldInProgress({ spec: LONG, truth: { down: flicker } });
    check(world.run(6 * SECOND), { reason: 'ProviderError' });
    const before = mark(world);
    world.run(60 * MINUTE);
    expect(world.counts.status - before.status).toBeLessThanOrEqual(61);
    expect(world.counts.status - before.status).toBeGreaterThan(20);
    expect(told(world, 'ProviderError').length).toBeLessThanOrEqual(31);
  });

  it('R5, R20: so while a person has paused', () => {
    const world = worldInProgress({ spec: LONG, truth: { down: flicker } });
    world.ask({ verb: 'pause' });
    const before = mark(world.run(SECOND));
    check(world.run(60 * MINUTE), { reason: 'PausedByPerson' });
    expect(world.counts.status - before.status).toBeLessThanOrEqual(61);
  });

  it('R14, R16: the first answer after an outage lets a step move on at once', () => {
    const down = (_: string, ms: number): boolean => ms > START_MS + 20 * SECOND && ms < START_MS + 50 * SECOND;
    const world = worldInProgress({ truth: { down } });
    check(world.run(40 * SECOND), { step: 1, reason: 'ProviderError' });
    world.run(15 * SECOND);
    expect(world.meshWrites.map(({ weight }) => weight)).toEqual([50, 100]);
  });

  it('R17: a failure is stored and obeyed at once, whatever flickers', () => {
    const isBad = (ms: number): boolean => ms > START_MS + MINUTE;
    const down = (_: string, ms: number): boolean => !isBad(ms) && flicker(_, ms);
    const world = worldInProgress({
      spec: LONG,
      truth: { down, errors: (version, ms) => (version === 'v2' && isBad(ms) ? 0.5 : 0) },
    });
    check(world.run(80 * SECOND), { phase: 'RolledBack', reason: 'GateFailed' });
  });
});
