import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRandom, type FakeZipkin, logNormal, startFakeZipkin } from './fake.ts';
import { createReader, lagMs, type Side, storeAsTheyArrive, type TrueCall } from './reader.ts';

const startMs = 1_700_000_000_000;
const endMs = startMs + 120_000;
/** Proxies send their spans every 5 s, and storing takes a moment. */
const flushMs = 5000;

let fake: FakeZipkin;
beforeAll(async () => {
  fake = await startFakeZipkin();
});
afterAll(() => fake.close());

/** What part of the calls of a version hangs, and for how long. */
type Hang = { readonly share: number; readonly ms: () => number };

function simulate(side: Side, perSecond: number, { random, hang }: { readonly random: () => number; readonly hang: Hang }) {
  const calls: TrueCall[] = [];
  let atMs = startMs;
  while (atMs < endMs) {
    atMs += (-Math.log(1 - random()) * 1000) / perSecond;
    const durationMs = random() < hang.share ? hang.ms() : logNormal(random, 100);
    const sentMs = Math.ceil((atMs + durationMs) / flushMs) * flushMs;
    calls.push({ side, atMs, durationMs, arrivesMs: sentMs + 500 * random() });
  }
  return calls;
}

async function readAll(calls: readonly TrueCall[]) {
  const reader = createReader(fake);
  const letArrive = storeAsTheyArrive(fake, calls);
  const read: Record<Side, (readonly [number, number])[]> = { stable: [], canary: [] };
  let fromMs = startMs;
  for (let nowMs = startMs + 20_000; nowMs <= endMs + 80_000; nowMs += 15_000) {
    letArrive(nowMs);
    const traffic = await reader.readAt(nowMs, { fromMs });
    read.stable.push(...(traffic.stable.calls ?? []));
    read.canary.push(...(traffic.canary.calls ?? []));
    fromMs = traffic.untilMs;
  }
  return read;
}

const durationsOf = (calls: readonly TrueCall[], side: Side) =>
  calls
    .flatMap(call => (call.side === side ? [Math.max(1, Math.round(call.durationMs * 1000)) / 1000] : []))
    .sort((a, b) => a - b);
const readDurations = (calls: readonly (readonly [number, number])[]) => calls.map(([, ms]) => ms).sort((a, b) => a - b);

describe('calls of which the span arrives late', () => {
  it('are counted, each once, however long they were', async () => {
    const random = createRandom(1);
    const hang = { share: 0.04, ms: () => 20_000 };
    const calls = [
      ...simulate('stable', 6, { random, hang: { share: 0.02, ms: () => 4000 + 50_000 * random() } }),
      ...simulate('canary', 2, { random, hang }),
    ];
    const read = await readAll(calls);
    expect(readDurations(read.stable)).toEqual(durationsOf(calls, 'stable'));
    expect(readDurations(read.canary)).toEqual(durationsOf(calls, 'canary'));
    const slow = read.canary.filter(([, ms]) => ms >= 20_000).length;
    expect(slow).toBeGreaterThan(3);
  });

  it('are counted also where there are too many spans for one search', async () => {
    const random = createRandom(2);
    const hang = { share: 0.01, ms: () => 1000 / (random() + 0.02) };
    const calls = [...simulate('stable', 60, { random, hang }), ...simulate('canary', 5, { random, hang })];
    const read = await readAll(calls);
    expect(readDurations(read.stable)).toEqual(durationsOf(calls, 'stable'));
    expect(readDurations(read.canary)).toEqual(durationsOf(calls, 'canary'));
  });

  it('are left out on both sides alike when they lasted longer than a minute', async () => {
    const random = createRandom(3);
    const calls = simulate('stable', 5, { random, hang: { share: 0.2, ms: () => 40_000 + 40_000 * random() } });
    const read = await readAll(calls);
    expect(readDurations(read.stable)).toEqual(durationsOf(calls, 'stable').filter(ms => ms <= 60_000));
  });

  it('stand at the moment at which they count, so that both versions are compared over the same time', async () => {
    const at = startMs + 10_000;
    const call = (side: Side, atMs: number, durationMs: number) => ({ side, atMs, durationMs, arrivesMs: atMs + durationMs });
    const letArrive = storeAsTheyArrive(fake, [
      call('canary', at, 4000),
      call('canary', at - 8000, 12_000),
      call('stable', at - 1, 10),
      call('canary', at - 9000, 3000),
    ]);
    letArrive(at + lagMs);
    const traffic = await createReader(fake).readAt(at + lagMs, { fromMs: at - 2000 });
    expect(traffic.stable.calls).toEqual([[at - 1, 10]]);
    expect(traffic.canary.calls).toEqual([
      [at - 1000, 12_000],
      [at, 4000],
    ]);
  });
});
