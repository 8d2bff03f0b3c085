import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  SystemError,
  type Traffic,
  type TrafficProvider,
  type TrafficQuery,
  type VersionSelector,
} from '../../src/controller/ports.ts';

/** A mesh with two versions behind one host, and a provider that tells about it. */
export type TrafficWorld = {
  readonly provider: TrafficProvider;
  readonly host: string;
  readonly stable: VersionSelector;
  readonly canary: VersionSelector;
  /** Sends requests that are routed to one version, and waits for all answers. */
  send(
    to: 'stable' | 'canary',
    count: number,
    behaviour?: { readonly status?: number; readonly latencyMs?: number },
  ): Promise<void>;
  /** Sends requests that stable answers, with a mirrored copy of each to the new version, and waits for stable's answers. */
  sendCopied(count: number, copies?: { readonly status?: number }): Promise<void>;
  nowMs(): number;
  /** Lets time pass: by waiting, or by turning the world's clock. */
  pass(ms: number): Promise<void>;
  /** After so long the provider has told all that happened. */
  readonly settleMs: number;
  close(): Promise<void>;
};

/** Slower than anything that a busy machine makes slow by itself. */
const SLOW_MS = 1_200;

/** A request that took less is not slow. */
const FAST_MS = 500;

/** What some providers know besides. */
type Tells = { readonly causes?: boolean; readonly pods?: boolean; readonly copies?: boolean };

/** What every TrafficProvider must do. Registers its tests; the world is opened before the first and closed after the last. */
export function trafficContract(name: string, open: () => Promise<TrafficWorld>, tells: Tells = {}): void {
  describe(`traffic contract: ${name}`, () => {
    let world: TrafficWorld;
    beforeAll(async () => {
      world = await open();
      // Both versions are known before anything is measured.
      await world.send('stable', 3);
      await world.send('canary', 3);
      await world.pass(world.settleMs);
    });
    afterAll(() => world.close());

    it('R15: tells zero requests when there were none', async () => {
      const fromMs = world.nowMs();
      await world.pass(world.settleMs);
      const traffic = await read(world, fromMs, world.nowMs());
      expect(traffic).toMatchObject({
        stable: { requests: 0, errors: 0, timed: 0 },
        canary: { requests: 0, errors: 0, timed: 0 },
        host: { requests: 0, unattributed: 0 },
      });
    });

    it('tells each request once over consecutive readings, with the errors, by version', async () => {
      const fromMs = world.nowMs();
      const sum = { stable: 0, canary: 0, stableErrors: 0, canaryErrors: 0, host: 0 };
      let startMs = fromMs;
      const readOn = async () => {
        const part = await read(world, startMs, world.nowMs());
        expect(part.untilMs).toBeGreaterThanOrEqual(startMs);
        expect(part.untilMs).toBeLessThanOrEqual(world.nowMs());
        startMs = part.untilMs;
        sum.stable += part.stable.requests;
        sum.canary += part.canary.requests;
        sum.stableErrors += part.stable.errors;
        sum.canaryErrors += part.canary.errors;
        sum.host += part.host.requests;
      };
      for (let round = 0; round < 3; round += 1) {
        await world.send('stable', 20);
        await world.send('canary', 10);
        await readOn();
        await world.send('canary', 4, { status: 503 });
        await world.send('canary', 2, { status: 404 });
        await world.pass(world.settleMs / 5);
        await readOn();
      }
      await world.pass(world.settleMs);
      await readOn();
      expect(sum).toEqual({ stable: 60, canary: 48, stableErrors: 0, canaryErrors: 12, host: 108 });
      const whole = await read(world, fromMs, world.nowMs());
      expect(whole).toMatchObject({ stable: { requests: 60 }, canary: { requests: 48, errors: 12 }, host: { unattributed: 0 } });
    });

    it('tells slow requests, and durations that add up', async () => {
      const fromMs = await sendFast(world, () => world.send('canary', 12));
      await world.send('canary', 5, { latencyMs: SLOW_MS });
      await world.pass(world.settleMs);
      const { canary } = await read(world, fromMs, world.nowMs(), { slowerThanMs: [FAST_MS, 1_000, 30_000] });
      expect(canary).toMatchObject({ requests: 17, timed: 17, slow: [5, 5, 0] });
      expect(canary.durations.reduce((total, [, count]) => total + count, 0)).toBe(17);
      const edges = canary.durations.map(([upToMs]) => upToMs);
      expect(edges).toEqual([...edges].sort((a, b) => a - b));
    });

    it('ends with an error when it is cancelled', async () => {
      const reading = world.provider.readTraffic(
        query(world, world.nowMs() - world.settleMs * 2, world.nowMs()),
        AbortSignal.abort(),
      );
      await expect(reading).rejects.toBeInstanceOf(SystemError);
    });

    it('R18: mirrored copies count for the new version alone, where anybody tells of them', async () => {
      const fromMs = world.nowMs();
      await world.sendCopied(20);
      await world.pass(world.settleMs / 5);
      await world.sendCopied(5, { status: 503 });
      await world.pass(world.settleMs);
      const { stable, canary, host } = await read(world, fromMs, world.nowMs(), { copies: true });
      const told = tells.copies ? { requests: 25, errors: 5, timed: 25 } : { requests: 0, errors: 0, timed: 0 };
      expect({ stable, canary, host }).toMatchObject({
        stable: { requests: 25, errors: 0, timed: 25 },
        canary: told,
        host: { requests: 25, unattributed: 0 },
      });
    });

    if (tells.causes) tellsCauses(() => world);
    if (tells.pods) tellsPods(() => world);
  });
}

