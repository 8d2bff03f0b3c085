import { describe, expect, it } from 'vitest';
import { QueryError } from '../../../src/sandbox/telemetry/promql-ast.ts';
import { evaluate, type Sample } from '../../../src/sandbox/telemetry/promql-eval.ts';
import { parsePromQL } from '../../../src/sandbox/telemetry/promql-parse.ts';
import { createSeriesStore } from '../../../src/sandbox/telemetry/series.ts';

const NOW = 1_000_000;

/** Series with one sample each 10 s; the last one is at NOW. */
function storeOf(series: readonly [Record<string, string>, readonly number[]][]) {
  const store = createSeriesStore(3_600_000);
  for (const [labels, values] of series) {
    const created = store.series(labels);
    values.forEach((value, index) => {
      store.append(created, NOW - (values.length - 1 - index) * 10_000, value);
    });
  }
  return store;
}

const store = storeOf([
  [{ __name__: 'up_total', job: 'a', zone: 'x' }, [0, 10, 20, 30, 40, 50, 60]],
  [{ __name__: 'up_total', job: 'b', zone: 'x' }, [100, 120, 140, 0, 20, 40, 60]],
  [{ __name__: 'young_total', job: 'a' }, [5]],
  [{ __name__: 'gone_total', job: 'a' }, [1, 2, Number.NaN]],
  [{ __name__: 'size', job: 'a' }, [4]],
  [{ __name__: 'size', job: 'b' }, [8]],
  [{ __name__: 'lat_bucket', le: '10' }, [0, 50]],
  [{ __name__: 'lat_bucket', le: '100' }, [0, 90]],
  [{ __name__: 'lat_bucket', le: '+Inf' }, [0, 100]],
]);

function vector(query: string, timeMs = NOW): readonly Sample[] {
  const value = evaluate(store, parsePromQL(query), timeMs);
  if (value.kind !== 'vector') throw new Error(`${query} is a ${value.kind}`);
  return value.samples;
}

const only = (query: string, timeMs = NOW) => {
  const samples = vector(query, timeMs);
  expect(samples).toHaveLength(1);
  return samples[0]?.value ?? Number.NaN;
};

const scalar = (query: string) => {
  const value = evaluate(store, parsePromQL(query), NOW);
  return value.kind === 'scalar' ? value.value : undefined;
};

describe('PromQL of the sandbox, against values computed by hand', () => {
  it('selects with all matchers, offset, @ and a lookback of five minutes', () => {
    expect(vector('up_total').map(sample => sample.value)).toEqual([60, 60]);
    expect(only('up_total{job="a"}')).toBe(60);
    expect(only('up_total{job!="a"}')).toBe(60);
    expect(only('{__name__=~"up_.*",job=~"a|c"}')).toBe(60);
    expect(only('up_total{job!~"b.*",missing=""}')).toBe(60);
    expect(vector('up_total{job=~"a.b"}')).toEqual([]);
    expect(only('up_total{job="a"} offset 15s')).toBe(40);
    expect(only('up_total{job="a"} @ 970')).toBe(30);
    expect(only('size{job="a"}', NOW + 299_000)).toBe(4);
    expect(vector('size', NOW + 300_000)).toEqual([]);
    expect(vector('gone_total')).toEqual([]);
    expect(only('gone_total', NOW - 5_000)).toBe(2);
  });

  it('extrapolates rates, corrects resets, and loses the first value of a new series', () => {
    // samples at -50 .. 0 s lie in (-60 s, 0]: 10..60, increase 50 over 50 s; the window begins 10 s earlier: 50 * 60 / 50
    expect(only('increase(up_total{job="a"}[1m])')).toBeCloseTo(60, 9);
    expect(only('rate(up_total{job="a"}[1m])')).toBeCloseTo(1, 9);
    // 120, 140, 0, 20, 40, 60: 60 - 120 + 140 = 80 over 50 s, extrapolated to 60 s
    expect(only('increase(up_total{job="b"}[1m])')).toBeCloseTo(96, 9);
    // the whole history: 0..60 in 60 s; a counter that began at 0 is not extrapolated below its start
    expect(only('increase(up_total{job="a"}[5m])')).toBeCloseTo(60, 9);
    expect(vector('rate(young_total[1m])')).toEqual([]);
    expect(vector('rate(up_total{job="a"}[1m])')[0]?.labels).toEqual({ job: 'a', zone: 'x' });
  });

  it('aggregates by and without', () => {
    expect(only('sum(up_total)')).toBe(120);
    expect(vector('sum by (job) (up_total)').map(sample => sample.labels)).toEqual([{ job: 'a' }, { job: 'b' }]);
    expect(vector('sum without (job) (up_total)')).toEqual([{ labels: { zone: 'x' }, value: 120 }]);
    expect(only('avg(size)')).toBe(6);
    expect(only('min(size)')).toBe(4);
    expect(only('max(size)')).toBe(8);
    expect(only('count(size)')).toBe(2);
    expect(vector('sum(nothing)')).toEqual([]);
  });

  it('calculates and compares', () => {
    expect(scalar('1 + 2 * 3 ^ 2')).toBe(19);
    expect(scalar('-(4 - 6)')).toBe(2);
    expect(scalar('1 > bool 2')).toBe(0);
    expect(scalar('0 / 0')).toBeNaN();
    expect(vector('size / on_nothing')).toEqual([]);
    expect(vector('size / size').map(sample => sample.value)).toEqual([1, 1]);
    expect(vector('up_total - size')).toEqual([]);
    expect(vector('100 * size > 500')).toEqual([{ labels: { job: 'b' }, value: 800 }]);
    expect(vector('size > 5')).toEqual([{ labels: { __name__: 'size', job: 'b' }, value: 8 }]);
    expect(vector('size > bool 5').map(sample => sample.value)).toEqual([0, 1]);
    expect(vector('sum(nothing) / sum(size)')).toEqual([]);
  });

  it('interpolates quantiles in buckets', () => {
    expect(only('histogram_quantile(0.5, lat_bucket)')).toBeCloseTo(10, 9);
    expect(only('histogram_quantile(0.7, lat_bucket)')).toBeCloseTo(10 + 90 * (20 / 40), 9);
    expect(only('histogram_quantile(0.99, lat_bucket)')).toBe(100);
    expect(only('histogram_quantile(0.5, sum by (le) (rate(lat_bucket[1m])))')).toBeCloseTo(10, 9);
  });

  it('returns raw samples of a range', () => {
    const value = evaluate(store, parsePromQL('up_total{job="a"}[25s]'), NOW);
    expect(value).toMatchObject({
      kind: 'matrix',
      ranges: [{ timesMs: [NOW - 20_000, NOW - 10_000, NOW], values: [40, 50, 60] }],
    });
  });

  it.each([
    ['sum(', /parse error/],
    ['', /no expression/],
    ['foo bar', /parse error/],
    ['{}', /at least one non-empty matcher/],
    ['rate(up_total)', /expected type range vector/],
    ['sum(up_total[1m])', /expected type instant vector/],
    ['1 > 2', /must use BOOL/],
    ['topk(3, up_total)', /topk is not supported/],
    ['absent(up_total)', /absent\(\) is not supported/],
    ['a and b', /operator and is not supported/],
    ['a / on(job) b', /vector matching/],
    ['rate(up_total[5m:1m])', /SubqueryExpr is not supported/],
    ['up_total{job=~"("}', /invalid regular expression/],
  ])('refuses %s', (query, message) => {
    expect(() => parsePromQL(query)).toThrow(QueryError);
    expect(() => parsePromQL(query)).toThrow(message);
  });
});
