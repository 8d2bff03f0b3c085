import { describe, expect, it } from 'vitest';
import { createMeasurer, type Measurer } from '../../src/controller/measure.ts';
import { createMemory, type Memory } from '../../src/controller/memory.ts';
import {
  type GateCaller,
  type GateVerdict,
  type Providers,
  type QueryProvider,
  SystemError,
  type Traffic,
  type TrafficProvider,
  type TrafficQuery,
} from '../../src/controller/ports.ts';
import type { Subject } from '../../src/controller/subject.ts';
import type { GateStatus, Plan, PlanGate } from '../../src/rollout/status.ts';

const START_MS = Date.UTC(2026, 10, 21, 14);
const STEP = 'rev/1/start';

const gate = (name: string, source: PlanGate['source'], limits: Partial<PlanGate> = {}): PlanGate => ({
  name,
  source,
  judge: source.kind === 'query' ? 'plain' : 'sequential',
  minSamples: 50,
  failureLimit: 1,
  onNoData: 'hold',
  noDataDeadlineMs: 600_000,
  ...limits,
});

const RATE = gate('success-rate', { kind: 'prometheus', provider: 'default', metric: 'success-rate' }, { min: 99 });
const P99 = gate('p99', { kind: 'prometheus', provider: 'default', metric: 'latency', percentile: 99 }, { max: 500 });
const P50 = gate('p50', { kind: 'prometheus', provider: 'default', metric: 'latency', percentile: 50 }, { max: 100 });
const LOST = gate('unattributed', { kind: 'unattributed', provider: 'default' }, { max: 1 });
const SPANS = gate('spans', { kind: 'zipkin', provider: 'default', percentile: 99 }, { max: 300 });
const ORDERS = gate('orders', { kind: 'query', provider: 'default', query: 'orders{v="{{canary}}"}[{{window}}]' }, { min: 1 });

const planOf = (gates: readonly PlanGate[]): Plan => ({
  steps: [],
  gates,
  intervalMs: 15_000,
  initialDelayMs: 0,
  settleMs: 2_000,
});

const version = (requests: number, errors = 0, slow: readonly number[] = []) => ({
  requests,
  errors,
  timed: requests,
  slow,
  durations: requests === 0 ? [] : ([[50, requests]] as const),
});

const traffic = (untilMs: number, canary = version(100, 1, [2, 3])): Traffic => ({
  untilMs,
  stable: version(200),
  canary,
  host: { requests: 310, unattributed: 4 },
});

type Answer = Traffic | Error | Promise<Traffic>;

/** A provider that writes down what it is asked. */
const provider = (answer: (query: TrafficQuery) => Answer, value: (query: string) => number | string | Error = () => 1) => {
  const asked: TrafficQuery[] = [];
  const queries: { readonly query: string; readonly atMs: number }[] = [];
  const fake: TrafficProvider & QueryProvider = {
    readTraffic: async query => {
      asked.push(query);
      const found = await answer(query);
      if (found instanceof Error) throw found;
      return found;
    },
    readValue: async (query, atMs) => {
      queries.push({ query, atMs });
      const found = value(query);
      if (found instanceof Error) throw found;
      return typeof found === 'number' ? { value: found } : { none: found };
    },
  };
  return { fake, asked, queries };
};

const providers = (prometheus?: TrafficProvider & QueryProvider, zipkin?: TrafficProvider): Providers => ({
  prometheus: prometheus === undefined ? {} : { default: prometheus },
  zipkin: zipkin === undefined ? {} : { default: zipkin },
});

const render = (template: string, values: Readonly<Record<string, string | number>>): string =>
  template.replace(/\{\{(\w+)\}\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`{{${name}}} is unknown`);
    return String(value);
  });

