import { describe, expect, it } from 'vitest';
import { pastAnnouncements } from '../../src/rollout/index.ts';
import { OBJECT } from '../../src/simulation/world.ts';
import { check, HALF, MINUTE, restingWorld, SECOND, specOf, worldInProgress } from './check.ts';

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
