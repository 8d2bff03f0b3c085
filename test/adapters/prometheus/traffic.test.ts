import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createPrometheus } from '../../../src/adapters/prometheus/prometheus.ts';
import type { Traffic, TrafficQuery } from '../../../src/controller/ports.ts';
import { buckets, type FakePrometheus, type FakeSeries, received, requests, samples, sent, startFakePrometheus } from './fake.ts';

let fake: FakePrometheus;

beforeAll(async () => {
  fake = await startFakePrometheus();
});
afterAll(() => fake.close());
beforeEach(() => {
  fake.series = [];
  fake.queries.length = 0;
});

/** Reads (fromS, toS] of the series given. */
async function read(
  series: readonly FakeSeries[],
  fromS: number,
  toS: number,
  more: Partial<TrafficQuery> = {},
): Promise<Traffic> {
  fake.series = series;
  const prometheus = createPrometheus({ name: 'default', url: fake.url, timeoutMs: 5000 });
  return prometheus.readTraffic(
    {
      host: 'reviews.shop.svc.cluster.local',
      stable: { version: 'v1', subset: 'v1', workloads: ['reviews-v1'] },
      canary: { version: 'v2', subset: 'v2', workloads: ['reviews-v2'] },
      fromMs: fromS * 1000,
      toMs: toS * 1000,
      slowerThanMs: [],
      ...more,
    },
    new AbortController().signal,
  );
}

const none = { requests: 0, errors: 0, causes: [], timed: 0, slow: [], durations: [] };

