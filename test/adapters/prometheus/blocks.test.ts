import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createPrometheus } from '../../../src/adapters/prometheus/prometheus.ts';
import type { BlockQuery } from '../../../src/controller/ports.ts';
import { dispersionOf } from '../../../src/rollout/judge/dispersion.ts';
import { buckets, type FakePrometheus, type FakeSeries, received, requests, samples, startFakePrometheus } from './fake.ts';
import { poisson, randomFrom } from './random.ts';

let fake: FakePrometheus;

beforeAll(async () => {
  fake = await startFakePrometheus();
});
afterAll(() => fake.close());
beforeEach(() => {
  fake.series = [];
  fake.queries.length = 0;
});

function read(series: readonly FakeSeries[], fromS: number, toS: number, more: Partial<BlockQuery> = {}) {
  fake.series = series;
  const prometheus = createPrometheus({ name: 'default', url: fake.url, timeoutMs: 5000 });
  const query = {
    host: 'reviews.shop.svc.cluster.local',
    version: { version: 'v1', subset: 'v1', workloads: ['reviews-v1'] },
    fromMs: fromS * 1000,
    toMs: toS * 1000,
    ...more,
  };
  return prometheus.readBlocks?.(query, new AbortController().signal) ?? Promise.reject(new Error('no blocks'));
}

const own = (pod: string, more = {}) => received('reviews-v1', `${pod}:15020`, { pod, ...more });
const failed = { response_code: '503' };

describe('reading blocks from Prometheus', () => {
  it('asks once, for nothing but the request counters of the pods of one version', async () => {
    const version = { version: 'v1', subset: 'v1', workloads: ['reviews-v1', 'reviews.v1-b'] };
    await read([], 3000, 5400, { version });
    expect(fake.queries).toEqual([
      {
        query: String.raw`{__name__="istio_requests_total",reporter="destination",destination_service_name="reviews",destination_service_namespace="shop",destination_workload=~"reviews-v1|reviews\\.v1-b"}[2700s]`,
        time: '5400.000',
      },
    ]);
  });

  it('asks for the buckets at the limit and for all, as Prometheus 2 and 3 write them', async () => {
    const le = async (slowerThanMs: number) => {
      await read([], 3000, 5400, { slowerThanMs });
      return /,?le=~"([^"]*)"/.exec(fake.queries.at(-1)?.query ?? '')?.[1];
    };
    expect(await le(250)).toBe(String.raw`250|250\\.0|\\+Inf`);
    expect(await le(300)).toBe(String.raw`300|300\\.0|500|500\\.0|\\+Inf`);
    expect(await le(0.5)).toBe(String.raw`0\\.5|\\+Inf`);
    expect(await le(1_800_000)).toBe(String.raw`1800000|1800000\\.0|1\\.8e\\+06|\\+Inf`);
    expect(await le(9e6)).toBe(String.raw`9000000|9000000\\.0|9e\\+06|\\+Inf`);
    expect(fake.queries.at(-1)?.query).toMatch(/^\{__name__="istio_request_duration_milliseconds_bucket",/);
  });

  it('asks nothing for a version that no workload owns', async () => {
    expect(await read([], 0, 60, { version: { version: 'v1', subset: 'v1', workloads: [] } })).toEqual([]);
    expect(fake.queries).toEqual([]);
  });

  it('tells requests and errors of each pod in each minute, without those that clients cancelled', async () => {
    const blocks = await read(
      [
        requests(own('a'), samples(985, 15, [100, 110, 120, 130, 140, 150, 150, 150, 150, 157])),
        requests(own('a', failed), samples(1045, 15, [3, 3, 3, 3, 3, 5])),
        requests(own('a', { response_code: '0', response_flags: 'DC' }), samples(985, 15, [0, 50, 100])),
        requests(own('b'), samples(990, 15, [7, 7, 7, 7, 7, 7, 7, 8])),
      ],
      1000,
      1120,
    );
    expect(blocks).toEqual([
      { pod: 'a', atMs: 1000_000, requests: 43, bad: 3 },
      { pod: 'a', atMs: 1060_000, requests: 9, bad: 2 },
      { pod: 'b', atMs: 1060_000, requests: 1, bad: 0 },
    ]);
  });

  it('tells slow requests above the first edge at or above the limit, and nothing where there is no such edge', async () => {
    const inf = samples(985, 15, [0, 10, 20, 30]);
    const series = buckets(own('a'), {
      '250.0': samples(985, 15, [0, 7, 14, 20]),
      '500.0': samples(985, 15, [0, 9, 18, 27]),
      '+Inf': inf,
    });
    expect(await read(series, 1000, 1060, { slowerThanMs: 250 })).toEqual([{ pod: 'a', atMs: 1000_000, requests: 20, bad: 7 }]);
    expect(await read(series, 1000, 1060, { slowerThanMs: 300 })).toEqual([{ pod: 'a', atMs: 1000_000, requests: 20, bad: 2 }]);
    expect(await read(series, 1000, 1060, { slowerThanMs: 700 })).toEqual([]);
  });

  it('counts from zero after a restart, and gives a pod blocks only while it was there', async () => {
    const blocks = await read(
      [
        requests(own('restarted'), samples(985, 15, [900, 900, 910, 4, 9, 9, 9, 9])),
        requests(own('new'), samples(1075, 15, [6, 8])),
        requests(own('gone'), samples(940, 15, [1, 1, 1, 1, 1, 3])),
      ],
      1000,
      1180,
    );
    expect(blocks).toEqual([
      { pod: 'gone', atMs: 1000_000, requests: 2, bad: 0 },
      { pod: 'new', atMs: 1060_000, requests: 8, bad: 0 },
      { pod: 'restarted', atMs: 1000_000, requests: 19, bad: 0 },
    ]);
  });

  it('counts a pod once that is scraped by two jobs', async () => {
    const twice = ['15020', '15090'].map(port =>
      requests(received('reviews-v1', `a:${port}`, { pod: 'a', job: port }), samples(985, 15, [10, 10, 15])),
    );
    expect(await read(twice, 1000, 1060)).toEqual([{ pod: 'a', atMs: 1000_000, requests: 5, bad: 0 }]);
  });

  it('tells nothing where the scrape does not tell the pod, or tells the waypoint', async () => {
    const grown = samples(985, 15, [10, 10, 15]);
    const waypoint = { ...own('waypoint-1'), reporter: 'waypoint' };
    expect(await read([requests(received('reviews-v1', 'a:15020'), grown), requests(waypoint, grown)], 1000, 1060)).toEqual([]);
  });
});

