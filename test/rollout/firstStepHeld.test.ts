import { describe, expect, it } from 'vitest';
import { OBJECT, type World } from '../../src/simulation/world.ts';
import { check, MINUTE, restingWorld, SECOND, specOf, worldInProgress } from './check.ts';

const ALICE = 'user:alice@example.com';
const GATEWAY = 'weather/gateway';

describe('a time-out of people before the first step', () => {
  const spec = specOf([
    { setWeight: 20, pause: { duration: '10s' }, approval: { approvers: [ALICE], timeout: '1m', onTimeout: 'rollback' } },
  ]);
  const held: Readonly<Record<string, (world: World) => void>> = {
    'its pods are not ready': world => world.setPods('v2', 0, 'v2a', 3),
    'spec.paused is true': world => world.commit({ paused: true }),
    'everything is frozen': world => {
      world.freeze = { by: 'bob', since: '2026-11-21T14:00:00Z' };
    },
    'the spec contradicts itself': world => {
      world.olderRival = 'weather/older';
    },
  };

  it.each(Object.keys(held))('R2, R19: is acted on when it has come, although %s', what => {
    const world = worldInProgress({ spec });
    check(world, { phase: 'AwaitingApproval', step: 0 });
    held[what]?.(world);
    check(world.run(3 * MINUTE), { step: undefined, stable: 'v1', writes: { mesh: 0 } });
    expect(world.status?.history?.at(-1)).toMatchObject({ action: 'rolledBack', reason: 'ApprovalTimedOut' });
  });
});

describe('a process that died when one object of two had its first weight', () => {
  const spec = specOf([{ setWeight: 20, pause: {} }]);
  const alone = { versions: { v1: 100 }, foreign: 0 };
  const begin = (write?: number): World => {
    const objects = { [GATEWAY]: alone, [OBJECT]: alone };
    const world = restingWorld({ spec, objects, ...(write === undefined ? {} : { crash: { write, when: 'after' } }) });
    world.setPods('v2', 3);
    world.commit({ version: 'v2' });
    for (let i = 0; i < 100 && world.meshWrites.length === 0; i++) world.run(100);
    return world;
  };
  /** Right after the write that the process did not live to follow up. */
  const died = (): World => {
    for (let write = 1; ; write++) {
      const world = begin(write);
      if (world.meshWrites.length === 1) return world;
      if (write > 20) return expect.unreachable('no write was found after which only one object was raised');
    }
  };

  it('R29: finishes', () => {
    check(died().run(10 * SECOND), { step: 1, mesh: [20, 20] });
  });

  it('R12, R29: finishes when the spec is mended that contradicted itself for a while', () => {
    const world = died();
    world.olderRival = 'weather/older';
    check(world.run(10 * SECOND), { phase: 'Invalid', mesh: [20, 0] });
    world.olderRival = undefined;
    check(world.run(10 * SECOND), { step: 1, mesh: [20, 20] });
  });

  it('R20, R29: finishes although a person paused meanwhile', () => {
    const world = died();
    world.ask({ verb: 'pause' });
    world.run(10 * SECOND).ask({ verb: 'resume' });
    check(world.run(10 * SECOND), { step: 1, mesh: [20, 20] });
  });
});
