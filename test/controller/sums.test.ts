import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Traffic, VersionTraffic } from '../../src/controller/ports.ts';
import { addTraffic, measurementOf, needStable, seedSums, slowerThan } from '../../src/controller/sums.ts';
import { judgeGate } from '../../src/rollout/gates/gates.ts';
import type { GateStatus, PlanGate } from '../../src/rollout/index.ts';
import { START_MS } from '../../src/simulation/world.ts';

const COMMON = {
  judge: 'sequential',
  minSamples: 50,
  failureLimit: 1,
  onNoData: 'hold',
  noDataDeadlineMs: 600_000,
  alpha: 0.002,
} as const;
const RATE: PlanGate = {
  ...COMMON,
  name: 'success-rate',
  source: { kind: 'prometheus', provider: 'default', metric: 'success-rate' },
  min: 99,
  baseline: { tolerance: 1.5, limit: 99 },
};
const BUCKETS: PlanGate = {
  ...COMMON,
  name: 'p99',
  source: { kind: 'prometheus', provider: 'default', metric: 'latency', percentile: 99 },
  max: 500,
  baseline: { tolerance: 1.1, edgesMs: [100, 250], limit: 500 },
};
const SPANS: PlanGate = { ...BUCKETS, source: { kind: 'zipkin', provider: 'default', percentile: 99 } };
const SINCE = { sinceMs: START_MS, pauseMs: 300_000 };

const side = (requests: number, errors = 0, more: Partial<VersionTraffic> = {}): VersionTraffic => ({
  requests,
  errors,
  timed: requests,
  slow: [],
  durations: [],
  ...more,
});
const until = (seconds: number, canary: VersionTraffic, stable: VersionTraffic): Traffic => ({
  untilMs: START_MS + seconds * 1_000,
  canary,
  stable,
  host: { requests: canary.requests + stable.requests, unattributed: 0 },
});

/** What is stored after these readings from `sums` on. */
const storedAfter = (gate: PlanGate, stored: readonly GateStatus[], readings: readonly Traffic[]): GateStatus => {
  const sums = seedSums([gate], stored, START_MS);
  for (const reading of readings) addTraffic(sums, reading, [gate], true);
  return judgeGate(gate, stored[0], measurementOf(gate, sums, sums.untilMs, undefined), SINCE);
};

