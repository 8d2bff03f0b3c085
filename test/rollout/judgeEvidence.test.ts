import { describe, expect, it } from 'vitest';
import { decide, type GateSpec, type StepSpec } from '../../src/rollout/index.ts';
import { compilePlan } from '../../src/rollout/plan/plan.ts';
import type { World } from '../../src/simulation/world.ts';
import { check, MINUTE, mark, restingWorld, SECOND, SUCCESS_RATE, specOf, worldInProgress } from './check.ts';

const STEPS: readonly StepSpec[] = [20, 50, 80].map(setWeight => ({ setWeight, pause: { duration: '50s' } }));
const COMPARED = { ...SUCCESS_RATE, baseline: {} };
const { threshold: _, ...ONLY_COMPARED } = COMPARED;
const inProgress = (gate: GateSpec = COMPARED, steps = STEPS): World =>
  worldInProgress({ spec: specOf(steps, { analysis: { interval: '5s', gates: [gate] } }), truth: { requestsPerSecond: 100 } });

/** Requests of the new version that the comparison has counted. */
const counted = (world: World): number => world.status?.gates?.[0]?.baseline?.samples ?? 0;

/** What it could have counted: its share of a hundred requests a second since each step began, up to the last measurement. */
const possible = (world: World): number => {
  const { step, traffic, gates = [] } = world.status ?? { step: undefined, traffic: undefined };
  const ends = (gates[0]?.until ?? step?.startedAt ?? '').toString();
  const raises = world.meshWrites.map(({ atMs, weight }) => ({ atMs, weight }));
  return raises.reduce((sum, { atMs, weight }, i) => {
    const untilMs = Math.min(raises[i + 1]?.atMs ?? Number.POSITIVE_INFINITY, Date.parse(ends));
    return sum + (weight <= (traffic?.weight ?? 0) ? (Math.max(0, untilMs - atMs) / 1_000) * weight : 0);
  }, 0);
};

describe('the evidence against stable', () => {
  for (const gate of [COMPARED, ONLY_COMPARED]) {
    const name = gate === COMPARED ? 'with a limit beside it' : 'alone';
    it(`R4, R17: goes on in the next step from where the last one ended, ${name}`, () => {
      const world = inProgress(gate);
      world.run(56 * SECOND);
      check(world, { step: 2, mesh: [50] });
      world.run(20 * SECOND);
      expect(counted(world)).toBeGreaterThan(20 * 45);
      world.run(27 * SECOND);
      check(world, { step: 3, mesh: [80] });
      expect(counted(world)).toBeGreaterThan(20 * 45 + 50 * 45);
      expect(counted(world)).toBeLessThanOrEqual(possible(world) + 1);
    });

    it(`R4, R17: counts nothing twice when the process dies again and again, ${name}`, () => {
      const world = inProgress(gate, [{ setWeight: 20, pause: { duration: '5m' } }]);
      for (let i = 0; i < 8; i++) world.run(23 * SECOND).crash(SECOND);
      world.run(90 * SECOND);
      check(world, { step: 1, mesh: [20] });
      expect(counted(world)).toBeLessThanOrEqual(possible(world) + 1);
      expect(counted(world)).toBeGreaterThan(0.9 * possible(world) - 20 * 60);
    });
  }

  it('R5: is stored once a minute, also by a gate that has no limit', () => {
    const world = inProgress(ONLY_COMPARED, [{ setWeight: 20, pause: { duration: '20m' } }]);
    world.truth = { requestsPerSecond: 100, errors: () => 0.01 };
    world.run(2 * MINUTE);
    const before = mark(world);
    world.run(10 * MINUTE);
    const written = world.counts.status - before.status;
    expect(written).toBeGreaterThanOrEqual(8);
    expect(written).toBeLessThanOrEqual(10);
  });
});

describe('gates that are edited in progress', () => {
  const LATENCY = { name: 'p99', prometheus: { metric: 'latency', percentile: 99 }, baseline: {} } as const;

  it('R11: a comparison that is new knows what is normal, also after a restart', () => {
    const world = inProgress({ ...SUCCESS_RATE });
    world.crash();
    world.commit({ analysis: { interval: '5s', gates: [LATENCY] } });
    world.run(10 * SECOND);
    expect(world.status?.step?.name).toBe('edited');
    expect(world.status?.plan?.gates[0]).toMatchObject({ dispersion: 1, baseline: { edgesMs: [50, 100] } });
  });

  it('R11: the step that an edit begins is another one, also when the clock was set back', () => {
    const world = inProgress();
    const before = world.status?.step?.startedAt ?? '';
    world.jumpClock(-MINUTE);
    world.commit({ analysis: { interval: '5s', gates: [LATENCY] } });
    world.run(10 * SECOND);
    expect(world.status?.step).toMatchObject({ index: 1, name: 'edited' });
    expect(Date.parse(world.status?.step?.startedAt ?? '')).toBeGreaterThan(Date.parse(before));
  });

  it('R11, R17: before the first weight nothing is spent, so the gates that are new share the whole budget', () => {
    const world = restingWorld({ spec: specOf(STEPS) });
    world.setPods('v2', 3);
    world.commit({ version: 'v2' });
    world.run(SECOND);
    check(world, { step: 0, mesh: [0] });
    world.commit({ analysis: { interval: '5s', gates: [COMPARED] } });
    world.run(6 * SECOND);
    check(world, { step: 1, mesh: [20] });
    expect(world.status?.plan?.gates.map(({ alpha }) => alpha)).toEqual([0.003, 0.003]);
    expect(world.status?.plan?.reserveAlpha).toBeCloseTo(0.001);
    const before = world.status?.plan?.gates;
    world.commit({ strategy: { canary: { steps: STEPS.slice(0, 2) } } });
    world.run(6 * SECOND);
    expect(world.status?.plan?.gates).toEqual(before);
  });

  it('R11: gates of a provider that is not configured any more are not kept', () => {
    const world = worldInProgress({ spec: specOf(STEPS, { analysis: { interval: '5s' } }) });
    const renamed = { prometheus: ['main'], zipkin: [] };
    world.commit({ strategy: { canary: { steps: STEPS.slice(0, 2) } } });
    const asked = decide(world.rollout(), { ...world.observe(), installation: renamed }, world.nowMs);
    expect(asked.actions).toContainEqual(expect.objectContaining({ kind: 'measureReference', providers: ['prometheus/main'] }));
    const reference = {
      kind: 'measured',
      atMs: world.nowMs,
      stableVersion: 'v1',
      normal: { 'prometheus/main': { stable: { bad: 0, total: 60_000 }, unattributed: { bad: 0, total: 60_000 } } },
    } as const;
    const edited = decide(world.rollout(), { ...world.observe(), installation: renamed, reference }, world.nowMs);
    const providers = edited.status.plan?.gates.map(({ source }) => 'provider' in source && source.provider);
    expect(providers).toEqual(['main', 'main', 'main']);
  });
});

describe('the budget of false alarms', () => {
  it('R17: a comparison alone may be replaced by a limit, which is a test of its own', () => {
    const gates = compilePlan(
      specOf(STEPS, { analysis: { alpha: 0.01, gates: [ONLY_COMPARED] } }),
      { prometheus: ['default'], zipkin: [] },
      undefined,
    ).gates.map(({ name, alpha }) => [name, alpha]);
    // nine tenths of the budget: the comparison, its stand-in, and the built-in gate
    expect(gates).toEqual([
      ['success-rate', 0.003],
      ['unattributed', 0.003],
    ]);
  });
});
