import { describe, expect, it } from 'vitest';
import type { Installation, Normal, Reference, RolloutSpec } from '../../src/rollout/index.ts';
import { compilePlan } from '../../src/rollout/plan/plan.ts';
import { START_MS } from '../../src/simulation/world.ts';
import { HALF, SUCCESS_RATE, specOf } from './check.ts';

const withoutGates: RolloutSpec = { version: 'v2', strategy: { canary: { steps: HALF } } };
const both: Installation = { prometheus: ['default'], zipkin: ['default'] };
const metricsOnly: Installation = { prometheus: ['default'], zipkin: [] };

const normal = (change: Partial<Normal> = {}): Normal => ({
  stable: { bad: 0, total: 6_000 },
  stableP99Ms: 100,
  unattributed: { bad: 0, total: 6_000 },
  ...change,
});
const reference = (parts: { prometheus?: Normal; zipkin?: Normal }): Reference => ({
  kind: 'measured',
  atMs: START_MS,
  stableVersion: 'v1',
  normal: Object.fromEntries(Object.entries(parts).map(([kind, known]) => [`${kind}/default`, known])),
});
const limits = (spec: RolloutSpec, installation: Installation, known?: Reference) =>
  Object.fromEntries(compilePlan(spec, installation, known).gates.map(({ name, min, max }) => [name, min ?? max]));

describe('the plan of an attempt', () => {
  it('ends at 100, where the new version bakes', () => {
    const steps = (list: readonly object[], bake?: string) =>
      compilePlan({ version: 'v2', strategy: { canary: { steps: list, bake } } }, metricsOnly, undefined).steps.map(
        ({ weight, pauseMs }) => [weight, pauseMs],
      );
    expect(steps(HALF)).toEqual([
      [50, 20_000],
      [100, 0],
    ]);
    expect(steps(HALF, '10m')).toEqual([
      [50, 20_000],
      [100, 600_000],
    ]);
    expect(steps([{ setWeight: 100, pause: { duration: '5s' } }], '10s')).toEqual([[100, 10_000]]);
    expect(steps([{ setWeight: 100, pause: {} }], '10s')).toEqual([[100, null]]);
    expect(steps([{ setWeight: 30 }, { pause: { duration: '5s' } }])).toEqual([
      [30, 0],
      [30, 5_000],
      [100, 0],
    ]);
    expect(steps([])).toEqual([[100, 0]]);
  });

  it('R14: default limits come from what was normal, and are never stricter than 99 % and 500 ms', () => {
    expect(limits(withoutGates, metricsOnly, reference({ prometheus: normal() }))).toEqual({
      'success-rate': 99,
      p99: 500,
      unattributed: 1,
    });
    const poor = normal({ stable: { bad: 120, total: 6_000 }, stableP99Ms: 1_000, unattributed: { bad: 60, total: 6_000 } });
    expect(limits(withoutGates, metricsOnly, reference({ prometheus: poor }))).toEqual({
      'success-rate': 97.5,
      p99: 1_100,
      unattributed: 2,
    });
  });

  it('takes latency from spans when stable has enough of them, else from Prometheus', () => {
    const sourceOf = (total: number) =>
      compilePlan(
        withoutGates,
        both,
        reference({ prometheus: normal(), zipkin: normal({ stable: { bad: 0, total } }) }),
      ).gates.find(({ name }) => name === 'p99')?.source.kind;
    expect(sourceOf(6_001)).toBe('zipkin');
    expect(sourceOf(5_000)).toBe('prometheus');
    const spansOnly = compilePlan(withoutGates, { prometheus: [], zipkin: ['default'] }, undefined).gates;
    expect(spansOnly.map(({ name, source }) => [name, source.kind])).toEqual([['p99', 'zipkin']]);
  });

  it('R17: nine tenths of the budget of false alarms are shared equally by all sequential tests, the rest is kept for edits', () => {
    const query = { name: 'orders', prometheus: { query: 'x' }, threshold: { min: 1 } };
    const spec = specOf(HALF, { analysis: { alpha: 0.02, gates: [SUCCESS_RATE, query] } });
    const { gates } = compilePlan(spec, metricsOnly, undefined);
    expect(gates.map(({ name, judge, alpha }) => [name, judge, alpha])).toEqual([
      ['success-rate', 'sequential', 0.009],
      ['orders', 'plain', undefined],
      ['unattributed', 'sequential', 0.009],
    ]);
    expect(compilePlan(spec, metricsOnly, undefined).reserveAlpha).toBeCloseTo(0.002);
  });

  it('R17: a limit and a baseline are two tests, and a limit counts anew in each step', () => {
    const spec = specOf(HALF, { analysis: { alpha: 0.01, gates: [{ ...SUCCESS_RATE, baseline: {} }] } });
    const { gates, steps } = compilePlan(spec, metricsOnly, undefined);
    expect(steps).toHaveLength(2);
    expect(gates).toMatchObject([
      { name: 'success-rate', alpha: 0.003, stepAlpha: 0.0015, baseline: { tolerance: 1.5, limit: 99 }, dispersion: 2 },
      { name: 'unattributed', alpha: 0.003, stepAlpha: 0.0015 },
    ]);
    const silent = compilePlan(withoutGates, metricsOnly, undefined).gates;
    expect(silent.map(({ alpha }) => alpha)).toEqual([0.0018, 0.0018, 0.0018].map(share => expect.closeTo(share)));
  });

  it('R25: unattributed failures are always judged where there is Prometheus, also with gates: []', () => {
    const none = specOf(HALF, { analysis: { gates: [] } });
    expect(Object.keys(limits(none, metricsOnly))).toEqual(['unattributed']);
    expect(limits(none, { prometheus: [], zipkin: [] })).toEqual({});
  });
});
