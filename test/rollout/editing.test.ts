import { describe, expect, it } from 'vitest';
import type { CanarySpec, RolloutSpec, StepSpec } from '../../src/rollout/index.ts';
import { OBJECT, START_MS, type World } from '../../src/simulation/world.ts';
import { check, MINUTE, mark, restingWorld, SECOND, SUCCESS_RATE, specOf, worldInProgress } from './check.ts';
import { watchLaws } from './laws.ts';

const step = (setWeight: number, duration = '20s'): StepSpec => ({ setWeight, pause: { duration } });
const THREE = [step(20), step(50), step(80)];
const canary = (steps: readonly StepSpec[], more: Partial<CanarySpec> = {}): Pick<RolloutSpec, 'strategy'> => ({
  strategy: { canary: { steps, ...more } },
});
const inProgress = (options: Parameters<typeof worldInProgress>[0] = {}): World =>
  worldInProgress({ spec: specOf(THREE), onDecision: watchLaws(), ...options });
const weights = (world: World): readonly number[] => world.meshWrites.map(({ weight }) => weight);

describe('steps or gates are edited in progress', () => {
  it('R11: traffic stays, in a step of its own with a new clock, by one status write and none to the mesh', () => {
    const world = inProgress();
    const startedAt = world.status?.step?.startedAt ?? '';
    const before = mark(world);
    world.commit(canary([step(10), step(60), step(90)]));
    world.run(SECOND);
    check(world, { phase: 'Progressing', step: 1, weight: 20, mesh: [20] });
    check(world, { writes: { mesh: 0 } }, before);
    expect(world.status?.step).toMatchObject({ name: 'edited', count: 4 });
    expect(Date.parse(world.status?.step?.startedAt ?? '')).toBeGreaterThan(Date.parse(startedAt));
    expect(world.status?.plan?.steps.map(({ weight }) => weight)).toEqual([20, 60, 90, 100]);
    expect(world.status?.history?.at(-1)).toMatchObject({ action: 'edited', reason: 'Edited' });
    expect(world.announced.filter(({ reason }) => reason === 'Edited')).toHaveLength(1);
    check(world.run(3 * MINUTE), { phase: 'Healthy', stable: 'v2' });
    expect(weights(world)).toEqual([20, 60, 90, 100]);
  });

  it('R11: never up at once: the gates are measured anew, and a pause at the same weight begins again', () => {
    const world = inProgress().run(15 * SECOND);
    const editedMs = world.nowMs;
    world.commit(canary([step(20, '40s'), step(50)]));
    world.run(2 * MINUTE);
    expect((world.meshWrites[1]?.atMs ?? 0) - editedMs).toBeGreaterThanOrEqual(40 * SECOND);
    expect(weights(world)).toEqual([20, 50, 100]);
  });

  it('R11: a weight that the new plan does not have lasts at least an interval', () => {
    const world = inProgress({ installation: { prometheus: [], zipkin: [] }, spec: specOf(THREE, { analysis: { gates: [] } }) });
    const editedMs = world.nowMs;
    world.commit(canary([step(60)]));
    world.run(2 * MINUTE);
    expect((world.meshWrites[1]?.atMs ?? 0) - editedMs).toBeGreaterThanOrEqual(15 * SECOND);
    expect(weights(world)).toEqual([20, 60, 100]);
  });

  it('R11: a step that waits for a person still waits for one after another part was edited', () => {
    const world = inProgress({ spec: specOf([{ setWeight: 20, pause: {} }, step(50)]) });
    world.commit(canary([{ setWeight: 20, pause: {} }, step(70)]));
    check(world.run(2 * MINUTE), { phase: 'Paused', step: 1, mesh: [20], waitingFor: 'person' });
  });

  it('R11: the last step stays, so that the new version bakes whatever was left of the plan', () => {
    const world = inProgress();
    world.commit(canary([step(10)], { bake: '30s' }));
    check(world.run(2 * MINUTE), { phase: 'Healthy', stable: 'v2' });
    expect(weights(world)).toEqual([20, 100]);
    expect(world.nowMs - (world.meshWrites[1]?.atMs ?? 0)).toBeGreaterThanOrEqual(30 * SECOND);
  });

  it('R11: the new gates judge at once, also those that are stricter', () => {
    const errors = (version: string): number => (version === 'v2' ? 0.02 : 0);
    const world = inProgress({
      spec: specOf(THREE, { analysis: { interval: '5s', gates: [{ ...SUCCESS_RATE, threshold: { min: 90 } }] } }),
      truth: { errors, requestsPerSecond: 500 },
    });
    world.commit({ analysis: { interval: '5s', gates: [SUCCESS_RATE] } });
    check(world.run(2 * MINUTE), { phase: 'RolledBack', reason: 'GateFailed', mesh: [0] });
    expect(weights(world)).toEqual([20, 0]);
  });

  it('R11: an edit before the first weight replaces the plan', () => {
    const world = inProgress({ pods: { v1: 3 } });
    const early = restingWorld({ spec: specOf(THREE), onDecision: watchLaws() });
    early.setPods('v2', 3);
    early.commit({ version: 'v2' });
    early.run(SECOND);
    check(early, { step: 0, mesh: [0] });
    early.commit(canary([step(30)]));
    early.run(8 * SECOND);
    check(early, { step: 1, mesh: [30] });
    expect(early.status?.step?.name).toBeUndefined();
    expect(early.status?.attempt).toBe(world.status?.attempt);
  });

  it('R11: default limits that were frozen stay when steps are edited, even after a restart', () => {
    const spec = specOf(THREE, { analysis: { interval: '5s' } });
    const world = inProgress({ spec });
    const before = world.status?.plan?.gates;
    world.crash();
    world.truth = { ...world.truth, down: (name: string) => name === 'reference' };
    world.commit(canary([step(20), step(60)]));
    world.run(5 * SECOND);
    expect(world.status?.step?.name).toBe('edited');
    expect(world.status?.plan?.gates).toEqual(before);
  });

  it('R11: default limits that are new are measured first; what protects goes on meanwhile', () => {
    const world = inProgress({ truth: { down: (name, ms) => name === 'reference' && ms > START_MS + 8 * SECOND } });
    world.run(5 * SECOND).crash();
    world.commit({ analysis: { interval: '5s' } });
    check(world.run(MINUTE), { phase: 'Progressing', reason: 'ProviderError', step: 1, mesh: [20], waitingFor: 'gates' });
    world.truth = { requestsPerSecond: 100 };
    world.run(10 * SECOND);
    expect(world.status?.step?.name).toBe('edited');
    expect(world.status?.plan?.gates.map(({ name }) => name)).toEqual(['success-rate', 'p99', 'unattributed']);
    check(world.run(5 * MINUTE), { phase: 'Healthy', stable: 'v2' });
  });

  it('R11: two edits in a row, one while paused by a person: the pause stays', () => {
    const world = inProgress();
    world.ask({ verb: 'pause', by: 'ann' });
    world.run(SECOND).commit(canary([step(40)]));
    check(world.run(MINUTE), { phase: 'Paused', step: 1, mesh: [20] });
    world.commit(canary([step(45)]));
    check(world.run(MINUTE), { phase: 'Paused', step: 1, mesh: [20] });
    world.ask({ verb: 'resume' });
    check(world.run(2 * MINUTE), { phase: 'Healthy' });
    expect(weights(world)).toEqual([20, 45, 100]);
  });

  it('R11: an edit while traffic goes back changes nothing about that', () => {
    const world = inProgress({ truth: { disobeyedShare: () => 0.2 } });
    world.ask({ verb: 'abort' });
    check(world.run(3 * SECOND), { phase: 'RollingBack', mesh: [0] });
    world.commit(canary([step(70)]));
    check(world.run(3 * SECOND), { phase: 'RollingBack', mesh: [0] });
    world.truth = { requestsPerSecond: 100 };
    check(world.run(MINUTE), { phase: 'RolledBack', reason: 'Aborted', mesh: [0] });
  });

  it('R11, R12: an edit that contradicts itself holds, and one that is mended goes on from there', () => {
    const world = inProgress();
    world.commit(canary([step(50), step(20)]));
    check(world.run(MINUTE), { phase: 'Invalid', step: 1, mesh: [20] });
    world.commit(canary([step(50)]));
    check(world.run(2 * MINUTE), { phase: 'Healthy' });
    expect(weights(world)).toEqual([20, 50, 100]);
  });

  const edits = Array.from({ length: 14 }, (_, i) => i + 1);
  it.each(edits)('R11, R4: a process that dies at write %i around an edit restarts nothing and is never up at once', write => {
    for (const when of ['before', 'after'] as const) {
      const world = restingWorld({ spec: specOf(THREE), onDecision: watchLaws(), crash: { write, when } });
      world.setPods('v2', 3);
      world.commit({ version: 'v2' });
      world.at(33 * SECOND, () => world.commit(canary([step(10), step(60)])));
      world.run(4 * MINUTE);
      check(world, { phase: 'Healthy', stable: 'v2' });
      const edited = weights(world);
      expect(
        [...edited].sort((a, b) => a - b),
        edited.join(),
      ).toEqual(edited);
      expect(edited.at(-2), edited.join()).toBe(60);
    }
  });

  it('R11, R3: an edit right after a raise that the status does not know of keeps the raised weight', () => {
    const world = inProgress();
    world.run(17 * SECOND);
    const stored = world.status;
    for (let i = 0; i < 100 && world.meshWrites.length < 2; i++) world.run(100);
    expect(weights(world)).toEqual([20, 50]);
    world.crash();
    world.status = stored;
    world.commit(canary([step(20), step(70)]));
    world.run(SECOND);
    check(world, { step: 1, weight: 50, mesh: [50] });
    expect(world.status?.step?.name).toBe('edited');
    world.run(2 * MINUTE);
    expect(weights(world)).toEqual([20, 50, 70, 100]);
  });

  it.each([
    ['forward', 3_600_000],
    ['back', -3_600_000],
  ])('R11, R4: the clock goes an hour %s after an edit: no step is early, none is repeated', (_, byMs) => {
    const world = inProgress();
    world.commit(canary([step(20, '40s'), step(70)]));
    world.run(5 * SECOND);
    world.jumpClock(byMs);
    world.crash();
    world.run(2 * MINUTE);
    const seen = weights(world);
    expect([20, 70, 100].slice(0, seen.length)).toEqual(seen);
    check(world.run(2 * 3_600_000), { phase: 'Healthy', stable: 'v2' });
    expect(weights(world)).toEqual([20, 70, 100]);
  });
});

