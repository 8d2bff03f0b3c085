import { describe, expect, it } from 'vitest';
import { createMeasurer } from '../../src/controller/measure.ts';
import { createMemory } from '../../src/controller/memory.ts';
import type { Traffic, TrafficProvider, TrafficQuery } from '../../src/controller/ports.ts';
import type { Subject } from '../../src/controller/subject.ts';
import { judgeGate } from '../../src/rollout/gates/gates.ts';
import type { PlanGate } from '../../src/rollout/status.ts';

const START_MS = Date.UTC(2026, 10, 21, 14);
const AT_MS = START_MS + 30_000;

const COMMON = { minSamples: 50, failureLimit: 1, onNoData: 'hold', noDataDeadlineMs: 600_000 } as const;
const RATE: PlanGate = {
  ...COMMON,
  name: 'success-rate',
  source: { kind: 'prometheus', provider: 'default', metric: 'success-rate' },
  judge: 'sequential',
  min: 99,
  baseline: { tolerance: 1.5, limit: 99 },
};
const PLAIN: PlanGate = { ...RATE, name: 'plain', judge: 'plain' };
const LOST: PlanGate = {
  ...COMMON,
  name: 'unattributed',
  source: { kind: 'unattributed', provider: 'default' },
  judge: 'sequential',
};
const SPANS: PlanGate = {
  ...COMMON,
  name: 'spans',
  source: { kind: 'zipkin', provider: 'default', percentile: 99 },
  judge: 'sequential',
  max: 300,
};

const side = (requests: number, errors = 0) => ({ requests, errors, timed: requests, slow: [0], durations: [] });

type Told = { readonly stable: number; readonly canary: number; readonly errors?: number; readonly unanswered?: number };

/** Measures a mirror step, in which so many requests of each version are told. */
const measureCopies = async (gate: PlanGate, counts: Told) => {
  const asked: TrafficQuery[] = [];
  const provider: TrafficProvider = {
    readTraffic: async (query): Promise<Traffic> => {
      asked.push(query);
      const host = { requests: counts.stable, unattributed: 0 };
      const canary = { ...side(counts.canary, counts.errors), unanswered: counts.unanswered ?? 0 };
      return { untilMs: query.toMs, stable: side(counts.stable), canary, host };
    },
  };
  const prometheus = { ...provider, readValue: async () => ({ none: 'nobody asks' }) };
  const providers = { prometheus: { default: prometheus }, zipkin: { default: provider } };
  const memory = createMemory();
  const subject: Subject = {
    memory,
    plan: { steps: [], gates: [gate], intervalMs: 15_000, initialDelayMs: 0, settleMs: 2_000 },
    stored: [],
    host: 'forecast.weather.svc.cluster.local',
    stable: { version: 'v1', subset: 'v1', workloads: ['forecast-v1'] },
    canary: { version: 'v2', subset: 'v2', workloads: ['forecast-v2'] },
    revision: '7c1f09d2',
    templateValues: {
      ...{ namespace: 'weather', name: 'forecast', host: 'forecast', stable: 'v1', canary: 'v2', version: 'v2' },
      ...{ step: 1, steps: 3, weight: 0, interval: '15s', commit: '' },
    },
  };
  const action = { kind: 'measure', step: 'rev/1', sinceMs: START_MS, atMs: AT_MS, compares: true, copies: true } as const;
  await new Promise<void>(resolve => {
    const measurer = createMeasurer({ providers, render: template => template });
    measurer.measure(subject, { ...action, gates: [gate.name] }, resolve);
  });
  const measurement = memory.measurements.get(gate.name);
  const { verdict, message } = judgeGate(gate, undefined, measurement, { sinceMs: START_MS, pauseMs: 60_000 });
  return { asked, measurement, verdict, message };
};

const RECEIVERS =
  'mirrored copies are counted at the receiving side only: do the pods of v2 have a sidecar that Prometheus reads?';
const UNTRACED = "Istio's proxies do not trace mirrored copies: judge this step by Prometheus, or promote it";

describe('measuring a version that gets copies only', () => {
  it.each([RATE, PLAIN, LOST, SPANS])('asks for copies: $name', async gate => {
    const { asked } = await measureCopies(gate, { stable: 200, canary: 200 });
    expect(asked).toMatchObject([{ copies: true }]);
  });

  it('R18: copies are no share of the requests', async () => {
    const { measurement, verdict } = await measureCopies(RATE, { stable: 200, canary: 200 });
    expect(verdict).toBe('Pass');
    expect(measurement).toMatchObject({ counts: { bad: 0, total: 200 }, stable: { bad: 0, total: 200 } });
    expect(measurement).not.toHaveProperty('canaryPercent');
    expect(measurement).not.toHaveProperty('requests');
  });

  it.each([
    ['has a limit', { ...RATE, baseline: { tolerance: 1.5, limit: 99 } }, `no requests of the new version yet; ${RECEIVERS}`],
    ['has a baseline alone', withoutLimit(RATE), `0 of 50 requests needed; ${RECEIVERS}`],
    ['is judged plainly', PLAIN, `no requests of the new version in the window; ${RECEIVERS}`],
    ['reads spans', SPANS, `no spans of the new version yet; ${UNTRACED}`],
  ])('R15, R36: that nobody tells of them is no data, and says why: a gate that %s', async (_, gate, message) => {
    expect(await measureCopies(gate, { stable: 200, canary: 0 })).toMatchObject({
      verdict: 'NoData',
      message: `${gate.name}: ${message}`,
    });
  });

  it('R15: where stable gets no requests either, nothing is wrong with the receiving side', async () => {
    const { verdict, message } = await measureCopies(RATE, { stable: 0, canary: 0 });
    expect({ verdict, message }).toEqual({ verdict: 'NoData', message: 'success-rate: no requests of the new version yet' });
  });

  it.each([
    ['some', 10, 'Pass', /^success-rate 100 % >= 99 % on 200 requests/],
    [
      'many',
      20,
      'NoData',
      /^success-rate: 9\.09 % of 220 mirrored copies ended without an answer of v2: it is slower than the timeout of the route, .*promote/,
    ],
  ])('R15: a version that leaves %s copies without an answer', async (_, unanswered, verdict, message) => {
    const found = await measureCopies(RATE, { stable: 220, canary: 200, unanswered });
    expect(found).toMatchObject({ verdict, message: expect.stringMatching(message) });
  });

  it('R17: failures count, however many copies have no answer', async () => {
    const found = await measureCopies(RATE, { stable: 400, canary: 200, errors: 60, unanswered: 200 });
    expect(found).toMatchObject({ verdict: 'Fail' });
  });

  it('R25: requests of the host are judged as ever', async () => {
    expect(await measureCopies(LOST, { stable: 200, canary: 0 })).toMatchObject({ verdict: 'Pass' });
  });
});

function withoutLimit({ min: _, ...gate }: PlanGate): PlanGate {
  return gate;
}
