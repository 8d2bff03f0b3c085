import { describe, expect, it } from 'vitest';
import type { AnalysisSpec, GateSpec, Installation } from '../../src/rollout/index.ts';
import { analysisOf, gateName, wantedGates } from '../../src/rollout/plan/analysis.ts';
import { compilePlan } from '../../src/rollout/plan/plan.ts';
import { HALF, SUCCESS_RATE, specOf } from './check.ts';

const ORDERS: GateSpec = {
  prometheus: { query: 'sum(orders)', samples: 'count(orders)', window: '1m' },
  threshold: { min: 1 },
  minSamples: 30,
};
const offering = (more: Partial<Installation> = {}): Installation => ({
  prometheus: ['default'],
  zipkin: [],
  gateTemplates: { orders: ORDERS, named: { ...ORDERS, name: 'shop-orders' } },
  ...more,
});
const filled = (gate: GateSpec): GateSpec | undefined =>
  wantedGates(specOf(HALF, { analysis: { gates: [gate] } }), offering())[0]?.gate;

describe('a gate from a template', () => {
  it('is the template, under its name', () => {
    expect(filled({ template: 'orders' })).toEqual({ name: 'orders', ...ORDERS });
    expect(filled({ template: 'named' })).toMatchObject({ name: 'shop-orders' });
    expect(filled({ template: 'named', name: 'mine' })).toMatchObject({ name: 'mine' });
  });

  it('is overridden field by field, one level deep', () => {
    expect(filled({ template: 'orders', minSamples: 5, onNoData: 'fail', threshold: { max: 9 } })).toEqual({
      ...ORDERS,
      name: 'orders',
      minSamples: 5,
      onNoData: 'fail',
      threshold: { min: 1, max: 9 },
    });
    expect(filled({ template: 'orders', prometheus: { window: '5m' } })?.prometheus).toEqual({
      ...ORDERS.prometheus,
      window: '5m',
    });
  });

  it('is not overridden by what is absent', () => {
    expect(filled({ template: 'orders', minSamples: undefined, threshold: { min: undefined } })).toEqual({
      name: 'orders',
      ...ORDERS,
    });
  });

  it('stays what it is where the template is not known', () => {
    expect(filled({ template: 'toString' })).toEqual({ template: 'toString' });
    expect(gateName({ template: 'orders' })).toBe('orders');
  });
});

describe('the analysis of a spec', () => {
  const defaults: AnalysisSpec = { interval: '30s', initialDelay: '10s', alpha: 0.02, gates: [{ template: 'orders' }] };
  const planOf = (analysis: AnalysisSpec | undefined, installation = offering({ analysis: defaults })) =>
    compilePlan(specOf(HALF, { analysis }), installation, undefined);

  it('says what the configuration says, where it is silent', () => {
    expect(planOf(undefined)).toMatchObject({ intervalMs: 30_000, initialDelayMs: 10_000 });
    expect(planOf(undefined).gates.map(({ name, alpha }) => [name, alpha])).toEqual([
      ['orders', undefined],
      ['unattributed', 0.018],
    ]);
    expect(planOf({ interval: '5s' })).toMatchObject({ intervalMs: 5_000, initialDelayMs: 10_000 });
    expect(planOf({ interval: undefined })).toMatchObject({ intervalMs: 30_000 });
  });

  it('has its own gates, or none, where it says so', () => {
    const names = (analysis: AnalysisSpec) => planOf(analysis).gates.map(({ name }) => name);
    expect(names({ gates: [SUCCESS_RATE] })).toEqual(['success-rate', 'unattributed']);
    expect(names({ gates: [] })).toEqual(['unattributed']);
  });

  it('has the built-in defaults where neither says anything', () => {
    const plan = planOf(undefined, offering());
    expect(plan).toMatchObject({ intervalMs: 15_000, initialDelayMs: 0 });
    expect(plan.gates.map(({ name, alpha }) => [name, alpha])).toEqual([
      ['success-rate', 0.009 / 5],
      ['p99', 0.009 / 5],
      ['unattributed', 0.009 / 5],
    ]);
    expect(analysisOf(specOf(HALF, { analysis: undefined }))).toEqual({});
  });

  it('names the place of each gate', () => {
    const steps = [{ setWeight: 10 }, { setWeight: 50, gates: [SUCCESS_RATE, { template: 'orders' }] }];
    const places = (analysis: AnalysisSpec | undefined) =>
      wantedGates(specOf(steps, { analysis }), offering({ analysis: defaults })).map(({ path, step, configured }) => [
        path,
        step,
        configured,
      ]);
    const ofStep = [
      ['spec.strategy.canary.steps[1].gates[0]', 2, undefined],
      ['spec.strategy.canary.steps[1].gates[1]', 2, undefined],
    ];
    expect(places(undefined)).toEqual([['spec.analysis.gates', undefined, 'defaults.analysis.gates[0]'], ...ofStep]);
    expect(places({ gates: [ORDERS] })).toEqual([['spec.analysis.gates[0]', undefined, undefined], ...ofStep]);
  });
});

describe('a gate of the plan', () => {
  const compiled = (gate: GateSpec) => compilePlan(specOf(HALF, { analysis: { gates: [gate] } }), offering(), undefined).gates[0];

  it('R14: has all defaults filled in', () => {
    expect(compiled({ webhook: { url: 'https://ci.example.com' } })).toEqual({
      name: 'webhook',
      source: { kind: 'webhook', url: 'https://ci.example.com', timeoutMs: 10_000 },
      judge: 'plain',
      minSamples: 0,
      failureLimit: 1,
      onNoData: 'hold',
      noDataDeadlineMs: 600_000,
    });
    expect(compiled(SUCCESS_RATE)).toMatchObject({ judge: 'sequential', minSamples: 50, min: 99 });
    expect(compiled({ ...ORDERS, minSamples: undefined })).toMatchObject({ judge: 'plain', minSamples: 0 });
  });

  it('R17: keeps what was written', () => {
    const gate = { ...ORDERS, failureLimit: 0, onNoData: 'fail', noDataDeadline: '1m', onFailure: 'pause' } as const;
    expect(compiled(gate)).toMatchObject({
      minSamples: 30,
      failureLimit: 0,
      onNoData: 'fail',
      noDataDeadlineMs: 60_000,
      onFailure: 'pause',
    });
    expect(compiled({ ...ORDERS, onFailure: 'rollback' })).not.toHaveProperty('onFailure');
    expect(compiled({ webhook: { url: 'https://ci.example.com', timeout: '3s' } })).toMatchObject({
      source: { timeoutMs: 3_000 },
    });
  });
});