describe('dispersion of what real scrapes tell', () => {
  const minutes = 40;
  const endS = 6000;
  const startS = endS - minutes * 60;

  /** Counters of five pods that each second answer `perSecond` requests, a share of them with an error. */
  function scraped(seed: number, everyS: number, errorShare: (pod: number, atS: number) => number): FakeSeries[] {
    const random = randomFrom(seed);
    return [0, 1, 2, 3, 4].flatMap(pod => {
      const phaseS = random() * everyS;
      const good: (readonly [number, number])[] = [];
      const bad: (readonly [number, number])[] = [];
      let [goodCount, badCount, nextS] = [0, 0, startS - 120 + phaseS];
      for (let atS = startS - 120; atS <= endS; atS += 1) {
        // A scrape is late by some milliseconds, and one in fifty is missed.
        if (atS >= nextS) {
          if (random() > 0.02) {
            const scrapedS = nextS + random() * 0.01;
            good.push([scrapedS, goodCount]);
            if (badCount > 0) bad.push([scrapedS, badCount]);
          }
          nextS += everyS;
        }
        const share = errorShare(pod, atS);
        goodCount += poisson(10 * (1 - share), random);
        badCount += poisson(10 * share, random);
      }
      return [requests(own(`pod-${pod}`), good), requests(own(`pod-${pod}`, failed), bad)];
    });
  }

  const phi = async (seed: number, everyS: number, share: (pod: number, atS: number) => number) =>
    dispersionOf(await read(scraped(seed, everyS, share), startS, endS));

  it.each([15, 30, 60])('stays near 1 when errors are independent and pods are scraped every %i s', async everyS => {
    const values: number[] = [];
    for (let seed = 1; seed <= 12; seed += 1) {
      const { value, pods } = await phi(seed, everyS, () => 0.005);
      expect(pods).toBe(5);
      values.push(value);
    }
    expect(values.reduce((sum, value) => sum + value, 0) / values.length).toBeLessThan(1.15);
    expect(Math.max(...values)).toBeLessThan(1.4);
  });

  it.each([15, 30, 60])('shows bursts of one pod that is scraped every %i s', async everyS => {
    const random = randomFrom(7);
    const bursts = new Map<string, number>();
    const burst = (pod: number, atS: number) => {
      const key = `${pod} ${Math.floor((atS + 17 * pod) / 60)}`;
      const known = bursts.get(key) ?? (random() < 0.1 ? 0.05 : 0.001);
      bursts.set(key, known);
      return known;
    };
    expect((await phi(3, everyS, burst)).value).toBeGreaterThan(4);
  });
});
