import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createWorkloadFinder } from '../../../src/adapters/prometheus/seenWorkloads.ts';
import { json, type Loopback, listen } from '../http/loopback.ts';

let server: Loopback;
let answer: unknown;
let asked: { method: string | undefined; path: string; form: URLSearchParams }[] = [];

beforeAll(async () => {
  server = await listen(({ request, url, body }, response) => {
    asked.push({ method: request.method, path: url.pathname, form: new URLSearchParams(body) });
    json(response, answer);
  });
});
afterAll(() => server.close());
beforeEach(() => {
  asked = [];
});

const find = (data: unknown, host = 'reviews.shop.svc.cluster.local') => {
  answer = data;
  const finder = createWorkloadFinder({ name: 'default', url: server.url, timeoutMs: 5000 });
  return finder(host, { fromMs: 1_000_000, toMs: 1_060_500 }, new AbortController().signal);
};
const series = (...data: readonly object[]) => ({ status: 'success', data });
const labels = (workload: string, version: string, revision: string, more: object = {}) => ({
  __name__: 'istio_requests_total',
  destination_workload: workload,
  destination_workload_namespace: 'shop',
  destination_version: version,
  destination_canonical_revision: revision,
  ...more,
});

describe('finding the workloads behind a host in Prometheus', () => {
  it('asks once for the series of the host in the time', async () => {
    await find(series());
    expect(asked.map(({ method, path, form }) => [method, path, Object.fromEntries(form)])).toEqual([
      [
        'POST',
        '/api/v1/series',
        {
          'match[]': '{__name__="istio_requests_total",destination_service_name="reviews",destination_service_namespace="shop"}',
          start: '1000',
          end: '1060.5',
        },
      ],
    ]);
  });

  it('tells each workload once, with what the proxies called its version', async () => {
    const found = await find(
      series(
        labels('reviews-v1', 'v1', '1.18.0'),
        labels('reviews-v1', 'v1', '1.18.0', { response_code: '503' }),
        labels('reviews-v2', 'unknown', 'v2'),
      ),
    );
    expect(found).toEqual([
      { workload: 'reviews-v1', version: 'v1', revision: '1.18.0' },
      { workload: 'reviews-v2', version: undefined, revision: 'v2' },
    ]);
  });

  it('leaves out requests that reached no pod, and workloads of other namespaces', async () => {
    const found = await find(
      series(labels('unknown', 'unknown', 'latest'), labels('reviews', 'v1', 'v1', { destination_workload_namespace: 'other' })),
    );
    expect(found).toEqual([]);
  });

  it.each([[{ status: 'success', data: {} }], [{ status: 'error', error: 'no' }], [[]], ['text']])(
    'R16: %j is no answer',
    async data => {
      await expect(find(data)).rejects.toThrow(
        /^looking for workloads of reviews\.shop\.svc\.cluster\.local: Prometheus "default" .*gave an answer that is not of the Prometheus HTTP API/,
      );
    },
  );
});
