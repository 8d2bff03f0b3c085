import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createZipkin, type ZipkinOptions } from '../../../src/adapters/zipkin/zipkin.ts';
import type { Traffic, TrafficProvider, TrafficQuery } from '../../../src/controller/ports.ts';
import { json, listen } from '../http/loopback.ts';
import { call, clientSpan, type FakeZipkin, gatewaySpans, host, nextTrace, serverSpan, startFakeZipkin } from './fake.ts';

const nowMs = 1_700_000_000_000;
const fromMs = nowMs - 45_000;
const untilMs = nowMs - 15_000;
const clock = { now: () => nowMs };

let fake: FakeZipkin;

beforeAll(async () => {
  fake = await startFakeZipkin();
});
afterAll(() => fake.close());
beforeEach(() => {
  fake.spans = [];
  fake.hasArrived = () => true;
  fake.searches.length = 0;
});

function provider(options: Partial<ZipkinOptions> = {}): TrafficProvider {
  return createZipkin({ name: 'default', url: fake.url, timeoutMs: 5000, clock, ...options });
}

function read(zipkin = provider(), more: Partial<TrafficQuery> = {}): Promise<Traffic> {
  const query: TrafficQuery = {
    host,
    stable: { version: '1.0', subset: 'v1', workloads: ['reviews-v1'] },
    canary: { version: '2.0', subset: 'v2', workloads: ['reviews-v2'] },
    fromMs,
    toMs: nowMs,
    slowerThanMs: [],
    ...more,
  };
  return zipkin.readTraffic(query, new AbortController().signal);
}

const annotationQueries = () => fake.searches.map(search => search.get('annotationQuery')).sort();

