import { describe, expect, it } from 'vitest';
import { OBJECT, START_MS, type World } from '../../src/simulation/world.ts';
import { check, MINUTE, restingWorld, SECOND, specOf, worldInProgress } from './check.ts';
import { watchLaws } from './laws.ts';

const TWO_STEPS = specOf([
  { setWeight: 20, pause: { duration: '20s' } },
  { setWeight: 50, pause: { duration: '20s' } },
]);
const inProgress = (options: Parameters<typeof worldInProgress>[0] = {}): World =>
  worldInProgress({ spec: TWO_STEPS, onDecision: watchLaws(), ...options });
const outcome = (world: World) => world.status?.lastRequest?.outcome;
const weights = (world: World): readonly number[] => world.meshWrites.map(({ weight }) => weight);
const askHere = (world: World, verb: string, more: object = {}): void =>
  world.ask({ verb, revision: world.status?.revision, step: world.status?.step?.index, ...more });

describe('a person pauses', () => {
  it('R20, R4: resume neither repeats nor shortens the step: its clock ran on', () => {
    const world = inProgress();
    const startedAt = world.status?.step?.startedAt;
    world.ask({ verb: 'pause' });
    check(world.run(5 * SECOND), { phase: 'Paused', step: 1 });
    world.ask({ verb: 'resume' });
    check(world.run(SECOND), { phase: 'Progressing', step: 1, waitingFor: 'pause' });
    expect(world.status?.step?.startedAt).toBe(startedAt);
    check(world.run(MINUTE + 30 * SECOND), { phase: 'Healthy' });
    const [first, second] = world.meshWrites;
    expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBeGreaterThanOrEqual(20 * SECOND);
    expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBeLessThan(25 * SECOND);
    expect(weights(world)).toEqual([20, 50, 100]);
  });

  it('R20: what protects goes on: gates, lost pods, drift, abort', () => {
    const bad = inProgress({ truth: { errors: (version, ms) => (version === 'v2' && ms > START_MS + MINUTE ? 0.5 : 0) } });
    bad.ask({ verb: 'pause' });
    check(bad.run(2 * MINUTE), { phase: 'RolledBack', reason: 'GateFailed' });
    const lost = inProgress();
    lost.ask({ verb: 'pause' });
    lost.run(SECOND).setPods('v2', 0);
    check(lost.run(SECOND), { reason: 'PodsLost', mesh: [0] });
    const raised = inProgress();
    raised.ask({ verb: 'pause' });
    raised.run(SECOND).edit(OBJECT, { v1: 10, v2: 90 });
    check(raised.run(SECOND), { phase: 'Paused', mesh: [20] });
    raised.ask({ verb: 'abort' });
    check(raised.run(10 * SECOND), { phase: 'RolledBack', reason: 'Aborted', mesh: [0] });
  });

  it('R20: a restart keeps the pause', () => {
    const world = inProgress();
    world.ask({ verb: 'pause', id: 'a' });
    world.run(SECOND).crash();
    check(world.run(5 * MINUTE), { phase: 'Paused', step: 1, mesh: [20] });
  });

  it('R20: what names another step or revision is stale; by id it counts once', () => {
    const world = inProgress();
    askHere(world, 'pause', { id: 'a', step: 2 });
    check(world.run(SECOND), { phase: 'Progressing' });
    expect(outcome(world)).toMatch(/refused: names step 2/);
    askHere(world, 'pause', { id: 'b' });
    check(world.run(SECOND), { phase: 'Paused' });
    askHere(world, 'resume', { id: 'c', revision: 'ffffffff' });
    check(world.run(SECOND), { phase: 'Paused' });
    expect(outcome(world)).toMatch(/refused: names revision/);
    askHere(world, 'resume', { id: 'd' });
    check(world.run(SECOND), { phase: 'Progressing' });
    askHere(world, 'pause', { id: 'd' });
    check(world.run(SECOND), { phase: 'Progressing' });
    expect(world.request).toBeUndefined();
  });

  it('R22: promote lifts it, and the step goes on', () => {
    const world = inProgress();
    world.ask({ verb: 'pause' });
    world.run(SECOND);
    askHere(world, 'promote');
    check(world.run(3 * SECOND), { step: 2, mesh: [50] });
    expect(world.status?.pause).toBeUndefined();
  });

  it('R12, R20: pauses and resumes also while the spec contradicts itself', () => {
    const world = inProgress();
    world.commit({ strategy: {} });
    world.ask({ verb: 'pause', id: 'a' });
    check(world.run(SECOND), { phase: 'Invalid' });
    expect(outcome(world)).toBe('accepted: paused');
    world.commit({ strategy: TWO_STEPS.strategy });
    check(world.run(MINUTE), { phase: 'Paused', step: 1 });
  });

  it('R20: ends with a rollback, so that a retry is not paused', () => {
    const world = inProgress();
    world.ask({ verb: 'pause' });
    world.run(SECOND).ask({ verb: 'abort' });
    check(world.run(20 * SECOND), { phase: 'RolledBack' });
    world.ask({ verb: 'retry' });
    check(world.run(3 * MINUTE), { phase: 'Healthy', stable: 'v2' });
  });
});

