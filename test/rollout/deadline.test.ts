import { describe, expect, it } from 'vitest';
import type { World } from '../../src/simulation/world.ts';
import { check, HALF, MINUTE, mark, restingWorld, SECOND, specOf } from './check.ts';
import { watchLaws } from './laws.ts';

const HOUR = 60 * MINUTE;
/** v2 is wanted; `total` pods of it exist and none is ready. */
const waiting = (total: number, options: Parameters<typeof restingWorld>[0] = {}): World => {
  const world = restingWorld({ onDecision: watchLaws(), ...options });
  if (total > 0) world.setPods('v2', 0, 'v2a', total);
  world.commit({ version: 'v2' });
  return world;
};

describe('the deadline for pods to get ready', () => {
  it('R24: pods that exist and do not get ready for ten minutes are given up, with stable untouched', () => {
    const world = waiting(3);
    check(world.run(9 * MINUTE), {
      phase: 'Pending',
      reason: 'WaitingForPods',
      waitingFor: 'pods',
      message: /none of the 3 pods of v2 is ready yet; starts by itself when one is, and is given up at 14:10:05Z/,
    });
    check(world.run(2 * MINUTE), {
      phase: 'RolledBack',
      reason: 'ProgressDeadlineExceeded',
      stable: 'v1',
      mesh: [0],
      message: /none of the 3 pods of v2 got ready since 2026-11-21T14:00:05Z/,
      writes: { mesh: 0 },
    });
    expect(world.status?.history?.at(-1)).toMatchObject({ action: 'rolledBack', from: 'v2', to: 'v1' });
    expect(world.status?.conditions?.find(({ type }) => type === 'Stalled')?.status).toBe('True');
  });

  it('R24, R5: waiting costs one status write, and being given up another', () => {
    const world = waiting(3);
    const before = mark(world);
    check(world.run(9 * MINUTE), { writes: { status: 1 } }, before);
    check(world.run(20 * MINUTE), { writes: { status: 2, mesh: 0 } }, before);
  });

  it('R24: progressDeadline is what the spec says', () => {
    const world = waiting(1, { spec: specOf(HALF, { progressDeadline: '90s' }) });
    check(world.run(80 * SECOND), { phase: 'Pending' });
    check(world.run(15 * SECOND), { phase: 'RolledBack', reason: 'ProgressDeadlineExceeded' });
  });

  it('R24, R4: a restart keeps the clock, and a clock that goes back gives up later, not earlier', () => {
    const world = waiting(3);
    for (let i = 0; i < 9; i++) {
      world.run(MINUTE);
      world.crash();
    }
    check(world.run(30 * SECOND), { phase: 'Pending' });
    check(world.run(40 * SECOND), { phase: 'RolledBack' });
    const slow = waiting(3).run(5 * MINUTE);
    slow.jumpClock(-HOUR);
    slow.crash();
    check(slow.run(6 * MINUTE), { phase: 'Pending' });
    check(slow.run(HOUR), { phase: 'RolledBack' });
  });

  it('R24: no pods yet have no deadline; people are told once after ten minutes', () => {
    const world = waiting(0);
    check(world.run(9 * MINUTE), {
      phase: 'Pending',
      reason: 'WaitingForPods',
      waitingFor: 'pods',
      message: /no pod of v2 exists yet/,
    });
    const told = world.announced.length;
    check(world.run(2 * HOUR), {
      phase: 'Pending',
      reason: 'NoPods',
      message: /no pod of v2 exists yet, since 2026-11-21T14:00:05Z/,
    });
    expect(world.announced.length - told).toBe(1);
    world.setPods('v2', 3);
    check(world.run(MINUTE), { phase: 'Healthy', stable: 'v2' });
  });

  it('R24: the deadline counts from the first pod, and anew for another version', () => {
    const world = waiting(0);
    world.run(9 * MINUTE).setPods('v2', 0);
    check(world.run(9 * MINUTE), { phase: 'Pending', reason: 'WaitingForPods' });
    world.setPods('v3', 0);
    world.commit({ version: 'v3' });
    check(world.run(9 * MINUTE), { phase: 'Pending', reason: 'WaitingForPods' });
    check(world.run(2 * MINUTE), { phase: 'RolledBack', reason: 'ProgressDeadlineExceeded', message: /pod of v3/ });
  });

  it('R24, R8: afterwards ready pods are mentioned; retry or another version starts again', () => {
    const given = (): World => waiting(3).run(11 * MINUTE);
    const late = given();
    late.setPods('v2', 3);
    check(late.run(MINUTE), { phase: 'RolledBack', message: /v2 has ready pods now$/ });
    late.ask({ verb: 'retry' });
    check(late.run(MINUTE), { phase: 'Healthy', stable: 'v2' });
    const other = given();
    other.setPods('v3', 3);
    other.commit({ version: 'v3' });
    check(other.run(MINUTE), { phase: 'Healthy', stable: 'v3' });
    const back = given();
    back.commit({ version: 'v1' });
    check(back.run(SECOND), { phase: 'Healthy', stable: 'v1' });
  });

  it('R24: pods that are lost before the first weight are given up as well', () => {
    const world = waiting(0);
    world.setPods('v2', 3);
    world.run(SECOND);
    check(world, { phase: 'Progressing', step: 0, mesh: [0] });
    world.setPods('v2', 0);
    check(world.run(9 * MINUTE), { phase: 'Progressing', reason: 'WaitingForPods', step: 0, message: /given up at/ });
    world.crash();
    check(world.run(2 * MINUTE), { phase: 'RolledBack', reason: 'ProgressDeadlineExceeded', stable: 'v1', writes: { mesh: 0 } });
  });

  it('R24: and in a step without traffic, also while a person has paused it', () => {
    const world = waiting(0, { spec: specOf([{ setWeight: 0, pause: { duration: '1h' } }, ...HALF]) });
    world.setPods('v2', 3);
    check(world.run(MINUTE), { phase: 'Progressing', step: 1, mesh: [0], waitingFor: 'pause' });
    world.ask({ verb: 'pause' });
    world.run(MINUTE).setPods('v2', 0);
    check(world.run(5 * MINUTE), { reason: 'WaitingForPods', waitingFor: 'pods' });
    check(world.run(6 * MINUTE), { phase: 'RolledBack', reason: 'ProgressDeadlineExceeded' });
  });

  it('R24: pods that come back in time go on as if nothing had been', () => {
    const world = waiting(0, { spec: specOf([{ setWeight: 0, pause: { duration: '1m' } }, ...HALF]) });
    world.setPods('v2', 3);
    world.run(10 * SECOND).setPods('v2', 0);
    world.run(5 * MINUTE).setPods('v2', 3);
    check(world.run(2 * MINUTE), { phase: 'Healthy', stable: 'v2' });
  });
});
