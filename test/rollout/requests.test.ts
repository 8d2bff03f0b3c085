import { describe, expect, it } from 'vitest';
import { decide, isWorthStoring } from '../../src/rollout/index.ts';
import { OBJECT, START_MS, type World } from '../../src/simulation/world.ts';
import { check, MINUTE, mark, restingWorld, SECOND, specOf, worldInProgress } from './check.ts';

const forever = {
  spec: specOf([
    { setWeight: 20, pause: {} },
    { setWeight: 50, pause: {} },
  ]),
};
const promote = (world: World, step: number, more: object = {}) =>
  world.ask({ verb: 'promote', revision: world.status?.revision, step, ...more });
const outcome = (world: World) => world.status?.lastRequest?.outcome;

describe('requests', () => {
  it('R22: promote ends the pause of the step that it names, once', () => {
    const world = worldInProgress(forever);
    promote(world, 1, { id: 'a', by: 'alice' });
    check(world.run(10 * SECOND), { step: 2, mesh: [50], phase: 'Paused' });
    expect(outcome(world)).toMatch(/accepted: step 1 promoted/);
    expect(world.request).toBeUndefined();
    check(world.run(MINUTE), { step: 2 });
  });

  it('R22: the same request again, by id, changes nothing but is taken away', () => {
    const world = worldInProgress(forever);
    promote(world, 1, { id: 'a' });
    world.run(10 * SECOND);
    const before = mark(world);
    world.ask({ verb: 'abort', id: 'a' });
    check(world.run(10 * SECOND), { step: 2, mesh: [50], writes: { mesh: 0, status: 0, request: 1 } }, before);
  });

  it('R22: the ids of the last requests are known, so that a file that is applied again does not ask again', () => {
    const world = worldInProgress(forever);
    for (const [id, verb] of Object.entries({ a: 'pause', b: 'resume', c: 'pause', d: 'resume' })) {
      world.ask({ verb, id });
      world.run(SECOND);
    }
    world.ask({ verb: 'pause', id: 'a' });
    check(world.run(SECOND), { reason: 'WaitingForPerson' });
    world.ask({ verb: 'abort', id: 'b' });
    check(world.run(SECOND), { reason: 'WaitingForPerson', mesh: [20] });
    expect(world.request).toBeUndefined();
    expect(world.status?.lastRequest).toMatchObject({ id: 'd', outcome: 'accepted: resumed' });
    for (let n = 0; n < 30; n++) {
      world.ask({ verb: 'pause', id: `id-${n}`, revision: 'ffffffff' });
      world.run(SECOND);
    }
    expect(world.status?.answered?.ids).toHaveLength(10);
  });

  it('R22: what an earlier build has answered is not asked again', () => {
    const world = worldInProgress(forever);
    const { status } = world;
    if (status === undefined) expect.unreachable('a status');
    world.status = {
      ...status,
      lastRequest: { id: 'a', verb: 'pause', outcome: 'accepted: paused', at: '2026-11-21T14:00:00Z' },
    };
    world.ask({ verb: 'abort', id: 'a' });
    check(world.run(5 * SECOND), { step: 1, mesh: [20] });
    world.ask({ verb: 'pause', id: 'b' });
    world.run(SECOND).ask({ verb: 'abort', id: 'a' });
    check(world.run(5 * SECOND), { step: 1, mesh: [20], reason: 'PausedByPerson' });
  });

  it('R22: promote must name revision and step', () => {
    const world = worldInProgress(forever);
    world.ask({ verb: 'promote' });
    check(world.run(10 * SECOND), { step: 1, mesh: [20] });
    expect(outcome(world)).toMatch(/refused: promote must name revision and step; now they are \w+ and 1/);
  });

  it('R22: what names another revision or step is stale, refused and said', () => {
    for (const stale of [{ step: 2 }, { revision: 'ffffffff' }]) {
      const world = worldInProgress(forever);
      const told = world.announced.length;
      world.ask({ verb: 'promote', revision: world.status?.revision, step: 1, ...stale });
      check(world.run(10 * SECOND), { step: 1, mesh: [20] });
      expect(outcome(world)).toMatch(/refused: names/);
      expect(world.announced.slice(told).map(({ reason }) => reason)).toEqual(['RequestRefused']);
      world.ask({ verb: 'abort', revision: world.status?.revision, step: 1, ...stale });
      check(world.run(10 * SECOND), { step: 1, mesh: [20] });
    }
  });

  it('R22: what is older than ten minutes is refused', () => {
    const world = worldInProgress(forever);
    promote(world, 1, { at: new Date(world.nowMs - 11 * MINUTE).toISOString() });
    check(world.run(10 * SECOND), { step: 1 });
    expect(outcome(world)).toMatch(/more than 10 minutes ago/);
    promote(world, 1, { at: new Date(world.nowMs - 9 * MINUTE).toISOString() });
    check(world.run(10 * SECOND), { step: 2 });
  });

  it.each([
    ['not JSON', 'abort', /not JSON/],
    ['a list', '[]', /not an object/],
    ['no verb', '{}', /has no verb/],
    ['an unknown verb', '{"verb":"explode"}', /verb explode is unknown/],
    ['resume without a pause', '{"verb":"resume"}', /nothing is paused/],
    ['retry in progress', '{"verb":"retry"}', /nothing was rolled back/],
  ])('R22: %s is refused and taken away', (_name, text, why) => {
    const world = worldInProgress(forever);
    world.ask(text);
    check(world.run(5 * SECOND), { step: 1, mesh: [20], phase: 'Paused' });
    expect(outcome(world)).toMatch(why);
    expect(world.request).toBeUndefined();
  });

  it('R22: nothing in progress: refused', () => {
    const world = restingWorld();
    world.ask({ verb: 'abort' });
    check(world.run(SECOND), { phase: 'Healthy' });
    expect(outcome(world)).toMatch(/no rollout is in progress/);
    expect(world.request).toBeUndefined();
  });

  it('R22: promote waits for no data, and gets over a provider that is away', () => {
    for (const truth of [{ requestsPerSecond: 0 }, { down: (name: string) => name === 'success-rate' }]) {
      const world = worldInProgress({ truth });
      world.run(MINUTE);
      check(world, { step: 1, mesh: [50] });
      promote(world, 1);
      check(world.run(10 * SECOND), { step: 2, mesh: [100] });
    }
  });

  it('R22: promote never gets over a failed gate', () => {
    const world = worldInProgress({ truth: { errors: version => (version === 'v2' ? 0.5 : 0) } });
    world.run(4_500);
    promote(world, 1);
    world.run(MINUTE);
    expect(world.meshWrites.map(({ weight }) => weight)).not.toContain(100);
    check(world, { phase: 'RolledBack', mesh: [0] });
  });

  it('R22: promote is refused while something else than a pause holds the step', () => {
    const drifting = worldInProgress(forever);
    drifting.edit(OBJECT, { v1: 95, v2: 5 });
    promote(drifting.run(SECOND), 1);
    check(drifting.run(10 * SECOND), { step: 1, reason: 'Drift', mesh: [5] });
    expect(outcome(drifting)).toMatch(/refused: .*somebody changed the weights/);
    drifting.edit(OBJECT, { v1: 80, v2: 20 });
    check(drifting.run(10 * SECOND), { step: 1, phase: 'Paused', mesh: [20] });
    const again = worldInProgress(forever);
    again.edit(OBJECT, { v1: 95, v2: 5 });
    for (let time = 0; time < 2; time++) {
      promote(again.run(SECOND), 1);
      again.run(5 * SECOND);
      expect(again.request).toBeUndefined();
    }
    again.edit(OBJECT, { v1: 80, v2: 20 });
    check(again.run(10 * SECOND), { step: 1, phase: 'Paused', mesh: [20] });
    const broken = worldInProgress(forever);
    broken.commit({ strategy: {} });
    promote(broken, 1);
    check(broken.run(10 * SECOND), { step: 1, phase: 'Invalid', mesh: [20] });
    expect(outcome(broken)).toMatch(/refused: .*until the spec is mended/);
  });

  it('R20, R22: pause stops forward movement until resume, and nothing else', () => {
    const world = worldInProgress();
    world.ask({ verb: 'pause', by: 'alice', reason: 'lunch' });
    check(world.run(5 * MINUTE), { phase: 'Paused', reason: 'PausedByPerson', waitingFor: 'person', step: 1, mesh: [50] });
    check(world, { message: /paused by alice at .*: lunch; resume to go on/ });
    world.ask({ verb: 'resume' });
    check(world.run(MINUTE), { phase: 'Healthy', stable: 'v2' });
    const bad = worldInProgress({ truth: { errors: (version, ms) => (version === 'v2' && ms > START_MS + MINUTE ? 0.5 : 0) } });
    bad.ask({ verb: 'pause' });
    check(bad.run(2 * MINUTE), { phase: 'RolledBack', reason: 'GateFailed', mesh: [0] });
  });

  it('R20: spec.paused stops forward movement, and holds the start', () => {
    const world = worldInProgress();
    world.commit({ paused: true });
    check(world.run(2 * MINUTE), { phase: 'Paused', step: 1, mesh: [50], message: /spec\.paused is true/ });
    world.commit({ paused: false });
    check(world.run(MINUTE), { phase: 'Healthy', stable: 'v2' });
    const start = worldInProgress({ spec: specOf([{ setWeight: 20 }], { paused: true }) });
    check(start.run(MINUTE), { phase: 'Pending', mesh: [0], message: /spec\.paused is true/ });
  });

  it('R22: retry starts what was rolled back once more', () => {
    const world = worldInProgress();
    world.ask({ verb: 'abort', id: 'a' });
    check(world.run(10 * SECOND), { phase: 'RolledBack' });
    world.ask({ verb: 'retry', id: 'b' });
    check(world.run(2 * MINUTE), { phase: 'Healthy', stable: 'v2', mesh: [100] });
    expect(world.status?.attempt).toBe(2);
  });

  it('R22: {"verb":"abort"} is enough to go back', () => {
    const world = worldInProgress(forever);
    world.ask('{"verb":"abort"}');
    check(world.run(5 * SECOND), { phase: 'RolledBack', reason: 'Aborted', mesh: [0], message: /aborted by a person/ });
    expect(world.request).toBeUndefined();
  });

  it('R22: abort says who and why', () => {
    const world = worldInProgress(forever);
    world.ask({ verb: 'abort', by: 'alice', reason: 'tickets' });
    check(world.run(5 * SECOND), { phase: 'RolledBack', message: /aborted by alice: tickets/ });
  });

  it('R22: the same text without an id in a later rollout is another request', () => {
    const world = worldInProgress(forever);
    world.ask('{"verb":"abort"}');
    world.run(MINUTE);
    world.setPods('v3', 3);
    world.commit({ version: 'v3' });
    check(world.run(20 * SECOND), { phase: 'Paused', step: 1 });
    world.ask('{"verb":"abort"}');
    check(world.run(5 * SECOND), { phase: 'RolledBack', reason: 'Aborted' });
    expect(world.weightOf('v3')).toBe(0);
  });

  it('R22: the same text without an id, written again a moment later, is heard again', () => {
    const world = worldInProgress(forever);
    world.ask('{"verb":"pause"}');
    world.run(2 * SECOND).ask({ verb: 'resume' });
    world.run(2 * SECOND).ask('{"verb":"pause"}');
    check(world.run(2 * SECOND), { reason: 'PausedByPerson' });
    world.ask('{"verb":"abort"}');
    check(world.run(5 * SECOND), { phase: 'RolledBack', reason: 'Aborted' });
    world.setPods('v3', 3);
    world.commit({ version: 'v3' });
    check(world.run(6 * SECOND), { phase: 'Paused', step: 1, reason: 'WaitingForPerson' });
    world.ask('{"verb":"abort"}');
    check(world.run(5 * SECOND), { phase: 'RolledBack', reason: 'Aborted' });
    expect(world.weightOf('v3')).toBe(0);
  });

  it('R3, R22: an abort written again is heard while no status can be stored', () => {
    const world = worldInProgress(forever);
    world.ask('{"verb":"abort"}');
    world.run(5 * SECOND).setPods('v3', 3);
    world.commit({ version: 'v3' });
    const { status } = world.run(6 * SECOND);
    if (status === undefined) expect.unreachable('a status');
    world.status = { ...status, answered: { text: status.lastRequest?.id ?? '' } };
    world.statusRefused = true;
    world.ask('{"verb":"abort"}');
    world.run(2 * SECOND);
    expect(world.weightOf('v3')).toBe(0);
  });

  it.each(['{"verb":"abort"}', '{"verb":"retry"}', 'nonsense'])(
    'R5, R22: %s is answered once while its annotation stands',
    text => {
      const world = worldInProgress(forever);
      world.setPods('v1', 0);
      world.ask(text);
      const { status } = world.run(2 * SECOND);
      if (status?.lastRequest === undefined) expect.unreachable('an answer');
      const stored = { ...status, answered: { text: status.lastRequest.id } };
      const later = decide({ ...world.rollout(), request: text, status: stored }, world.observe(), world.nowMs + 2 * SECOND);
      expect(isWorthStoring(stored, later.status)).toBe(false);
      expect(later.actions).toContainEqual({ kind: 'removeRequest', request: text });
    },
  );

  it('R22: the same text without an id, refused before, is heard again once things have changed', () => {
    const world = worldInProgress(forever);
    world.setPods('v1', 0);
    world.ask('{"verb":"abort"}');
    check(world.run(2 * SECOND), { step: 1, mesh: [20] });
    expect(outcome(world)).toMatch(/refused: v1 has no ready pod/);
    world.setPods('v1', 3);
    world.ask('{"verb":"abort"}');
    check(world.run(10 * SECOND), { phase: 'RolledBack', mesh: [0] });
  });

  it('R22: an abort that was written when the process died is answered as obeyed, not refused', () => {
    const world = worldInProgress({ ...forever });
    world.statusRefused = true;
    world.ask({ verb: 'abort', id: 'a' });
    check(world.run(SECOND), { mesh: [0] });
    world.crash();
    world.statusRefused = false;
    check(world.run(10 * SECOND), { phase: 'RolledBack', reason: 'Aborted' });
    expect(outcome(world)).not.toMatch(/refused/);
  });

  it('R3, R22: a request that is refused holds back no lowering while statuses cannot be stored', () => {
    const world = worldInProgress(forever);
    world.statusRefused = true;
    world.ask('nonsense');
    world.setPods('v2', 0);
    check(world.run(2 * SECOND), { mesh: [0] });
  });

  it('R22: force is for an abort that waits for stable; nothing else gets past a rollback', () => {
    for (const verb of ['promote', 'pause', 'resume', 'abort']) {
      const world = worldInProgress({ ...forever, truth: { disobeyedShare: () => 0.1 } });
      world.setPods('v2', 0);
      world.run(SECOND);
      world.setPods('v2', 3);
      world.run(SECOND);
      world.setPods('v2', 0);
      check(world.run(2 * SECOND), { phase: 'RollingBack', reason: 'PodsLost', mesh: [0] });
      world.ask({ verb, force: true, revision: world.status?.revision, step: 1 });
      check(world.run(2 * SECOND), { phase: 'RollingBack', reason: 'PodsLost', mesh: [0] });
      expect(outcome(world), verb).toBe('refused: traffic is going back already');
      expect(world.request).toBeUndefined();
    }
    const waiting = worldInProgress({ ...forever, truth: { errors: version => (version === 'v2' ? 0.5 : 0) } });
    waiting.setPods('v1', 0);
    check(waiting.run(20 * SECOND), { reason: 'WaitingForStable', mesh: [20] });
    waiting.ask({ verb: 'abort', force: true });
    check(waiting.run(10 * SECOND), { phase: 'RolledBack', reason: 'Aborted', mesh: [0] });
  });

  it('R20, R22: resume does not get past spec.paused, and says so', () => {
    const world = worldInProgress();
    world.commit({ paused: true });
    world.run(MINUTE);
    world.ask({ verb: 'resume' });
    check(world.run(5 * SECOND), { phase: 'Paused', step: 1 });
    expect(outcome(world)).toBe('refused: spec.paused is true; set it to false to go on');
  });

  it('R6: an abort puts down what somebody raised as well', () => {
    const world = worldInProgress(forever);
    world.edit(OBJECT, { v1: 10, v2: 90 });
    world.ask('{"verb":"abort"}');
    world.run(10 * SECOND);
    expect(world.meshWrites.map(({ weight }) => weight)).toEqual([20, 0]);
  });
});
