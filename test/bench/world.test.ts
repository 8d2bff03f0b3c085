import { describe, expect, it } from 'vitest';
import { dispersionOf } from '../../src/rollout/index.ts';
import { calm, UNCHANGED } from './judge/conditions.ts';
import { drawMs, type Shape, shareUpTo } from './judge/latency.ts';
import { createRandom } from './judge/random.ts';
import { slowerThan, totalOf } from './judge/sums.ts';
import { createWorld } from './judge/world.ts';

const TICK_MS = 15_000;
const steps = [{ weight: 20, pauseMs: 300_000 }];
const BASE = calm({ requestsPerS: 200, steps, errorRate: 0.01 });
const AS_USUAL = { factor: 1, lateShare: 0, lateMs: 0 };

const hour = (conditions: typeof BASE, weight = 20) => {
  const world = createWorld(conditions, 11, TICK_MS);
  return Array.from({ length: 240 }, (_, i) => world.tick(i * TICK_MS, weight, 0));
};

describe('a simulated service', () => {
  it('has the traffic, the split and the errors that it is said to have', () => {
    const ticks = hour(BASE);
    const [canary, stable] = [totalOf(ticks, 'canary'), totalOf(ticks, 'stable')];
    expect(canary.requests / (canary.requests + stable.requests)).toBeCloseTo(0.2, 2);
    expect((canary.requests + stable.requests) / 3_600).toBeCloseTo(200, 0);
    expect(stable.errors / stable.requests).toBeCloseTo(0.01, 3);
  });

  it('gives the new version what it changes, and stable nothing of it', () => {
    const change = { errorRatio: 3, extraErrors: 0.02, slowness: { factor: 2, lateShare: 0, lateMs: 0 } };
    const ticks = hour({ ...BASE, change });
    const [canary, stable] = [totalOf(ticks, 'canary'), totalOf(ticks, 'stable')];
    expect(canary.errors / canary.requests).toBeCloseTo(1 - 0.97 * 0.98, 2);
    expect(stable.errors / stable.requests).toBeCloseTo(0.01, 3);
    const slow = slowerThan(canary, 100);
    expect(slow.bad / slow.total).toBeCloseTo(1 - shareUpTo(BASE.shape, { ...AS_USUAL, factor: 2 }, 100), 2);
  });

  it('is the same whoever asks, in whichever order', () => {
    const [one, other] = [createWorld(BASE, 5, TICK_MS), createWorld(BASE, 5, TICK_MS)];
    const late = other.tick(60_000, 20, 0);
    expect(other.tick(0, 20, 0)).toEqual(one.tick(0, 20, 0));
    expect(one.tick(60_000, 20, 0)).toEqual(late);
    expect(one.blocks(-600_000)).toEqual(other.blocks(-600_000));
  });

  it('has as many spans as are sampled, in their order', () => {
    const { calls } = createWorld({ ...BASE, requestsPerS: 20, sampling: 0.1 }, 2, TICK_MS).tick(0, 50, 0).canary;
    expect(calls.length).toBeGreaterThan(3);
    expect(calls.length).toBeLessThan(35);
    const starts = calls.map(([atMs]) => atMs);
    expect(starts).toEqual([...starts].sort((a, b) => a - b));
  });

  it('varies no more than independent errors do when it is calm, and far more when pods fail in bursts', () => {
    const phiOf = (burstShape?: number) =>
      dispersionOf(createWorld({ ...BASE, ...(burstShape && { burstShape }) }, 9, TICK_MS).blocks(-2_400_000)).value;
    expect(phiOf()).toBeLessThan(1.4);
    // negative binomial: 1 + mean / k, here 200 * 60 / 4 * 1 % = 30 errors a minute and pod
    expect(phiOf(1)).toBeGreaterThan(15);
  });

  it('wanders with an auto-correlation of 0.6 from minute to minute', () => {
    const conditions = { ...BASE, requestsPerS: 5_000, wander: { ...BASE.wander, load: 0.3 } };
    const world = createWorld(conditions, 4, 60_000);
    const logs = Array.from({ length: 600 }, (_, i) => {
      const { canary, stable } = world.tick(i * 60_000, 50, 0);
      return Math.log(canary.requests + stable.requests);
    });
    const mean = logs.reduce((sum, log) => sum + log, 0) / logs.length;
    const variance = logs.reduce((sum, log) => sum + (log - mean) ** 2, 0);
    const shifted = logs.slice(1).reduce((sum, log, i) => sum + (log - mean) * ((logs[i] ?? 0) - mean), 0);
    expect(shifted / variance).toBeGreaterThan(0.5);
    expect(shifted / variance).toBeLessThan(0.7);
  });

  it('fails for both versions alike in an outage', () => {
    const ticks = hour({ ...BASE, outageAtMs: 60_000, change: UNCHANGED }, 50).slice(5, 23);
    const [canary, stable] = [totalOf(ticks, 'canary'), totalOf(ticks, 'stable')];
    expect(canary.errors / canary.requests).toBeCloseTo(0.208, 1);
    expect(stable.errors / stable.requests).toBeCloseTo(0.208, 1);
  });
});

describe('durations', () => {
  const shapes: readonly Shape[] = [
    { kind: 'log-normal', medianMs: 40, sigma: 0.6 },
    { kind: 'bimodal', medianMs: 20, slowShare: 0.2, slowRatio: 6 },
    { kind: 'heavy-tail', medianMs: 30, tailShare: 0.05, exponent: 1.5 },
  ];

  it.each(shapes)('$kind: drawn one by one they have the shares that buckets are filled by', shape => {
    const random = createRandom(1);
    const slowness = { factor: 1.3, lateShare: 0.1, lateMs: 200 };
    const drawn = Array.from({ length: 20_000 }, () => drawMs(shape, slowness, random));
    for (const edgeMs of [25, 50, 100, 250, 500])
      expect(drawn.filter(ms => ms <= edgeMs).length / drawn.length).toBeCloseTo(shareUpTo(shape, slowness, edgeMs), 1.7);
  });
});
