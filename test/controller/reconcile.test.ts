import { describe, expect, it } from 'vitest';
import { SystemError } from '../../src/controller/ports.ts';
import type { RolloutStatus } from '../../src/rollout/index.ts';
import { createFakes, SPEC } from './fakes.ts';

const refused = (kind: SystemError['kind'] = 'refused') =>
  new SystemError('kubernetes', 'patching VirtualService weather/forecast', kind, 'the webhook says no');

const at50 = ({ traffic }: RolloutStatus): boolean => traffic?.weight === 50;
const isStable = ({ stableVersion }: RolloutStatus): boolean => stableVersion === 'v2';
const isMesh = (note: string): boolean => note.startsWith('mesh');

/** A rollout that has reached 50 %; what was noted before is forgotten. */
const startedAt50 = async (...parameters: Parameters<typeof createFakes>) => {
  const fakes = createFakes(...parameters);
  await fakes.live(at50);
  fakes.world.notes.splice(0);
  fakes.world.events.splice(0);
  return fakes;
};

describe('a round of the reconciler', () => {
  it('R3, R5: an attempt starts with the status, then the subset; a raise is one mesh write before its status', async () => {
    const { world, live } = createFakes();
    await live(at50);
    expect(world.notes).toEqual([
      'status',
      'event Adopted',
      'status',
      'event Started',
      'subset v2',
      'mesh weather/forecast 50',
      'status',
      'event StepEntered',
    ]);
  });

  const { onDelete: _keep, ...GUARDED } = SPEC;

  it('R5, R30: the finalizer comes before the first weight, goes with the attempt, and costs nothing in between', async () => {
    const { world, live, rest } = createFakes(GUARDED);
    await live(at50);
    const before = world.notes.indexOf('finalizer added');
    expect(before).toBeGreaterThan(-1);
    expect(before).toBeLessThan(world.notes.indexOf('mesh weather/forecast 50'));
    await live(isStable);
    await rest();
    expect(world.notes.filter(note => note.startsWith('finalizer'))).toEqual(['finalizer added', 'finalizer removed']);
  });

  it('R21: before the pods of the old version go, its requests are asked for, with no attempt in progress', async () => {
    const { world, live } = createFakes({ ...SPEC, retire: { action: 'scaleToZero', after: '1m' } });
    world.leftover = { version: 'v1', destinationsIn: [], referredBy: [], hasOwnSubset: false };
    await live(({ reason }) => reason === 'Retired');
    expect(world.compared).toEqual(['v2 v1']);
    expect(world.notes.filter(note => note.startsWith('scale'))).toEqual(['scale v1']);
  });

  it('R30: deleted in progress: mesh, then status and event, and only then the finalizer', async () => {
    const { world, live, rest } = createFakes(GUARDED);
    await live(at50);
    world.notes.splice(0);
    world.isDeleting = true;
    await rest();
    expect(world.notes).toEqual(['mesh weather/forecast 0', 'status', 'event Deleted', 'finalizer removed']);
  });

  it('R30: with no ready pod of stable the event is told before the object may be gone', async () => {
    const { world, live, rest } = createFakes(GUARDED);
    await live(at50);
    world.notes.splice(0);
    world.pods['v1'] = 0;
    world.isDeleting = true;
    await rest();
    expect(world.notes).toEqual(['status', 'event Deleted', 'finalizer removed']);
    expect(world.status?.message).toContain('weights stay');
  });

  it('R23, R30: a finalizer that cannot be written holds the raise, and is tried again', async () => {
    const { world, live, rest } = createFakes(GUARDED);
    world.refuse = name => (name.startsWith('finalizer') ? refused('conflict') : undefined);
    await rest().catch(() => undefined);
    for (let i = 0; i < 5; i++) {
      world.nowMs += 30_000;
      await rest();
    }
    expect(world.notes).toContain('finalizer added refused');
    expect(world.notes.filter(isMesh)).toEqual([]);
    world.refuse = () => undefined;
    await live(isStable);
  });

  it('R5: a further step costs one mesh write, two status writes and one event', async () => {
    const steps = [50, 60, 70].map(setWeight => ({ setWeight, pause: { duration: '30s' } }));
    const { world, live } = await startedAt50({ ...SPEC, strategy: { canary: { steps } } });
    await live(({ traffic }) => traffic?.weight === 60);
    world.notes.splice(0);
    await live(({ traffic }) => traffic?.weight === 70);
    const count = (what: string) => world.notes.filter(note => note.startsWith(what)).length;
    expect({ mesh: count('mesh'), status: count('status'), events: count('event'), all: world.notes.length }).toEqual({
      mesh: 1,
      status: 2,
      events: 1,
      all: 4,
    });
  });

  it('R5: a measurement that changes no verdict, and an idle rollout, write nothing', async () => {
    const { world, live, rest } = await startedAt50();
    await live(({ gates }) => gates?.every(({ verdict }) => verdict === 'Pass') === true && (gates?.length ?? 0) > 0);
    world.notes.splice(0);
    const before = world.measured.length;
    world.nowMs += 15_000;
    await rest();
    expect(world.measured.length).toBeGreaterThan(before);
    expect(world.notes).toEqual([]);
    await live(isStable);
    await rest();
    world.notes.splice(0);
    expect(await rest()).toBeUndefined();
    expect(world.notes).toEqual([]);
  });

  it('R3: a raise is not sent while the status that speaks for it is refused', async () => {
    const { world, live, rest } = await startedAt50();
    world.nowMs += 45_000;
    world.refuse = name => (name === 'status' ? refused('unavailable') : undefined);
    for (let i = 0; i < 10; i++) {
      world.nowMs += 15_000;
      await rest();
    }
    expect(world.notes.filter(isMesh)).toEqual([]);
    expect(world.notes).toContain('status refused');
    world.refuse = () => undefined;
    await live(isStable);
    expect(world.notes.filter(isMesh)).toEqual(['mesh weather/forecast 100']);
  });

  it('R3: a refused status write does not hold back a lowering', async () => {
    const { world, live, round } = await startedAt50();
    world.refuse = name => (name === 'status' ? refused('unavailable') : undefined);
    world.badPercent = 50;
    world.nowMs += 15_000;
    for (let i = 0; i < 3; i++) await round();
    expect(world.notes.filter(isMesh)).toEqual(['mesh weather/forecast 0']);
    world.refuse = () => undefined;
    await live(({ phase }) => phase === 'RolledBack');
    expect(world.status?.reason).toBe('GateFailed');
  });

  it('R35: what was not stored is not announced; it is once it is stored', async () => {
    const { world, live, rest } = await startedAt50();
    world.refuse = name => (name === 'status' ? refused('conflict') : undefined);
    world.request = JSON.stringify({ verb: 'abort' });
    await rest();
    expect(world.events).toEqual([]);
    world.refuse = () => undefined;
    await live(({ phase }) => phase === 'RolledBack');
    expect(world.events).toEqual(['Aborted', 'Aborted']);
    expect(world.request).toBeUndefined();
  });

  it('R23: a conflict is decided again at once, on fresh data', async () => {
    const { world, live, round } = await startedAt50();
    world.badPercent = 50;
    world.nowMs += 15_000;
    await round();
    let conflicts = 1;
    world.refuse = name => {
      if (!isMesh(name) || conflicts === 0) return undefined;
      conflicts -= 1;
      return refused('conflict');
    };
    expect(await round()).toEqual({ kind: 'now' });
    expect(world.notes.filter(isMesh)).toEqual(['mesh weather/forecast 0 refused']);
    await round();
    expect(world.notes.filter(isMesh)).toEqual(['mesh weather/forecast 0 refused', 'mesh weather/forecast 0']);
    await live(({ phase }) => phase === 'RolledBack');
    expect(world.status?.message).not.toContain('last write failed');
  });

  it('R23: another failure is tried again after 100 ms, 200 ms ... 30 s, for ever, and told once', async () => {
    const { world, round, live } = await startedAt50();
    world.badPercent = 50;
    world.nowMs += 15_000;
    await round();
    world.refuse = name => (isMesh(name) ? refused() : undefined);
    const waits: number[] = [];
    for (let i = 0; i < 12; i++) {
      const again = await round();
      const waitMs = again.kind === 'at' ? again.atMs - world.nowMs : Number.NaN;
      waits.push(waitMs);
      world.nowMs += waitMs;
    }
    expect(waits).toEqual([100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000, 30_000]);
    expect(world.status).toMatchObject({ phase: 'RollingBack', reason: 'GateFailed' });
    expect(world.status?.message).toContain(
      'last write failed, trying again: patching VirtualService weather/forecast: the webhook says no',
    );
    expect(world.notes.filter(note => note === 'status').length).toBeLessThanOrEqual(2);
    world.refuse = () => undefined;
    await live(({ phase }) => phase === 'RolledBack');
    expect(world.status?.message).not.toContain('last write failed');
  });

  it('R29: with several objects a lowering goes to all of them, also when one is refused', async () => {
    const { world, round, live } = await startedAt50(SPEC, ['weather/mesh', 'weather/gateway']);
    world.badPercent = 50;
    world.nowMs += 15_000;
    await round();
    world.refuse = name => (name.startsWith('mesh weather/gateway') ? refused() : undefined);
    await round();
    expect(world.notes.filter(isMesh)).toEqual(['mesh weather/gateway 0 refused', 'mesh weather/mesh 0']);
    expect(world.mesh.get('weather/mesh')?.weights).toEqual({ v1: 100, v2: 0 });
    world.refuse = () => undefined;
    await live(({ phase }) => phase === 'RolledBack');
    expect(world.mesh.get('weather/gateway')?.weights).toEqual({ v1: 100, v2: 0 });
  });

  it('R29: with several objects a raise stops at the first that is refused', async () => {
    const { world, live, rest } = await startedAt50(SPEC, ['weather/mesh', 'weather/gateway']);
    world.refuse = name => (name.startsWith('mesh weather/mesh') ? refused() : undefined);
    for (let i = 0; i < 6; i++) {
      world.nowMs += 15_000;
      await rest();
    }
    expect(world.notes).toContain('mesh weather/mesh 100 refused');
    expect(world.notes).not.toContain('mesh weather/gateway 100');
    world.refuse = () => undefined;
    await live(isStable);
  });

  it('R31: without the lease nothing is written and nothing is measured; it looks again by itself', async () => {
    const { world, round, live } = createFakes();
    world.mayWrite = false;
    const again = await round();
    expect(again).toMatchObject({ kind: 'at' });
    expect({ notes: world.notes, measured: world.measured }).toEqual({ notes: [], measured: [] });
    world.mayWrite = true;
    await live(isStable);
  });

  it('R31: a lease that is lost between two writes ends the round', async () => {
    const { world, round } = await startedAt50(SPEC, ['weather/mesh', 'weather/gateway']);
    world.badPercent = 50;
    world.nowMs += 15_000;
    await round();
    world.refuse = name => {
      if (isMesh(name)) world.mayWrite = false;
      return undefined;
    };
    await round();
    expect(world.notes.filter(note => !note.startsWith('event'))).toEqual(['mesh weather/gateway 0']);
  });

  it('R16: a provider that hangs blocks neither the round nor what protects', async () => {
    const { world, rest, live } = await startedAt50();
    world.providerHangs = true;
    world.nowMs += 15_000;
    await rest();
    expect(world.measured.at(-1)).toMatchObject({ kind: 'measure' });
    world.pods['v2'] = 0;
    await live(({ reason }) => reason === 'PodsLost');
    expect(world.notes.filter(isMesh)).toEqual(['mesh weather/forecast 0']);
  });
});
