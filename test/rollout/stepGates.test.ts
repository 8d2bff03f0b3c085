import { describe, expect, it } from 'vitest';
import type { GateSpec, StepSpec } from '../../src/rollout/index.ts';
import { compilePlan } from '../../src/rollout/plan/plan.ts';
import { START_MS, type World } from '../../src/simulation/world.ts';
import { check, MINUTE, restingWorld, SECOND, SUCCESS_RATE, specOf, worldInProgress } from './check.ts';

const ORDERS: GateSpec = { name: 'orders', prometheus: { query: 'x', window: '5s' }, threshold: { min: 1 }, failureLimit: 0 };
const SMOKE: GateSpec = { name: 'smoke', webhook: { url: 'https://ci.example.com/smoke' } };
const steps = (...gates: readonly (readonly GateSpec[])[]): readonly StepSpec[] =>
  gates.map((list, index) => ({ setWeight: 10 + 10 * index, pause: { duration: '10s' }, gates: list }));
const names = (world: World) => (world.status?.gates ?? []).map(({ name }) => name);
const analysis = { interval: '5s', gates: [SUCCESS_RATE] };

describe('gates of single steps', () => {
  it('R14: are measured and shown in their step, and absent from all others', () => {
    const asked: string[] = [];
    const truth = {
      query: () => 5,
      down: (name: string) => {
        asked.push(name);
        return false;
      },
    };
    const world = worldInProgress({ spec: specOf(steps([], [ORDERS], []), { analysis }), truth });
    check(world, { step: 1 });
    expect(names(world)).toEqual(['success-rate', 'unattributed']);
    expect(asked).not.toContain('orders');
    world.run(10 * SECOND);
    check(world, { step: 2, mesh: [20] });
    expect(names(world)).toEqual(['success-rate', 'orders', 'unattributed']);
    asked.length = 0;
    check(world.run(10 * SECOND), { step: 3, mesh: [30] });
    expect(names(world)).toEqual(['success-rate', 'unattributed']);
    expect(asked).toContain('orders');
    check(world.run(MINUTE), { phase: 'Healthy', stable: 'v2' });
  });

  it('R14: hold their step, and no other one', () => {
    const world = worldInProgress({ spec: specOf(steps([], [ORDERS]), { analysis }), truth: { query: () => undefined } });
    check(world.run(10 * MINUTE), { step: 2, mesh: [20], waitingFor: 'gates', message: /orders: no series matches/ });
  });

  it('R17: put everything back when they fail', () => {
    const world = worldInProgress({ spec: specOf(steps([], [ORDERS]), { analysis }), truth: { query: () => 0 } });
    check(world, { step: 1, mesh: [10] });
    check(world.run(MINUTE), { phase: 'RolledBack', reason: 'GateFailed', mesh: [0], message: /orders 0/ });
  });

  it('R14: begin anew in each of their steps', () => {
    // one bad value in each step is tolerated; two in a row of one step would not be
    const tolerant = { ...ORDERS, failureLimit: 1 };
    const bad = (_: string, ms: number) => (Math.floor((ms - START_MS) / 5_000) % 2 === 0 ? 0 : 5);
    const world = worldInProgress({ spec: specOf(steps([tolerant], [tolerant]), { analysis }), truth: { query: bad } });
    check(world.run(3 * MINUTE), { phase: 'Healthy', stable: 'v2' });
  });

  it('R14: a gate that stands in several steps is one gate of the plan; alpha is shared by all sequential gates', () => {
    const p99: GateSpec = { prometheus: { metric: 'latency', percentile: 99 }, threshold: { max: 500 } };
    const spec = specOf(steps([SMOKE], [p99], [SMOKE, p99]), { analysis: { gates: [SUCCESS_RATE], alpha: 0.03 } });
    const { gates } = compilePlan(spec, { prometheus: ['default'], zipkin: [] }, undefined);
    expect(gates.map(({ name, steps: where, alpha }) => [name, where, alpha])).toEqual([
      ['success-rate', undefined, 0.009],
      ['smoke', [1, 3], undefined],
      ['p99', [2, 3], 0.009],
      ['unattributed', undefined, 0.009],
    ]);
  });

  it('R14: stand beside the default gates', () => {
    const spec = { version: 'v2', strategy: { canary: { steps: steps([SMOKE]) } } };
    const { gates } = compilePlan(spec, { prometheus: ['default'], zipkin: [] }, undefined);
    expect(gates.map(({ name }) => name)).toEqual(['success-rate', 'p99', 'smoke', 'unattributed']);
  });

  it('R7: keep to their steps when a split that was adopted stands before them', () => {
    const world = restingWorld({
      spec: specOf(steps([SMOKE], [ORDERS]), { analysis, version: 'v2', initialVersion: 'v1' }),
      objects: { 'weather/forecast': { versions: { v1: 85, v2: 15 }, foreign: 0 } },
      pods: { v1: 3, v2: 3 },
      subsets: ['v1', 'v2'],
      installation: { prometheus: ['default'], zipkin: [], webhookGates: ['https://ci.example.com'] },
      truth: { query: () => 5 },
    });
    check(world, { step: 1, mesh: [15] });
    expect(world.status?.plan?.steps.map(({ weight }) => weight)).toEqual([15, 20, 100]);
    expect(names(world)).toEqual(['success-rate', 'unattributed']);
    world.run(8 * SECOND);
    check(world, { step: 2, mesh: [20] });
    expect(names(world)).toEqual(['success-rate', 'orders', 'unattributed']);
  });

  it('R14: those of other steps do not hold a step whose providers are slower than its interval', () => {
    const world = worldInProgress({
      spec: specOf(steps([], [ORDERS], []), { analysis }),
      truth: { query: () => 5, answerMs: 7_000 },
    });
    check(world.run(5 * MINUTE), { phase: 'Healthy', stable: 'v2' });
  });

  it('R4: a restart changes nothing about which gates are judged', () => {
    const world = worldInProgress({ spec: specOf(steps([], [ORDERS], []), { analysis }), truth: { query: () => 5 } });
    world.run(10 * SECOND).crash();
    world.run(SECOND);
    expect(names(world)).toEqual(['success-rate', 'orders', 'unattributed']);
    check(world.run(MINUTE), { phase: 'Healthy', stable: 'v2' });
  });
});