describe('reading traffic from Prometheus', () => {
  it('asks once, for raw samples of the host with enough before the interval', async () => {
    await read([], 1000, 1033);
    expect(fake.queries).toEqual([
      {
        query:
          '{__name__=~"istio_requests_total|istio_request_duration_milliseconds_bucket",destination_service_name="reviews",destination_service_namespace="shop"}[333s]',
        time: '1033.000',
      },
    ]);
  });

  it('asks for no histograms when nobody needs durations', async () => {
    const pod = received('reviews-v2', 'pod');
    const grown = samples(985, 15, [10, 10, 15]);
    const { canary } = await read([requests(pod, grown), ...buckets(pod, { '+Inf': grown })], 1000, 1018, {
      withoutDurations: true,
    });
    expect(canary).toMatchObject({ requests: 5, timed: 0 });
    expect(fake.queries[0]?.query).toMatch(/^\{__name__="istio_requests_total",destination_service_name=/);
  });

  it('asks for a host outside the cluster by its full name', async () => {
    await read([], 1000, 1030, { host: 'api.example.com' });
    expect(fake.queries[0]?.query).toContain(',destination_service="api.example.com"}[');
  });

  it('R15: no series is zero counts, and nothing is known beyond the start', async () => {
    const traffic = await read([], 1000, 1030, { slowerThanMs: [500] });
    const empty = { ...none, slow: [0] };
    expect(traffic).toEqual({ untilMs: 1000_000, stable: empty, canary: empty, host: { requests: 0, unattributed: 0 } });
  });

  it('subtracts the last sample before the interval', async () => {
    const traffic = await read(
      [
        requests(received('reviews-v1', 'a'), samples(985, 15, [100, 110, 130, 160])),
        requests(received('reviews-v2', 'a'), samples(985, 15, [7, 7, 8, 9])),
      ],
      1000,
      1033,
    );
    expect(traffic).toMatchObject({ untilMs: 1030_000, stable: { requests: 50 }, canary: { requests: 2 } });
  });

  it('counts from zero after a reset, for a newborn series, and keeps what a vanished one had', async () => {
    const traffic = await read(
      [
        requests(received('reviews-v1', 'restarted'), samples(955, 15, [1000, 1000, 1000, 1010, 5, 9])),
        requests(received('reviews-v2', 'newborn'), samples(1015, 15, [4, 10])),
        requests(received('reviews-v1', 'vanished'), samples(940, 15, [500, 500, 503])),
      ],
      955,
      1032,
    );
    expect(traffic.stable.requests).toBe(10 + 5 + 4 + 3);
    expect(traffic.canary.requests).toBe(10);
  });

  it('does not call an old counter newborn because a few scrapes were missed', async () => {
    const late = samples(900, 15, [5000, undefined, undefined, undefined, undefined, undefined, undefined, 5003, 5004]);
    const traffic = await read([requests(received('reviews-v2', 'slow'), late)], 1000, 1033);
    expect(traffic.canary.requests).toBe(4);
  });

  it('ignores samples that are not numbers', async () => {
    const traffic = await read([requests(received('reviews-v2', 'a'), samples(985, 15, [3, 'NaN', '+Inf', 8]))], 985, 1033);
    expect(traffic.canary.requests).toBe(5);
  });

  it.each([15, 30, 60])('waits for the slowest of the targets that are scraped every %i s', async everyS => {
    const traffic = await read(
      [
        requests(received('reviews-v2', 'early'), samples(1000 - everyS, everyS, [10, 20, 30])),
        requests(received('reviews-v2', 'late'), samples(1000 - everyS + 9, everyS, [1, 2, 3])),
      ],
      1000,
      1000 + everyS + 8,
    );
    expect(traffic).toMatchObject({ untilMs: 1009_000, canary: { requests: 1 }, scrapeDistanceMs: everyS * 1000 });
  });

  it.each([15, 30, 60])('leaves open what holds scrapes of one version only, when pods are scraped every %i s', async everyS => {
    const series = [
      requests(received('reviews-v1', 'early'), samples(1000 - everyS, everyS, [10, 20, 30, 45])),
      requests(received('reviews-v2', 'late'), samples(1000 - everyS + 9, everyS, [1, 2, 3, 5])),
    ];
    const early = await read(series, 1000, 1000 + everyS + 8);
    expect(early).toMatchObject({ untilMs: 1000_000, stable: { requests: 0 }, canary: { requests: 0 } });
    expect(await read(series, 1000, 1000 + everyS + 8, { onlyCanary: true })).toMatchObject({ canary: { requests: 1 } });
    const later = await read(series, 1000, 1000 + everyS + 12);
    expect(later).toMatchObject({
      untilMs: (1000 + everyS) * 1000,
      stable: { requests: 10 },
      canary: { requests: 1 },
    });
  });

  it('does not wait for a version whose pods are gone, or were never scraped', async () => {
    const here = requests(received('reviews-v1', 'here'), samples(1000, 15, [10, 20, 30, 40]));
    expect(await read([here], 1000, 1048)).toMatchObject({ untilMs: 1045_000, stable: { requests: 30 } });
    const gone = requests(received('reviews-v2', 'gone'), samples(970, 15, [1, 2]));
    expect(await read([here, gone], 1000, 1048)).toMatchObject({ untilMs: 1045_000, canary: { requests: 0 } });
  });

  it('does not wait for a target that is gone', async () => {
    const traffic = await read(
      [
        requests(received('reviews-v1', 'here'), samples(1000, 15, [10, 20, 30, 40])),
        requests(received('reviews-v2', 'gone'), samples(970, 15, [1, 2, 3])),
      ],
      1000,
      1048,
    );
    expect(traffic).toMatchObject({ untilMs: 1045_000, stable: { requests: 30 } });
  });
});

describe('what counts', () => {
  const grown = (count: number) => samples(985, 15, [10, 10, 10 + count]);

  it('counts what the receiving proxies say when both sides report, never both', async () => {
    const traffic = await read(
      [
        requests(received('reviews-v2', 'pod'), grown(20)),
        requests(received('reviews-v2', 'pod', { response_code: '503' }), grown(2)),
        requests(sent('reviews-v2', 'caller'), grown(20)),
        requests(sent('reviews-v2', 'caller', { response_code: '503' }), grown(2)),
      ],
      1000,
      1018,
    );
    expect(traffic.canary).toMatchObject({ requests: 22, errors: 2 });
    expect(traffic.host).toEqual({ requests: 22, unattributed: 0 });
  });

  it('counts what the callers say when no receiving proxy reports the host', async () => {
    const failed = { response_code: '503', response_flags: 'UC' };
    const series = [requests(sent('reviews-v2', 'gateway'), grown(9)), requests(sent('reviews-v2', 'gateway', failed), grown(1))];
    expect((await read(series, 1000, 1018)).canary).toMatchObject({ requests: 10, errors: 1 });
  });

  it('adds failures on the way, which only the callers have seen', async () => {
    const traffic = await read(
      [
        requests(received('reviews-v2', 'pod'), grown(20)),
        requests(sent('reviews-v2', 'caller'), grown(20)),
        requests(sent('reviews-v2', 'caller', { response_code: '503', response_flags: 'URX,UF' }), grown(5)),
        requests(sent('reviews-v2', 'caller', { response_code: '504', response_flags: 'UT' }), grown(1)),
        requests(received('reviews-v2', 'pod', { response_code: '0', response_flags: 'DC' }), grown(1)),
        // Retried and failed at the receiver each time: the receiver has counted it.
        requests(sent('reviews-v2', 'caller', { response_code: '500', response_flags: 'URX' }), grown(4)),
      ],
      1000,
      1018,
    );
    expect(traffic.canary).toMatchObject({ requests: 26, errors: 6 });
    expect(traffic.host).toEqual({ requests: 30, unattributed: 5 });
  });

  it('R25: counts failures that reached no pod for the host, not for a version', async () => {
    const lost = (flags: string) => ({ destination_workload_namespace: 'unknown', response_code: '503', response_flags: flags });
    const traffic = await read(
      [
        requests(sent('reviews-v1', 'caller'), grown(50)),
        requests(sent('unknown', 'caller', lost('UH')), grown(3)),
        requests(sent('unknown', 'caller', lost('NC')), grown(2)),
        requests(sent('unknown', 'caller', { ...lost('NR'), response_code: '404' }), grown(1)),
      ],
      1000,
      1018,
    );
    expect(traffic.host).toEqual({ requests: 56, unattributed: 6 });
    expect(traffic.stable).toMatchObject({ requests: 50, errors: 0 });
    expect(traffic.canary).toMatchObject({ requests: 0, errors: 0 });
  });

  it('leaves out cancelled requests on both sides of the fraction', async () => {
    const traffic = await read(
      [
        requests(received('reviews-v2', 'pod'), grown(20)),
        requests(received('reviews-v2', 'pod', { response_code: '0', response_flags: 'DC' }), grown(7)),
        requests(received('reviews-v2', 'pod', { response_code: '503', response_flags: 'DC' }), grown(7)),
      ],
      1000,
      1018,
    );
    expect(traffic.canary).toMatchObject({ requests: 20, errors: 0 });
  });

  it('reads gRPC failures, which ride on HTTP 200', async () => {
    const status = (grpc: string) => received('reviews-v2', 'pod', { request_protocol: 'grpc', grpc_response_status: grpc });
    const traffic = await read(
      ['0', '1', '2', '3', '4', '5', '7', '8', '12', '13', '14', '15'].map(code => requests(status(code), grown(1))),
      1000,
      1018,
    );
    expect(traffic.canary).toMatchObject({ requests: 12, errors: 6 });
  });

  it('tells what the failed requests were, most frequent first, at most ten', async () => {
    const grpc = { request_protocol: 'grpc', grpc_response_status: '14' };
    const traffic = await read(
      [
        requests(received('reviews-v2', 'pod'), grown(90)),
        requests(received('reviews-v2', 'pod', { response_code: '500' }), grown(3)),
        requests(received('reviews-v2', 'other', { response_code: '500', response_flags: '' }), grown(4)),
        requests(received('reviews-v2', 'pod', { response_code: '404' }), grown(50)),
        requests(received('reviews-v2', 'pod', grpc), grown(5)),
        requests(received('reviews-v2', 'pod', { ...grpc, response_flags: 'UH' }), grown(1)),
        requests(sent('reviews-v2', 'caller', { response_code: '504', response_flags: 'UT' }), grown(6)),
        requests(sent('reviews-v2', 'caller', { ...grpc, response_code: '503', response_flags: 'URX,UF' }), grown(2)),
      ],
      1000,
      1018,
    );
    expect(traffic.canary.causes).toEqual([
      { what: '500', count: 7 },
      { what: '504 UT', count: 6 },
      { what: 'grpc 14', count: 5 },
      { what: '503 URX,UF', count: 2 },
      { what: 'grpc 14 UH', count: 1 },
    ]);
    const many = Array.from({ length: 12 }, (_, i) =>
      requests(received('reviews-v2', 'pod', { response_code: String(500 + i) }), grown(i + 1)),
    );
    const { causes } = (await read(many, 1000, 1018)).canary;
    expect(causes?.map(({ what }) => what)).toEqual(Array.from({ length: 10 }, (_, i) => String(511 - i)));
  });

  it('tells the pods of each version from what their own proxies say, most failures first, at most twenty', async () => {
    const pod = (name: string, more = {}) => received('reviews-v2', `${name}:15020`, { pod: name, ...more });
    const failed = { response_code: '503' };
    const series = [
      requests(pod('b'), grown(9)),
      requests(pod('a'), grown(4)),
      requests(pod('b', failed), grown(1)),
      requests(pod('c', failed), grown(3)),
      requests(received('reviews-v1', 'd:15020', { pod: 'd' }), grown(0)),
      requests(sent('reviews-v2', 'caller:15020', { pod: 'caller', ...failed, response_flags: 'UF' }), grown(8)),
    ];
    const traffic = await read(series, 1000, 1018);
    expect(traffic.stable).toMatchObject({ requests: 0, pods: [] });
    expect(traffic.canary).toMatchObject({ requests: 25, errors: 12 });
    expect(traffic.canary.pods).toEqual([
      { name: 'c', requests: 3, failures: 3 },
      { name: 'b', requests: 10, failures: 1 },
      { name: 'a', requests: 4, failures: 0 },
    ]);
    const many = Array.from({ length: 25 }, (_, i) => requests(pod(`pod-${i}`, failed), grown(i + 1)));
    const { pods } = (await read(many, 1000, 1018)).canary;
    expect(pods).toHaveLength(20);
    expect(pods?.[0]).toEqual({ name: 'pod-24', requests: 25, failures: 25 });
  });

  it('knows no pods where the scrape does not tell them, or tells the caller or the waypoint', async () => {
    const withoutPod = await read([requests(received('reviews-v2', 'pod:15020'), grown(5))], 1000, 1018);
    expect(withoutPod.canary.pods).toBeUndefined();
    const caller = await read([requests(sent('reviews-v2', 'gateway', { pod: 'gateway-1' }), grown(5))], 1000, 1018);
    expect(caller.canary).toMatchObject({ requests: 5 });
    expect(caller.canary.pods).toBeUndefined();
    const labels = { ...received('reviews-v2', 'w', { pod: 'waypoint-1' }), reporter: 'waypoint' };
    const waypoint = await read([requests(labels, grown(5))], 1000, 1018);
    expect(waypoint.canary).toMatchObject({ requests: 5 });
    expect(waypoint.canary.pods).toBeUndefined();
  });

  it('counts mirrored copies, which only receiving proxies tell', async () => {
    const traffic = await read(
      [
        requests(received('reviews-v1', 'pod1'), grown(20)),
        requests(sent('reviews-v1', 'caller'), grown(20)),
        requests(received('reviews-v2', 'pod2'), grown(20)),
      ],
      1000,
      1018,
    );
    expect(traffic.canary.requests).toBe(20);
    expect(traffic.host.requests).toBe(20);
  });

  it('counts a proxy once that is scraped by two jobs, and pods with equal counters each', async () => {
    const scraped = (pod: string, port: number) => received('reviews-v2', `${pod}:${port}`, { pod, job: `job-${port}` });
    const series = [scraped('a', 15020), scraped('a', 15090), scraped('b', 15020), scraped('b', 15090)].flatMap(labels => [
      requests(labels, grown(5)),
      ...buckets(labels, { '100': samples(985, 15, [0, 0, 4]), '+Inf': samples(985, 15, [0, 0, 5]) }),
    ]);
    expect((await read(series, 1000, 1018, { slowerThanMs: [100] })).canary).toMatchObject({
      requests: 10,
      timed: 10,
      slow: [2],
    });
  });

  it('counts waypoints, several workloads of a version, and no workload of another namespace', async () => {
    const waypoint = (workload: string, more = {}) =>
      requests({ ...received(workload, 'w'), reporter: 'waypoint', ...more }, grown(5));
    const traffic = await read(
      [waypoint('reviews-v2'), waypoint('reviews-v2-b'), waypoint('reviews-v2', { destination_workload_namespace: 'other' })],
      1000,
      1018,
      { canary: { version: 'v2', subset: 'v2', workloads: ['reviews-v2', 'reviews-v2-b'] } },
    );
    expect(traffic.canary.requests).toBe(10);
    expect(traffic.host.requests).toBe(15);
  });
});

describe('durations from buckets', () => {
  const pod = received('reviews-v2', 'pod');
  const edges = (low: readonly number[], middle: readonly number[], high: readonly number[], all: readonly number[]) =>
    buckets(pod, {
      '100': samples(985, 15, low),
      '250': samples(985, 15, middle),
      '500': samples(985, 15, high),
      '+Inf': samples(985, 15, all),
    });

  it('counts above the bucket edge at or above the limit, and never interpolates', async () => {
    const series = [
      ...edges([10, 10, 15], [20, 20, 30], [30, 30, 45], [32, 32, 50]),
      requests(pod, samples(985, 15, [32, 32, 50])),
    ];
    const { canary } = await read(series, 1000, 1018, { slowerThanMs: [100, 101, 250, 300, 500, 501] });
    expect(canary).toEqual({
      requests: 18,
      errors: 0,
      causes: [],
      timed: 18,
      slow: [13, 8, 8, 3, 3, 0],
      durations: [
        [100, 5],
        [250, 5],
        [500, 5],
        [Number.POSITIVE_INFINITY, 3],
      ],
    });
  });

  it('sees a restart in all buckets when one of them fell', async () => {
    const { canary } = await read(edges([1, 1, 2], [1, 1, 3], [1, 1, 4], [9, 9, 4]), 1000, 1018, { slowerThanMs: [100] });
    expect(canary).toMatchObject({ timed: 4, slow: [2] });
  });

  it('takes them from the side that the requests come from, without cancelled ones', async () => {
    const of = (labels: Readonly<Record<string, string>>) => buckets(labels, { '+Inf': samples(985, 15, [0, 0, 10]) });
    const cancelled = received('reviews-v2', 'pod', { response_code: '0', response_flags: 'DC' });
    const { canary } = await read([...of(pod), ...of(sent('reviews-v2', 'caller')), ...of(cancelled)], 1000, 1018);
    expect(canary.timed).toBe(10);
  });
});