describe('reading traffic from Zipkin', () => {
  it('counts both versions by the subset in the callers spans, by one exact search each', async () => {
    fake.spans = [
      ...call('v1', { atMs: fromMs + 1000, durationMs: 100 }),
      ...call('v1', { atMs: fromMs + 2000, durationMs: 300.5 }),
      ...call('v2', { atMs: fromMs + 3000, durationMs: 200 }),
    ];
    const zipkin = provider();
    expect(await read(zipkin, { slowerThanMs: [200, 300] })).toEqual({
      untilMs,
      stable: {
        requests: 2,
        errors: 0,
        timed: 2,
        slow: [1, 1],
        durations: [
          [100, 1],
          [300.5, 1],
        ],
        calls: [
          [fromMs + 1000, 100],
          [fromMs + 2000, 300.5],
        ],
        pods: [{ name: 'reviews-v1-a', requests: 2, failures: 0 }],
      },
      canary: {
        requests: 1,
        errors: 0,
        timed: 1,
        slow: [0, 0],
        durations: [[200, 1]],
        calls: [[fromMs + 3000, 200]],
        pods: [{ name: 'reviews-v2-a', requests: 1, failures: 0 }],
      },
      host: { requests: 3, unattributed: 0 },
    });
    fake.searches.length = 0;
    await read(zipkin);
    expect(annotationQueries()).toEqual([
      `upstream_cluster=outbound|9080|v1|${host}`,
      `upstream_cluster=outbound|9080|v2|${host}`,
    ]);
    expect(fake.searches.map(search => search.get('limit'))).toEqual(['1000', '1000']);
  });

  it('is not disturbed by thousands of traces of other services', async () => {
    const foreign = (index: number) => clientSpan('v2', { atMs: untilMs - index, host: 'ratings.shop.svc.cluster.local' });
    fake.spans = [...Array.from({ length: 5000 }, (_, index) => foreign(index)), ...call('v2', { atMs: fromMs + 10 })];
    const traffic = await read();
    expect(traffic).toMatchObject({ untilMs, canary: { requests: 1 }, host: { requests: 1 } });
    expect(fake.searches).toHaveLength(3);
  });

  it('R15: knows nothing while no span of the host was ever seen, and learns as soon as there is one', async () => {
    const zipkin = provider();
    expect(await read(zipkin)).toMatchObject({ untilMs: fromMs, stable: { requests: 0 }, host: { requests: 0 } });
    fake.spans = [...call('v2', { atMs: fromMs + 10 })];
    expect(await read(zipkin)).toMatchObject({ untilMs, canary: { requests: 1 } });
  });

  it('R15: does not ask while the interval is younger than the lag', async () => {
    const traffic = await read(provider({ lagMs: 60_000 }));
    expect(traffic.untilMs).toBe(fromMs);
    expect(fake.searches).toHaveLength(0);
  });

  it('leaves the newest traces for the next reading, and loses or doubles none', async () => {
    let now = nowMs;
    const zipkin = provider({ clock: { now: () => now } });
    for (let atMs = fromMs - 5000; atMs < nowMs + 30_000; atMs += 137) fake.spans.push(...call('v2', { atMs }));
    const counted: number[] = [];
    let startMs = fromMs;
    for (const stepMs of [0, 100, 5000, 5000, 20_000]) {
      now += stepMs;
      const part = await read(zipkin, { fromMs: startMs, toMs: now });
      counted.push(part.canary.requests);
      startMs = part.untilMs;
    }
    expect(startMs).toBe(now - 15_000);
    const whole = fake.spans.filter(
      ({ kind, timestamp = 0 }) => kind === 'CLIENT' && timestamp > fromMs * 1000 && timestamp <= startMs * 1000,
    );
    expect(counted.reduce((sum, count) => sum + count, 0)).toBe(whole.length);
  });

  it('counts a call in the interval in which it began, also when its trace began before', async () => {
    const deep = (rootMs: number, atMs: number) => {
      const traceId = nextTrace();
      return [
        clientSpan('', { traceId, id: '1', atMs: rootMs, host: 'page.shop.svc.cluster.local' }),
        ...call('v2', { traceId, id: '2', atMs }),
      ];
    };
    fake.spans = [...deep(fromMs - 4000, fromMs + 500), ...deep(fromMs - 4000, fromMs - 10), ...deep(untilMs - 1, untilMs + 1)];
    expect(await read()).toMatchObject({ canary: { requests: 1 } });
  });

  it('counts one call for a trace, whatever is stored twice or was called again', async () => {
    const traceId = nextTrace();
    const twice = clientSpan('v1', { traceId, id: 'b', atMs: fromMs + 100 });
    const { duration: _, ...unfinished } = twice;
    fake.spans = [unfinished, twice, twice, ...call('v2', { traceId, id: 'c', atMs: fromMs + 90 })];
    const traffic = await read();
    expect(traffic).toMatchObject({ stable: { requests: 1, timed: 1 }, canary: { requests: 0 }, host: { requests: 1 } });
  });

  it('finds all ports of the host', async () => {
    fake.spans = [...call('v2', { atMs: fromMs + 1 }), ...call('v2', { atMs: fromMs + 2, port: 9090 })];
    expect(await read()).toMatchObject({ canary: { requests: 2 } });
  });
});

describe('truncated searches', () => {
  it('are repeated for halves of the interval until nothing is cut', async () => {
    for (let index = 0; index < 4500; index += 1) fake.spans.push(clientSpan('v2', { atMs: fromMs + 1 + index * 6 }));
    fake.spans.push(...call('v1', { atMs: fromMs + 1 }));
    const traffic = await read();
    expect(traffic).toMatchObject({ untilMs, stable: { requests: 1 }, canary: { requests: 4500 } });
    expect(traffic.canary.durations).toHaveLength(4500);
  });
});

