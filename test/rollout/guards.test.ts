import { describe, expect, it } from 'vitest';
import type { GateSpec, RolloutSpec } from '../../src/rollout/index.ts';
import { OBJECT, START_MS, World, type WorldOptions } from '../../src/simulation/world.ts';
import { check, HALF, MINUTE, mark, restingWorld, SECOND, SUCCESS_RATE, specOf, worldInProgress } from './check.ts';
import { watchLaws } from './laws.ts';

const ARGO = 'argocd-controller';
const INSTALLATION = { prometheus: ['default'], zipkin: [], restore: [ARGO] };
const ROUTING = { prometheus: ['default'], zipkin: [] } as const;
const NOT_OURS: Pick<RolloutSpec, 'router'> = { router: { istio: { createMissing: 'none' } } };
const FOREVER = specOf([{ setWeight: 50, pause: {} }]);
const UNPINNED = { [OBJECT]: { versions: { '*': 100 }, foreign: 0 } };

const promoted = (change: Partial<RolloutSpec> = {}, options: Partial<WorldOptions> = {}): World => {
  const world = worldInProgress({ spec: specOf(HALF, change), onDecision: watchLaws(), installation: INSTALLATION, ...options });
  return check2(world.run(MINUTE), { phase: 'Healthy', stable: 'v2', mesh: [100] });
};
const check2 = (world: World, expected: Parameters<typeof check>[1]): World => {
  check(world, expected);
  return world;
};

describe('what is adopted', () => {
  it('R7: where nothing is sent to any version it waits, and says so', () => {
    const world = new World({ spec: specOf(HALF), objects: { [OBJECT]: { versions: { v1: 0 }, foreign: 100 } } }).run(MINUTE);
    check(world, { phase: 'Pending', reason: 'WaitingForMesh', message: /sends nothing to any version/ });
  });

  it('R6, R7: nothing is pinned to a version without a ready pod', () => {
    const world = new World({ spec: specOf(HALF, { initialVersion: 'v1' }), objects: UNPINNED, pods: { v1: 0, v2: 3 } });
    check(world.run(MINUTE), { phase: 'Pending', reason: 'WaitingForPods', writes: { mesh: 0 }, message: /v1 .*no ready pod/ });
    world.setPods('v1', 1);
    check(world.run(MINUTE), { stable: 'v1', writes: { mesh: 1 } });
  });

  it('R7, R13: a subset that is not ours to add is waited for', () => {
    const world = new World({ spec: specOf(HALF, NOT_OURS), objects: UNPINNED, subsets: [] }).run(MINUTE);
    check(world, { phase: 'Pending', reason: 'WaitingForMesh', waitingFor: 'mesh', writes: { subset: 0, mesh: 0 } });
    world.mesh.subsets.add('v1');
    check(world.run(MINUTE), { phase: 'Healthy', stable: 'v1', writes: { subset: 0, mesh: 1 } });
  });
});

describe('what a known tool re-applied', () => {
  it('R26, R28: what leaves nothing to share is reported and left alone', () => {
    const world = promoted();
    const before = mark(world);
    world.edit(OBJECT, { v1: 0, v2: 0 }, { foreign: 100, manager: ARGO });
    check(world.run(MINUTE), { phase: 'Healthy', reason: 'Drift', writes: { mesh: 0 } }, before);
  });

  it('R13, R26: its subset comes back first, and the weights when proxies know it', () => {
    const world = promoted();
    world.mesh.removeSubset('v2');
    world.edit(OBJECT, { v1: 100, v2: 0 }, { manager: ARGO });
    const before = mark(world);
    check(world.run(SECOND), { mesh: [0], writes: { subset: 1, mesh: 0 } }, before);
    check(world.run(5 * SECOND), { mesh: [100], writes: { subset: 1, mesh: 1 } }, before);
  });

  it('R13, R26: where its subset is not ours to add it is reported, at rest and in progress', () => {
    const resting = promoted(NOT_OURS, { subsets: ['v1', 'v2'] });
    resting.mesh.removeSubset('v2');
    resting.edit(OBJECT, { v1: 100, v2: 0 }, { manager: ARGO });
    check(resting.run(MINUTE), { phase: 'Healthy', reason: 'Drift', mesh: [0] });
    const spec = { ...FOREVER, ...NOT_OURS };
    const moving = worldInProgress({ spec, subsets: ['v1', 'v2'], installation: INSTALLATION });
    check(moving, { mesh: [50] });
    const before = mark(moving);
    moving.mesh.removeSubset('v2');
    moving.edit(OBJECT, { v1: 100, v2: 0 }, { manager: ARGO });
    check(moving.run(MINUTE), { reason: 'Drift', waitingFor: 'drift', mesh: [0], writes: { mesh: 0, subset: 0 } }, before);
  });
});

