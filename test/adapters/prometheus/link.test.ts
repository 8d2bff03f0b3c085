import { describe, expect, it } from 'vitest';
import { isClientCancel, reachedNoPod } from '../../../src/adapters/http/response.ts';
import { graphLink, trafficExpression } from '../../../src/adapters/prometheus/link.ts';
import { checkPromql } from '../../../src/adapters/spec/promql.ts';

const HOST = 'forecast.weather.svc.cluster.local';
const WHERE = 'destination_service_name="forecast",destination_service_namespace="weather"';
const SERVED = `${WHERE},response_code!="0",response_flags!~"(.*,)?(DC|DR)(,.*)?"`;

describe('what a gate looks at, as an expression', () => {
  const success = trafficExpression(HOST, { kind: 'successRate' }, 120_000);
  const latency = trafficExpression(HOST, { kind: 'latency', percentile: 99 }, 120_000);
  const unattributed = trafficExpression(HOST, { kind: 'unattributed' }, 120_000);

  it('is PromQL over the series of the host', () => {
    for (const expression of [success, latency, unattributed]) {
      expect(checkPromql(expression)).toBeUndefined();
      expect(expression).toContain(WHERE);
    }
    expect(trafficExpression('api.example.com', { kind: 'latency', percentile: 50 }, 1_500)).toContain(
      '{destination_service="api.example.com",response_code!="0",response_flags!~"(.*,)?(DC|DR)(,.*)?"}[2s]',
    );
    expect(latency).toBe(
      `histogram_quantile(0.99, sum by (le, reporter, destination_workload) (rate(istio_request_duration_milliseconds_bucket{${SERVED}}[120s])))`,
    );
  });

  /** The pattern of a label, as Prometheus matches it: whole, and an absent label is empty. */
  const pattern = (expression: string, label: string, operator: string): RegExp => {
    const [, found] = new RegExp(`[,{]${label}${operator}"([^"]*)"`).exec(expression) ?? [];
    if (found === undefined) throw new Error(`${label} is not in ${expression}`);
    return new RegExp(`^(?:${found})$`);
  };

  it('tells answers apart as the adapter does, also where all fail or none, and is short', () => {
    expect(success).toBe(
      `sum by (reporter, destination_workload, response_code, grpc_response_status) (rate(istio_requests_total{${SERVED}}[120s]))`,
    );
    const time = { fromMs: 0, toMs: 600_000 };
    for (const expression of [success, latency, unattributed])
      expect(graphLink('https://prometheus.example.com', expression, time).length).toBeLessThan(520);
  });

  it('leaves out what the adapter leaves out, and knows the failures that reached no pod', () => {
    const [cancelled, noPod] = [pattern(success, 'response_flags', '!~'), pattern(unattributed, 'response_flags', '=~')];
    const flagsOf = [
      '-',
      '',
      'DC',
      'DR',
      'UH',
      'UF',
      'NC',
      'NR',
      'UT',
      'URX,UF',
      'URX,DC',
      'UMSDR',
      'NRX',
      'UC',
      'UPE',
      'UF,URX',
    ];
    for (const flags of flagsOf) {
      const response = { code: '200', flags, grpcStatus: undefined };
      expect([flags, cancelled.test(flags), noPod.test(flags)]).toEqual([flags, isClientCancel(response), reachedNoPod(flags)]);
    }
    expect(success).toContain('response_code!="0"');
    expect(isClientCancel({ code: '0', flags: '-', grpcStatus: undefined })).toBe(true);
  });
});

describe('a link to a graph', () => {
  const toMs = Date.UTC(2026, 10, 21, 14, 3, 10);
  it.each([
    [3_600_000, '3600s'],
    [20_000, '600s'],
  ])('shows the expression over the time of the step, at least 10 min (%s ms: %s)', (lastsMs, range) => {
    const url = new URL(
      graphLink('https://p.example.com/prom', 'sum(rate(a{b="c+d & e"}[1m]))', { fromMs: toMs - lastsMs, toMs }),
    );
    expect(`${url.origin}${url.pathname}`).toBe('https://p.example.com/prom/graph');
    expect(url.search).not.toContain('+');
    expect(Object.fromEntries(url.searchParams)).toEqual({
      'g0.expr': 'sum(rate(a{b="c+d & e"}[1m]))',
      'g0.tab': '0',
      'g0.range_input': range,
      'g0.end_input': '2026-11-21 14:03:10',
    });
  });
});
