import { describe, expect, it } from 'vitest';
import { OBJECT, START_MS, World, type WorldOptions } from '../../src/simulation/world.ts';
import { check, HALF, MINUTE, mark, SECOND, specOf, worldInProgress } from './check.ts';

const GATEWAY = 'weather/gateway';
const forever = specOf([{ setWeight: 50, pause: {} }]);
const two = { [GATEWAY]: { versions: { v1: 100 }, foreign: 0 }, [OBJECT]: { versions: { v1: 100 }, foreign: 0 } };

describe('drift', () => {
  it('R26: more weight than intended is put down at once, without touching the clock', () => {
    const world = worldInProgress();
    const startedAt = world.status?.step?.startedAt;
    world.edit(OBJECT, { v1: 10, v2: 90 });
    check(world.run(50), { mesh: [50] });
    expect(world.status?.step?.startedAt).toBe(startedAt);
    check(world.run(MINUTE), { phase: 'Healthy', stable: 'v2' });
    expect(world.announced.map(({ reason }) => reason)).toContain('DriftPutDown');
  });

  it('R26: also when the annotation is gone, and before the first step', () => {
    const world = worldInProgress();
    world.edit(OBJECT, { v1: 0, v2: 100 }, { dropPosition: true });
    check(world.run(50), { mesh: [50] });
    const waiting = worldInProgress({ spec: specOf(HALF, { router: { istio: { settle: '1h' } } }) });
    check(waiting, { step: 0, weight: 0 });
    waiting.edit(OBJECT, { v1: 70, v2: 30 });
    check(waiting.run(50), { mesh: [0], weight: 0 });
  });

  it('R26: traffic that names no version may reach the new one, and counts as more', () => {
    const world = worldInProgress({ spec: forever });
    world.edit(OBJECT, { '*': 100 });
    check(world.run(50), { mesh: [50] });
    expect(world.weightOf('*')).toBe(0);
  });

  it('R26: less than intended is held, and goes on when it is put back', () => {
    const world = worldInProgress();
    world.edit(OBJECT, { v1: 90, v2: 10 });
    check(world.run(5 * MINUTE), { phase: 'Progressing', reason: 'Drift', waitingFor: 'drift', step: 1, mesh: [10] });
    check(world, { message: /weather\/forecast sends 10%.*put back; resume puts them back, abort ends the rollout/ });
    world.edit(OBJECT, { v1: 50, v2: 50 });
    check(world.run(MINUTE), { phase: 'Healthy', stable: 'v2' });
  });

  it('R26: what is held is still protected by its gates', () => {
    const world = worldInProgress({ truth: { errors: (version, ms) => (version === 'v2' && ms > START_MS + MINUTE ? 0.5 : 0) } });
    world.edit(OBJECT, { v1: 90, v2: 10 });
    check(world.run(30 * SECOND), { reason: 'Drift' });
    check(world.run(3 * MINUTE), { phase: 'RolledBack', reason: 'GateFailed', mesh: [0] });
  });

  it('R26: what is held can be aborted', () => {
    const world = worldInProgress({ spec: forever });
    world.edit(OBJECT, { v1: 90, v2: 10 });
    world.run(SECOND).ask({ verb: 'abort' });
    check(world.run(5 * SECOND), { phase: 'RolledBack', mesh: [0] });
  });

  it('R26: somebody who raises while traffic goes back is put down for ever', () => {
    const world = worldInProgress({ spec: forever, truth: { disobeyedShare: () => 0.1 } });
    world.ask({ verb: 'abort' });
    for (let i = 0; i < 20; i++) {
      world.run(SECOND);
      world.edit(OBJECT, { v1: 50, v2: 50 });
      check(world.run(50), { phase: 'RollingBack', mesh: [0] });
    }
  });

  it('R26: when Healthy, changes by others are reported and left alone', () => {
    const world = worldInProgress().run(MINUTE);
    check(world, { phase: 'Healthy' });
    const before = mark(world);
    world.edit(OBJECT, { v1: 100, v2: 0 });
    check(world.run(MINUTE), { phase: 'Healthy', reason: 'Drift', mesh: [0], writes: { mesh: 0, status: 1 } }, before);
  });

  it('R28: what foreign destinations have is theirs', () => {
    const world = worldInProgress({ spec: forever, objects: { [OBJECT]: { versions: { v1: 80 }, foreign: 20 } } });
    check(world, { step: 1, mesh: [40] });
    expect(world.objects[0]?.weights).toEqual({ versions: { v1: 40, v2: 40 }, foreign: 20 });
  });

  it('R28: with nothing left to share it is held', () => {
    const world = worldInProgress();
    world.edit(OBJECT, {}, { foreign: 100 });
    check(world.run(MINUTE), { phase: 'Progressing', waitingFor: 'drift', message: /nothing .*to share/ });
  });
});