describe('spec.paused', () => {
  it('R20: promote is refused, and abort is not', () => {
    const world = inProgress();
    world.commit({ paused: true });
    world.run(SECOND);
    askHere(world, 'promote');
    check(world.run(MINUTE), { phase: 'Paused', step: 1, mesh: [20] });
    expect(outcome(world)).toMatch(/refused: spec\.paused is true/);
    world.ask({ verb: 'resume' });
    world.run(SECOND);
    expect(outcome(world)).toMatch(/refused: spec.paused is true/);
    world.ask({ verb: 'abort' });
    check(world.run(10 * SECOND), { phase: 'RolledBack', mesh: [0] });
  });

  it('R20: holds the start and a retry, and says so', () => {
    const world = restingWorld({ onDecision: watchLaws() });
    world.setPods('v2', 3);
    world.commit({ version: 'v2', paused: true });
    check(world.run(MINUTE), { phase: 'Pending', reason: 'PausedByPerson', mesh: [0], message: /set it to false to start/ });
    world.commit({ paused: false });
    check(world.run(10 * SECOND), { phase: 'Progressing', step: 1 });
    world.ask({ verb: 'abort' });
    world.run(10 * SECOND).commit({ paused: true });
    world.ask({ verb: 'retry' });
    check(world.run(MINUTE), { phase: 'Pending', mesh: [0] });
    world.commit({ paused: false });
    check(world.run(2 * MINUTE), { phase: 'Healthy', stable: 'v2' });
  });
});

describe('retry', () => {
  it('R22: is a new attempt with a revision of its own; a stale one is refused', () => {
    const world = inProgress();
    const first = world.status?.revision;
    world.ask({ verb: 'abort' });
    check(world.run(20 * SECOND), { phase: 'RolledBack' });
    world.ask({ verb: 'retry', revision: 'ffffffff' });
    check(world.run(SECOND), { phase: 'RolledBack' });
    expect(outcome(world)).toMatch(/refused: names revision ffffffff, but \w+ was rolled back/);
    world.ask({ verb: 'retry', revision: first, id: 'a' });
    check(world.run(10 * SECOND), { phase: 'Progressing', step: 1, mesh: [20] });
    expect(world.status?.attempt).toBe(2);
    expect(world.status?.revision).not.toBe(first);
    world.ask({ verb: 'retry', id: 'a' });
    world.run(SECOND);
    expect(world.status?.attempt).toBe(2);
  });
});

describe('resume after somebody lowered the weights', () => {
  const lowered = (): World => {
    const world = inProgress({ spec: specOf([{ setWeight: 50, pause: {} }]) });
    world.edit(OBJECT, { v1: 95, v2: 5 });
    check(world.run(5 * SECOND), { reason: 'Drift', mesh: [5] });
    return world;
  };

  it('R26: puts them back, without a new step', () => {
    const world = lowered();
    const startedAt = world.status?.step?.startedAt;
    world.ask({ verb: 'resume', by: 'alice' });
    check(world.run(SECOND), { phase: 'Paused', step: 1, mesh: [50] });
    expect(world.status?.step?.startedAt).toBe(startedAt);
    expect(outcome(world)).toMatch(/accepted/);
    expect(world.request).toBeUndefined();
  });

  it('R26: a write that fails is tried again before the request counts as carried out', () => {
    const world = lowered();
    world.meshRefuses = 'patching: 500';
    world.ask({ verb: 'resume', id: 'a' });
    check(world.run(10 * SECOND), { mesh: [5], message: /last write failed/ });
    expect(world.request).toBeDefined();
    world.meshRefuses = undefined;
    check(world.run(SECOND), { mesh: [50] });
    expect(outcome(world)).toMatch(/accepted/);
  });

  it('R26, R28: where others have everything there is nothing to put back', () => {
    const world = inProgress();
    world.edit(OBJECT, {}, { foreign: 100 });
    world.run(SECOND).ask({ verb: 'resume' });
    check(world.run(10 * SECOND), { reason: 'Drift' });
    expect(outcome(world)).toMatch(/refused: .*leaves nothing/);
  });

  it('R26: a process that dies in between carries it out once', () => {
    const world = lowered();
    world.ask({ verb: 'resume', id: 'a' });
    world.statusRefused = true;
    world.run(SECOND).crash();
    world.statusRefused = false;
    check(world.run(5 * SECOND), { mesh: [50], phase: 'Paused' });
    expect(weights(world)).toEqual([50, 50]);
  });
});