describe('what a span says', () => {
  const canary = async (tags: Readonly<Record<string, string>>) => {
    fake.spans = [...call('v1', { atMs: fromMs + 1 }), clientSpan('v2', { atMs: fromMs + 2, tags })];
    const traffic = await read();
    return { requests: traffic.canary.requests, errors: traffic.canary.errors, host: traffic.host };
  };

  it.each([
    ['HTTP 500', { 'http.status_code': '500', error: 'true' }, 1, 1],
    ['HTTP 404', { 'http.status_code': '404' }, 1, 0],
    ['HTTP 404 that a tracer tags as error', { 'http.status_code': '404', error: '404' }, 1, 0],
    ['an error tag alone', { error: 'true' }, 1, 1],
    ['gRPC unavailable', { 'grpc.status_code': '14' }, 1, 1],
    ['gRPC unimplemented, tagged as error', { 'grpc.status_code': '12', error: 'true' }, 1, 0],
    ['the client went away', { 'http.status_code': '0', response_flags: 'DC', error: 'true' }, 0, 0],
    ['an upstream time-out', { 'http.status_code': '504', response_flags: 'UT' }, 1, 1],
  ])('%s', async (_, tags, requests, errors) => {
    expect(await canary(tags)).toMatchObject({ requests, errors });
  });

  it.each(['UH', 'NC', 'URX,UF'])('R25: counts %s for the subset and as a failure that reached no pod', async flags => {
    const failed = { 'http.status_code': '503', response_flags: flags, error: 'true' };
    expect(await canary(failed)).toEqual({ requests: 1, errors: 1, host: { requests: 2, unattributed: 1 } });
  });

  it("takes a gateway's request and not its attempts, and sees requests without any attempt", async () => {
    const failed = { 'http.status_code': '503', response_flags: '-', error: 'true' };
    const noPod = { 'http.status_code': '503', response_flags: 'UH', error: 'true' };
    fake.spans = [
      ...gatewaySpans('v2', { atMs: fromMs + 1 }, [failed, failed, {}]),
      ...gatewaySpans('v2', { atMs: fromMs + 2, tags: noPod }, []),
    ];
    expect(await read()).toMatchObject({ canary: { requests: 2, errors: 1 }, host: { requests: 2, unattributed: 1 } });
  });

  it('finds calls of a version that no pod ever answered, when nothing else tells the port', async () => {
    fake.spans = [clientSpan('v2', { atMs: fromMs + 2, tags: { 'http.status_code': '503', response_flags: 'UH' } })];
    expect(await read()).toMatchObject({ canary: { requests: 1, errors: 1 } });
  });

  it('believes the pods when the callers have no proxies', async () => {
    fake.spans = [
      serverSpan('1.0', { atMs: fromMs + 1 }),
      serverSpan('2.0', { atMs: fromMs + 2, tags: { 'http.status_code': '500' } }),
      serverSpan('2.0', { atMs: fromMs + 3, durationMs: 70 }),
    ];
    const traffic = await read(provider(), { slowerThanMs: [50] });
    expect(traffic).toMatchObject({
      stable: { requests: 1 },
      canary: { requests: 2, errors: 1, slow: [1] },
      host: { requests: 3 },
    });
  });

  it('tolerates spans that are incomplete or odd', async () => {
    fake.spans = [
      ...call('v2', { atMs: fromMs + 1 }),
      { traceId: nextTrace(), id: '1', tags: { upstream_cluster: `outbound|9080|v2|${host}` } },
      {
        traceId: nextTrace(),
        id: '1',
        kind: 'CLIENT',
        timestamp: (fromMs + 5) * 1000,
        tags: { upstream_cluster: 'outbound|9080|v2|revi' },
      },
      {
        traceId: nextTrace(),
        id: '1',
        kind: 'CLIENT',
        timestamp: (fromMs + 5) * 1000,
        tags: { upstream_cluster: 'PassthroughCluster' },
      },
    ];
    expect(await read()).toMatchObject({ canary: { requests: 1 } });
  });
});

describe('a Zipkin that does not answer as it should', () => {
  it.each([
    [{ error: 'no' }, 200, 'badAnswer', 'not of the Zipkin API'],
    [[{ traceId: '1' }], 200, 'badAnswer', 'a trace that is not a list of spans'],
    [[['span']], 200, 'badAnswer', 'a span that is not an object'],
    [[], 503, 'unavailable', 'failed with HTTP 503'],
  ])('R16: %j with HTTP %i', async (body, status, kind, text) => {
    const server = await listen((_, response) => json(response, body, status));
    try {
      await expect(read(provider({ url: server.url }))).rejects.toMatchObject({
        system: 'zipkin/default',
        kind,
        message: expect.stringContaining(text),
      });
    } finally {
      await server.close();
    }
  });
});