describe('several objects', () => {
  it('R29: are raised in order and lowered in reverse', () => {
    const world = worldInProgress({ spec: forever, objects: two });
    world.ask({ verb: 'abort' });
    world.run(5 * SECOND);
    check(world, { phase: 'RolledBack', mesh: [0, 0] });
    expect(world.meshWrites.map(({ object, weight }) => [object, weight])).toEqual([
      [GATEWAY, 50],
      [OBJECT, 50],
      [OBJECT, 0],
      [GATEWAY, 0],
    ]);
  });

  it('R29: one that is gone is safe', () => {
    const world = worldInProgress({ spec: forever, objects: two });
    world.removeObject(OBJECT);
    world.ask({ verb: 'abort' });
    check(world.run(5 * SECOND), { phase: 'RolledBack', mesh: [0] });
  });

  it('R29: the clock starts with the write of the last one', () => {
    const world = worldInProgress({ objects: two });
    const raised = world.meshWrites[1]?.atMs ?? 0;
    check(world.run(MINUTE), { phase: 'Healthy' });
    expect((world.meshWrites[2]?.atMs ?? 0) - raised).toBeGreaterThanOrEqual(20 * SECOND - 10);
  });

  const story = (crash: WorldOptions['crash'], versions: readonly string[] = ['v2']) => {
    const world = new World({ spec: specOf(HALF), objects: two, ...(crash ? { crash } : {}) }).run(10 * SECOND);
    for (const version of versions) {
      world.setPods(version, 3);
      world.commit({ version });
      world.run(2 * MINUTE);
    }
    return world;
  };

  it('R29: a crash between their writes leaves none behind', () => {
    const writes = story(undefined).counts;
    const total = writes.mesh + writes.subset + writes.status + writes.request + writes.finalizer;
    for (let write = 1; write <= total; write++) {
      for (const when of ['before', 'after'] as const) {
        const world = story({ write, when });
        check(world, { phase: 'Healthy', stable: 'v2', mesh: [100, 100] });
        const atHalf = world.meshWrites.filter(({ step }) => step === 1).at(-1)?.atMs ?? 0;
        const atFull = world.meshWrites.find(({ step }) => step === 2)?.atMs ?? 0;
        expect(atFull - atHalf, `crash ${when} write ${write}`).toBeGreaterThanOrEqual(20 * SECOND - 10);
      }
    }
  });

  it('R3, R29: while the other objects are not written, the verdicts of the step before stand with it', () => {
    const total = (counts: World['counts']) => counts.mesh + counts.subset + counts.status + counts.request + counts.finalizer;
    let seen = 0;
    for (let write = 1; write <= total(story(undefined).counts); write++) {
      const world = new World({ spec: specOf(HALF), objects: two, crash: { write, when: 'after' } }).run(10 * SECOND);
      world.setPods('v2', 3);
      world.commit({ version: 'v2' });
      for (let i = 0; i < 400 && world.meshWrites.length < 3; i++) world.run(100);
      if (world.weightOf('v2', OBJECT) !== 50) continue;
      seen += 1;
      world.olderRival = 'weather/older';
      check(world.run(5 * SECOND), { phase: 'Invalid', mesh: [100, 50] });
      expect(world.status?.step?.index).toBe(1);
      expect(world.status?.gates?.map(({ verdict }) => verdict)).toEqual(['Pass', 'Pass']);
    }
    expect(seen).toBeGreaterThan(0);
  });

  it('R29: so it is in the next rollout, when they carry positions of the one before', () => {
    const first = story(undefined).counts;
    const both = story(undefined, ['v2', 'v3']).counts;
    const sum = (counts: World['counts']) => counts.mesh + counts.subset + counts.status + counts.request + counts.finalizer;
    for (let write = sum(first); write <= sum(both); write++) {
      const world = story({ write, when: 'after' }, ['v2', 'v3']);
      check(world, { phase: 'Healthy', stable: 'v3' });
      expect([world.weightOf('v3', GATEWAY), world.weightOf('v3', OBJECT)], `crash after write ${write}`).toEqual([100, 100]);
    }
  });

  it('R25, R29: pods lost, and a crash between the writes that take the traffic off: the step is not passed at 0 %', () => {
    const lose = (crash?: WorldOptions['crash']) => {
      const world = new World({ spec: specOf(HALF), objects: two, ...(crash ? { crash } : {}) }).run(5 * SECOND);
      world.setPods('v2', 3);
      world.commit({ version: 'v2' });
      world.run(8 * SECOND).setPods('v2', 0);
      return world;
    };
    const at = lose();
    const { mesh, subset, status, finalizer } = at.counts;
    const soFar = mesh + subset + status + finalizer;
    for (let write = soFar + 1; write <= soFar + 4; write++) {
      const world = lose({ write, when: 'after' });
      check(world.run(10 * SECOND), { phase: 'Progressing', reason: 'PodsLost', mesh: [0, 0] });
      world.setPods('v2', 3);
      check(world.run(5 * SECOND), { phase: 'Progressing', step: 1, weight: 50, mesh: [50, 50] });
      check(world.run(MINUTE), { phase: 'Healthy', stable: 'v2' });
    }
  });

  it('R29: crash between the writes that go back: all are safe in the end', () => {
    for (const write of [10, 11, 12, 13, 14]) {
      const world = new World({ spec: forever, objects: two, crash: { write, when: 'after' } }).run(5 * SECOND);
      world.setPods('v2', 3);
      world.commit({ version: 'v2' });
      world.run(10 * SECOND).ask({ verb: 'abort' });
      check(world.run(MINUTE), { phase: 'RolledBack', reason: 'Aborted', mesh: [0, 0] });
    }
  });
});
