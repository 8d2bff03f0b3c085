import { json, type Loopback, listen } from '../http/loopback.ts';

export type Labels = Readonly<Record<string, string>>;

/** Samples of one series: `[time in s, value]`, as they would have been scraped. */
export type FakeSeries = {
  readonly labels: Labels;
  readonly samples: readonly (readonly [atS: number, value: number | string])[];
};

/**
 * A server with the wire format of Prometheus' instant query for a range selector over labels. Samples are visible from
 * `seenAtS` on, when given (a scrape takes a while, and bears the time of its beginning).
 */
export type FakePrometheus = Loopback & {
  series: readonly FakeSeries[];
  readonly queries: { readonly query: string; readonly time: string }[];
};

export async function startFakePrometheus(): Promise<FakePrometheus> {
  const queries: { query: string; time: string }[] = [];
  const loopback = await listen(({ request, url, body }, response) => {
    if (request.method !== 'POST' || url.pathname !== '/api/v1/query') return json(response, { status: 'error' }, 404);
    const form = new URLSearchParams(body);
    const query = form.get('query') ?? '';
    const time = form.get('time') ?? '';
    queries.push({ query, time });
    const result = evaluate(fake.series, query, Number(time));
    if (result === undefined) {
      return json(
        response,
        { status: 'error', errorType: 'bad_data', error: 'invalid parameter "query": 1:1: parse error' },
        400,
      );
    }
    json(response, { status: 'success', data: { resultType: 'matrix', result }, warnings: ['a warning is no error'] });
  });
  const fake: FakePrometheus = Object.assign(loopback, { series: [], queries });
  return fake;
}

function evaluate(series: readonly FakeSeries[], query: string, atS: number) {
  const [, selector, range] = /^\{(.*)\}\[(\d+)s\]$/.exec(query) ?? [];
  if (selector === undefined) return undefined;
  const matchers = [...selector.matchAll(/(\w+)(=~|=)"([^"]*)"/g)].map(([, name = '', operator, value = '']) => ({
    name,
    pattern: operator === '=' ? undefined : new RegExp(`^(?:${JSON.parse(`"${value}"`)})$`),
    value,
  }));
  return series
    .filter(({ labels }) =>
      matchers.every(({ name, pattern, value }) =>
        pattern === undefined ? labels[name] === value : pattern.test(labels[name] ?? ''),
      ),
    )
    .map(({ labels, samples }) => ({
      metric: labels,
      values: samples
        .filter(([sampleS]) => sampleS > atS - Number(range) && sampleS <= atS)
        .map(([s, value]) => [s, String(value)]),
    }))
    .filter(({ values }) => values.length > 0);
}

const base: Labels = {
  destination_service: 'reviews.shop.svc.cluster.local',
  destination_service_name: 'reviews',
  destination_service_namespace: 'shop',
  destination_workload_namespace: 'shop',
  request_protocol: 'http',
  response_code: '200',
  response_flags: '-',
  job: 'proxies',
};

/** Every `everyS` from `firstS` on the values; gaps are `undefined`. */
export function samples(firstS: number, everyS: number, values: readonly (number | string | undefined)[]): FakeSeries['samples'] {
  return values.flatMap((value, index) => (value === undefined ? [] : [[firstS + index * everyS, value] as const]));
}

/** A counter of Istio's `istio_requests_total`. */
export function requests(labels: Labels, values: FakeSeries['samples']): FakeSeries {
  return { labels: { ...base, __name__: 'istio_requests_total', ...labels }, samples: values };
}

/** A counter per bucket: cumulative values by upper edge. */
export function buckets(labels: Labels, byEdge: Readonly<Record<string, FakeSeries['samples']>>): readonly FakeSeries[] {
  const name = 'istio_request_duration_milliseconds_bucket';
  return Object.entries(byEdge).map(([le, values]) => ({ labels: { ...base, __name__: name, ...labels, le }, samples: values }));
}

/** Labels of a counter of the pods' own proxies. */
export function received(workload: string, instance: string, more: Labels = {}): Labels {
  return { reporter: 'destination', destination_workload: workload, instance, ...more };
}

/** Labels of a counter of the callers' proxies. */
export function sent(workload: string, instance: string, more: Labels = {}): Labels {
  return { reporter: 'source', destination_workload: workload, instance, ...more };
}