const subjectOf = (memory: Memory, gates: readonly PlanGate[], stored: readonly GateStatus[] = []): Subject => ({
  memory,
  plan: planOf(gates),
  stored,
  host: 'forecast.weather.svc.cluster.local',
  stable: { version: 'v1', subset: 'v1', workloads: ['forecast-v1'] },
  canary: { version: 'v2', subset: 'v2', workloads: ['forecast-v2'] },
  revision: '7c1f09d2',
  templateValues: {
    namespace: 'weather',
    name: 'forecast',
    host: 'forecast.weather.svc.cluster.local',
    stable: 'v1',
    canary: 'v2',
    version: 'v2',
    step: 2,
    steps: 3,
    weight: 50,
    interval: '15s',
    commit: 'main@sha1:9f3c',
  },
});

const measuring = (found: Providers, callGate?: GateCaller) => {
  const measurer = createMeasurer({ providers: found, render, callGate });
  /** Resolves when as many readings as were started have ended. */
  const measure = (subject: Subject, atMs: number, names: readonly string[], readings = 1, step = STEP): Promise<void> =>
    new Promise(resolve => {
      let left = readings;
      measurer.measure(subject, { kind: 'measure', step, sinceMs: START_MS, atMs, gates: names, compares: true }, () => {
        left -= 1;
        if (left === 0) resolve();
      });
    });
  return { measurer, measure };
};

