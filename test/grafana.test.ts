import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parser } from '@prometheus-io/lezer-promql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkPromql } from '../src/adapters/spec/promql.ts';
import { type Sandbox, startSandbox } from '../src/sandbox/sandbox.ts';
import { send, until } from './sandbox/client.ts';
import { parseExposition } from './server/exposition.ts';
import { createMeasured, tellAll } from './server/told.ts';

/** The dashboards ask for what there is, in PromQL that Prometheus understands. */

type GridPos = { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
type Target = { readonly refId: string; readonly datasource: Source; readonly expr: string; readonly legendFormat: string };
type Source = { readonly type: string; readonly uid: string };
type Panel = {
  readonly id: number;
  readonly title: string;
  readonly datasource: Source;
  readonly gridPos: GridPos;
  readonly targets: readonly Target[];
  readonly fieldConfig: { readonly defaults: { readonly unit?: string } };
};
type Variable = { readonly name: string; readonly type: string; readonly query: string | { readonly query: string } };
type Dashboard = {
  readonly uid: string;
  readonly title: string;
  readonly schemaVersion: number;
  readonly templating: { readonly list: readonly Variable[] };
  readonly panels: readonly Panel[];
};

const folder = resolve(import.meta.dirname, '../templates/grafana');
const files = readdirSync(folder).sort();
const dashboardOf = (file: string): Dashboard => JSON.parse(readFileSync(join(folder, file), 'utf8')) as Dashboard;
const targetsOf = ({ panels }: Dashboard): readonly Target[] => panels.flatMap(({ targets }) => targets);

/** What Grafana puts in place of variables. */
const VALUES: Readonly<Record<string, string>> = {
  __rate_interval: '2s',
  __range: '1h',
  namespace: 'weather',
  host: 'forecast',
  reporter: 'destination|waypoint',
};
const filledIn = (text: string): string => text.replace(/\$(\w+)/g, (whole, name: string) => VALUES[name] ?? whole);

const ISTIO_LABELS = [
  'reporter',
  'source_workload',
  'destination_workload',
  'destination_service_name',
  'destination_service_namespace',
  'request_protocol',
  'response_code',
  'response_flags',
  'grpc_response_status',
];
const ISTIO: readonly (readonly [string, readonly string[]])[] = [
  ['istio_requests_total', ISTIO_LABELS],
  ['istio_request_duration_milliseconds_bucket', [...ISTIO_LABELS, 'le']],
];
/** Labels that Prometheus adds to whatever it scrapes. */
const SCRAPED = ['instance', 'job'];

/** Names of metrics with their labels. */
const knownMetrics = async (): Promise<ReadonlyMap<string, readonly string[]>> => {
  const { metrics, put } = createMeasured();
  tellAll(metrics, put('forecast', { phase: 'Progressing', step: { index: 1, count: 2 } }));
  const known = new Map(ISTIO);
  for (const { name, labels } of parseExposition(await metrics.text()).samples)
    known.set(name, [...(known.get(name) ?? []), ...Object.keys(labels)]);
  return known;
};

/** Metrics and labels that an expression names. */
const namesIn = (expr: string): { readonly metrics: readonly string[]; readonly labels: readonly string[] } => {
  const metrics: string[] = [];
  const labels: string[] = [];
  parser.parse(expr).iterate({
    enter: ({ name, from, to, node }) => {
      if (name === 'Identifier' && node.parent?.name === 'VectorSelector') metrics.push(expr.slice(from, to));
      if (name === 'LabelName') labels.push(expr.slice(from, to));
    },
  });
  return { metrics, labels };
};

const unknownNames = (
  expr: string,
  more: readonly string[],
  known: ReadonlyMap<string, readonly string[]>,
): readonly string[] => {
  const { metrics, labels } = namesIn(filledIn(expr));
  const allowed = [...SCRAPED, ...metrics.flatMap(name => known.get(name) ?? [])];
  return [
    ...(metrics.length === 0 ? ['no metric'] : []),
    ...metrics.filter(name => !known.has(name)),
    ...[...labels, ...more].filter(label => !allowed.includes(label)),
  ];
};

const overlap = (a: GridPos, b: GridPos): boolean => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;

describe.each(files)('dashboard %s', file => {
  const dashboard = dashboardOf(file);
  const variables = dashboard.templating.list;

  it('can be imported: names, version, data source as a variable', () => {
    expect(dashboard.uid).toMatch(/^[\w-]{1,40}$/);
    expect(dashboard.title).not.toBe('');
    expect(dashboard.schemaVersion).toBeGreaterThanOrEqual(39);
    expect(variables.find(({ type }) => type === 'datasource')).toMatchObject({ name: 'datasource', query: 'prometheus' });
    const sources = dashboard.panels.flatMap(({ datasource, targets }) => [
      datasource,
      ...targets.map(target => target.datasource),
    ]);
    // biome-ignore lint/suspicious/noTemplateCurlyInString: Grafana's own placeholder
    expect(sources.filter(({ type, uid }) => type !== 'prometheus' || uid !== '${datasource}')).toEqual([]);
  });

  it('each panel has a title, a unit and a place of its own', () => {
    const { panels } = dashboard;
    expect(panels.filter(({ title, targets }) => title === '' || targets.length === 0)).toEqual([]);
    expect(panels.filter(({ fieldConfig }) => (fieldConfig.defaults.unit ?? '') === '')).toEqual([]);
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    expect(new Set(panels.map(({ title }) => title)).size).toBe(panels.length);
    expect(panels.filter(({ gridPos: { x, w } }) => x < 0 || x + w > 24)).toEqual([]);
    const pairs = panels.flatMap((one, index) => panels.slice(index + 1).map(other => [one, other] as const));
    expect(pairs.filter(([one, other]) => overlap(one.gridPos, other.gridPos)).map(([{ title }]) => title)).toEqual([]);
  });

  it('each expression is PromQL', () => {
    const faults = targetsOf(dashboard).flatMap(({ expr }) => checkPromql(filledIn(expr)) ?? []);
    expect(faults).toEqual([]);
  });

  it('each expression, legend and variable names metrics and labels that there are', async () => {
    const known = await knownMetrics();
    const asked = targetsOf(dashboard).map(({ expr, legendFormat }) => ({
      expr,
      labels: [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = '']) => label),
    }));
    const listed = variables.flatMap(({ query }) => {
      const text = typeof query === 'string' ? query : query.query;
      const [, expr, label] = /^label_values\((.*), (\w+)\)$/.exec(text) ?? [];
      return expr === undefined || label === undefined ? [] : [{ expr, labels: [label] }];
    });
    expect(listed.length).toBeGreaterThan(0);
    expect([...asked, ...listed].flatMap(({ expr, labels }) => unknownNames(expr, labels, known))).toEqual([]);
  });

  it('each variable is defined, and used', () => {
    const builtIn = ['__rate_interval', '__range'];
    const text = JSON.stringify([dashboard.panels, variables.map(({ query }) => query)]);
    const used = new Set([...text.matchAll(/\$\{?(\w+)/g)].map(([, name = '']) => name).filter(name => !builtIn.includes(name)));
    expect([...used].sort()).toEqual(variables.map(({ name }) => name).sort());
  });
});