describe('host, router or version label are edited in progress', () => {
  it('R11: all traffic goes back on the old target first, then it starts anew', () => {
    const hosts: string[] = [];
    const laws = watchLaws();
    const world = inProgress({
      onDecision: (rollout, observation, decision, nowMs) => {
        laws(rollout, observation, decision, nowMs);
        for (const action of decision.actions)
          if (action.kind === 'setTraffic') hosts.push(`${action.position.state} ${action.weight}`);
      },
    });
    const { revision } = world.status ?? {};
    world.commit({ router: { istio: { routes: ['primary'] } } });
    world.run(8 * SECOND);
    expect(hosts).toEqual(['raised 20', 'safe 0', 'raised 20']);
    expect(world.timeline.some(({ reason }) => reason === 'TargetChanged')).toBe(true);
    expect(world.status?.revision).not.toBe(revision);
    check(world, { phase: 'Progressing', step: 1, mesh: [20] });
  });

  it('R11: how subsets are made is no part of the target', () => {
    const world = inProgress();
    world.commit({ router: { istio: { settle: '4s', createMissing: 'subset' } } });
    check(world.run(3 * MINUTE), { phase: 'Healthy' });
    expect(weights(world)).toEqual([20, 50, 80, 100]);
  });

  it('R11: a status of an older build, which noted no target, counts as unchanged', () => {
    const world = inProgress();
    const { targetHash: _, ...older } = world.status ?? { phase: 'Pending', reason: 'Started', message: '' };
    world.status = older;
    world.commit({ host: 'forecast' });
    check(world.run(MINUTE), { phase: 'Progressing' });
    expect(weights(world)).not.toContain(0);
  });

  it('R11, R6: without a ready pod of stable the traffic stays until it can go back', () => {
    const world = inProgress();
    world.setPods('v1', 0);
    world.commit({ versionLabel: 'release' });
    check(world.run(MINUTE), { reason: 'WaitingForStable', mesh: [20] });
    world.setPods('v1', 3);
    world.run(8 * SECOND);
    expect(weights(world)).toEqual([20, 0, 20]);
    expect(world.weightOf('v2', OBJECT)).toBe(20);
  });
});