describe('what holds', () => {
  it('R35: a mesh that cannot be read holds a start', () => {
    const world = restingWorld();
    world.problem = { message: 'two routes match', nothingRoutes: false };
    world.setPods('v2', 3);
    world.commit({ version: 'v2' });
    check(world.run(MINUTE), { phase: 'Pending', reason: 'WaitingForMesh', message: /two routes match/, writes: { mesh: 0 } });
    world.problem = undefined;
    check(world.run(2 * MINUTE), { phase: 'Healthy', stable: 'v2' });
  });

  it('R13: without its routing objects no step is entered, and people are told which are missing', () => {
    const world = worldInProgress();
    world.removeObject(OBJECT);
    check(world.run(MINUTE), { step: 1, reason: 'WaitingForMesh', waitingFor: 'mesh', message: /forecast is gone/ });
    const early = worldInProgress({ spec: specOf(HALF, { router: { istio: { settle: '10s' } } }) });
    check(early, { step: 0 });
    early.removeObject(OBJECT);
    check(early.run(MINUTE), { step: 0, reason: 'WaitingForMesh', waitingFor: 'mesh', message: /forecast is gone/ });
  });

  it('R13: pods that are gone before the first weight are waited for', () => {
    const world = worldInProgress({ spec: specOf(HALF, { router: { istio: { settle: '10s' } } }) });
    check(world, { step: 0, mesh: [0] });
    world.setPods('v2', 0, 'v2a', 0);
    check(world.run(MINUTE), { step: 0, reason: 'WaitingForPods', waitingFor: 'pods', mesh: [0], writes: { mesh: 0 } });
    world.setPods('v2', 3);
    check(world.run(10 * SECOND), { step: 1, mesh: [50] });
  });

  it('R22: before the first step there is nothing to promote', () => {
    const world = worldInProgress({ spec: specOf(HALF, { router: { istio: { settle: '20s' } } }) });
    check(world, { step: 0 });
    world.ask({ verb: 'promote', revision: world.status?.revision, step: 0 });
    world.run(SECOND);
    expect(world.status?.lastRequest?.outcome).toMatch(/the first step has not begun/);
    check(world.run(30 * SECOND), { step: 1, mesh: [50] });
  });

  it('R20: gates stay armed in a window that never ends', () => {
    const errors = (version: string, ms: number): number => (version === 'v2' && ms > START_MS + MINUTE ? 0.5 : 0);
    const world = worldInProgress({ spec: FOREVER, truth: { errors } });
    world.commit({ windows: [{ deny: '* * * * *' }] });
    check(world.run(30 * SECOND), { phase: 'Paused', reason: 'WaitingForWindow', mesh: [50] });
    check(world.run(2 * MINUTE), { phase: 'RolledBack', reason: 'GateFailed', mesh: [0] });
  });

  it('R19, R20: what is approved while everything is paused moves nothing, and does not say that it goes on', () => {
    const approvers = ['user:alice@example.com'];
    const steps = [
      { setWeight: 20, pause: { duration: '10s' } },
      { setWeight: 50, approval: { approvers } },
    ];
    const world = worldInProgress({ spec: specOf(steps) }).run(20 * SECOND);
    check(world, { phase: 'AwaitingApproval', step: 1 });
    world.ask({ verb: 'pause' });
    check(world.run(SECOND), { phase: 'Paused' });
    const { revision = '' } = world.status ?? {};
    const at = new Date(world.nowMs).toISOString();
    world.answers.push({ revision, step: 2, decision: 'approved', by: 'alice', identities: approvers, via: 'http', at });
    const pausedFor = world.timeline.length;
    check(world.run(MINUTE), { phase: 'Paused', step: 1, mesh: [20] });
    expect(world.status?.approvals).toHaveLength(1);
    expect(world.timeline.slice(pausedFor).map(({ phase }) => phase)).not.toContain('Progressing');
    world.ask({ verb: 'resume' });
    check(world.run(5 * SECOND), { step: 2, mesh: [50] });
  });

  it('R18: a share that was measured in another step says nothing about this one', () => {
    const world = worldInProgress({ spec: FOREVER, truth: { arriving: () => 0.1 } });
    world.run(25 * SECOND);
    const { status } = world;
    expect(status?.waitingFor?.what).not.toBe('traffic');
    const seen: string[] = [];
    const watching = worldInProgress({
      spec: FOREVER,
      truth: { arriving: () => 0.1 },
      onDecision: (_rollout, observation, decision) => {
        if (observation.measuredStep === 'another') seen.push(decision.status.waitingFor?.what ?? '');
      },
    });
    const observe = watching.observe.bind(watching);
    watching.observe = () => ({ ...observe(), measuredStep: 'another' });
    watching.run(2 * MINUTE);
    expect(seen.length).toBeGreaterThan(0);
    expect(seen).not.toContain('traffic');
  });

  it('R25: a shrinking set that gets no traffic is nothing to protect', () => {
    const steps = [{ setWeight: 0, pause: { duration: '2m' } }, ...HALF];
    const world = worldInProgress({ spec: specOf(steps, { analysis: { interval: '5s', gates: [SUCCESS_RATE] } }) });
    check(world, { step: 1, mesh: [0] });
    const before = mark(world);
    world.setPods('v2', 1);
    check(world.run(MINUTE), { phase: 'Progressing', step: 1, reason: 'StepEntered', writes: { mesh: 0, status: 0 } }, before);
  });
});

