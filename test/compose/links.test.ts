import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TrafficView, trafficExpression } from '../../src/adapters/prometheus/link.ts';
import { builtInTemplates } from '../../src/adapters/templates/messageFiles.ts';
import { createMessageFiller } from '../../src/adapters/templates/messages.ts';
import { createRenderer } from '../../src/adapters/templates/render.ts';
import { sampleMessages } from '../../src/adapters/templates/samples.ts';
import { tracesLink } from '../../src/adapters/zipkin/link.ts';
import { createAsk, createLinks } from '../../src/compose/links.ts';
import type { StoredRollout } from '../../src/controller/ports.ts';
import {
  type GateSource,
  type GateStatus,
  MESSAGE_KINDS,
  type MessageFacts,
  type OpenQuestion,
  type PlanGate,
  type RolloutStatus,
} from '../../src/rollout/index.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { APP_HOST } from '../../src/sandbox/scenario.ts';
import { SPEC } from '../controller/fakes.ts';
import { send, until } from '../sandbox/client.ts';

const HOST = 'forecast.weather.svc.cluster.local';
const AT = '2026-11-21T14:10:00.000Z';

const planGate = (name: string, source: GateSource): PlanGate => ({
  name,
  source,
  judge: 'sequential',
  minSamples: 30,
  failureLimit: 1,
  onNoData: 'hold',
  noDataDeadlineMs: 600_000,
});
const SOURCES: Readonly<Record<string, GateSource>> = {
  'success-rate': { kind: 'prometheus', provider: 'default', metric: 'success-rate' },
  p95: { kind: 'prometheus', provider: 'default', metric: 'latency', percentile: 95 },
  orders: { kind: 'query', provider: 'shop', query: 'sum(rate(orders{version="{{canary}}",at="{{weight}}"}[{{window}}]))' },
  broken: { kind: 'query', provider: 'shop', query: '{{nobody}}' },
  gone: { kind: 'query', provider: 'gone', query: 'up' },
  p99: { kind: 'zipkin', provider: 'default', percentile: 99 },
  ci: { kind: 'webhook', url: 'https://ci.example.com', timeoutMs: 1_000 },
  unattributed: { kind: 'unattributed', provider: 'default' },
};
const STATUS: RolloutStatus = {
  phase: 'Progressing',
  reason: 'StepEntered',
  message: '',
  stableVersion: 'v1',
  canaryVersion: 'v2',
  step: { index: 1, count: 3, startedAt: '2026-11-21T13:40:00.000Z' },
  traffic: { weight: 20 },
  target: {
    router: 'istio',
    host: HOST,
    versionLabel: 'version',
    virtualServices: ['weather/forecast'],
    routes: [],
    stable: 'v1',
    canary: 'v2',
  },
  plan: {
    steps: [{ weight: 20, pauseMs: 0 }],
    gates: Object.entries(SOURCES).map(([name, source]) => planGate(name, source)),
    intervalMs: 15_000,
    initialDelayMs: 0,
    settleMs: 2_000,
  },
};
const rolloutWith = (status: RolloutStatus | undefined): StoredRollout => ({
  uid: 'u',
  namespace: 'weather',
  name: 'forecast',
  generation: 1,
  resourceVersion: '1',
  creationTimestamp: AT,
  spec: SPEC,
  ...(status === undefined ? {} : { status }),
});
const factsWith = (gates: readonly string[], verdict: GateStatus['verdict'] = 'Fail'): MessageFacts => ({
  kind: 'other',
  title: '',
  why: [],
  todo: [],
  gates: gates.map(name => ({ name, source: '', verdict, message: '' })),
});

const config = {
  publicUrl: 'https://sluice.example.com',
  providers: {
    prometheus: {
      default: { url: 'http://in', timeoutMs: 1, publicUrl: 'https://prometheus.example.com' },
      shop: { url: 'http://in', timeoutMs: 1, publicUrl: 'https://shop.example.com' },
    },
    zipkin: { default: { url: 'http://in', timeoutMs: 1, lagMs: 0, publicUrl: 'https://zipkin.example.com/zipkin' } },
  },
};
const render = createRenderer();
const installation = { prometheus: ['default', 'shop'], zipkin: ['default'] };
const linksOf = createLinks({ ...config, installation, render });
const titles = (rollout: StoredRollout, facts: MessageFacts) => linksOf(rollout, facts, AT).map(({ title }) => title);

