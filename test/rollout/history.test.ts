import { describe, expect, it } from 'vitest';
import { pastAnnouncements } from '../../src/rollout/index.ts';
import { OBJECT, type World } from '../../src/simulation/world.ts';
import { check, MINUTE, SECOND, specOf, worldInProgress } from './check.ts';

const forever = {
  spec: specOf([
    { setWeight: 20, pause: {} },
    { setWeight: 50, pause: {} },
  ]),
};
const entries = (world: World) =>
  (world.status?.history ?? []).map(({ action, reason, message }) => ({ action, reason, message }));
const actions = (world: World): readonly string[] => entries(world).map(({ action }) => action);
const told = (world: World, since: number): readonly string[] => world.announced.slice(since).map(({ reason }) => reason);

describe('what people asked for', () => {
  it('R22, R35: stands in the history, with who and why, and makes one event each', () => {
    const world = worldInProgress(forever);
    const before = world.announced.length;
    world.ask({ verb: 'pause', by: 'alice', reason: 'lunch' });
    world.run(SECOND).ask({ verb: 'resume', by: 'bob' });
    world.run(SECOND).ask({ verb: 'promote', by: 'carol', revision: world.status?.revision, step: 1 });
    world.run(SECOND).ask({ verb: 'promote', by: 'dave' });
    world.run(5 * SECOND).ask({ verb: 'abort', by: 'erin' });
    world.run(10 * SECOND).ask({ verb: 'retry', by: 'frank' });
    world.run(5 * SECOND);
    expect(entries(world).slice(2)).toEqual([
      {
        action: 'paused',
        reason: 'PausedByPerson',
        message: expect.stringMatching(/^step 1\/3 at 20%: paused by alice at .*: lunch$/),
      },
      { action: 'resumed', reason: 'Resumed', message: 'step 1/3 at 20%: resumed by bob' },
      {
        action: 'stepPromoted',
        reason: 'RequestAccepted',
        message: expect.stringMatching(/^step 1\/3 at 20%: promoted by carol/),
      },
      {
        action: 'refused',
        reason: 'RequestRefused',
        message: expect.stringMatching(/^request promote refused: promote must name/),
      },
      { action: 'rolledBack', reason: 'Aborted', message: expect.stringMatching(/aborted by erin/) },
      { action: 'retried', reason: 'Retried', message: 'v2 is tried again for frank' },
      { action: 'started', reason: 'Started', message: expect.any(String) },
    ]);
    const asked = ['PausedByPerson', 'Resumed', 'RequestAccepted', 'RequestRefused', 'Retried'];
    expect(told(world, before).filter(reason => asked.includes(reason))).toEqual(asked);
    expect(told(world, before).filter(reason => reason === 'Aborted')).toHaveLength(2);
  });

  it('R36: a way back tells at which step and weight the attempt stood', () => {
    const world = worldInProgress(forever);
    world.ask({ verb: 'promote', revision: world.status?.revision, step: 1 });
    world.run(5 * SECOND).ask({ verb: 'abort' });
    check(world.run(5 * SECOND), { phase: 'RolledBack' });
    expect(world.status?.history?.at(-1)).toMatchObject({ action: 'rolledBack', step: 2, weight: 50 });
  });

  it('R26: so does the wish to put weights back when nothing is in progress', () => {
    const world = worldInProgress({ spec: specOf([{ setWeight: 50 }]) }).run(MINUTE);
    world.edit(OBJECT, { v1: 60, v2: 40 });
    world.run(5 * SECOND).ask({ verb: 'resume', by: 'alice' });
    check(world.run(5 * SECOND), { phase: 'Healthy', mesh: [100] });
    expect(entries(world).at(-1)).toMatchObject({ action: 'resumed', message: 'resumed by alice: the weights were put back' });
  });

  it('R22: of many only the last are kept, and none pushes out what happened to versions', () => {
    const world = worldInProgress(forever);
    const kept = actions(world);
    for (let n = 0; n < 30; n++) {
      world.ask({ verb: 'retry', id: `refused-${n}` });
      world.run(SECOND).ask({ verb: n % 2 === 0 ? 'pause' : 'resume' });
      world.run(SECOND);
    }
    expect(actions(world).filter(action => action === 'refused')).toHaveLength(3);
    expect(actions(world)).toHaveLength(kept.length + 8);
    expect(actions(world).slice(0, kept.length)).toEqual(kept);
    check(world, { step: 1, mesh: [20] });
  });

  it('R35: a restart tells of it with the same names', () => {
    const world = worldInProgress(forever);
    world.ask({ verb: 'pause', by: 'alice' });
    world.run(SECOND).ask({ verb: 'retry' });
    world.run(SECOND).ask({ verb: 'abort' });
    world.run(10 * SECOND).ask({ verb: 'pause' });
    world.run(SECOND);
    if (world.status === undefined) expect.unreachable('a status');
    const names = new Set(world.announced.map(({ name }) => name));
    const again = pastAnnouncements('f3b0', world.status, 0).map(({ name }) => name);
    expect(again.filter(name => !names.has(name))).toEqual([]);
    expect(new Set(again).size).toBe(again.length);
  });
});
