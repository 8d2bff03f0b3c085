import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Series } from '../../../src/adapters/prometheus/answer.ts';
import { countTraffic } from '../../../src/adapters/prometheus/istio.ts';
import type { Traffic, TrafficQuery } from '../../../src/controller/ports.ts';

type Target = {
  readonly phaseMs: number;
  readonly bornMs: number;
  readonly diesMs: number;
  readonly restartsMs: number;
  /** How long a scrape takes, as a share of its distance; samples bear the time of its beginning. */
  readonly scrapeShare: number;
  readonly missed: number;
  readonly perSecond: number;
  readonly workload: string;
};

const endMs = 600_000;
const lookbackMs = 300_000;

const targets = fc.array(
  fc.record({
    phaseMs: fc.nat(60_000),
    bornMs: fc.oneof(fc.constant(0), fc.nat(endMs)),
    diesMs: fc.oneof(fc.constant(endMs * 2), fc.nat(endMs)),
    restartsMs: fc.nat(endMs * 2),
    scrapeShare: fc.double({ min: 0, max: 0.2, noNaN: true }),
    missed: fc.nat(20),
    perSecond: fc.double({ min: 0.01, max: 200, noNaN: true }),
    workload: fc.constantFrom('reviews-v1', 'reviews-v2'),
  }),
  { minLength: 1, maxLength: 6 },
);

/** What has been scraped of a target when somebody looks at `nowMs`. */
function scraped(target: Target, everyMs: number, nowMs: number): { atMs: number; value: number }[] {
  const samples: { atMs: number; value: number }[] = [];
  const scrapeMs = Math.min(2000, target.scrapeShare * everyMs);
  for (let index = 0, atMs = target.phaseMs % everyMs; atMs + scrapeMs <= nowMs; index += 1, atMs += everyMs) {
    if (atMs < target.bornMs || atMs >= target.diesMs || index === target.missed) continue;
    const startMs = atMs >= target.restartsMs ? Math.max(target.bornMs, target.restartsMs) : target.bornMs;
    samples.push({ atMs, value: Math.floor(((atMs - startMs) / 1000) * target.perSecond) });
  }
  return samples;
}

function look(world: readonly Target[], everyMs: number, fromMs: number, toMs: number): Traffic {
  const query: TrafficQuery = {
    host: 'reviews.shop.svc.cluster.local',
    stable: { version: 'v1', subset: 'v1', workloads: ['reviews-v1'] },
    canary: { version: 'v2', subset: 'v2', workloads: ['reviews-v2'] },
    fromMs,
    toMs,
    slowerThanMs: [],
  };
  const series = world.map((target, index): Series => {
    const samples = scraped(target, everyMs, toMs).filter(({ atMs }) => atMs > fromMs - lookbackMs);
    const labels = { __name__: 'istio_requests_total', reporter: 'destination', destination_workload: target.workload };
    return { labels: { ...labels, instance: String(index), response_code: '200' }, samples };
  });
  return countTraffic(
    series.filter(({ samples }) => samples.length > 0),
    query,
  );
}

describe('consecutive readings', () => {
  it('add up to one reading of the whole, whenever the targets are scraped', () => {
    const readings = fc.array(fc.integer({ min: 1000, max: 70_000 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(
        targets,
        fc.constantFrom(5000, 15_000, 30_000, 60_000),
        fc.nat(200_000),
        readings,
        (world, everyMs, fromMs, steps) => {
          let nowMs = fromMs;
          let startMs = fromMs;
          let stable = 0;
          let canary = 0;
          const told = world.map(target => ({ workload: target.workload, samples: scraped(target, everyMs, endMs * 4) }));
          const unknown = { stable: 0, canary: 0 };
          for (const stepMs of steps) {
            nowMs += stepMs;
            const part = look(world, everyMs, startMs, nowMs);
            addBeginnings(unknown, told, startMs, part.untilMs);
            expect(part.untilMs).toBeGreaterThanOrEqual(startMs);
            expect(part.untilMs).toBeLessThanOrEqual(nowMs);
            startMs = part.untilMs;
            stable += part.stable.requests;
            canary += part.canary.requests;
          }
          // Later all that the readings could have missed has come to light.
          const whole = wholeUntil(told, fromMs, startMs);
          expect({ stable: stable + unknown.stable, canary: canary + unknown.canary }).toEqual(whole);
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('fall behind by no more than two scrapes while the targets live', () => {
    const alive = fc.array(fc.nat(60_000), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(
        alive,
        fc.constantFrom(5000, 15_000, 60_000),
        fc.integer({ min: 120_000, max: 400_000 }),
        (phases, everyMs, nowMs) => {
          const living = { bornMs: 0, diesMs: endMs * 2, restartsMs: endMs * 2, scrapeShare: 0.1, missed: -1, perSecond: 3 };
          const world = phases.map(phaseMs => ({ ...living, phaseMs, workload: 'reviews-v1' }));
          expect(nowMs - look(world, everyMs, 60_000, nowMs).untilMs).toBeLessThanOrEqual(2 * everyMs);
        },
      ),
    );
  });
});

/** When nothing was scraped before a reading began, the first value of each counter may be old, and is not told. */
function addBeginnings(sum: Sums, told: readonly Told[], fromMs: number, untilMs: number): void {
  const all = told.map(({ workload, samples }) => ({
    workload,
    samples: samples.filter(({ atMs }) => atMs > fromMs - lookbackMs),
  }));
  if (all.some(({ samples: [first] }) => first !== undefined && first.atMs <= fromMs)) return;
  for (const { workload, samples } of all) {
    const [first] = samples;
    if (first !== undefined && first.atMs <= untilMs) sum[sideOf(workload)] += first.value;
  }
}

/** Growth by the sample times, added up by hand over everything that was ever scraped. */
function wholeUntil(told: readonly Told[], fromMs: number, untilMs: number): Sums {
  const sum = { stable: 0, canary: 0 };
  for (const { workload, samples } of told) {
    let before = 0;
    for (const { atMs, value } of samples) {
      if (atMs > fromMs && atMs <= untilMs) sum[sideOf(workload)] += value < before ? value : value - before;
      before = value;
    }
  }
  return sum;
}

type Sums = { stable: number; canary: number };

/** All that is ever scraped of a target. */
type Told = { readonly workload: string; readonly samples: ReturnType<typeof scraped> };

const sideOf = (workload: string): keyof Sums => (workload === 'reviews-v1' ? 'stable' : 'canary');