it('the dashboard of Sluice shows every metric of Sluice', async () => {
  const { metrics } = createMeasured();
  const shown = targetsOf(dashboardOf('sluice.json')).flatMap(({ expr }) => namesIn(filledIn(expr)).metrics);
  const names = [...parseExposition(await metrics.text()).types.keys()].filter(name => name.startsWith('sluice_'));
  expect(names.filter(name => !shown.some(metric => metric.startsWith(name)))).toEqual([]);
});

describe('the dashboard of versions, asked of a mesh', () => {
  let sandbox: Sandbox;
  beforeAll(async () => {
    sandbox = await startSandbox({ rate: 60, scrapeIntervalMs: 100 });
  });
  afterAll(() => sandbox.close());

  const hasData = async (expr: string): Promise<boolean> => {
    const answer = await send(`${sandbox.urls.prometheus}/api/v1/query?query=${encodeURIComponent(filledIn(expr))}`);
    if (answer.code !== 200) throw new Error(`asking ${expr}: ${JSON.stringify(answer.body)}`);
    return (answer.body as { readonly data: { readonly result: readonly unknown[] } }).data.result.length > 0;
  };

  /** Waits until all of them have given data once. */
  const seeData = async (exprs: readonly string[]): Promise<void> => {
    const missing = new Set(exprs);
    const look = async (): Promise<true | undefined> => {
      for (const expr of missing) if (await hasData(expr)) missing.delete(expr);
      return missing.size === 0 ? true : undefined;
    };
    await until(look, 'data').catch(() => undefined);
    expect([...missing]).toEqual([]);
  };

  it('has data in every panel: good answers, failures, failures that reached no pod, no route', { timeout: 30_000 }, async () => {
    const exprs = targetsOf(dashboardOf('istio-versions.json')).map(({ expr }) => expr);
    const grpc = exprs.filter(expr => expr.includes('request_protocol="grpc"'));
    const unreached = exprs.filter(expr => expr.includes('(UH|'));
    const failing = exprs.filter(expr => expr.includes('response_code=~"5.."'));
    const special = [...grpc, ...unreached, ...failing];
    await seeData(exprs.filter(expr => !special.includes(expr)));

    sandbox.control.setFault('forecast-v1', { errorRate: 1, status: 500 });
    await seeData(failing);

    sandbox.control.setFault('forecast-v1', { notReady: true });
    const knocks = setInterval(() => void send(sandbox.urls.gateway, { headers: { host: 'nobody.example.com' } }), 50);
    await seeData(unreached).finally(() => clearInterval(knocks));
    // Nobody there speaks gRPC: these are answered, with nothing.
    for (const expr of grpc) expect(await hasData(expr)).toBe(false);
  });
});
