import { type AggregateOp, ExecutionError, type Expr, type VectorSelector } from './promql-ast.ts';
import { bucketQuantile, extrapolatedIncrease, type Range } from './promql-math.ts';
import { firstAfter, type Labels, labelsKey, type Series, type SeriesStore } from './series.ts';

/** One element of an instant vector. */
export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

/** One element of a range vector. */
interface RangeSample extends Range {
  readonly labels: Labels;
}

/** The value of an expression at one time. */
export type Value =
  | { readonly kind: 'scalar'; readonly value: number }
  | { readonly kind: 'vector'; readonly samples: readonly Sample[] }
  | { readonly kind: 'matrix'; readonly ranges: readonly RangeSample[] };

const LOOKBACK_MS = 5 * 60_000;

const vector = (samples: readonly Sample[]): Value => ({ kind: 'vector', samples });

const withoutLabels = (labels: Labels, names: readonly string[]): Labels =>
  Object.fromEntries(Object.entries(labels).filter(([name]) => !names.includes(name)));

const nameless = (labels: Labels) => withoutLabels(labels, ['__name__']);

const timeOf = (selector: VectorSelector, timeMs: number) => (selector.atMs ?? timeMs) - selector.offsetMs;

/** The newest sample within five minutes, unless the series has gone stale since. */
function instant(series: Series, timeMs: number): number | undefined {
  const index = firstAfter(series.timesMs, timeMs) - 1;
  const sampledMs = series.timesMs[index];
  const value = series.values[index];
  if (sampledMs === undefined || value === undefined || sampledMs <= timeMs - LOOKBACK_MS || Number.isNaN(value))
    return undefined;
  return value;
}

/** The samples in (time - range, time], without staleness marks. */
function within(series: Series, timeMs: number, rangeMs: number): RangeSample {
  const from = firstAfter(series.timesMs, timeMs - rangeMs);
  const to = firstAfter(series.timesMs, timeMs);
  const indexes = Array.from({ length: to - from }, (_, index) => from + index).filter(
    index => !Number.isNaN(series.values[index] ?? Number.NaN),
  );
  return {
    labels: series.labels,
    timesMs: indexes.map(index => series.timesMs[index] ?? 0),
    values: indexes.map(index => series.values[index] ?? 0),
  };
}

const AGGREGATES: { readonly [op in AggregateOp]: (values: readonly number[]) => number } = {
  sum: values => values.reduce((sum, value) => sum + value, 0),
  avg: values => values.reduce((sum, value) => sum + value, 0) / values.length,
  min: values => values.reduce((least, value) => (value < least || Number.isNaN(least) ? value : least)),
  max: values => values.reduce((most, value) => (value > most || Number.isNaN(most) ? value : most)),
  count: values => values.length,
};

function groupBy(
  samples: readonly Sample[],
  keyLabels: (labels: Labels) => Labels,
): Map<string, { labels: Labels; members: Sample[] }> {
  const groups = new Map<string, { labels: Labels; members: Sample[] }>();
  for (const sample of samples) {
    const labels = keyLabels(sample.labels);
    const key = labelsKey(labels);
    const group = groups.get(key) ?? { labels, members: [] };
    groups.set(key, group);
    group.members.push(sample);
  }
  return groups;
}

function aggregate(expr: Expr & { kind: 'aggregate' }, samples: readonly Sample[]): Value {
  const keep = (labels: Labels): Labels =>
    expr.without
      ? withoutLabels(labels, ['__name__', ...expr.labels])
      : Object.fromEntries(expr.labels.flatMap(name => (labels[name] ? [[name, labels[name]]] : [])));
  const groups = [...groupBy(samples, keep).values()];
  return vector(
    groups.map(({ labels, members }) => ({ labels, value: AGGREGATES[expr.op](members.map(member => member.value)) })),
  );
}

const ARITHMETIC: { readonly [op: string]: (a: number, b: number) => number } = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
  '%': (a, b) => a % b,
  '^': (a, b) => a ** b,
};

const COMPARE: { readonly [op: string]: (a: number, b: number) => boolean } = {
  '==': (a, b) => a === b,
  '!=': (a, b) => a !== b,
  '>': (a, b) => a > b,
  '<': (a, b) => a < b,
  '>=': (a, b) => a >= b,
  '<=': (a, b) => a <= b,
};

/** One operation on a pair; `kept` is what a comparison without bool lets through. */
function operate(expr: Expr & { kind: 'binary' }, a: number, b: number, kept: Sample): Sample[] {
  const compare = COMPARE[expr.op];
  if (!compare) return [{ labels: nameless(kept.labels), value: ARITHMETIC[expr.op]?.(a, b) ?? Number.NaN }];
  if (expr.bool) return [{ labels: nameless(kept.labels), value: compare(a, b) ? 1 : 0 }];
  return compare(a, b) ? [kept] : [];
}

