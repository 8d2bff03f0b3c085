import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Sandbox, startSandbox } from '../../../src/sandbox/sandbox.ts';
import { APP_HOST } from '../../../src/sandbox/scenario.ts';
import { type Answer, type ApiClient, apiClient, send, until } from '../client.ts';

const NETWORKING = '/apis/networking.istio.io/v1/namespaces/weather';
const SERVICE = `${NETWORKING}/virtualservices/forecast`;
const RULE = `${NETWORKING}/destinationrules/forecast-dr`;

const to = (subset: string, weight = 0) => ({ destination: { host: 'forecast', subset }, weight });
const subset = (version: string) => ({ name: version, labels: { version } });

describe('the mesh of the sandbox', () => {
  let sandbox: Sandbox;
  let api: ApiClient;

  const get = (headers: Record<string, string> = {}, path = '/api/forecast') =>
    send(`${sandbox.urls.gateway}${path}`, { headers: { host: APP_HOST, ...headers } });
  const many = (count: number) => Promise.all(Array.from({ length: count }, () => get()));
  const share = (answers: readonly Answer[], version: string) =>
    answers.filter(answer => answer.headers['x-version'] === version).length / answers.length;
  /** A route that nobody else answers tells when a write is obeyed. */
  let marks = 0;
  const route = async (http: readonly object[]) => {
    marks += 1;
    const path = `/mark-${marks}`;
    const mark = { match: [{ uri: { exact: path } }], directResponse: { status: 299 } };
    const written = await api.patch(SERVICE, 'merge', { spec: { http: [mark, ...http] } });
    expect(written.code).toBe(200);
    await until(async () => ((await get({}, path)).code === 299 ? true : undefined), 'the route to be obeyed');
  };
  const fault = (change: object) =>
    sandbox.control.setFault('forecast-v2', { errorRate: 0, latencyMs: 0, notReady: false, down: false, ...change });
  const obeyed = async (check: (answer: Answer) => boolean, what: string) =>
    until(async () => (check(await get()) ? true : undefined), what);
  const sourceCounts = async (selector: string): Promise<Map<string, number>> => {
    const body = (await send(`${sandbox.urls.prometheus}/api/v1/query?query=${encodeURIComponent(selector)}`)).body;
    return new Map(
      body.data.result.map((item: { metric: Record<string, string>; value: [number, string] }) => [
        JSON.stringify(item.metric),
        Number(item.value[1]),
      ]),
    );
  };

  beforeAll(async () => {
    sandbox = await startSandbox({ rate: 0, scrapeIntervalMs: 100, flushMs: 50 });
    api = apiClient(sandbox);
    await api.patch(RULE, 'merge', { spec: { subsets: ['v1', 'v2', 'v3'].map(subset) } });
  });
  beforeEach(() => fault({}));
  afterAll(() => sandbox.close());

  it('serves the Weather Forecast to a browser', async () => {
    await route([{ name: 'primary', route: [to('v1')] }]);
    const page = await send(`${sandbox.urls.gateway}/`, { headers: { accept: 'text/html' } });
    expect(page.body).toContain('Weather Forecast');
    expect(page.body).toContain('(green)');
    await route([{ name: 'primary', route: [to('v2')] }]);
    const next = await send(`${sandbox.urls.gateway}/`, { headers: { accept: 'text/html' } });
    expect(next.body).toContain('(blue)');
    expect(next.body).toContain('Recommendation');
  });

  it('obeys a weight, and not at once after the write, with real requests and relative weights', async () => {
    await route([{ name: 'primary', route: [to('v1', 100), to('v2', 0)] }]);
    expect(share(await many(50), 'v2')).toBe(0);
    const from = performance.now();
    await route([{ name: 'primary', route: [to('v1', 30), to('v2', 30)] }]);
    expect(performance.now() - from).toBeGreaterThan(95);
    const half = share(await many(800), 'v2');
    expect(half).toBeGreaterThan(0.42);
    expect(half).toBeLessThan(0.58);
    await route([{ name: 'primary', route: [to('v2', 0)] }]);
    expect(share(await many(50), 'v2')).toBe(1);
  });

  it('takes the first route that matches', async () => {
    await route([
      { match: [{ headers: { 'end-user': { exact: 'jason' } } }], route: [to('v2')] },
      {
        match: [{ headers: { 'x-any': {} }, uri: { prefix: '/api' } }, { queryParams: { beta: { regex: 'tr.e' } } }],
        route: [to('v3')],
      },
      { match: [{ withoutHeaders: { 'x-out': { prefix: 'y' } }, method: { exact: 'GET' } }], route: [to('v1')] },
      { route: [to('v2')] },
    ]);
    const version = async (headers: Record<string, string>, path?: string) => (await get(headers, path)).headers['x-version'];
    expect(await version({ 'end-user': 'jason' })).toBe('v2');
    expect(await version({ 'end-user': 'jasonx' })).toBe('v1');
    expect(await version({ 'x-any': 'thing' })).toBe('v3');
    expect(await version({ 'x-any': 'thing' }, '/other')).toBe('v1');
    expect(await version({}, '/?beta=true')).toBe('v3');
    expect(await version({}, '/?beta=xtruex')).toBe('v1');
    expect(await version({ 'x-out': 'yes' })).toBe('v2');
  });

  it('answers 503 NC for a missing subset, 503 UH for one without pods, each for exactly its share, and 404 NR without a route', async () => {
    await route([{ name: 'primary', route: [to('v1', 50), to('nowhere', 50)] }]);
    const split = await many(400);
    const failed = split.filter(answer => answer.code === 503).length / split.length;
    expect(failed).toBeGreaterThan(0.38);
    expect(failed).toBeLessThan(0.62);
    await route([{ name: 'primary', route: [to('v2')] }]);
    fault({ notReady: true });
    await obeyed(answer => answer.code === 503, 'no healthy upstream');
    await route([{ match: [{ uri: { prefix: '/only' } }], route: [to('v1')] }]);
    expect((await get()).code).toBe(404);
    const counts = await until(async () => {
      const found = await sourceCounts(
        'sum by (response_flags, response_code, destination_workload, destination_version, destination_service_name) (istio_requests_total{reporter="source",response_code!="200"})',
      );
      const text = [...found.keys()].join();
      return text.includes('"NR"') && text.includes('"UH"') ? found : undefined;
    }, 'the failures to be scraped');
    const unknown = { destination_workload: 'unknown', destination_version: 'unknown' };
    for (const [flags, code, name] of [
      ['NC', '503', 'unknown'],
      ['UH', '503', 'forecast'],
      ['NR', '404', 'unknown'],
    ]) {
      const found = [...counts.keys()].map(key => JSON.parse(key)).find(metric => metric.response_flags === flags);
      expect(found).toMatchObject({ ...unknown, response_code: code, destination_service_name: name });
    }
    const destination = await sourceCounts(
      'sum by (response_code) (istio_requests_total{reporter="destination",response_code!="200"})',
    );
    expect(destination.size).toBe(0);
  });

  it('retries refused connections twice and says URX,UF with the workload and without the version', async () => {
    await route([{ name: 'primary', route: [to('v2')] }]);
    fault({ down: true });
    expect((await get()).code).toBe(503);
    const counts = await until(async () => {
      const found = await sourceCounts(
        'sum by (destination_workload, destination_version, response_code) (istio_requests_total{response_flags="URX,UF"})',
      );
      return found.size > 0 ? found : undefined;
    }, 'the failure to be scraped');
    expect(JSON.parse([...counts.keys()][0] ?? '{}')).toEqual({
      destination_workload: 'forecast-v2',
      destination_version: 'unknown',
      response_code: '503',
    });
    fault({});
    await obeyed(answer => answer.code === 200, 'the pods to answer again');
  });

  it('mirrors to the destination reporter only', async () => {
    await route([
      { name: 'primary', route: [to('v1')], mirror: { host: 'forecast', subset: 'v3' }, mirrorPercentage: { value: 100 } },
    ]);
    const before = sandbox.control.stats().workloads['forecast-v3']?.requests ?? 0;
    expect(share(await many(20), 'v1')).toBe(1);
    await until(
      () => ((sandbox.control.stats().workloads['forecast-v3']?.requests ?? 0) >= before + 20 ? true : undefined),
      'the copies to arrive',
    );
    const source = await sourceCounts('sum(istio_requests_total{reporter="source",destination_workload="forecast-v3"})');
    const destination = await until(async () => {
      const [value] = (
        await sourceCounts('sum(istio_requests_total{reporter="destination",destination_workload="forecast-v3"})')
      ).values();
      return value !== undefined && value >= before + 20 ? value : undefined;
    }, 'the copies to be scraped');
    expect(destination - ([...source.values()][0] ?? 0)).toBe(20);
  });

  it('injects errors and latency, times out with 504, and keeps errors of the application out of retries', async () => {
    await route([{ name: 'primary', route: [to('v2')] }]);
    fault({ errorRate: 1, status: 500 });
    const arrived = sandbox.control.stats().workloads['forecast-v2']?.errors ?? 0;
    expect((await get()).code).toBe(500);
    expect(sandbox.control.stats().workloads['forecast-v2']?.errors).toBe(arrived + 1);
    await route([{ name: 'primary', route: [to('v2')], timeout: '0.2s' }]);
    fault({ latencyMs: 60_000 });
    expect((await get()).code).toBe(504);
  });

  it('routes hosts of services as a sidecar does, with and without a VirtualService', async () => {
    await route([{ name: 'primary', route: [to('v2')] }]);
    const mesh = { host: 'forecast.weather.svc.cluster.local' };
    expect((await get(mesh)).headers['x-version']).toBe('v2');
    const { metadata: _, ...rest } = (await api.get(SERVICE)).body;
    await api.remove(SERVICE);
    await obeyed(answer => answer.code === 404, 'the gateway to lose its route');
    const versions = new Set(
      (await Promise.all(Array.from({ length: 12 }, () => get(mesh)))).map(answer => answer.headers['x-version']),
    );
    expect([...versions].sort()).toEqual(['v1', 'v2', 'v3']);
    await api.post(`${NETWORKING}/virtualservices`, { ...rest, metadata: { name: 'forecast' } });
    await obeyed(answer => answer.code === 200, 'the gateway to have its route back');
  });

  it('follows a delegate, within the match of its root', async () => {
    const delegate = {
      apiVersion: 'networking.istio.io/v1',
      kind: 'VirtualService',
      metadata: { name: 'inner' },
      spec: { http: [{ route: [to('v3')] }] },
    };
    expect((await api.post(`${NETWORKING}/virtualservices`, delegate)).code).toBe(201);
    await route([
      { match: [{ uri: { prefix: '/api' } }], delegate: { name: 'inner', namespace: 'weather' } },
      { route: [to('v1')] },
    ]);
    expect((await get()).headers['x-version']).toBe('v3');
    expect((await get({}, '/other')).headers['x-version']).toBe('v1');
    await api.remove(`${NETWORKING}/virtualservices/inner`);
  });

  it('refuses writes while istiod is away, and goes on routing', async () => {
    await route([{ name: 'primary', route: [to('v1')] }]);
    await sandbox.control.setOutage('istiod', 'refuse');
    const refused = await api.patch(SERVICE, 'merge', { spec: { http: [{ route: [to('v2')] }] } });
    expect(refused).toMatchObject({
      code: 500,
      body: { reason: 'InternalError', message: expect.stringContaining('failed calling webhook') },
    });
    expect((await get()).headers['x-version']).toBe('v1');
    await sandbox.control.setOutage('istiod', 'ok');
    await route([{ name: 'primary', route: [to('v1')] }]);
  });

  it('replaces pods when the template changes, scales and recreates', async () => {
    const path = '/apis/apps/v1/namespaces/weather/deployments/forecast-v3';
    const pods = async () =>
      (await api.get('/api/v1/namespaces/weather/pods?labelSelector=version%3Dv3')).body.items.map(
        (pod: { metadata: { name: string } }) => pod.metadata.name,
      ) as string[];
    const ready = async (count: number) =>
      until(async () => {
        const { status, metadata } = (await api.get(path)).body;
        return status.readyReplicas === count && status.replicas === count && status.observedGeneration === metadata.generation
          ? status
          : undefined;
      }, `${count} ready replicas`);
    const before = await pods();
    await api.patch(path, 'strategic', { spec: { template: { metadata: { annotations: { restarted: 'now' } } } } });
    await until(async () => ((await pods()).some(name => before.includes(name)) ? undefined : true), 'new pods only');
    await ready(2);
    await api.patch(`${path}/scale`, 'merge', { spec: { replicas: 3 } });
    await ready(3);
    const [victim = ''] = await pods();
    await api.remove(`/api/v1/namespaces/weather/pods/${victim}`);
    await until(async () => ((await pods()).includes(victim) ? undefined : true), 'the pod to go');
    expect(await ready(3)).toMatchObject({
      conditions: expect.arrayContaining([expect.objectContaining({ type: 'Available', status: 'True' })]),
    });
    sandbox.control.setFault('forecast-v3', { notReady: true });
    await until(
      async () => ((await api.get(path)).body.status.readyReplicas === undefined ? true : undefined),
      'no ready replicas',
    );
    sandbox.control.setFault('forecast-v3', { notReady: false });
  });

  it('one pod of a version fails alone, with what is said of it before what is said of its version', async () => {
    await route([{ name: 'primary', route: [to('v2')] }]);
    const answers = (await many(40)).map(answer => String(answer.headers['x-pod']));
    const [bad = '', good = ''] = [...new Set(answers)].sort();
    const codes = async () => {
      const seen = await many(40);
      const of = (pod: string) => [...new Set(seen.filter(({ headers }) => headers['x-pod'] === pod).map(({ code }) => code))];
      return { bad: of(bad), good: of(good) };
    };
    sandbox.control.setFault(bad, { errorRate: 1 });
    expect(await codes()).toEqual({ bad: [500], good: [200] });
    fault({ status: 502 });
    expect(await codes()).toEqual({ bad: [502], good: [200] });
    sandbox.control.setFault(bad, { errorRate: 0, down: true });
    await obeyed(answer => answer.headers['x-pod'] === good, 'the good pod');
    expect(await codes()).toEqual({ bad: [], good: [200] });
    const { body } = await send(`${sandbox.urls.control}/faults`, {
      method: 'POST',
      body: JSON.stringify({ pod: bad, down: false }),
    });
    expect(body).toMatchObject({ errorRate: 0, down: false });
    await obeyed(answer => answer.headers['x-pod'] === bad, 'the pod to answer again');
  });

  it('sends load and tells the truth about who got which version', async () => {
    await route([{ name: 'primary', route: [to('v1')] }]);
    sandbox.control.setLoad(200);
    const load = await until(() => {
      const { load } = sandbox.control.stats();
      return load.requests >= 60 ? load : undefined;
    }, 'load');
    sandbox.control.setLoad(0);
    expect(load).toMatchObject({ failed: 0, statuses: { 200: load.requests }, versions: { v1: load.requests } });
    expect(Object.keys(load.agents).sort()).toEqual(['chrome', 'curl', 'firefox', 'iphone']);
    expect(load.seconds.reduce((sum, second) => sum + second.requests, 0)).toBe(load.requests);
  });
});