describe('measuring gates', () => {
  it('one request serves all gates of a provider, whichever of them is due', async () => {
    const { fake, asked } = provider(query => traffic(query.toMs));
    const { measure } = measuring(providers(fake));
    const memory = createMemory();
    await measure(subjectOf(memory, [RATE, P99, P50, LOST]), START_MS + 15_000, ['success-rate']);
    expect(asked).toMatchObject([
      {
        host: 'forecast.weather.svc.cluster.local',
        stable: { version: 'v1', subset: 'v1', workloads: ['forecast-v1'] },
        canary: { version: 'v2', subset: 'v2', workloads: ['forecast-v2'] },
        fromMs: START_MS,
        toMs: START_MS + 15_000,
        slowerThanMs: [500, 100],
      },
    ]);
    const at = { kind: 'counts', atMs: START_MS + 15_000, untilMs: START_MS + 15_000 };
    expect(Object.fromEntries(memory.measurements)).toMatchObject({
      'success-rate': { ...at, counts: { bad: 1, total: 100 } },
      p99: { ...at, counts: { bad: 2, total: 100 }, value: expect.any(Number) },
      p50: { ...at, counts: { bad: 3, total: 100 }, value: expect.any(Number) },
      unattributed: { ...at, counts: { bad: 4, total: 310 } },
    });
  });

  it('sums add up over readings; each reading begins where data were complete', async () => {
    const { fake, asked } = provider(query => traffic(query.toMs - 1_000));
    const { measure } = measuring(providers(fake));
    const memory = createMemory();
    const subject = subjectOf(memory, [RATE]);
    for (const seconds of [15, 30, 45]) await measure(subject, START_MS + seconds * 1_000, ['success-rate']);
    expect(asked.map(({ fromMs, toMs }) => [fromMs - START_MS, toMs - START_MS])).toEqual([
      [0, 15_000],
      [14_000, 30_000],
      [29_000, 45_000],
    ]);
    expect(memory.measurements.get('success-rate')).toMatchObject({
      untilMs: START_MS + 44_000,
      counts: { bad: 3, total: 300 },
    });
  });

  const storedGate = (name: string, until?: number): GateStatus => ({
    name,
    source: 'prometheus/default',
    verdict: 'Pass',
    message: '',
    samples: 1_000,
    failures: 7,
    ...(until === undefined ? {} : { until: new Date(until).toISOString() }),
  });

  it('R4: after a restart sums go on from the stored status', async () => {
    const { fake, asked } = provider(query => traffic(query.toMs));
    const { measure } = measuring(providers(fake));
    const memory = createMemory();
    const stored = [storedGate('success-rate', START_MS + 60_000), storedGate('unattributed', START_MS + 60_000)];
    await measure(subjectOf(memory, [RATE, LOST], stored), START_MS + 75_000, ['success-rate', 'unattributed']);
    expect(asked[0]?.fromMs).toBe(START_MS + 60_000);
    expect(memory.measurements.get('success-rate')).toMatchObject({ counts: { bad: 8, total: 1_100 } });
    expect(memory.measurements.get('unattributed')).toMatchObject({ counts: { bad: 11, total: 1_310 } });
  });

  it.each([
    ['one gate has none', [storedGate('success-rate', START_MS + 60_000)]],
    [
      'they end at different moments',
      [storedGate('success-rate', START_MS + 60_000), storedGate('unattributed', START_MS + 45_000)],
    ],
    ['they have no end', [storedGate('success-rate'), storedGate('unattributed')]],
  ])('R4: stored sums that do not fit together are read again from the start of the step: %s', async (_, stored) => {
    const { fake, asked } = provider(query => traffic(query.toMs));
    const { measure } = measuring(providers(fake));
    const memory = createMemory();
    await measure(subjectOf(memory, [RATE, LOST], stored), START_MS + 75_000, ['success-rate', 'unattributed']);
    expect(asked[0]?.fromMs).toBe(START_MS);
    expect(memory.measurements.get('success-rate')).toMatchObject({ counts: { bad: 1, total: 100 } });
  });

  it('one reading at a time: a second one is not started while the first is under way', async () => {
    let answer: (found: Traffic) => void = () => {};
    const slow = new Promise<Traffic>(resolve => {
      answer = resolve;
    });
    const { fake, asked } = provider(() => slow);
    const { measure } = measuring(providers(fake));
    const subject = subjectOf(createMemory(), [RATE]);
    const first = measure(subject, START_MS + 15_000, ['success-rate']);
    void measure(subject, START_MS + 30_000, ['success-rate']);
    expect(asked).toHaveLength(1);
    answer(traffic(START_MS + 15_000));
    await first;
    expect(asked).toHaveLength(1);
  });

  it('R16: a provider that fails is an error of its gates only; nothing is counted twice afterwards', async () => {
    let isDown = true;
    const prometheus = provider(query =>
      isDown ? new SystemError('prometheus', 'reading traffic', 'unavailable', 'no answer within 1 s') : traffic(query.toMs),
    );
    const zipkin = provider(query => traffic(query.toMs));
    const { measure } = measuring(providers(prometheus.fake, zipkin.fake));
    const memory = createMemory();
    const subject = subjectOf(memory, [RATE, LOST, SPANS]);
    await measure(subject, START_MS + 15_000, ['success-rate', 'unattributed', 'spans'], 2);
    const error = { kind: 'error', atMs: START_MS + 15_000, message: 'reading traffic: no answer within 1 s' };
    expect(Object.fromEntries(memory.measurements)).toEqual({
      'success-rate': error,
      unattributed: error,
      spans: expect.objectContaining({ kind: 'counts' }),
    });
    isDown = false;
    await measure(subject, START_MS + 30_000, ['success-rate', 'unattributed'], 1);
    expect(prometheus.asked.map(({ fromMs }) => fromMs)).toEqual([START_MS, START_MS]);
    expect(memory.measurements.get('success-rate')).toMatchObject({ counts: { bad: 1, total: 100 } });
  });

  it('R16: a provider that is not configured any more is an error that names it', async () => {
    const { measure } = measuring(providers());
    const memory = createMemory();
    await measure(subjectOf(memory, [SPANS, ORDERS]), START_MS + 15_000, ['spans', 'orders'], 2);
    expect(memory.measurements.get('spans')).toMatchObject({
      kind: 'error',
      message: 'provider zipkin/default is not configured any more',
    });
    expect(memory.measurements.get('orders')).toMatchObject({
      kind: 'error',
      message: 'provider default is not configured any more',
    });
  });

  it.each([
    ['an answer', (query: TrafficQuery) => traffic(query.toMs)],
    ['a failure', () => new Error('too late')],
  ])('%s that comes when another step has begun is dropped', async (_, late) => {
    let release: () => void = () => {};
    const gateOpens = new Promise<void>(resolve => {
      release = resolve;
    });
    let isFirst = true;
    const { fake } = provider(query => {
      if (!isFirst) return traffic(query.toMs, version(10));
      isFirst = false;
      return gateOpens.then(() => {
        const found = late(query);
        if (found instanceof Error) throw found;
        return found;
      });
    });
    const { measure } = measuring(providers(fake));
    const memory = createMemory();
    const subject = subjectOf(memory, [RATE]);
    const before = measure(subject, START_MS + 15_000, ['success-rate'], 1, 'rev/1/a');
    await measure(subject, START_MS + 30_000, ['success-rate'], 1, 'rev/2/b');
    release();
    await before;
    expect(memory.step).toBe('rev/2/b');
    expect(memory.measurements.get('success-rate')).toMatchObject({ kind: 'counts', counts: { bad: 0, total: 10 } });
    expect(memory.sums.get('prometheus/default')?.gates.get('success-rate')?.canary).toEqual({ bad: 0, total: 10 });
  });

  it('a stopped measurer reports nothing any more', async () => {
    let answer: (found: Traffic) => void = () => {};
    const slow = new Promise<Traffic>(resolve => {
      answer = resolve;
    });
    const { fake } = provider(() => slow);
    const { measurer } = measuring(providers(fake));
    let isDone = false;
    const action = {
      kind: 'measure',
      step: STEP,
      sinceMs: START_MS,
      atMs: START_MS + 15_000,
      gates: ['success-rate'],
      compares: true,
    } as const;
    measurer.measure(subjectOf(createMemory(), [RATE]), action, () => {
      isDone = true;
    });
    measurer.stop();
    answer(traffic(START_MS));
    await slow;
    await new Promise(resolve => setImmediate(resolve));
    expect(isDone).toBe(false);
  });
});

