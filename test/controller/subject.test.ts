import { describe, expect, it } from 'vitest';
import { createMemory } from '../../src/controller/memory.ts';
import { sidesOf, subjectOf } from '../../src/controller/subject.ts';
import type { GateStatus, Plan, PlanGate, RolloutStatus, StepStatus, Target } from '../../src/rollout/index.ts';

const START = '2026-11-21T14:00:00.000Z';
const gate = (name: string, change: Partial<PlanGate> = {}): PlanGate => ({
  name,
  source: { kind: 'prometheus', provider: 'default', metric: 'success-rate' },
  judge: 'sequential',
  minSamples: 50,
  failureLimit: 1,
  onNoData: 'hold',
  noDataDeadlineMs: 600_000,
  ...change,
});
const plan: Plan = {
  steps: [],
  gates: [
    gate('always'),
    gate('first', { steps: [1] }),
    gate('second', { steps: [2, 3] }),
    gate('failed', { onFailure: 'pause' }),
  ],
  intervalMs: 1_500,
  initialDelayMs: 0,
  settleMs: 0,
};
const target: Target = {
  router: 'istio',
  host: 'forecast.weather.svc.cluster.local',
  versionLabel: 'version',
  virtualServices: ['weather/forecast'],
  routes: [],
  stable: 'v1',
  canary: 'v2',
};
const gates: readonly GateStatus[] = [
  { name: 'always', source: 'prometheus/default', verdict: 'Pass', message: '' },
  { name: 'failed', source: 'prometheus/default', verdict: 'Fail', message: '' },
];
const statusIn = (step: StepStatus) =>
  ({
    phase: 'Progressing',
    reason: 'StepEntered',
    message: '',
    revision: '7c1f09d2',
    plan,
    target,
    gates,
    step,
    traffic: { weight: 50 },
  }) satisfies RolloutStatus;
const second: StepStatus = { index: 2, count: 3, startedAt: START };

const subject = (stored: StepStatus | undefined) => {
  const memory = createMemory();
  memory.workloads.set('v2', new Set(['forecast-v2', 'a-forecast-v2']));
  const rollout = {
    uid: 'f3b0',
    namespace: 'weather',
    name: 'forecast',
    generation: 1,
    resourceVersion: '1',
    creationTimestamp: START,
    spec: { version: 'v2', strategy: {} },
    source: { name: 'fleet', revision: 'main@sha1:9f3c' },
    ...(stored === undefined ? {} : { status: statusIn(stored) }),
  };
  const mesh = { kind: 'resolved', objects: [], target, subsets: { v2: { name: 'canary', seenAtMs: 0 } } } as const;
  return subjectOf(rollout, mesh, memory, statusIn(second));
};

describe('what is read', () => {
  it('R14: gates of this step, but for those that have failed', () => {
    expect(subject(second).plan.gates.map(({ name }) => name)).toEqual(['always', 'second']);
  });

  it('R4: goes on from verdicts that were stored in the same step, and from no others', () => {
    expect(subject(second).stored).toEqual(gates);
    expect(subject({ ...second, startedAt: '2026-11-21T13:00:00.000Z' }).stored).toEqual([]);
    expect(subject(undefined).stored).toEqual([]);
  });

  it('queries and URLs may use every name, as the decision that asks sees it', () => {
    expect(subject({ index: 1, count: 3 })).toMatchObject({
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
        interval: '1500ms',
        commit: 'main@sha1:9f3c',
      },
      stable: { version: 'v1', subset: 'v1', workloads: [] },
      canary: { version: 'v2', subset: 'canary', workloads: ['a-forecast-v2', 'forecast-v2'] },
    });
  });

  it('a version may be called like something that every object has', () => {
    const mesh = { kind: 'resolved', objects: [], target, subsets: {} } as const;
    const { canary } = sidesOf(mesh, createMemory(), { stable: 'v1', canary: 'constructor' });
    expect(canary).toEqual({ version: 'constructor', subset: 'constructor', workloads: [] });
  });
});
