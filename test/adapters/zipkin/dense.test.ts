import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ranksOf } from '../../../src/rollout/judge/rankBet.ts';
import { createRandom, type FakeZipkin, logNormal, startFakeZipkin } from './fake.ts';
import { createReader, lagMs, type Side, storeAsTheyArrive, type TrueCall } from './reader.ts';

const startMs = 1_700_000_000_000;
const intervalMs = 15_000;
/** Calls up to this long count when they began. */
const promptMs = lagMs / 3;

let fake: FakeZipkin;
beforeAll(async () => {
  fake = await startFakeZipkin();
});
afterAll(() => fake.close());

type Load = { readonly perSecond: number; readonly seconds: number; readonly seed: number; readonly longShare?: number };

/** One in ten is the new version's; one in a hundred takes seconds. */
function simulate({ perSecond, seconds, seed, longShare = 0.01 }: Load): readonly TrueCall[] {
  const random = createRandom(seed);
  const calls: TrueCall[] = [];
  for (let atMs = startMs; atMs < startMs + seconds * 1000; atMs += (-Math.log(1 - random()) * 1000) / perSecond) {
    const side: Side = random() < 0.1 ? 'canary' : 'stable';
    const durationMs = random() < longShare ? 50_000 * random() : logNormal(random, 100);
    calls.push({ side, atMs, durationMs, arrivesMs: 0 });
  }
  return calls;
}

/** One reading of the last interval before `seconds`. */
async function readOnce(load: Load, more: { readonly fromMs?: number; readonly searchTakesMs?: number } = {}) {
  const calls = simulate(load);
  storeAsTheyArrive(fake, calls)(0);
  const reader = createReader(fake, more);
  const nowMs = startMs + load.seconds * 1000;
  const untilMs = nowMs - lagMs;
  await reader.readAt(startMs + lagMs + 200, { fromMs: startMs });
  fake.searches.length = 0;
  const fromMs = more.fromMs ?? untilMs - intervalMs;
  const traffic = await reader.readAt(nowMs, { fromMs });
  const readFromMs = fromMs + (traffic.skippedMs ?? 0);
  return { traffic, searches: fake.searches.length, fromMs, untilMs, truly: trulyIn(calls, readFromMs, untilMs) };
}

const trulyIn = (calls: readonly TrueCall[], fromMs: number, untilMs: number) => (side: Side) =>
  calls
    .map(({ side: of, atMs, durationMs }) => ({
      of,
      ms: micro(durationMs),
      countsAtMs: micro(atMs) + Math.max(0, micro(durationMs) - promptMs),
    }))
    .filter(({ of, countsAtMs }) => of === side && countsAtMs > fromMs && countsAtMs <= untilMs)
    .sort((a, b) => a.countsAtMs - b.countsAtMs)
    .map(({ ms }) => ms);
const micro = (ms: number) => Math.round(ms * 1000) / 1000;

const durations = (calls: readonly (readonly [number, number])[] = []) => calls.map(([, ms]) => ms);

describe('what one reading costs', () => {
  it.each([
    { perSecond: 10, searches: 2 },
    { perSecond: 100, searches: 8 },
  ])('$perSecond spans/s: everything in at most $searches searches', async ({ perSecond, searches }) => {
    const read = await readOnce({ perSecond, seconds: 85, seed: perSecond });
    expect(read.searches).toBeLessThanOrEqual(searches);
    expect(read.traffic.skippedMs).toBeUndefined();
    expect(read.traffic.longestMs).toBeUndefined();
    expect(durations(read.traffic.stable.calls)).toEqual(read.truly('stable'));
    expect(durations(read.traffic.canary.calls)).toEqual(read.truly('canary'));
  });
});

