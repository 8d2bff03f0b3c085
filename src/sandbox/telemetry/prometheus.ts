import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { readBody } from '../kube/request.ts';
import { ExecutionError, type Expr, QueryError, typeOfExpr } from './promql-ast.ts';
import { evaluate, type Value } from './promql-eval.ts';
import { parseDurationMs, parsePromQL } from './promql-parse.ts';
import { type Labels, labelsKey, type SeriesStore } from './series.ts';

const MAX_POINTS = 11_000;

function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  if (value === Number.NEGATIVE_INFINITY) return '-Inf';
  return String(value);
}

const point = (timeMs: number, value: number): [number, string] => [timeMs / 1000, numberText(value)];

function parseTimeMs(name: string, text: string | null, fallbackMs?: number): number {
  if (text === null || text === '') {
    if (fallbackMs !== undefined) return fallbackMs;
    throw new QueryError(`invalid parameter "${name}": cannot parse "" to a valid timestamp`);
  }
  const timeMs = /^[+-]?[\d.]+(e\d+)?$/i.test(text) ? Number(text) * 1000 : Date.parse(text);
  if (Number.isNaN(timeMs))
    throw new QueryError(`invalid parameter "${name}": cannot parse ${JSON.stringify(text)} to a valid timestamp`);
  return Math.round(timeMs);
}

function parseQuery(params: URLSearchParams): Expr {
  try {
    return parsePromQL(params.get('query') ?? '');
  } catch (error) {
    if (error instanceof QueryError) throw new QueryError(`invalid parameter "query": ${error.message}`);
    throw error;
  }
}

function instantData(value: Value, timeMs: number): unknown {
  if (value.kind === 'scalar') return { resultType: 'scalar', result: point(timeMs, value.value) };
  if (value.kind === 'vector') {
    return {
      resultType: 'vector',
      result: value.samples.map(sample => ({ metric: sample.labels, value: point(timeMs, sample.value) })),
    };
  }
  const result = value.ranges.map(range => ({
    metric: range.labels,
    values: range.values.map((item, index) => point(range.timesMs[index] ?? 0, item)),
  }));
  return { resultType: 'matrix', result };
}

function queryRange(store: SeriesStore, params: URLSearchParams): unknown {
  const startMs = parseTimeMs('start', params.get('start'));
  const endMs = parseTimeMs('end', params.get('end'));
  const stepMs = parseDurationMs(params.get('step') ?? '');
  if (endMs < startMs) throw new QueryError('invalid parameter "end": end timestamp must not be before start time');
  if (!(stepMs > 0))
    throw new QueryError(
      'invalid parameter "step": zero or negative query resolution step widths are not accepted. Try a positive integer',
    );
  if ((endMs - startMs) / stepMs > MAX_POINTS) {
    throw new QueryError(
      'exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)',
    );
  }
  const expr = parseQuery(params);
  if (typeOfExpr(expr) === 'range vector') {
    throw new QueryError(
      'invalid parameter "query": invalid expression type "range vector" for range query, must be Scalar or instant Vector',
    );
  }
  const rows = new Map<string, { metric: Labels; values: [number, string][] }>();
  for (let timeMs = startMs; timeMs <= endMs; timeMs += stepMs) {
    const value = evaluate(store, expr, timeMs);
    const samples = value.kind === 'scalar' ? [{ labels: {}, value: value.value }] : value.kind === 'vector' ? value.samples : [];
    for (const sample of samples) {
      const key = labelsKey(sample.labels);
      const row = rows.get(key) ?? { metric: sample.labels, values: [] };
      rows.set(key, row);
      row.values.push(point(timeMs, sample.value));
    }
  }
  return { resultType: 'matrix', result: [...rows.values()] };
}

function selected(store: SeriesStore, params: URLSearchParams): Labels[] {
  const exprs = params.getAll('match[]').map(text => parsePromQL(text));
  if (exprs.length === 0) return [...store.all()].map(series => series.labels);
  return exprs.flatMap(expr => (expr.kind === 'vector' ? store.select(expr.matchers).map(series => series.labels) : []));
}

const distinct = (values: readonly string[]) => [...new Set(values)].sort();

function data(store: SeriesStore, path: string, params: URLSearchParams): unknown {
  const label = /^\/api\/v1\/label\/([^/]+)\/values$/.exec(path)?.[1];
  if (label) return distinct(selected(store, params).flatMap(labels => labels[label] ?? []));
  switch (path) {
    case '/api/v1/query': {
      const expr = parseQuery(params);
      const timeMs = parseTimeMs('time', params.get('time'), Date.now());
      return instantData(evaluate(store, expr, timeMs), timeMs);
    }
    case '/api/v1/query_range':
      return queryRange(store, params);
    case '/api/v1/status/buildinfo':
      return { version: '3.5.0+sandbox', revision: '', branch: '', buildUser: '', buildDate: '', goVersion: '' };
    case '/api/v1/labels':
      return distinct(selected(store, params).flatMap(labels => Object.keys(labels)));
    case '/api/v1/series':
      return selected(store, params);
    default:
      return undefined;
  }
}

function send(response: ServerResponse, code: number, body: unknown): void {
  response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

async function answer(store: SeriesStore, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://prometheus');
  if (url.pathname === '/-/ready' || url.pathname === '/-/healthy') return void response.end('Prometheus Server is Ready.\n');
  const form = request.method === 'POST' ? new URLSearchParams(await readBody(request)) : new URLSearchParams();
  const result = data(store, url.pathname, new URLSearchParams([...url.searchParams, ...form]));
  if (result === undefined) return void response.writeHead(404, { 'content-type': 'text/plain' }).end('404 page not found\n');
  send(response, 200, { status: 'success', data: result });
}

/** Prometheus's HTTP API over the series store: instant and range queries, labels, series, build info, readiness. */
export function createPrometheusListener(store: SeriesStore): RequestListener {
  return (request, response) => {
    answer(store, request, response).catch((error: unknown) => {
      const message = error instanceof Error ? error.message : String(error);
      if (error instanceof QueryError) send(response, 400, { status: 'error', errorType: 'bad_data', error: message });
      else if (error instanceof ExecutionError) send(response, 422, { status: 'error', errorType: 'execution', error: message });
      else send(response, 500, { status: 'error', errorType: 'internal', error: message });
    });
  };
}
