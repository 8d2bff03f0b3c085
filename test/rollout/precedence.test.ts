import { describe, expect, it } from 'vitest';
import type { ApprovalSpec, GateSpec, RolloutSpec, StepSpec } from '../../src/rollout/index.ts';
import { OBJECT, START_MS, type World, type WorldOptions } from '../../src/simulation/world.ts';
import { check, MINUTE, restingWorld, SECOND, SUCCESS_RATE, specOf, worldInProgress } from './check.ts';
import { watchLaws } from './laws.ts';

const ALICE = 'user:alice@example.com';
const GATEWAY = 'weather/gateway';
const FREEZE = { by: 'bob', since: '2026-11-21T14:00:00Z' };
const ORDERS: GateSpec = { name: 'orders', prometheus: { query: 'x', window: '5s' }, threshold: { min: 1 }, onFailure: 'pause' };
const step = (setWeight: number, more: Partial<StepSpec> = {}): StepSpec => ({ setWeight, pause: { duration: '10s' }, ...more });
const FOREVER = specOf([step(20, { pause: {} })]);
/** 20 for 10 s, then people are asked about 50. */
const asking = (approval: Partial<ApprovalSpec> = {}): RolloutSpec =>
  specOf([step(20), step(50, { approval: { approvers: [ALICE], ...approval } })]);

const inProgress = (spec: RolloutSpec = FOREVER, options: Partial<WorldOptions> = {}): World =>
  worldInProgress({ spec, onDecision: watchLaws(), ...options });
const asked = (approval: Partial<ApprovalSpec> = {}, options: Partial<WorldOptions> = {}): World => {
  const world = inProgress(asking(approval), options).run(20 * SECOND);
  check(world, { phase: 'AwaitingApproval', step: 1, mesh: [20] });
  return world;
};
const answer = (world: World, decision: 'approved' | 'rejected'): void => {
  const revision = world.status?.revision ?? '';
  const at = new Date(world.nowMs).toISOString();
  world.answers.push({ revision, step: 2, decision, by: 'alice', identities: [ALICE], via: 'http', at });
};
const reasons = (world: World): readonly string[] => world.meshWrites.map(({ reason }) => reason);

