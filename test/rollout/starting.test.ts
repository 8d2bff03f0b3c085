import { describe, expect, it } from 'vitest';
import { OBJECT, World } from '../../src/simulation/world.ts';
import { check, HALF, MINUTE, mark, restingWorld, SECOND, specOf, worldInProgress } from './check.ts';

const GATEWAY = 'weather/forecast-gateway';
const unpinned = { [OBJECT]: { versions: { '*': 100 }, foreign: 0 } };

describe('adoption', () => {
  it('R7: what the mesh pins everything to is stable, and nothing is written to it', () => {
    const world = restingWorld({ spec: specOf(HALF, { initialVersion: 'v0' }) });
    check(world, { phase: 'Healthy', reason: 'Adopted', stable: 'v1', writes: { mesh: 0, status: 1 } });
  });

  it('R7: the only version with pods is pinned: subset first, settle, then all to it', () => {
    const world = new World({ spec: specOf(HALF), objects: unpinned, subsets: [] }).run(SECOND);
    check(world, { phase: 'Pending', reason: 'Pinning', waitingFor: 'pin', writes: { subset: 1, mesh: 0 } });
    world.run(5 * SECOND);
    check(world, { phase: 'Healthy', stable: 'v1', writes: { subset: 1, mesh: 1 } });
    expect(world.weightOf('v1')).toBe(100);
  });

  it('R7: initialVersion decides when the mesh pins nothing', () => {
    const spec = specOf(HALF, { version: 'v2', initialVersion: 'v1' });
    const world = new World({ spec, objects: unpinned, pods: { v1: 3, v2: 3 } }).run(6 * SECOND);
    check(world, { phase: 'Progressing', stable: 'v1', step: 1, mesh: [50] });
  });

  it('R7: several live versions that nothing pins wait for a person, and the message names them', () => {
    const world = new World({ spec: specOf(HALF), objects: unpinned, pods: { v1: 3, v2: 2 } }).run(MINUTE);
    check(world, {
      phase: 'Pending',
      reason: 'PinNeeded',
      waitingFor: 'pin',
      message: /v1 \(3 ready.*v2 \(2 ready.*initialVersion/,
    });
    check(world, { writes: { mesh: 0, subset: 0, status: 1 } });
  });

  it('R7: a promote pins the desired version, and nothing else has to be named', () => {
    const world = new World({ spec: specOf(HALF), objects: unpinned, subsets: [], pods: { v1: 3, v2: 2 } }).run(MINUTE);
    world.ask({ verb: 'promote', by: 'ann' });
    check(world.run(SECOND), { phase: 'Pending', reason: 'Pinning', waitingFor: 'pin', writes: { subset: 1, mesh: 0 } });
    check(world.run(5 * SECOND), { phase: 'Healthy', stable: 'v1', writes: { subset: 1, mesh: 1, request: 1 } });
    expect(world.weightOf('v1')).toBe(100);
    expect(world.status?.lastRequest).toMatchObject({ verb: 'promote', outcome: 'accepted: v1 is stable' });
    expect(world.request).toBeUndefined();
  });

  it.each([1, 2, 3, 4, 5, 6])('R7, R4: a promote that pins survives a process that dies at write %i', write => {
    for (const when of ['before', 'after'] as const) {
      const objects = { ...unpinned, [GATEWAY]: { versions: { '*': 100 }, foreign: 0 } };
      const world = new World({ spec: specOf(HALF), objects, subsets: [], pods: { v1: 3, v2: 2 }, crash: { write, when } });
      world.at(10 * SECOND, () => world.ask({ verb: 'promote' }));
      check(world.run(MINUTE), { phase: 'Healthy', stable: 'v1' });
      expect([world.weightOf('v1', OBJECT), world.weightOf('v1', GATEWAY)]).toEqual([100, 100]);
      expect(world.status?.lastRequest?.outcome).toBe('accepted: v1 is stable');
    }
  });

  it('R7, R22: a promote in another Pending state is refused with what is missing', () => {
    const objects = { [OBJECT]: { versions: { v1: 80, v2: 20 }, foreign: 0 } };
    const split = new World({ spec: specOf(HALF, { version: 'v2' }), objects, pods: { v1: 3, v2: 1 } }).run(SECOND);
    split.ask({ verb: 'promote' });
    check(split.run(MINUTE), { phase: 'Pending', reason: 'PinNeeded', writes: { mesh: 0, request: 1 } });
    expect(split.status?.lastRequest?.outcome).toMatch(/^refused: there is nothing to choose: the mesh splits traffic/);
    const starting = restingWorld();
    starting.commit({ version: 'v2' });
    starting.run(SECOND).ask({ verb: 'promote' });
    check(starting.run(SECOND), { phase: 'Pending', reason: 'WaitingForPods' });
    expect(starting.status?.lastRequest?.outcome).toMatch(/^refused: no step is in progress yet: .*no pod of v2 exists/);
  });

  it('R7: when nothing runs or routes yet, version itself is stable', () => {
    const world = new World({ spec: specOf(HALF), pods: {} });
    world.problem = { message: 'no VirtualService routes to forecast', nothingRoutes: true };
    check(world.run(SECOND), { phase: 'Healthy', stable: 'v1' });
  });

  it('R7: a mesh that cannot be resolved is waited for, with its message', () => {
    const world = new World({ spec: specOf(HALF) });
    world.problem = {
      message: 'VirtualService weather/forecast has two routes to forecast; name one in routes',
      nothingRoutes: true,
    };
    check(world.run(SECOND), { phase: 'Pending', waitingFor: 'mesh', message: /two routes/ });
    world.problem = undefined;
    check(world.run(SECOND), { phase: 'Healthy', stable: 'v1' });
  });

  it('R7: an explicit split needs initialVersion', () => {
    const objects = { [OBJECT]: { versions: { v1: 80, v2: 20 }, foreign: 0 } };
    const world = new World({ spec: specOf(HALF, { version: 'v2' }), objects, pods: { v1: 3, v2: 1 } }).run(SECOND);
    check(world, { phase: 'Pending', reason: 'PinNeeded', message: /v1 80%, v2 20%.*initialVersion/, writes: { mesh: 0 } });
  });

  it('R7: a split is adopted as it stands, as a step of its own', () => {
    const objects = { [OBJECT]: { versions: { v1: 80, v2: 20 }, foreign: 0 } };
    const spec = specOf(HALF, { version: 'v2', initialVersion: 'v1' });
    const world = new World({ spec, objects, pods: { v1: 3, v2: 1 }, subsets: ['v1', 'v2'] }).run(2 * SECOND);
    check(world, { phase: 'Progressing', stable: 'v1', step: 1, weight: 20, mesh: [20], writes: { mesh: 0 } });
    world.run(MINUTE);
    expect(world.meshWrites.map(({ weight }) => weight)).toEqual([50, 100]);
    check(world, { phase: 'Healthy', stable: 'v2' });
  });

  it('R7: objects that split in different ways are left alone, and the message names them', () => {
    const spec = specOf(HALF, { version: 'v2', initialVersion: 'v1' });
    const two = (gateway: Readonly<Record<string, number>>): World => {
      const objects = { [OBJECT]: { versions: { v1: 80, v2: 20 }, foreign: 0 }, [GATEWAY]: { versions: gateway, foreign: 0 } };
      return new World({ spec, objects, pods: { v1: 3, v2: 3 }, subsets: ['v1', 'v2'] }).run(3 * SECOND);
    };
    for (const gateway of [{ v1: 50, v2: 50 }, { v1: 100 }, { v1: 100, v2: 0 }]) {
      check(two(gateway), { phase: 'Pending', reason: 'PinNeeded', waitingFor: 'pin', writes: { mesh: 0, status: 1 } });
      check(two(gateway), { message: /weather\/forecast: v1 80%, v2 20%; weather\/forecast-gateway: v1 \d+%.*the same weights/ });
    }
    check(two({ v1: 4, v2: 1 }), { phase: 'Progressing', step: 1, weight: 20, mesh: [20, 20], writes: { mesh: 0 } });
    const mended = two({ v1: 100 });
    mended.edit(OBJECT, { v1: 100 });
    check(mended.run(10 * SECOND), { stable: 'v1', step: 1, mesh: [50, 50] });
  });

  it('R7: two objects are both pinned, although the process dies in between', () => {
    const objects = { ...unpinned, [GATEWAY]: { versions: { '*': 100 }, foreign: 0 } };
    const world = new World({ spec: specOf(HALF), objects, crash: { write: 2, when: 'after' } });
    world.at(2_500, () => world.setPods('v2', 2));
    world.run(20 * SECOND);
    check(world, { phase: 'Healthy', stable: 'v1' });
    expect([world.weightOf('v1', OBJECT), world.weightOf('v1', GATEWAY)]).toEqual([100, 100]);
  });
});

describe('a new version', () => {
  it('R8: starts at step 1 from the stable one', () => {
    check(worldInProgress(), { phase: 'Progressing', stable: 'v1', step: 1, weight: 50, mesh: [50] });
  });

  it('R24: without pods it is waited for, and starts by itself when they are ready', () => {
    const world = restingWorld();
    world.commit({ version: 'v2' });
    check(world.run(MINUTE), { phase: 'Pending', reason: 'WaitingForPods', waitingFor: 'pods', mesh: [0] });
    world.setPods('v2', 1);
    check(world.run(5 * SECOND), { phase: 'Progressing', step: 1, mesh: [50] });
  });

  it('R8: new pods of the same version go back and begin at step 1 again', () => {
    const world = worldInProgress();
    const { revision } = world.status ?? {};
    world.setPods('v2', 3, 'v2b');
    world.run(6 * SECOND);
    check(world, { phase: 'Progressing', step: 1, mesh: [50] });
    expect(world.meshWrites.map(({ weight }) => weight)).toEqual([50, 0, 50]);
    expect(world.status?.revision).not.toBe(revision);
    expect(world.status?.podHash).toBe('v2b');
  });

  it('R8: after a rollback new pods are mentioned and start nothing', () => {
    const world = worldInProgress({ truth: { errors: version => (version === 'v2' ? 0.3 : 0) } }).run(30 * SECOND);
    check(world, { phase: 'RolledBack', mesh: [0] });
    world.setPods('v2', 3, 'v2b');
    check(world.run(MINUTE), { phase: 'RolledBack', mesh: [0], message: /v2 has new pods since/ });
    const before = mark(world);
    check(world.run(MINUTE), { writes: { mesh: 0, status: 0 } }, before);
  });

  it('R8: after a rollback another version starts', () => {
    const world = worldInProgress({ truth: { errors: version => (version === 'v2' ? 0.3 : 0) } }).run(30 * SECOND);
    world.setPods('v3', 2);
    world.commit({ version: 'v3' });
    check(world.run(MINUTE), { phase: 'Healthy', stable: 'v3' });
  });

  it('R9: a newer version in progress: all traffic back first, then the newest; the one between is never stable', () => {
    const world = worldInProgress();
    world.setPods('v3', 3);
    world.commit({ version: 'v3' });
    world.run(MINUTE);
    expect(world.meshWrites.map(({ weight }) => weight)).toEqual([50, 0, 50, 100]);
    check(world, { phase: 'Healthy', stable: 'v3' });
    expect(world.timeline.some(({ reason, message }) => reason === 'Superseded' && /v3/.test(message))).toBe(true);
  });

  it('R10: the version set back to stable in progress: all traffic back, then Healthy', () => {
    const world = worldInProgress();
    world.commit({ version: 'v1' });
    check(world.run(5 * SECOND), { phase: 'Healthy', stable: 'v1', mesh: [0], step: undefined });
    expect(world.status?.conditions?.find(({ type }) => type === 'Stalled')?.status).toBe('False');
  });

  it('R10: from RolledBack the stable version means Healthy, no longer stalled', () => {
    const world = worldInProgress({ truth: { errors: version => (version === 'v2' ? 0.3 : 0) } }).run(30 * SECOND);
    expect(world.status?.conditions?.find(({ type }) => type === 'Stalled')?.status).toBe('True');
    world.commit({ version: 'v1' });
    check(world.run(SECOND), { phase: 'Healthy', stable: 'v1' });
    expect(world.status?.conditions?.find(({ type }) => type === 'Stalled')?.status).toBe('False');
  });

  it('R8: a mesh that does not send everything to stable holds the start, and names the object', () => {
    const world = restingWorld();
    world.setPods('v2', 3);
    world.edit(OBJECT, { v1: 90, v2: 10 });
    world.commit({ version: 'v2' });
    check(world.run(MINUTE), { phase: 'Pending', reason: 'Drift', message: /weather\/forecast/, writes: { mesh: 0 } });
    world.edit(OBJECT, { v1: 100 });
    check(world.run(5 * SECOND), { phase: 'Progressing', step: 1 });
  });
});