describe('measuring with queries', () => {
  const ask = async (
    source: Partial<Extract<PlanGate['source'], { kind: 'query' }>>,
    value: (query: string) => number | string | Error,
  ) => {
    const found = provider(() => new Error('not asked'), value);
    const { measure } = measuring(providers(found.fake));
    const memory = createMemory();
    const custom = gate('orders', { kind: 'query', provider: 'default', query: 'orders{v="{{canary}}"}[{{window}}]', ...source });
    await measure(subjectOf(memory, [custom]), START_MS + 15_000, ['orders']);
    return { measurement: memory.measurements.get('orders'), queries: found.queries };
  };
  const atMs = START_MS + 15_000;

  it('fills the template and asks as of the moment of the measurement; without a window of its own at least 30 s', async () => {
    const { measurement, queries } = await ask({}, () => 12);
    expect(queries).toEqual([{ query: 'orders{v="v2"}[30s]', atMs }]);
    expect(measurement).toEqual({ kind: 'value', atMs, value: 12, windowMs: 30_000 });
  });

  it('a window of its own counts, and samples are asked for beside it', async () => {
    const { measurement, queries } = await ask({ windowMs: 60_000, samples: 'count{v="{{canary}}"}' }, query =>
      query.startsWith('count') ? 40 : 3,
    );
    expect(queries.map(({ query }) => query)).toEqual(['orders{v="v2"}[60s]', 'count{v="v2"}']);
    expect(measurement).toEqual({ kind: 'value', atMs, value: 3, samples: 40, windowMs: 60_000 });
  });

  it.each([
    ['no value', (): string => 'the result is empty', 'the result is empty'],
    ['no samples', (query: string) => (query.startsWith('count') ? 'the result is empty' : 3), 'samples: the result is empty'],
  ])('R15: %s is no data, with the reason', async (_, value, message) => {
    expect((await ask({ samples: 'count' }, value)).measurement).toEqual({ kind: 'none', atMs, message });
  });

  it('R16: a failure, and a template that cannot be filled, are errors', async () => {
    expect((await ask({}, () => new Error('Prometheus says 503'))).measurement).toEqual({
      kind: 'error',
      atMs,
      message: 'Prometheus says 503',
    });
    const { measurement, queries } = await ask({ query: '{{nobody}}' }, () => 1);
    expect(measurement).toEqual({ kind: 'error', atMs, message: '{{nobody}} is unknown' });
    expect(queries).toEqual([]);
  });
});