describe('R15: 1000 spans/s', () => {
  it('are read as far as the searches go, over the same time for both versions, without a hole in it', async () => {
    const read = await readOnce({ perSecond: 1000, seconds: 85, seed: 5 });
    const { traffic } = read;
    expect(read.searches).toBeLessThanOrEqual(32);
    expect(traffic.untilMs).toBe(read.untilMs);
    expect(traffic.skippedMs).toBeGreaterThan(1000);
    expect(traffic.skippedMs).toBeLessThan(intervalMs - 2000);
    expect(traffic.longestMs).toBeUndefined();
    expect(durations(traffic.stable.calls)).toEqual(read.truly('stable'));
    expect(durations(traffic.canary.calls)).toEqual(read.truly('canary'));
    expect(traffic.stable).toMatchObject({ requests: read.truly('stable').length });
    expect(traffic.stable.requests).toBeGreaterThan(2000);
    expect(traffic.canary.requests).toBeGreaterThan(200);

    const ranks = ranksOf(traffic.canary.calls ?? [], traffic.stable.calls ?? [], 1);
    const mean = ranks.reduce((sum, rank) => sum + rank, 0) / ranks.length;
    expect(Math.abs(mean - 0.5)).toBeLessThan((4 * 0.3) / Math.sqrt(ranks.length));
  });

  it('never leave the reader behind, however long it was away', async () => {
    const read = await readOnce({ perSecond: 1000, seconds: 85, seed: 6 }, { fromMs: startMs });
    expect(read.traffic.untilMs).toBe(read.untilMs);
    expect(read.searches).toBeLessThanOrEqual(32);
    expect(durations(read.traffic.canary.calls)).toEqual(read.truly('canary'));
  });
});

describe('a slow Zipkin', () => {
  it('is asked less, and what is read is complete all the same', async () => {
    const { traffic, searches, untilMs, truly } = await readOnce(
      { perSecond: 300, seconds: 85, seed: 9 },
      { searchTakesMs: 2000 },
    );
    expect(searches).toBeLessThanOrEqual(8);
    expect(traffic.untilMs).toBe(untilMs);
    expect(traffic.skippedMs).toBeGreaterThan(0);
    expect(traffic.longestMs).toBeUndefined();
    expect(durations(traffic.stable.calls)).toEqual(truly('stable'));
    expect(durations(traffic.canary.calls)).toEqual(truly('canary'));
    expect(traffic.canary.requests).toBeGreaterThan(20);
  });
});

describe('very many long calls', () => {
  it('are looked for as far back as the searches go, which is said and the same for both versions', async () => {
    const { traffic, searches, truly } = await readOnce({ perSecond: 150, seconds: 85, seed: 8, longShare: 0.95 });
    const { longestMs = 0 } = traffic;
    expect(searches).toBeLessThanOrEqual(32);
    expect(longestMs).toBeGreaterThan(20_000);
    expect(longestMs).toBeLessThan(50_000);
    const upToLongest = (side: Side) => truly(side).filter(ms => ms <= longestMs);
    expect(durations(traffic.stable.calls)).toEqual(upToLongest('stable'));
    expect(durations(traffic.canary.calls)).toEqual(upToLongest('canary'));
  });
});

describe('traces of many spans', () => {
  it('are asked for in smaller numbers', async () => {
    const calls = simulate({ perSecond: 30, seconds: 90, seed: 7 });
    storeAsTheyArrive(fake, calls)(0);
    fake.spans = fake.spans.flatMap(span => [
      span,
      ...Array.from({ length: 79 }, (_, i) => ({ traceId: span.traceId, id: `b${i}`, timestamp: span.timestamp ?? 0 })),
    ]);
    fake.hasArrived = () => true;
    fake.searches.length = 0;
    const nowMs = startMs + 90_000;
    const reader = createReader(fake);
    await reader.readAt(nowMs, { fromMs: nowMs - lagMs - 1 });
    fake.searches.length = 0;
    const traffic = await reader.readAt(nowMs, { fromMs: nowMs - lagMs - 5000 });
    expect([...new Set(fake.searches.map(search => search.get('limit')))]).toEqual(['100']);
    expect(fake.searches.length).toBeLessThanOrEqual(16);
    expect(durations(traffic.stable.calls)).toEqual(
      trulyIn(calls, nowMs - lagMs - 5000 + (traffic.skippedMs ?? 0), nowMs - lagMs)('stable'),
    );
  });
});
