import { describe, expect, it } from 'vitest';
import type { Series } from '../../../src/adapters/prometheus/answer.ts';
import { countTraffic } from '../../../src/adapters/prometheus/istio.ts';
import { addInterval, baselineEvidence, noSums } from '../../../src/rollout/judge/baseline.ts';
import { poisson, randomFrom } from './random.ts';

/** Two versions of a service, as their pods' proxies are scraped. */
type World = {
  readonly scrapeS: number;
  readonly readS: number;
  readonly pods: { readonly stable: number; readonly canary: number };
  /** How much worse the new version is. */
  readonly ratio: number;
  readonly lengthS: number;
  /** When the new version's share goes from 10 to 50 %. */
  readonly raisedS: number;
};

const perSecond = 40;
const lookbackMs = 300_000;

const firstShare = 0.1;

/** Two percent fail, and three times as many in an incident of one minute that both versions share. */
const errorShare = (atS: number, incidentS: number): number => (atS >= incidentS && atS < incidentS + 60 ? 0.06 : 0.02);

type Sample = { readonly atMs: number; readonly value: number };

/** One place for a pod: its pods live some minutes, the next one follows at once. Answers with the series of them all. */
function scrapePods(
  workload: string,
  random: () => number,
  { scrapeS, lengthS }: World,
  rates: (atS: number) => readonly [number, number],
): Series[] {
  const series: Series[] = [];
  const begin = () => {
    const good: Sample[] = [];
    const bad: Sample[] = [];
    const labels = { __name__: 'istio_requests_total', reporter: 'destination', destination_workload: workload };
    const pod = `${workload}-${series.length}-${random()}`;
    series.push({ labels: { ...labels, pod, response_code: '200' }, samples: good });
    series.push({ labels: { ...labels, pod, response_code: '500' }, samples: bad });
    return { good, bad, counts: [0, 0] as [number, number], phaseS: random() * scrapeS };
  };
  let pod = begin();
  let nextS = pod.phaseS - scrapeS;
  for (let atS = -60; atS < lengthS; atS += 1) {
    if (random() < 1 / 200) {
      pod = begin();
      nextS = atS + pod.phaseS;
    }
    while (nextS <= atS) {
      if (pod.counts[0] > 0) pod.good.push({ atMs: atS * 1000, value: pod.counts[0] });
      if (pod.counts[1] > 0) pod.bad.push({ atMs: atS * 1000, value: pod.counts[1] });
      nextS += scrapeS;
    }
    const [good, bad] = rates(atS);
    pod.counts[0] += poisson(good, random);
    pod.counts[1] += poisson(bad, random);
  }
  return series;
}

function scrapeWorld(world: World, random: () => number): readonly Series[] {
  const { pods, ratio, raisedS } = world;
  const incidentS = random() * world.lengthS;
  const series: Series[] = [];
  for (const [workload, count] of [
    ['reviews-v1', pods.stable],
    ['reviews-v2', pods.canary],
  ] as const) {
    const isCanary = workload === 'reviews-v2';
    const rates = (atS: number): readonly [number, number] => {
      const canaryShare = atS < raisedS ? firstShare : 0.5;
      const rate = (perSecond * (isCanary ? canaryShare : 1 - canaryShare)) / count;
      const share = Math.min(1, errorShare(atS, incidentS) * (isCanary ? ratio : 1));
      return [rate * (1 - share), rate * share];
    };
    for (let place = 0; place < count; place += 1) series.push(...scrapePods(workload, random, world, rates));
  }
  return series;
}

const gate = {
  source: { kind: 'prometheus', metric: 'success-rate', provider: 'default' },
  baseline: { tolerance: 1, limit: 99 },
} as const;

/** Reads the world as a controller would, and compares in each interval. Evidence is the highest that anybody saw. */
function rollout(world: World, seed: number): { highest: number; compared: number; told: number; expected: number } {
  const random = randomFrom(seed);
  const series = scrapeWorld(world, random);
  const query = {
    host: 'reviews.shop.svc.cluster.local',
    stable: { version: 'v1', subset: 'v1', workloads: ['reviews-v1'] },
    canary: { version: 'v2', subset: 'v2', workloads: ['reviews-v2'] },
    slowerThanMs: [],
  };
  let sums = noSums(gate);
  let highest = 0;
  let [fromMs, compared, told, expected] = [0, 0, 0, 0];
  for (let atS = world.readS; atS <= world.lengthS; atS += world.readS) {
    const toMs = atS * 1000;
    const seen = series
      .map(({ labels, samples }) => ({
        labels,
        samples: samples.filter(({ atMs }) => atMs <= toMs && atMs > fromMs - lookbackMs),
      }))
      .filter(({ samples }) => samples.length > 0);
    const { untilMs, stable, canary } = countTraffic(seen, { ...query, fromMs, toMs });
    const sides = {
      canary: { bad: canary.errors, total: canary.requests },
      stable: { bad: stable.errors, total: stable.requests },
    };
    if (canary.requests > 0 && stable.requests > 0) compared += canary.requests + stable.requests;
    // The first interval begins between two scrapes of each pod, all others where the one before ended.
    if (fromMs > 0 && untilMs <= world.raisedS * 1000) {
      told += canary.requests;
      expected += (canary.requests + stable.requests) * firstShare;
    }
    sums = addInterval(sums, { shares: [sides] }, gate);
    highest = Math.max(highest, baselineEvidence(sums));
    fromMs = untilMs;
  }
  return { highest, compared, told, expected };
}

const worlds: readonly (readonly [string, Pick<World, 'scrapeS' | 'readS' | 'pods'>])[] = [
  ['every 10 s, as often as they are read', { scrapeS: 10, readS: 10, pods: { stable: 2, canary: 1 } }],
  ['every 15 s, as often as they are read', { scrapeS: 15, readS: 15, pods: { stable: 3, canary: 2 } }],
  ['every 30 s and read every 15 s', { scrapeS: 30, readS: 15, pods: { stable: 1, canary: 1 } }],
  ['every 60 s and read every 15 s', { scrapeS: 60, readS: 15, pods: { stable: 5, canary: 1 } }],
];

describe('comparing versions whose pods are scraped at different moments, and replaced now and then', () => {
  it.each(worlds)('stays a fair bet when they are scraped %s', (_, world) => {
    const alpha = 0.05;
    const runs = 250;
    let alarms = 0;
    for (let seed = 1; seed <= runs; seed += 1) {
      const { highest } = rollout({ ...world, ratio: 1, lengthS: 240, raisedS: 120 }, seed);
      if (highest >= Math.log(1 / alpha)) alarms += 1;
    }
    expect(alarms).toBeLessThanOrEqual(alpha * runs);
  });

  it.each(worlds)('tells both versions equally completely when they are scraped %s', (_, world) => {
    let [told, expected] = [0, 0];
    for (let seed = 1; seed <= 10; seed += 1) {
      const run = rollout({ ...world, ratio: 1, lengthS: 1800, raisedS: 1800 }, seed);
      told += run.told;
      expected += run.expected;
    }
    expect(told / expected).toBeGreaterThan(0.97);
    expect(told / expected).toBeLessThan(1.03);
  });

  it.each(worlds)('finds what is three times as bad when they are scraped %s', (_, world) => {
    let found = 0;
    for (let seed = 1; seed <= 20; seed += 1) {
      const { highest, compared } = rollout({ ...world, ratio: 3, lengthS: 480, raisedS: 240 }, seed);
      expect(compared).toBeGreaterThan(0.5 * perSecond * 480);
      if (highest >= Math.log(100)) found += 1;
    }
    expect(found).toBe(20);
  });
});