function tellsCauses(opened: () => TrafficWorld): void {
  it('tells what the failed requests were, most frequent first', async () => {
    const world = opened();
    const fromMs = world.nowMs();
    await world.send('canary', 6, { status: 503 });
    await world.send('canary', 9, { status: 500 });
    await world.send('canary', 3, { status: 404 });
    await world.pass(world.settleMs);
    const { stable, canary } = await read(world, fromMs, world.nowMs());
    expect(canary.causes).toEqual([
      { what: '500', count: 9 },
      { what: '503', count: 6 },
    ]);
    expect(stable.causes).toEqual([]);
  });
}

function tellsPods(opened: () => TrafficWorld): void {
  it('tells requests and failures by pod, and the same by minute', async () => {
    const world = opened();
    const fromMs = await sendFast(world, async () => {
      await world.send('stable', 30);
      await world.send('stable', 4, { status: 503 });
    });
    await world.send('stable', 5, { latencyMs: SLOW_MS });
    await world.pass(world.settleMs);
    const toMs = world.nowMs();
    const { stable, canary } = await read(world, fromMs, toMs);
    const pods = stable.pods ?? [];
    expect(pods.reduce((sum, pod) => sum + pod.requests, 0)).toBe(39);
    expect(pods.reduce((sum, pod) => sum + pod.failures, 0)).toBe(4);
    expect(canary.pods).toEqual([]);
    const blocksOf = async (slowerThanMs?: number) => {
      const asked = {
        host: world.host,
        version: world.stable,
        fromMs,
        toMs,
        ...(slowerThanMs === undefined ? {} : { slowerThanMs }),
      };
      const blocks = (await world.provider.readBlocks?.(asked, new AbortController().signal)) ?? [];
      expect(new Set(blocks.map(({ pod }) => pod))).toEqual(new Set(pods.map(pod => pod.name)));
      const total = (of: 'requests' | 'bad') => blocks.reduce((sum, block) => sum + block[of], 0);
      return { requests: total('requests'), bad: total('bad') };
    };
    expect(await blocksOf()).toEqual({ requests: 39, bad: 4 });
    expect(await blocksOf(1_000)).toEqual({ requests: 39, bad: 5 });
  });
}

/** Sends again until none of the requests can have been slow: all are on a machine that stands still. Returns the moment before them. */
async function sendFast(world: TrafficWorld, send: () => Promise<void>): Promise<number> {
  for (;;) {
    const fromMs = world.nowMs();
    await send();
    if (world.nowMs() - fromMs < FAST_MS) return fromMs;
    await world.pass(world.settleMs);
  }
}

type More = Partial<Pick<TrafficQuery, 'slowerThanMs' | 'copies'>>;

function query(world: TrafficWorld, fromMs: number, toMs: number, more: More = {}): TrafficQuery {
  return { host: world.host, stable: world.stable, canary: world.canary, fromMs, toMs, slowerThanMs: [], ...more };
}

function read(world: TrafficWorld, fromMs: number, toMs: number, more: More = {}): Promise<Traffic> {
  return world.provider.readTraffic(query(world, fromMs, toMs, more), new AbortController().signal);
}
