import { destinationOf, durationsMetric, requestsMetric } from './metrics.ts';

/** What is looked at, in the words of Istio's metrics: the same requests that the adapter counts (`../http/response.ts`). */
export type TrafficView =
  | { readonly kind: 'successRate' }
  /** `percentile`: 99 is the slowest hundredth. */
  | { readonly kind: 'latency'; readonly percentile: number }
  /** Requests that failed before they reached a pod, by response flag. */
  | { readonly kind: 'unattributed' };

const oneOfFlags = (flags: string): string => `(.*,)?(${flags})(,.*)?`;

/**
 * Expression that draws what a gate looks at, for all versions of a host by workload, and by which side tells: receiving
 * proxies or sending ones. Success rates are drawn as requests per second by answer: that is short, and a version whose
 * requests all fail, or none of them, has its lines too. The adapter reads the raw counters of the same series.
 */
export const trafficExpression = (host: string, view: TrafficView, windowMs: number): string => {
  const range = `[${Math.ceil(windowMs / 1_000)}s]`;
  const { matchers } = destinationOf(host);
  const rate = (metric: string, ...more: readonly string[]): string =>
    `rate(${metric}{${[...matchers, ...NOT_CANCELLED, ...more].join(',')}}${range})`;
  if (view.kind === 'unattributed')
    return `sum by (response_flags) (${rate(requestsMetric, 'reporter="source"', `response_flags=~"${oneOfFlags('UH|UF|NC|NR')}"`)})`;
  if (view.kind === 'latency')
    return `histogram_quantile(${view.percentile / 100}, sum by (le, ${SIDES}) (${rate(durationsMetric)}))`;
  return `sum by (${SIDES}, response_code, grpc_response_status) (${rate(requestsMetric)})`;
};

const SIDES = 'reporter, destination_workload';

/** The client went away before there was an answer. */
const NOT_CANCELLED = ['response_code!="0"', `response_flags!~"${oneOfFlags('DC|DR')}"`];

/** Shorter ones show next to nothing. */
const SHORTEST_MS = 600_000;

/** Where the web page of a Prometheus draws an expression over a time. */
export const graphLink = (
  publicUrl: string,
  expression: string,
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
): string => {
  const query = {
    'g0.expr': expression,
    'g0.tab': '0',
    'g0.range_input': `${Math.ceil(Math.max(SHORTEST_MS, toMs - fromMs) / 1_000)}s`,
    'g0.end_input': new Date(toMs).toISOString().slice(0, 19).replace('T', ' '),
  };
  const pairs = Object.entries(query).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  return `${publicUrl}/graph?${pairs.join('&')}`;
};
