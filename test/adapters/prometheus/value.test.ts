import { afterEach, describe, expect, it } from 'vitest';
import { createPrometheus } from '../../../src/adapters/prometheus/prometheus.ts';
import { json, type Loopback, listen } from '../http/loopback.ts';

const query = 'sum(rate(orders_total{version="v2"}[1m]))';
let server: Loopback | undefined;

afterEach(() => server?.close());

async function ask(body: unknown, status = 200) {
  const asked: Record<string, string>[] = [];
  server = await listen((received, response) => {
    asked.push(Object.fromEntries(new URLSearchParams(received.body)));
    json(response, body, status);
  });
  const prometheus = createPrometheus({ name: 'shop', url: server.url, timeoutMs: 2000 });
  const signal = new AbortController().signal;
  return { asked, prometheus, answer: () => prometheus.readValue(query, 1_700_000_000_123, signal) };
}

const success = (resultType: string, result: unknown) => ({ status: 'success', data: { resultType, result } });
const vector = (...values: string[]) =>
  success(
    'vector',
    values.map((value, index) => ({ metric: { pod: `${index}` }, value: [1, value] })),
  );

describe('reading one number', () => {
  it.each([
    [vector('12.5'), { value: 12.5 }],
    [vector('1e+06'), { value: 1_000_000 }],
    [success('scalar', [1, '3']), { value: 3 }],
    [{ ...vector('0'), warnings: ['partial'], infos: ['metric might not be a counter'] }, { value: 0 }],
    [vector(), { none: 'the query found no series' }],
    [vector('NaN'), { none: "the query's value is NaN (0/0?)" }],
    [vector('+Inf'), { none: "the query's value is infinite" }],
    [vector('-Inf'), { none: "the query's value is infinite" }],
    [vector('1', '2', '3'), { none: 'the query found 3 series, one is needed: add sum() or choose labels' }],
    [success('matrix', []), { none: 'the query is of type matrix, one number is needed' }],
    [success('string', [1, 'x']), { none: 'the query is of type string, one number is needed' }],
  ])('R15: %j is %j', async (body, expected) => {
    const { answer, asked } = await ask(body);
    expect(await answer()).toEqual(expected);
    expect(asked).toEqual([{ query, time: '1700000000.123' }]);
  });

  it("R16: a query that Prometheus does not understand is a bad answer, with Prometheus' own words", async () => {
    const { answer } = await ask({ status: 'error', errorType: 'bad_data', error: '1:5: parse error: unexpected <by>' }, 400);
    await expect(answer()).rejects.toMatchObject({
      system: 'prometheus/shop',
      kind: 'badAnswer',
      message: expect.stringMatching(/^running the query: .* \(HTTP 400\): bad_data: 1:5: parse error: unexpected <by>$/),
    });
  });

  it.each([
    [{ status: 'error', errorType: 'timeout', error: 'query timed out' }, 503, 'unavailable', 'timeout: query timed out'],
    [{ status: 'error', errorType: 'internal', error: 'broken' }, 200, 'badAnswer', 'reported an error: internal: broken'],
    [{ hello: 'world' }, 200, 'badAnswer', 'not of the Prometheus HTTP API'],
    [[], 200, 'badAnswer', 'not of the Prometheus HTTP API'],
    [success('vector', [{ metric: {} }]), 200, 'badAnswer', 'a series that has no value'],
    [success('vector', [{ metric: {}, value: 7 }]), 200, 'badAnswer', 'not a pair of time and value'],
    [success('nonsense', []), 200, 'badAnswer', 'unknown type "nonsense"'],
  ])('R16: %j with HTTP %i is %s', async (body, status, kind, text) => {
    const { answer } = await ask(body, status);
    await expect(answer()).rejects.toMatchObject({ kind, message: expect.stringContaining(text) });
  });

  it('R16: traffic of a wrong shape is a bad answer, too', async () => {
    const { prometheus } = await ask(vector('1'));
    const selector = { version: 'v1', subset: 'v1', workloads: [] };
    const range = { host: 'a.b.svc.cluster.local', stable: selector, canary: selector, fromMs: 0, toMs: 1000, slowerThanMs: [] };
    await expect(prometheus.readTraffic(range, new AbortController().signal)).rejects.toMatchObject({
      kind: 'badAnswer',
      message: expect.stringContaining('reading traffic of a.b.svc.cluster.local: Prometheus "shop" at http://127.0.0.1:'),
    });
  });
});