describe('asking webhooks', () => {
  const URL = 'https://ci.example.com/smoke/{{canary}}?commit={{commit}}&window={{window}}';
  const SMOKE = gate('smoke', { kind: 'webhook', url: URL, timeoutMs: 3_000 });
  const atMs = START_MS + 15_000;
  type Call = Parameters<GateCaller['call']>[0];

  const asking = (answer: (call: Call) => Promise<GateVerdict>, url = URL) => {
    const calls: Call[] = [];
    const callGate: GateCaller = {
      call: async request => {
        calls.push(request);
        return answer(request);
      },
    };
    const memory = createMemory();
    const subject = subjectOf(memory, [{ ...SMOKE, source: { kind: 'webhook', url, timeoutMs: 3_000 } }]);
    const { measure, measurer } = measuring(providers(), callGate);
    return { calls, memory, measurer, subject, ask: () => measure(subject, atMs, ['smoke']) };
  };

  it('R17: tells who asks, and keeps the answer', async () => {
    const { calls, memory, ask } = asking(async () => ({ verdict: 'fail', value: 3, message: '3 of 20 failed' }));
    await ask();
    expect(calls).toEqual([
      {
        url: 'https://ci.example.com/smoke/v2?commit=main%40sha1%3A9f3c&window=15s',
        timeoutMs: 3_000,
        body: {
          namespace: 'weather',
          name: 'forecast',
          gate: 'smoke',
          revision: '7c1f09d2',
          version: 'v2',
          stable: 'v1',
          step: 2,
          steps: 3,
          weight: 50,
          interval: '15s',
        },
      },
    ]);
    expect(memory.measurements.get('smoke')).toEqual({
      kind: 'verdict',
      atMs,
      verdict: 'fail',
      value: 3,
      message: '3 of 20 failed',
    });
  });

  it('R16: one that does not answer, and a URL that cannot be filled, are errors', async () => {
    const down = asking(async () => {
      throw new SystemError('webhook', 'asking webhook ci.example.com', 'unavailable', 'it answered 503');
    });
    await down.ask();
    const message = 'asking webhook ci.example.com: it answered 503';
    expect(down.memory.measurements.get('smoke')).toEqual({ kind: 'error', atMs, message });
    const broken = asking(async () => ({ verdict: 'pass' }), 'https://ci.example.com/{{nobody}}');
    await broken.ask();
    expect(broken.memory.measurements.get('smoke')).toEqual({ kind: 'error', atMs, message: '{{nobody}} is unknown' });
    expect(broken.calls).toEqual([]);
  });

  it('R16: without anybody to call it is an error too', async () => {
    const memory = createMemory();
    await measuring(providers()).measure(subjectOf(memory, [SMOKE]), atMs, ['smoke']);
    expect(memory.measurements.get('smoke')).toMatchObject({ kind: 'error', message: 'webhook gates cannot be called here' });
  });

  it('R2: it is not asked again while it has not answered', async () => {
    let answerNow = (_: GateVerdict): void => {};
    const answered = new Promise<GateVerdict>(resolve => {
      answerNow = resolve;
    });
    const { calls, memory, measurer, subject } = asking(() => answered);
    const action = { kind: 'measure', step: STEP, sinceMs: START_MS, gates: ['smoke'], compares: true } as const;
    const done = new Promise<void>(resolve => {
      measurer.measure(subject, { ...action, atMs }, resolve);
      measurer.measure(subject, { ...action, atMs: atMs + 15_000 }, resolve);
    });
    answerNow({ verdict: 'pass' });
    await done;
    expect(calls).toHaveLength(1);
    expect(memory.measurements.get('smoke')).toEqual({ kind: 'verdict', atMs, verdict: 'pass' });
  });

  it('R4: an answer to a step that is over is dropped', async () => {
    const { memory, ask } = asking(async () => {
      memory.step = 'rev/2/later';
      return { verdict: 'fail' };
    });
    await ask();
    expect(memory.measurements.has('smoke')).toBe(false);
  });
});

