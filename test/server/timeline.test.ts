import { describe, expect, it } from 'vitest';
import type { GateStatus, RolloutStatus } from '../../src/rollout/index.ts';
import { createTimeline, type TimelineLimits } from '../../src/server/timeline.ts';

const PLACE = { namespace: 'weather', name: 'forecast', uid: 'u1' };
const START_MS = Date.UTC(2026, 10, 21, 14);

const gate = (value: number, atMs = START_MS): GateStatus => ({
  name: 'p99',
  source: 'zipkin/default',
  verdict: 'Pass',
  value,
  message: '',
  at: new Date(atMs).toISOString(),
});

const PLAN = {
  steps: [],
  gates: [
    {
      name: 'p99',
      source: { kind: 'zipkin', provider: 'default', percentile: 99 },
      judge: 'sequential',
      max: 500,
      minSamples: 0,
      failureLimit: 0,
      onNoData: 'hold',
      noDataDeadlineMs: 1,
    },
  ],
  intervalMs: 1,
  initialDelayMs: 0,
  settleMs: 0,
} satisfies RolloutStatus['plan'];

const progressing = (more: Partial<RolloutStatus> = {}): RolloutStatus => ({
  phase: 'Progressing',
  reason: 'StepEntered',
  message: '',
  stableVersion: 'v1',
  canaryVersion: 'v2',
  revision: 'r1',
  step: { index: 1, count: 2 },
  traffic: { weight: 20 },
  plan: PLAN,
  ...more,
});

const open = (limits?: TimelineLimits) => {
  const clock = { nowMs: START_MS, now: () => clock.nowMs };
  const timeline = createTimeline(clock, limits);
  const add = (status: RolloutStatus, place = PLACE) => {
    clock.nowMs += 1_000;
    return timeline.add(place, status);
  };
  const points = () => timeline.of(PLACE).points;
  return { timeline, add, points };
};

describe('the timeline of a Rollout', () => {
  it('has a point whenever weight, step, phase or a number of a gate is another one', () => {
    const { timeline, add, points } = open();
    const changes = [
      progressing(),
      progressing({ gates: [gate(200)] }),
      progressing({ gates: [gate(210, START_MS + 1)] }),
      progressing({ gates: [gate(210, START_MS + 1)], traffic: { weight: 50 }, step: { index: 2, count: 2 } }),
      progressing({ phase: 'Paused' }),
    ];
    for (const status of changes) {
      expect(add(status)).toBeDefined();
      expect(add({ ...status, message: 'said otherwise' })).toBeUndefined();
    }
    expect(points().map(({ phase, step, weight, gates }) => [phase, step, weight, gates[0]?.value])).toEqual([
      ['Progressing', 1, 20, undefined],
      ['Progressing', 1, 20, 200],
      ['Progressing', 1, 20, 210],
      ['Progressing', 2, 50, 210],
      ['Paused', 1, 20, undefined],
    ]);
    expect(points()[1]?.gates).toEqual([{ name: 'p99', verdict: 'Pass', value: 200, max: 500, unit: 'ms' }]);
    expect(timeline.of(PLACE).since).toBe('2026-11-21T14:00:01.000Z');
  });

  it('R5: does not go back to the numbers that were stored when later ones were decided', () => {
    const { add, points } = open();
    add(progressing({ gates: [gate(200, START_MS + 2_000)] }));
    expect(add(progressing({ gates: [gate(100, START_MS)] }))).toBeUndefined();
    expect(add(progressing({ gates: [gate(100, START_MS)], phase: 'Paused' }))).toBeDefined();
    expect(points()).toHaveLength(2);
  });

  it('keeps the limits of gates that were judged when the plan is gone, and says what share the version has', () => {
    const { add, points } = open();
    add(progressing({ gates: [gate(600)], traffic: { weight: 20 } }));
    const { plan: _, step: __, ...ended } = progressing({ phase: 'RolledBack', gates: [gate(600)], traffic: { weight: 0 } });
    add(ended);
    const { canaryVersion: ___, ...healthy } = ended;
    add({ ...healthy, phase: 'Healthy', gates: [] });
    expect(points().map(({ version, weight, gates }) => [version, weight, gates[0]?.max])).toEqual([
      ['v2', 20, 500],
      ['v2', 0, 500],
      ['v1', 100, undefined],
    ]);
  });

  it('thins out what is long ago, and keeps every change of weight, step and phase', () => {
    const { add, points } = open({ most: 40 });
    for (let step = 1; step <= 5; step += 1)
      for (let value = 0; value < 30; value += 1)
        add(progressing({ step: { index: step, count: 5 }, traffic: { weight: step * 10 }, gates: [gate(value)] }));
    expect(points().length).toBeLessThanOrEqual(40);
    expect([...new Set(points().map(({ weight }) => weight))]).toEqual([10, 20, 30, 40, 50]);
    // the last step is there point by point
    expect(
      points()
        .slice(-10)
        .map(({ gates }) => gates[0]?.value),
    ).toEqual([20, 21, 22, 23, 24, 25, 26, 27, 28, 29]);
    const times = points().map(({ at }) => at);
    expect(times).toEqual([...times].sort());
  });

  it('forgets attempts before the last two first', () => {
    const { add, points } = open({ most: 20 });
    for (const revision of ['r1', 'r2', 'r3'])
      for (let value = 0; value < 9; value += 1) add(progressing({ revision, gates: [gate(value)] }));
    expect([...new Set(points().map(({ revision }) => revision))]).toEqual(['r2', 'r3']);
  });

  it('has so many points of all Rollouts and no more, and of each one the last', () => {
    const { timeline, add } = open({ mostOfAll: 300, fewest: 10 });
    const places = Array.from({ length: 100 }, (_, at) => ({ ...PLACE, name: `forecast-${at}`, uid: `u${at}` }));
    for (let value = 0; value < 30; value += 1)
      for (const place of places) add(progressing({ gates: [gate(value)], traffic: { weight: Math.floor(value / 10) } }), place);
    const kept = places.map(place => timeline.of(place));
    expect(kept.reduce((sum, { points }) => sum + points.length, 0)).toBeLessThanOrEqual(300);
    expect(new Set(kept.map(({ points }) => points.at(-1)?.gates[0]?.value))).toEqual(new Set([29]));
    for (const { since, points } of kept) expect(since <= (points[0]?.at ?? '')).toBe(true);
    const [first] = places;
    for (let value = 30; value < 40; value += 1) add(progressing({ gates: [gate(value)] }), first);
    expect(timeline.of(first ?? PLACE).points.length).toBeGreaterThanOrEqual(10);
  });

  it('is short for each one where there are many, and gone with the Rollout or its namesake', () => {
    const { timeline, add, points } = open({ most: 100, mostOfAll: 60, fewest: 5 });
    const other = { ...PLACE, name: 'other' };
    for (let value = 0; value < 50; value += 1) add(progressing({ gates: [gate(value)] }), other);
    for (let value = 0; value < 50; value += 1) add(progressing({ gates: [gate(value)] }));
    expect(points().length).toBeLessThan(20);
    timeline.forget(other);
    expect(timeline.of(other).points).toEqual([]);
    expect(timeline.of({ ...PLACE, uid: 'u2' }).points).toEqual([]);
    expect(add(progressing(), { ...PLACE, uid: 'u2' })).toBeDefined();
    expect(points()).toEqual([]);
  });
});