/** Two causes at the same moment, one for each pair of neighbours in the list of guards for which the order matters. */
describe('precedence', () => {
  it('R6, R23: a mesh that cannot be read stands above an abort, which is acted on when it can', () => {
    const world = inProgress();
    world.problem = { message: 'two routes match', nothingRoutes: false };
    world.ask({ verb: 'abort' });
    check(world.run(10 * SECOND), { phase: 'Paused', reason: 'WaitingForMesh', waitingFor: 'mesh' });
    expect(world.status?.lastRequest).toBeUndefined();
    world.problem = undefined;
    check(world.run(10 * SECOND), { phase: 'RolledBack', reason: 'Aborted', mesh: [0] });
  });

  it('R6, R19: a person aborts and another one rejects: it is the abort', () => {
    const world = asked();
    world.ask({ verb: 'abort', by: 'bob' });
    answer(world, 'rejected');
    check(world.run(20 * SECOND), { phase: 'RolledBack', reason: 'Aborted', mesh: [0] });
  });

  it('R6, R26: what was raised is put down before a newer version is looked at', () => {
    const world = inProgress();
    world.edit(OBJECT, { v1: 0, v2: 100 }, { manager: 'kubectl-edit' });
    world.setPods('v3', 3);
    world.commit({ version: 'v3' });
    world.run(SECOND);
    expect(reasons(world).slice(0, 3)).toEqual(['StepEntered', 'DriftPutDown', 'Superseded']);
    expect(world.announced.map(({ reason }) => reason)).toContain('DriftPutDown');
  });

  it('R6, R10, R11: the way back stands above an edited host', () => {
    const world = inProgress();
    world.commit({ version: 'v1', host: 'other' });
    world.run(SECOND);
    expect(reasons(world)).toEqual(['StepEntered', 'WentBack']);
  });

  it('R6, R11, R25: an edited host stands above lost pods', () => {
    const world = inProgress();
    world.commit({ host: 'other' });
    world.setPods('v2', 0);
    world.run(SECOND);
    expect(reasons(world)).toEqual(['StepEntered', 'TargetChanged']);
  });

  it('R6, R17, R19: what a gate found is why all goes back, not that nobody answered in time', () => {
    const errors = (version: string, ms: number): number => (version === 'v2' && ms > START_MS + MINUTE ? 0.5 : 0);
    const world = asked({ timeout: '5m', onTimeout: 'rollback' }, { truth: { errors } });
    world.setPods('v1', 0);
    check(world.run(10 * MINUTE), {
      reason: 'WaitingForStable',
      mesh: [20],
      message: /success-rate.*traffic stays where it is|traffic stays where it is.*success-rate/,
    });
    world.setPods('v1', 3);
    check(world.run(20 * SECOND), { phase: 'RolledBack', reason: 'GateFailed', mesh: [0] });
  });

  it('R19, R24: people who do not answer in time end it sooner than the deadline for pods', () => {
    const spec = specOf([step(20, { approval: { approvers: [ALICE], timeout: '1m', onTimeout: 'rollback' } })]);
    const world = inProgress(spec);
    check(world, { phase: 'AwaitingApproval', step: 0 });
    world.setPods('v2', 0, 'v2a', 3);
    check(world.run(30 * SECOND), { reason: 'WaitingForPods', step: 0 });
    world.run(MINUTE);
    check(world.run(SECOND), { phase: 'RolledBack', reason: 'ApprovalTimedOut', writes: { mesh: 0 } });
  });

  it('R6, R19, R25: a shrinking set of pods stands above an approval, which is noted down and moves nothing until it is over', () => {
    const world = asked();
    world.setPods('v2', 1);
    answer(world, 'approved');
    check(world.run(10 * SECOND), { reason: 'PodsShrinking', step: 1, mesh: [20] });
    expect(world.status?.approvals).toHaveLength(1);
    world.setPods('v2', 3);
    check(world.run(5 * SECOND), { step: 2, mesh: [50] });
  });

  it('R6, R12, R29: an object that a crash left behind is not raised while the spec contradicts itself', () => {
    const { world, behind } = crashedBetweenObjects();
    expect(world.weightOf('v2', behind)).toBe(0);
    world.olderRival = 'weather/older';
    check(world.run(10 * SECOND), { phase: 'Invalid', reason: 'InvalidSpec' });
    expect(world.weightOf('v2', behind)).toBe(0);
  });

  it('R11, R29: what a crash left behind is written before an edit begins a step of its own', () => {
    const { world } = crashedBetweenObjects();
    world.commit({ strategy: { canary: { steps: [step(30)] } } });
    world.run(4 * SECOND);
    check(world, { step: 1, mesh: [20, 20] });
    expect(world.status?.step?.name).toBe('edited');
    const lastWriteMs = Math.max(...world.meshWrites.map(({ atMs }) => atMs));
    expect(Date.parse(world.status?.step?.startedAt ?? '')).toBeGreaterThanOrEqual(lastWriteMs);
  });

  it('R11, R26: an edit is taken in although somebody lowered the weights, which is held afterwards', () => {
    const world = inProgress();
    world.edit(OBJECT, { v1: 95, v2: 5 }, { manager: 'kubectl-edit' });
    world.commit({ strategy: { canary: { steps: [step(30)] } } });
    check(world.run(10 * SECOND), { reason: 'Drift', waitingFor: 'drift', mesh: [5] });
    expect(world.status?.plan?.steps.map(({ weight }) => weight)).toEqual([20, 30, 100]);
  });

  it('R11, R36: an edit is taken in although the routing object is gone, which is what people are told afterwards', () => {
    const world = inProgress();
    world.removeObject(OBJECT);
    world.commit({ strategy: { canary: { steps: [step(30)] } } });
    check(world.run(10 * SECOND), { reason: 'WaitingForMesh', waitingFor: 'mesh' });
    expect(world.status?.plan?.steps.map(({ weight }) => weight)).toEqual([20, 30, 100]);
  });

  it('R6, R17, R20: a gate that paused stands above a freeze: it stays what people are told about', () => {
    const spec = specOf([step(20, { pause: {} })], { analysis: { interval: '5s', gates: [ORDERS, SUCCESS_RATE] } });
    const world = inProgress(spec, { truth: { query: () => 0 } }).run(30 * SECOND);
    check(world, { phase: 'Paused', reason: 'PausedByGate' });
    world.freeze = FREEZE;
    check(world.run(10 * SECOND), { phase: 'Paused', reason: 'PausedByGate' });
  });

  it('R20: a freeze stands above a window, since only a person ends it', () => {
    const world = inProgress();
    world.commit({ windows: [{ deny: '* * * * *' }] });
    check(world.run(SECOND), { phase: 'Paused', reason: 'WaitingForWindow' });
    world.freeze = FREEZE;
    check(world.run(SECOND), { phase: 'Paused', reason: 'Frozen', waitingFor: 'person' });
  });
});

/** A process that died when it had raised one object of two, and has just come back. */
const crashedBetweenObjects = (): { world: World; behind: string } => {
  const alone = { versions: { v1: 100 }, foreign: 0 };
  const objects = { [GATEWAY]: alone, [OBJECT]: alone };
  const quiet = inProgress(FOREVER, { objects });
  const { mesh, subset, status, finalizer } = quiet.counts;
  for (let write = 1; write <= mesh + subset + status + finalizer; write++) {
    const world = restingWorld({ spec: FOREVER, objects, crash: { write, when: 'after' }, onDecision: watchLaws() });
    world.setPods('v2', 3);
    world.commit({ version: 'v2' });
    for (let i = 0; i < 100 && world.meshWrites.length === 0; i++) world.run(100);
    const behind = [GATEWAY, OBJECT].find(name => world.weightOf('v2', name) === 0);
    if (world.meshWrites.length === 1 && behind !== undefined) return { world, behind };
  }
  throw new Error('no write was found after which only one object was raised');
};