describe('measuring what is normal, and who gets requests', () => {
  const normal = (measurer: Measurer, memory: Memory): Promise<void> =>
    new Promise(resolve => {
      const { plan: _, stored: __, ...subject } = subjectOf(memory, []);
      const action = {
        kind: 'measureReference',
        atMs: START_MS,
        stable: 'v1',
        canary: 'v2',
        providers: ['prometheus/default', 'zipkin/default'],
      } as const;
      measurer.measureReference(subject, action, resolve);
    });

  it('reads ten minutes of both providers', async () => {
    const prometheus = provider(query => traffic(query.toMs));
    const zipkin = provider(query => traffic(query.toMs, version(0)));
    const { measurer } = measuring(providers(prometheus.fake, zipkin.fake));
    const memory = createMemory();
    await normal(measurer, memory);
    for (const { asked } of [prometheus, zipkin])
      expect(asked).toMatchObject([{ fromMs: START_MS - 600_000, toMs: START_MS, slowerThanMs: [] }]);
    const expected = {
      stable: { bad: 0, total: 200 },
      unattributed: { bad: 4, total: 310 },
      stableP90Ms: expect.any(Number),
      stableP99Ms: expect.any(Number),
    };
    expect(memory.reference).toEqual({
      kind: 'measured',
      atMs: START_MS,
      stableVersion: 'v1',
      normal: { 'prometheus/default': expected, 'zipkin/default': expected },
    });
  });

  it('R16: how errors come in bursts is not worth holding an attempt back for', async () => {
    const refuse = {
      readBlocks: () => Promise.reject(new SystemError('prometheus', 'reading blocks', 'refused', 'too many samples')),
    };
    const blocks = { ...provider(query => traffic(query.toMs)).fake, ...refuse };
    const { measurer } = measuring(providers(blocks, provider(query => traffic(query.toMs)).fake));
    const memory = createMemory();
    await normal(measurer, memory);
    expect(memory.reference).toMatchObject({ kind: 'measured', normal: { 'prometheus/default': { stable: { total: 200 } } } });
    expect(memory.reference).not.toHaveProperty(['normal', 'prometheus/default', 'dispersion']);
  });

  it('R16: one that fails is an error with its words', async () => {
    const { measurer } = measuring(
      providers(provider(() => new Error('Prometheus says 503')).fake, provider(query => traffic(query.toMs)).fake),
    );
    const memory = createMemory();
    await normal(measurer, memory);
    expect(memory.reference).toEqual({ kind: 'error', atMs: START_MS, message: 'Prometheus says 503' });
  });

  it('R23: the share after a moment, or why it is not known', async () => {
    let isDown = false;
    const { fake, asked } = provider(query =>
      isDown ? new Error('Prometheus says 503') : traffic(query.toMs - 500, version(0)),
    );
    const { measurer } = measuring(providers(fake));
    const memory = createMemory();
    const action = { kind: 'measureShare', fromMs: START_MS, atMs: START_MS + 2_000 } as const;
    const share = () => new Promise<void>(resolve => measurer.measureShare(subjectOf(memory, []), action, resolve));
    await share();
    expect(asked).toMatchObject([{ fromMs: START_MS, toMs: START_MS + 2_000 }]);
    expect(memory.share).toEqual({
      kind: 'measured',
      atMs: START_MS + 2_000,
      fromMs: START_MS,
      untilMs: START_MS + 1_500,
      stable: 200,
      canary: 0,
    });
    isDown = true;
    await share();
    expect(memory.share).toEqual({ kind: 'error', atMs: START_MS + 2_000, message: 'Prometheus says 503' });
  });
});