describe('the way back', () => {
  it('R10, R11: steps that are edited meanwhile are none of its own', () => {
    const world = promoted({ rollbackWindow: '1h' });
    world.commit({ version: 'v1' });
    world.run(2 * SECOND);
    expect(world.status?.plan?.steps).toHaveLength(1);
    world.commit({ strategy: { canary: { steps: [{ setWeight: 10, pause: { duration: '10m' } }] } } });
    world.run(SECOND);
    expect(world.status?.plan?.steps.map(({ name, weight }) => [name, weight])).toEqual([['way back', 100]]);
    check(world.run(MINUTE), { phase: 'Healthy', stable: 'v1' });
  });
});

describe('what is retired', () => {
  const SCALE: RolloutSpec['retire'] = { action: 'scaleToZero', after: '10m' };

  it('R21: nothing, when nobody knows any more since when', () => {
    const world = promoted({ retire: SCALE });
    world.mesh.addedSubsets.add('v1');
    const before = mark(world);
    if (world.status !== undefined) world.status = { ...world.status, history: [] };
    check(world.run(60 * MINUTE), { phase: 'Healthy', writes: { mesh: 0, subset: 0, scale: 0 } }, before);
  });

  it('R21: once; a longer time that is set afterwards announces nothing', () => {
    const world = promoted({ retire: SCALE }).run(15 * MINUTE);
    check(world, { reason: 'Retired', message: /v1 is retired/ });
    world.commit({ retire: { action: 'scaleToZero', after: '5h' } });
    check(world.run(MINUTE), { reason: 'Retired', message: /v1 is retired/ });
  });

  it('R26, R36: that it will be does not hide that somebody else changed the weights', () => {
    const world = promoted({ retire: SCALE });
    world.edit(OBJECT, { v1: 100, v2: 0 }, { manager: ARGO });
    check(world.run(20 * SECOND), { reason: 'DriftRestored', mesh: [100], message: /re-applied its file/ });
  });

  it('R21: not the version that the spec wants, also when its experiment is over', () => {
    const pods = { v1: 3, v2: 3 };
    const objects = { [OBJECT]: { versions: { v1: 0, v2: 100 }, foreign: 0 } };
    const world = restingWorld({
      spec: { ...specOf(HALF), version: 'v2' },
      objects,
      pods,
      subsets: ['v1', 'v2'],
      installation: ROUTING,
    });
    world.commit({ version: 'v1' });
    check(world.run(MINUTE), { phase: 'Healthy', stable: 'v1' });
    const experiment: RolloutSpec['strategy'] = {
      // biome-ignore lint/suspicious/noThenProperty: the name is part of the contract, and a spec is never awaited
      abTest: { match: [{ headers: { 'x-beta': { exact: 'yes' } } }], duration: '20s', then: 'end' },
    };
    world.commit({ version: 'v2', strategy: experiment, retire: SCALE });
    check(world.run(5 * MINUTE), { phase: 'Healthy', stable: 'v1', reason: 'ExperimentEnded' });
    check(world.run(60 * MINUTE), { phase: 'Healthy', reason: 'ExperimentEnded', writes: { scale: 0 } });
  });
});

describe('what is measured', () => {
  it('R2: nothing, where no provider is configured and the spec has no gate', () => {
    const asked: string[] = [];
    const world = worldInProgress({
      spec: specOf(HALF, { analysis: { gates: [] } }),
      installation: { prometheus: [], zipkin: [] },
      onDecision: (_rollout, _observation, { actions }) => asked.push(...actions.map(({ kind }) => kind)),
    });
    check(world.run(MINUTE), { phase: 'Healthy', stable: 'v2' });
    expect(asked).not.toContain('measureReference');
  });

  it('R17: a percentile allows what lies above it', () => {
    const p95: GateSpec = { prometheus: { metric: 'latency', percentile: 95 }, threshold: { max: 500 } };
    const slow = (version: string): number => (version === 'v2' ? 0.04 : 0);
    const spec = specOf(HALF, { analysis: { interval: '5s', gates: [p95] } });
    check(worldInProgress({ spec, truth: { slow } }).run(MINUTE), { phase: 'Healthy', stable: 'v2' });
  });
});