describe('R36: where people look further', () => {
  it('is the dashboard, and one page for each gate that has one', () => {
    expect(titles(rolloutWith(STATUS), factsWith(Object.keys(SOURCES)))).toEqual([
      'dashboard',
      'success-rate in Prometheus',
      'p95 in Prometheus',
      'orders in Prometheus',
      'p99 in Zipkin',
      'unattributed in Prometheus',
    ]);
    expect(linksOf(rolloutWith(STATUS), factsWith([]), AT)).toEqual([
      { title: 'dashboard', url: 'https://sluice.example.com/rollouts/weather/forecast' },
    ]);
  });

  it('shows what the gate asks, filled in, from the beginning of the step', () => {
    const [, orders] = linksOf(rolloutWith(STATUS), factsWith(['orders']), AT);
    const { origin, searchParams } = new URL(orders?.url ?? '');
    expect([origin, searchParams.get('g0.expr')]).toEqual([
      'https://shop.example.com',
      'sum(rate(orders{version="v2",at="20"}[30s]))',
    ]);
    expect([searchParams.get('g0.range_input'), searchParams.get('g0.end_input')]).toEqual(['1800s', '2026-11-21 14:10:00']);
  });

  it('leaves room in a chat for all lines of a usual message', () => {
    const fill = createMessageFiller();
    const builtIn = builtInTemplates();
    const links = linksOf(rolloutWith(STATUS), factsWith(['success-rate', 'p95', 'p99', 'unattributed']), AT);
    expect(links).toHaveLength(5);
    for (const kind of MESSAGE_KINDS)
      for (const { message } of sampleMessages(kind).filter(({ sample }) => sample === 'usual')) {
        const lines = fill(builtIn[kind], { ...message, links }, 'slack').split('\n');
        expect(lines.slice(-5).every(line => line.startsWith('<https://'))).toBe(true);
      }
  });

  it('is still known when the attempt has ended, by the gates of the spec, from the beginning of the attempt', () => {
    const { step: _step, plan: _plan, ...kept } = STATUS;
    const started = { at: '2026-11-21T13:00:00.000Z', to: 'v2', action: 'started', reason: 'Started', message: '' } as const;
    const rolledBack = rolloutWith({ ...kept, phase: 'RolledBack', reason: 'GateFailed', history: [started] });
    const [, graph, none] = linksOf(rolledBack, factsWith(['success-rate', 'orders']), AT);
    expect([graph?.title, none]).toEqual(['success-rate in Prometheus', undefined]);
    expect(new URL(graph?.url ?? '').searchParams.get('g0.range_input')).toBe('4200s');
  });

  it('is no page about the built-in gate while it passes, nor of a gate, a plan or a server that is not known', () => {
    expect(titles(rolloutWith(STATUS), factsWith(['unattributed'], 'Pass'))).toEqual(['dashboard']);
    expect(titles(rolloutWith(STATUS), factsWith(['other']))).toEqual(['dashboard']);
    expect(titles(rolloutWith(undefined), factsWith(['p99']))).toEqual(['dashboard']);
    const { publicUrl: _, ...private_ } = config;
    expect(createLinks({ ...private_, installation, render })(rolloutWith(STATUS), factsWith([]), AT)).toEqual([]);
  });
});

describe('R19: what the author wants people to be asked', () => {
  const asked = (message: string): string | undefined => {
    const question: OpenQuestion = {
      revision: '7c1f09d2',
      step: 2,
      askedAt: AT,
      approval: { when: 'before', required: 1, approvers: [], message, onTimeout: 'hold', allowAuthor: false },
      weight: 50,
      given: [],
    };
    return createAsk(render)(rolloutWith(STATUS), { ...factsWith([]), question });
  };

  it('is filled in with the step that they are asked about', () => {
    expect(asked('{{name}}: step {{step}}/{{steps}} at {{weight}}% of {{canary}}?')).toBe('forecast: step 2/3 at 50% of v2?');
  });

  it('is left out when it cannot be filled, or nobody is asked', () => {
    expect(asked('{{nobody}}?')).toBeUndefined();
    expect(createAsk(render)(rolloutWith(STATUS), factsWith([]))).toBeUndefined();
  });
});

describe('links, in the words of the servers', () => {
  let sandbox: Sandbox;
  const startedAtMs = Date.now();
  beforeAll(async () => {
    sandbox = await startSandbox({ portBase: 0, rate: 0, scrapeIntervalMs: 100, flushMs: 20 });
    const ask = () => send(`${sandbox.urls.gateway}/api/forecast`, { headers: { host: APP_HOST } });
    await until(async () => ((await ask()).code === 200 ? true : undefined), 'the app');
    for (let sent = 0; sent < 5; sent++) await ask();
  });
  afterAll(() => sandbox.close());

  it('find the traces of a version', async () => {
    const found = async (version: string): Promise<number> => {
      const link = tracesLink(sandbox.urls.zipkin, { host: HOST, version }, { fromMs: startedAtMs, toMs: Date.now() });
      // The page asks its server so.
      const { startTs, endTs, ...query } = Object.fromEntries(new URL(link).searchParams);
      const asked = new URLSearchParams({ ...query, endTs: `${endTs}`, lookback: `${Number(endTs) - Number(startTs)}` });
      return (await send(`${sandbox.urls.zipkin}/api/v2/traces?${asked}`)).body.length;
    };
    expect(await until(async () => ((await found('v1')) >= 5 ? true : undefined), 'the traces')).toBe(true);
    expect(await found('v9')).toBe(0);
  });

  it('find the requests in Prometheus', async () => {
    const found = async (view: TrafficView): Promise<readonly object[]> => {
      const query = encodeURIComponent(trafficExpression(HOST, view, 60_000));
      const result = await until(async () => {
        const { result: read } = (await send(`${sandbox.urls.prometheus}/api/v1/query?query=${query}`)).body.data ?? {};
        return read?.length > 0 ? read : undefined;
      }, 'the counters');
      return result.map(({ metric }: { metric: object }) => metric);
    };
    const side = { destination_workload: 'forecast-v1', reporter: 'destination' };
    expect(await found({ kind: 'latency', percentile: 50 })).toContainEqual(side);
    expect(await found({ kind: 'successRate' })).toContainEqual({ ...side, response_code: '200' });
  });
});
