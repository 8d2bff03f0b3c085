import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Sandbox, startSandbox } from '../../../src/sandbox/sandbox.ts';
import { APP_HOST } from '../../../src/sandbox/scenario.ts';
import { send, until } from '../client.ts';

interface WireSpan {
  readonly traceId: string;
  readonly id: string;
  readonly kind: string;
  readonly timestamp: number;
  readonly duration: number;
  readonly localEndpoint: { readonly serviceName: string };
  readonly tags: Record<string, string>;
}

describe('the telemetry APIs of the sandbox', () => {
  let sandbox: Sandbox;
  let firstMs = 0;
  /** How many requests reached a pod, by the truth. */
  let arrived = 0;

  const traces = async (query: string): Promise<WireSpan[][]> =>
    (await send(`${sandbox.urls.zipkin}/api/v2/traces?${query}`)).body;
  const prometheus = (path: string) => send(`${sandbox.urls.prometheus}${path}`);

  beforeAll(async () => {
    sandbox = await startSandbox({ rate: 0, scrapeIntervalMs: 100, flushMs: 20 });
    firstMs = Date.now();
    for (let sent = 0; sent < 12; sent += 1) await send(`${sandbox.urls.gateway}/api/forecast`, { headers: { host: APP_HOST } });
    sandbox.control.setFault('forecast-v1', { errorRate: 1, status: 500, latencyMs: 100 });
    await send(`${sandbox.urls.gateway}/api/forecast`, { headers: { host: APP_HOST } });
    sandbox.control.setFault('forecast-v1', { notReady: true });
    await until(
      async () =>
        (await send(`${sandbox.urls.gateway}/api/forecast`, { headers: { host: APP_HOST } })).code === 503 ? true : undefined,
      'no pods',
    );
    await until(async () => ((await traces('annotationQuery=response_flags%3DUH')).length > 0 ? true : undefined), 'the spans');
    arrived = sandbox.control.stats().workloads['forecast-v1']?.requests ?? 0;
  });
  afterAll(() => sandbox.close());

  it('gives each request a span of the gateway, one of its call and one of the pod, and the first alone when no pod was reached', async () => {
    const [trace = []] = await traces('annotationQuery=http.status_code%3D200&limit=1');
    const client = trace.find(span => span.kind === 'CLIENT');
    const [whole, server] = ['gateway.istio-system', 'forecast.weather'].map(name =>
      trace.find(span => span.kind === 'SERVER' && span.localEndpoint.serviceName === name),
    );
    expect(trace).toHaveLength(3);
    expect(whole).toMatchObject({
      name: 'forecast.weather.svc.cluster.local:3002/*',
      tags: { upstream_cluster: client?.tags['upstream_cluster'] },
    });
    expect(client).toMatchObject({
      parentId: whole?.id,
      name: 'router outbound|3002|v1|forecast.weather.svc.cluster.local; egress',
      localEndpoint: { serviceName: 'gateway.istio-system' },
      tags: {
        upstream_cluster: 'outbound|3002|v1|forecast.weather.svc.cluster.local',
        'istio.canonical_revision': 'latest',
        response_flags: '-',
      },
    });
    expect(server).toMatchObject({
      traceId: client?.traceId,
      localEndpoint: { serviceName: 'forecast.weather' },
      tags: { 'istio.canonical_revision': 'v1', upstream_cluster: 'inbound|3002||' },
    });
    expect(server?.tags['node_id']).toMatch(/~forecast-v1-[^~]+\.weather~/);
    expect(client?.duration).toBeGreaterThan(5_000);
    // microseconds: less than all that has happened so far
    expect(client?.duration).toBeLessThan((Date.now() - firstMs) * 1_000);
    expect(server?.duration).toBeLessThanOrEqual(client?.duration ?? 0);
    const [unreached = []] = await traces('annotationQuery=response_flags%3DUH&limit=1');
    expect(unreached.map(span => span.kind)).toEqual(['SERVER']);
    expect(unreached[0]?.tags).toMatchObject({
      error: 'true',
      'http.status_code': '503',
      upstream_cluster: expect.stringContaining('|v1|'),
    });
  });

  it('returns ten traces unless told, newest first, within the window', async () => {
    const found = await traces('serviceName=forecast.weather');
    expect(found).toHaveLength(10);
    const starts = found.map(trace => Math.min(...trace.map(span => span.timestamp)));
    expect(starts).toEqual([...starts].sort((a, b) => b - a));
    expect((await traces('serviceName=forecast.weather&limit=100')).length).toBe(arrived);
    expect(await traces(`serviceName=forecast.weather&limit=100&endTs=${firstMs - 10}&lookback=60000`)).toEqual([]);
    expect(await traces('serviceName=nobody.weather')).toEqual([]);
  });

  it('filters by tags and durations, and refuses nonsense', async () => {
    const cluster = encodeURIComponent('upstream_cluster=outbound|3002|v1|forecast.weather.svc.cluster.local and error');
    const failures = await traces(`serviceName=gateway.istio-system&annotationQuery=${cluster}&limit=100`);
    expect(failures.length).toBeGreaterThanOrEqual(2);
    const ofApp = await traces('serviceName=forecast.weather&limit=100');
    const isSlow = ({ localEndpoint, duration }: WireSpan) =>
      localEndpoint.serviceName === 'forecast.weather' && duration >= 100_000;
    const slow = ofApp.filter(spans => spans.some(isSlow));
    expect(slow.length).toBeGreaterThanOrEqual(arrived - 12);
    expect(await traces('serviceName=forecast.weather&minDuration=100000&limit=100')).toEqual(slow);
    expect(await traces('annotationQuery=error%3Dfalse')).toEqual([]);
    expect((await send(`${sandbox.urls.zipkin}/api/v2/traces?limit=abc`)).code).toBe(400);
    expect((await send(`${sandbox.urls.zipkin}/api/v2/services`)).body).toEqual(['forecast.weather', 'gateway.istio-system']);
    expect((await send(`${sandbox.urls.zipkin}/health`)).body.status).toBe('UP');
    const [trace = []] = await traces('limit=1');
    expect((await send(`${sandbox.urls.zipkin}/api/v2/trace/${trace[0]?.traceId}`)).body).toHaveLength(trace.length);
  });

  it('answers instant and range queries by GET and POST', async () => {
    const query = 'sum(istio_requests_total{reporter="destination",destination_workload="forecast-v1"})';
    const value = await until(async () => {
      const { body } = await prometheus(`/api/v1/query?query=${encodeURIComponent(query)}`);
      return body.data.result[0]?.value[1] === String(arrived) ? body : undefined;
    }, 'the scrape');
    expect(value).toMatchObject({
      status: 'success',
      data: { resultType: 'vector', result: [{ metric: {}, value: [expect.any(Number), String(arrived)] }] },
    });
    const posted = await send(`${sandbox.urls.prometheus}/api/v1/query`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ query }).toString(),
    });
    expect(posted.body.data.result[0].value[1]).toBe(String(arrived));
    const past = await prometheus(`/api/v1/query?query=${encodeURIComponent(query)}&time=${(firstMs - 60_000) / 1000}`);
    expect(past.body.data.result).toEqual([]);
    const end = Date.now() / 1000;
    const range = await prometheus(`/api/v1/query_range?query=${encodeURIComponent(query)}&start=${end - 1}&end=${end}&step=0.5`);
    expect(range.body.data).toMatchObject({ resultType: 'matrix', result: [{ metric: {} }] });
    const raw = await prometheus(
      `/api/v1/query?query=${encodeURIComponent('istio_requests_total{reporter="source",response_code="200"}[30s]')}`,
    );
    expect(raw.body.data).toMatchObject({
      resultType: 'matrix',
      result: [{ metric: { destination_workload: 'forecast-v1', response_flags: '-', request_protocol: 'http' } }],
    });
    expect(raw.body.data.result[0].values[0]).toEqual([expect.any(Number), expect.any(String)]);
  });

  it('says NaN as a string, and bad queries with 400 bad_data', async () => {
    expect((await prometheus('/api/v1/query?query=0%2F0')).body.data).toMatchObject({
      resultType: 'scalar',
      result: [expect.any(Number), 'NaN'],
    });
    expect(await prometheus('/api/v1/query?query=topk(1,a)')).toMatchObject({
      code: 400,
      body: { status: 'error', errorType: 'bad_data' },
    });
    expect(await prometheus('/api/v1/query_range?query=a&start=0&end=100000&step=1')).toMatchObject({ code: 400 });
    expect((await prometheus('/api/v1/status/buildinfo')).body.status).toBe('success');
    expect((await prometheus('/-/ready')).code).toBe(200);
    expect((await prometheus('/api/v1/label/reporter/values')).body.data).toEqual(['destination', 'source']);
  });

  it('can be out of order', async () => {
    await sandbox.control.setOutage('prometheus', 'nonsense');
    expect((await prometheus('/api/v1/query?query=1')).body).toContain('<html>');
    await sandbox.control.setOutage('prometheus', 'ok');
    const refused = await send(`${sandbox.urls.control}/outage`, { method: 'POST', body: '{"server":"moon","mode":"hang"}' });
    expect(refused).toMatchObject({ code: 400, body: { error: expect.stringContaining('unknown server "moon"') } });
  });
});
