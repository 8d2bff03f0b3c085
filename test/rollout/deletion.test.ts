import { describe, expect, it } from 'vitest';
import { OBJECT, World, type WorldOptions } from '../../src/simulation/world.ts';
import { check, HALF, MINUTE, mark, restingWorld, SECOND, specOf, worldInProgress } from './check.ts';
import { watchLaws } from './laws.ts';

const FOREVER = specOf([{ setWeight: 50, pause: {} }]);
const inProgress = (options: Partial<WorldOptions> = {}): World =>
  worldInProgress({ spec: FOREVER, onDecision: watchLaws(), ...options });
const remove = (world: World): World => {
  world.isDeleting = true;
  return world;
};
const lastEvent = (world: World) => world.announced.at(-1);

describe('deletion', () => {
  it('R30: in progress all traffic goes back first, in one write, then the finalizer goes', () => {
    const world = inProgress();
    const before = mark(world);
    check(remove(world).run(5 * SECOND), { mesh: [0], writes: { mesh: 1, finalizer: 1 } }, before);
    expect(world.isGone).toBe(true);
    expect(lastEvent(world)).toMatchObject({ type: 'Warning', reason: 'Deleted' });
  });

  it('R30: the finalizer comes before the first weight and goes when the attempt ends, however it ends', () => {
    const pending = restingWorld({ spec: FOREVER });
    pending.setPods('v2', 0);
    pending.commit({ version: 'v2' });
    check(pending.run(MINUTE), { phase: 'Pending', writes: { finalizer: 0 } });
    const ends: readonly ((world: World) => void)[] = [
      world => world.ask({ verb: 'promote', revision: world.status?.revision, step: 1 }),
      world => world.ask({ verb: 'abort' }),
      world => world.commit({ version: 'v1' }),
      world => world.commit({ version: 'v3' }),
    ];
    for (const end of ends) {
      const world = inProgress();
      expect(world.hasFinalizer).toBe(true);
      end(world);
      world.run(MINUTE);
      expect(world.status?.step, world.status?.message).toBeUndefined();
      expect(world.hasFinalizer).toBe(false);
      check(world, { writes: { finalizer: 2 } });
    }
  });

  it('R5: a rollout costs two writes for the finalizer, and an idle one none', () => {
    check(restingWorld(), { writes: { finalizer: 0 } });
    const world = worldInProgress().run(2 * MINUTE);
    check(world, { phase: 'Healthy', writes: { finalizer: 2 } });
    const before = mark(world);
    world.run(60 * MINUTE);
    expect(mark(world)).toMatchObject({ finalizer: before.finalizer, status: before.status, mesh: before.mesh });
  });

  it('R30: with no ready pod of stable the weights stay, nothing blocks, and an event says so', () => {
    const world = inProgress();
    world.setPods('v1', 0);
    check(remove(world).run(5 * SECOND), { mesh: [50], message: /weights stay as they are, because v1 has no ready pod/ });
    expect(world.isGone).toBe(true);
    expect(lastEvent(world)).toMatchObject({ reason: 'Deleted', message: expect.stringContaining('weights stay') });
  });

  it('R29, R30: objects that are gone are Safe; routes that cannot be told apart block nothing, and it is said', () => {
    const gone = inProgress();
    gone.removeObject(OBJECT);
    expect(remove(gone).run(5 * SECOND).isGone).toBe(true);
    const lost = inProgress();
    lost.problem = { message: 'VirtualService weather/forecast has no route to forecast any more', nothingRoutes: false };
    expect(remove(lost).run(5 * SECOND).isGone).toBe(true);
    expect(lastEvent(lost)?.message).toMatch(/nothing could be put back: VirtualService weather\/forecast has no route/);
  });

  it('R30: onDelete: keep has no finalizer and leaves the weights; chosen late, it lets the finalizer go', () => {
    const kept = inProgress({ spec: { ...FOREVER, onDelete: 'keep' } });
    check(kept, { mesh: [50], writes: { finalizer: 0 } });
    expect(remove(kept).isGone).toBe(true);
    const late = inProgress();
    late.commit({ onDelete: 'keep' });
    check(remove(late.run(SECOND)).run(5 * SECOND), { mesh: [50] });
    expect(late.isGone).toBe(true);
  });

  it('R30: needs no provider, no valid spec, and no person', () => {
    const world = inProgress();
    world.truth = { ...world.truth, down: () => true };
    world.commit({ strategy: {} });
    world.ask({ verb: 'pause' });
    check(remove(world.run(10 * SECOND)).run(5 * SECOND), { mesh: [0] });
    expect(world.isGone).toBe(true);
  });

  it('R30: a write that fails is tried again, and the finalizer waits for it', () => {
    const world = inProgress();
    world.meshRefuses = 'patching: 500';
    check(remove(world).run(MINUTE), { mesh: [50], message: /the Rollout was deleted.*last write failed/ });
    expect(world.hasFinalizer).toBe(true);
    world.meshRefuses = undefined;
    check(world.run(2 * SECOND), { mesh: [0] });
    expect(world.isGone).toBe(true);
  });

  it('R30: while a rollback waits for stable', () => {
    const world = inProgress({ truth: { errors: version => (version === 'v2' ? 0.5 : 0) } });
    world.setPods('v1', 0);
    check(world.run(20 * SECOND), { reason: 'WaitingForStable', mesh: [50] });
    check(remove(world).run(5 * SECOND), { mesh: [50] });
    expect(world.isGone).toBe(true);
  });

  it('R30: as long as others hold the object nothing moves any more, and nothing is written again and again', () => {
    const world = inProgress();
    world.hasForeignFinalizer = true;
    check(remove(world).run(5 * SECOND), { mesh: [0] });
    expect({ isGone: world.isGone, hasFinalizer: world.hasFinalizer }).toEqual({ isGone: false, hasFinalizer: false });
    const before = mark(world);
    check(world.run(10 * MINUTE), { mesh: [0], writes: { mesh: 0, status: 0, finalizer: 0 } }, before);
    const idle = restingWorld({ spec: FOREVER, onDecision: watchLaws() });
    idle.hasForeignFinalizer = true;
    remove(idle).setPods('v2', 3);
    idle.commit({ version: 'v2' });
    check(idle.run(MINUTE), { mesh: [0], writes: { mesh: 0 } });
  });

  it('R30: a Rollout that is deleted before anything was decided pins nothing', () => {
    const world = new World({ spec: FOREVER, objects: { [OBJECT]: { versions: { '*': 100 }, foreign: 0 } } });
    world.hasForeignFinalizer = true;
    check(remove(world).run(MINUTE), { writes: { mesh: 0, subset: 0 } });
  });

  it('R7, R30: a split that was adopted has the finalizer as well, and goes back', () => {
    const world = new World({
      spec: { ...FOREVER, version: 'v2', initialVersion: 'v1' },
      objects: { [OBJECT]: { versions: { v1: 80, v2: 20 }, foreign: 0 } },
      pods: { v1: 3, v2: 3 },
      truth: { requestsPerSecond: 0 },
      onDecision: watchLaws(),
    }).run(10 * SECOND);
    check(world, { step: 1, mesh: [20], writes: { finalizer: 1 } });
    check(remove(world).run(5 * SECOND), { mesh: [0] });
  });
});

describe('a process that dies while a Rollout is deleted', () => {
  const weights = { versions: { v1: 100 }, foreign: 0 };
  const story = (crash?: WorldOptions['crash']): World => {
    const objects = { 'weather/gateway': weights, [OBJECT]: weights };
    const world = restingWorld({ spec: specOf(HALF), objects, onDecision: watchLaws(), ...(crash ? { crash } : {}) });
    world.setPods('v2', 3);
    world.commit({ version: 'v2' });
    return remove(world.run(15 * SECOND)).run(MINUTE);
  };
  const { mesh, subset, status, request, finalizer } = story().counts;
  const writes = mesh + subset + status + request + finalizer;
  const crashes = Array.from({ length: writes }, (_, i) => (['before', 'after'] as const).map(when => ({ write: i + 1, when })));

  it.each(crashes.flat())('R30: $when write $write: no weight of the new version, and no finalizer', crash => {
    const world = story(crash);
    check(world, { mesh: [0, 0] });
    expect(world.hasFinalizer).toBe(false);
  });
});
