import { describe, expect, it } from 'vitest';
import { checkPromql } from '../../../src/adapters/spec/promql.ts';

describe('PromQL', () => {
  it.each([
    'up',
    'sum(rate(orders_total{version="v2"}[1m]))',
    'sum by (a) (x) / sum(y) > bool 3',
    'histogram_quantile(0.99, sum(rate(a_bucket[5m])) by (le))',
    'rate(x[1h30m:10s] offset 5m) # why',
    'sum(rate(x{a=~"b|c(", d!="e"}[1m]))\n/\nsum(rate(y[1m]))',
  ])('%s', query => {
    expect(checkPromql(query)).toBeUndefined();
  });

  it.each([
    ['', 'is empty, expected a PromQL expression'],
    ['sum(rate(x[1m])', 'is no PromQL expression: it ends too early, expected `)`'],
    ['x[1m', 'is no PromQL expression: it ends too early, expected `]`'],
    ['1 +', 'is no PromQL expression: it ends too early'],
    ['# nothing', 'is no PromQL expression: it ends too early'],
    ['rate(x{a=v}[1m])', 'is no PromQL expression: unexpected `v` at column 10 of `rate(x{a=v}[1m])`'],
    ['rate(x[1x])', 'is no PromQL expression: unexpected `x` at column 9 of `rate(x[1x])`'],
    ['sum(x) of y', 'is no PromQL expression: unexpected `of` at column 8 of `sum(x) of y`'],
    ['sum(x)\n/\nsum(y))', 'is no PromQL expression: unexpected `)` at line 3, column 7'],
  ])('%s is refused', (query, message) => {
    expect(checkPromql(query)).toBe(message);
  });
});