function matched(expr: Expr & { kind: 'binary' }, left: readonly Sample[], right: readonly Sample[]): Value {
  const partners = groupBy(right, nameless);
  const seen = new Set<string>();
  const samples = left.flatMap(sample => {
    const key = labelsKey(nameless(sample.labels));
    const partner = partners.get(key);
    const [other] = partner?.members ?? [];
    if (!other) return [];
    if ((partner?.members.length ?? 0) > 1 || seen.has(key)) {
      throw new ExecutionError(
        'found duplicate series for the match group on one side of the operation; many-to-many matching not allowed',
      );
    }
    seen.add(key);
    return operate(expr, sample.value, other.value, sample);
  });
  return vector(samples);
}

function binary(expr: Expr & { kind: 'binary' }, left: Value, right: Value): Value {
  if (left.kind === 'scalar' && right.kind === 'scalar') {
    const [sample] = operate(expr, left.value, right.value, { labels: {}, value: left.value });
    return { kind: 'scalar', value: sample?.value ?? Number.NaN };
  }
  if (left.kind === 'vector' && right.kind === 'scalar')
    return vector(left.samples.flatMap(sample => operate(expr, sample.value, right.value, sample)));
  if (left.kind === 'scalar' && right.kind === 'vector')
    return vector(right.samples.flatMap(sample => operate(expr, left.value, sample.value, sample)));
  if (left.kind === 'vector' && right.kind === 'vector') return matched(expr, left.samples, right.samples);
  throw new ExecutionError('binary operation on a range vector');
}

function quantiles(quantile: number, samples: readonly Sample[]): Value {
  const groups = [...groupBy(samples, labels => withoutLabels(labels, ['__name__', 'le'])).values()];
  return vector(
    groups.flatMap(({ labels, members }) => {
      const buckets = members.filter(member => member.labels['le'] !== undefined);
      if (buckets.length === 0) return [];
      const bound = (text: string) => (text === '+Inf' ? Number.POSITIVE_INFINITY : Number(text));
      return [
        {
          labels,
          value: bucketQuantile(
            quantile,
            buckets.map(member => ({ upper: bound(member.labels['le'] ?? ''), count: member.value })),
          ),
        },
      ];
    }),
  );
}

/** Evaluates a parsed query at a time in ms. Throws ExecutionError. */
export function evaluate(store: SeriesStore, expr: Expr, timeMs: number): Value {
  switch (expr.kind) {
    case 'number':
      return { kind: 'scalar', value: expr.value };
    case 'vector':
      return vector(
        store.select(expr.matchers).flatMap(series => {
          const value = instant(series, timeOf(expr, timeMs));
          return value === undefined ? [] : [{ labels: series.labels, value }];
        }),
      );
    case 'matrix': {
      const end = timeOf(expr.vector, timeMs);
      const ranges = store.select(expr.vector.matchers).map(series => within(series, end, expr.rangeMs));
      return { kind: 'matrix', ranges: ranges.filter(range => range.values.length > 0) };
    }
    case 'aggregate': {
      const of = evaluate(store, expr.of, timeMs);
      return aggregate(expr, of.kind === 'vector' ? of.samples : []);
    }
    case 'call':
      return call(store, expr, timeMs);
    case 'binary':
      return binary(expr, evaluate(store, expr.left, timeMs), evaluate(store, expr.right, timeMs));
    case 'negate': {
      const of = evaluate(store, expr.of, timeMs);
      if (of.kind === 'scalar') return { kind: 'scalar', value: -of.value };
      return vector(
        (of.kind === 'vector' ? of.samples : []).map(sample => ({ labels: nameless(sample.labels), value: -sample.value })),
      );
    }
  }
}

function call(store: SeriesStore, expr: Expr & { kind: 'call' }, timeMs: number): Value {
  const [first, second] = expr.args;
  if (expr.name === 'histogram_quantile' && first && second) {
    const quantile = evaluate(store, first, timeMs);
    const samples = evaluate(store, second, timeMs);
    return quantiles(quantile.kind === 'scalar' ? quantile.value : Number.NaN, samples.kind === 'vector' ? samples.samples : []);
  }
  if (first?.kind !== 'matrix') throw new ExecutionError(`${expr.name} needs a range vector`);
  const matrix = evaluate(store, first, timeMs);
  const end = timeOf(first.vector, timeMs);
  const divisor = expr.name === 'rate' ? first.rangeMs / 1000 : 1;
  const samples = (matrix.kind === 'matrix' ? matrix.ranges : []).flatMap(range => {
    const increase = extrapolatedIncrease(range, end, first.rangeMs);
    return increase === undefined ? [] : [{ labels: nameless(range.labels), value: increase / divisor }];
  });
  return vector(samples);
}
