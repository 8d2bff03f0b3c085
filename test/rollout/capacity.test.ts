import { describe, expect, it } from 'vitest';
import type { World } from '../../src/simulation/world.ts';
import { check, HALF, MINUTE, restingWorld, SECOND, specOf } from './check.ts';
import { watchLaws } from './laws.ts';

const STEPS = [
  { setWeight: 20, pause: { duration: '10s' } },
  { setWeight: 80, pause: { duration: '10s' } },
];
const rolling = (ready: number, capacity: 'warn' | 'require', options: Parameters<typeof restingWorld>[0] = {}): World => {
  const world = restingWorld({ spec: specOf(STEPS, { capacity }), pods: { v1: 10 }, onDecision: watchLaws(), ...options });
  world.setPods('v2', ready);
  world.commit({ version: 'v2' });
  return world;
};

describe('capacity', () => {
  it('R13: require holds each raise until there are enough ready pods for the share', () => {
    const world = rolling(1, 'require');
    check(world.run(MINUTE), {
      phase: 'Progressing',
      reason: 'WaitingForCapacity',
      step: 0,
      mesh: [0],
      waitingFor: 'pods',
      message: /v2 has 1 ready pod where v1 has 10, 2 would fit 20% and spec.capacity is require; goes on by itself/,
    });
    world.setPods('v2', 2);
    check(world.run(MINUTE), { step: 1, mesh: [20], reason: 'WaitingForCapacity', message: /8 would fit 80%/ });
    world.setPods('v2', 8);
    check(world.run(20 * SECOND), { step: 2, mesh: [80], reason: 'WaitingForCapacity', message: /10 would fit 100%/ });
    world.setPods('v2', 10);
    check(world.run(MINUTE), { phase: 'Healthy', stable: 'v2' });
  });

  it('R13: exactly enough is enough, rounded up', () => {
    const world = rolling(1, 'require', { pods: { v1: 4 } });
    check(world.run(10 * SECOND), { step: 1, mesh: [20] });
    check(world.run(MINUTE), { step: 1, mesh: [20], message: /4 would fit 80%/ });
  });

  it('R13, R22: a promote does not wave missing pods through', () => {
    const world = rolling(2, 'require').run(8 * SECOND);
    world.ask({ verb: 'promote', revision: world.status?.revision, step: 1 });
    check(world.run(MINUTE), { step: 1, mesh: [20], reason: 'WaitingForCapacity' });
  });

  it('R13, R4: a process that dies while it holds goes on holding', () => {
    const world = rolling(2, 'require').run(MINUTE);
    for (let i = 0; i < 5; i++) {
      world.crash();
      check(world.run(7 * SECOND), { step: 1, mesh: [20] });
    }
  });

  it('R13: warn says so and goes on', () => {
    const world = rolling(1, 'warn').run(8 * SECOND);
    check(world, { step: 1, mesh: [20], message: /v2 has 1 ready pod where v1 has 10, 2 would fit 20%/ });
    check(world.run(MINUTE), { phase: 'Healthy', stable: 'v2' });
  });

  it('R13, R23: the way back is never held, however few pods of stable are left', () => {
    const world = rolling(10, 'require').run(8 * SECOND);
    world.setPods('v1', 1);
    world.ask({ verb: 'abort' });
    check(world.run(SECOND), { mesh: [0] });
  });

  it('R13: stable that an autoscaler shrank is warned about', () => {
    const world = rolling(10, 'warn', { spec: specOf([{ setWeight: 80, pause: { duration: '30s' } }]) }).run(8 * SECOND);
    world.setPods('v1', 2);
    world.run(10 * SECOND);
    expect(world.timeline.at(-1)?.message).toMatch(/v1 has only 2 ready pods left to take 80% back, 8 would fit it/);
    world.setPods('v1', 8);
    world.run(5 * SECOND);
    expect(world.timeline.at(-1)?.message).not.toMatch(/take 80% back/);
  });

  it('R13: the default warns', () => {
    const world = rolling(1, 'warn', { spec: specOf(HALF) });
    check(world.run(10 * SECOND), { step: 1, mesh: [50], message: /5 would fit 50%/ });
  });
});