describe('the sums of a provider', () => {
  it('R4, R17: a restart in a step loses no evidence and counts none twice', () => {
    const reading = fc.record({ canary: fc.nat(200), stable: fc.nat(2_000), bad: fc.nat(20) });
    fc.assert(
      fc.property(fc.array(reading, { minLength: 2, maxLength: 8 }), fc.nat(7), (readings, cut) => {
        const all = readings.map(({ canary, stable, bad }, i) =>
          until((i + 1) * 15, side(canary, Math.min(canary, bad)), side(stable, Math.min(stable, bad))),
        );
        const at = 1 + (cut % (all.length - 1));
        const whole = storedAfter(RATE, [], all);
        const before = storedAfter(RATE, [], all.slice(0, at));
        fc.pre(before.verdict !== 'Fail');
        const restarted = storedAfter(RATE, [before], all.slice(at));
        // both say what can be found at the rate that each saw first
        const known = ({ since: _, detects: __, ...state }: GateStatus) => state;
        expect(known(restarted)).toEqual(known(whole));
      }),
      { numRuns: 200 },
    );
  });

  it('R4, R17: a gate without a limit counts nothing twice after a restart', () => {
    const { min: _, ...only } = RATE;
    const readings = [1, 2, 3, 4].map(i => until(i * 15, side(100, 1), side(900, 4)));
    const whole = storedAfter(only, [], readings);
    const before = storedAfter(only, [], readings.slice(0, 2));
    expect(before).toMatchObject({ samples: 200, failures: 2, until: new Date(START_MS + 30_000).toISOString() });
    const sums = seedSums([only], [before], START_MS);
    expect(sums.untilMs).toBe(START_MS + 30_000);
    const restarted = storedAfter(only, [before], readings.slice(2));
    expect(restarted.baseline).toEqual(whole.baseline);
    expect(restarted.samples).toBe(400);
  });

  it('R15: counts that say nothing take nothing away from what was known', () => {
    const before = storedAfter(RATE, [], [until(15, side(100, 1), side(900, 4))]);
    const broken = storedAfter(RATE, [before], [until(30, side(10, 200), side(900, 4))]);
    expect(broken).toMatchObject({
      verdict: 'NoData',
      samples: 100,
      failures: 1,
      until: before.until,
      baseline: before.baseline,
    });
  });

  it('R17: a baseline goes on in the next step, where the counts begin anew', () => {
    const first = storedAfter(RATE, [], [until(15, side(100), side(900))]);
    const { name, source, baseline } = first;
    const carried: GateStatus = { name, source, verdict: 'Pending', message: '', ...(baseline ? { baseline } : {}) };
    const sums = seedSums([RATE], [carried], START_MS + 30_000);
    addTraffic(sums, until(45, side(50, 1), side(50)), [RATE], true);
    const measurement = measurementOf(RATE, sums, START_MS + 45_000, undefined);
    expect(measurement).toMatchObject({
      counts: { bad: 1, total: 50 },
      stable: { bad: 0, total: 50 },
      baseline: { canary: { bad: 1, total: 150 }, stable: { bad: 0, total: 950 } },
    });
  });

  it('R4: intervals that an earlier process compared already are not compared again when its counts are lost', () => {
    const rate = storedAfter(RATE, [], [until(60, side(100), side(900))]);
    const other: PlanGate = { ...COMMON, name: 'unattributed', source: { kind: 'unattributed', provider: 'default' }, max: 1 };
    const sums = seedSums([RATE, other], [rate], START_MS);
    expect(sums.untilMs).toBe(START_MS);
    addTraffic(sums, until(75, side(125), side(1_125)), [RATE, other], true);
    addTraffic(sums, until(90, side(25), side(225)), [RATE, other], true);
    expect(measurementOf(RATE, sums, START_MS + 90_000, undefined)).toMatchObject({
      counts: { bad: 0, total: 150 },
      baseline: { canary: { total: 125 }, stable: { total: 1_125 } },
    });
  });

  it('R17: nothing is compared while the two sides answer different requests', () => {
    const sums = seedSums([RATE], [], START_MS);
    addTraffic(sums, until(15, side(100, 50), side(900)), [RATE], false);
    expect(measurementOf(RATE, sums, START_MS + 15_000, undefined)).toMatchObject({
      counts: { bad: 50, total: 100 },
      baseline: { canary: { bad: 0, total: 0 } },
    });
  });

  it('R14: spans of the new version are compared with the edges as far as is tolerated, buckets with the edges themselves', () => {
    expect(slowerThan([BUCKETS])).toEqual([500, 100, 250]);
    expect(slowerThan([SPANS])).toEqual([500, 100, 250, 110.00000000000001, 275]);
    expect([needStable([RATE]), needStable([{ ...COMMON, name: 'x', source: RATE.source, min: 99 }])]).toEqual([true, false]);
    const slower = slowerThan([SPANS]);
    const slow = (counts: Readonly<Record<number, number>>) => slower.map(edge => counts[edge] ?? 0);
    const sums = seedSums([SPANS], [], START_MS);
    const calls = (durationMs: number) => ({ calls: [[START_MS, durationMs] as const] });
    const canary = side(100, 0, { slow: slow({ 100: 20, 110.00000000000001: 12, 275: 2, 500: 1 }), ...calls(90) });
    const stable = side(900, 0, { slow: slow({ 100: 90, 250: 9, 500: 1 }), ...calls(80) });
    addTraffic(sums, until(15, canary, stable), [SPANS], true);
    expect(measurementOf(SPANS, sums, START_MS + 15_000, undefined)).toMatchObject({
      counts: { bad: 1, total: 100 },
      stable: { bad: 1, total: 900 },
      baseline: { canary: { bad: 12, total: 100 }, stable: { bad: 90, total: 900 }, ranks: expect.any(Array) },
    });
  });

  it('R14: says which part of the requests the spans are, where another provider counted them', () => {
    const sums = seedSums([SPANS], [], START_MS);
    addTraffic(sums, until(15, side(40), side(360)), [SPANS], true);
    const all = seedSums([RATE], [], START_MS);
    addTraffic(all, until(30, side(800), side(7_200)), [RATE], true);
    expect(measurementOf(SPANS, sums, START_MS + 15_000, all)).toMatchObject({ sampling: 0.1 });
    expect(measurementOf(SPANS, sums, START_MS + 15_000, undefined)).not.toHaveProperty('sampling');
  });

  it('R36: what failed, and where, most frequent first', () => {
    const sums = seedSums([RATE], [], START_MS);
    const canary = side(100, 9, {
      causes: [{ what: '500', count: 2 }],
      pods: [{ name: 'a', requests: 50, failures: 1 }],
    });
    const again = side(100, 9, {
      causes: [
        { what: '503 UH', count: 6 },
        { what: '500', count: 1 },
      ],
      pods: [
        { name: 'a', requests: 50, failures: 1 },
        { name: 'b', requests: 50, failures: 6 },
      ],
    });
    addTraffic(sums, until(15, canary, side(0)), [RATE], true);
    addTraffic(sums, until(30, again, side(0)), [RATE], true);
    expect(measurementOf(RATE, sums, START_MS + 30_000, undefined)).toMatchObject({
      causes: [
        { what: '503 UH', count: 6 },
        { what: '500', count: 3 },
      ],
      pods: [
        { name: 'b', requests: 50, failures: 6 },
        { name: 'a', requests: 100, failures: 2 },
      ],
    });
  });
});
