import { describe, expect, it } from 'vitest';
import { decide, type SetTraffic } from '../../src/rollout/index.ts';
import { OBJECT, START_MS, World } from '../../src/simulation/world.ts';
import { check, HALF, MINUTE, mark, restingWorld, SECOND, SUCCESS_RATE, specOf, worldInProgress } from './check.ts';

describe('deciding', () => {
  it('R1: the same input gives the same output, and the input is left alone', () => {
    const world = worldInProgress();
    const rollout = world.rollout();
    const observation = world.observe();
    const before = JSON.stringify([rollout, observation]);
    expect(decide(rollout, observation, world.nowMs)).toEqual(decide(rollout, observation, world.nowMs));
    expect(JSON.stringify([rollout, observation])).toBe(before);
  });

  it('R2: extra wake-ups change nothing', () => {
    const calm = worldInProgress();
    const nervous = worldInProgress();
    for (let ms = 6_100; ms < MINUTE; ms += 100) nervous.at(5_000 + ms, () => undefined);
    calm.run(MINUTE);
    nervous.run(MINUTE);
    expect(nervous.counts.decisions).toBeGreaterThan(2 * calm.counts.decisions);
    expect(nervous.meshWrites).toEqual(calm.meshWrites);
    expect(nervous.counts.measured).toBe(calm.counts.measured);
    expect(nervous.counts.status).toBe(calm.counts.status);
  });

  it('R2: measurements sit on a grid from the start of the step and at the end of the pause, each taken once', () => {
    const at: number[] = [];
    const world = restingWorld({
      spec: specOf([{ setWeight: 50, pause: { duration: '12s' } }]),
      onDecision: (_rollout, _observation, { actions, status }) => {
        for (const action of actions) {
          if (action.kind === 'measure' && status.step?.index === 1)
            at.push(action.atMs - Date.parse(status.step.startedAt ?? ''));
        }
      },
    });
    world.setPods('v2', 3);
    world.commit({ version: 'v2' });
    world.run(MINUTE);
    expect([...new Set(at)]).toEqual([5_000, 10_000, 12_000]);
  });

  it('R2: intervals of a query that were missed are read afterwards from history', () => {
    const asked: number[] = [];
    const orders = { name: 'orders', prometheus: { query: 'x' }, threshold: { min: 1 } };
    const world = restingWorld({
      spec: specOf([{ setWeight: 50, pause: { duration: '30s' } }], { analysis: { interval: '5s', gates: [orders] } }),
      truth: {
        query: (_name, ms) => {
          asked.push(ms);
          return 5;
        },
      },
    });
    world.setPods('v2', 3);
    world.commit({ version: 'v2' });
    world.run(6 * SECOND);
    const startMs = Date.parse(world.status?.step?.startedAt ?? '');
    world.crash();
    world.nowMs += 21 * SECOND;
    world.run(SECOND);
    const missed = [5, 10, 15, 20].map(seconds => startMs + seconds * SECOND);
    expect(asked.filter(ms => ms > startMs)).toEqual(expect.arrayContaining(missed));
  });
});

describe('a step', () => {
  it('R3: an attempt starts with a status write before its first mesh write', () => {
    let stored: unknown;
    const world = restingWorld({
      onDecision: (rollout, _observation, { actions }) => {
        if (actions.some(({ kind }) => kind === 'setTraffic')) stored ??= rollout.status;
      },
    });
    world.setPods('v2', 3);
    world.commit({ version: 'v2' });
    world.run(6 * SECOND);
    expect(stored).toMatchObject({
      canaryVersion: 'v2',
      traffic: { weight: 0 },
      step: { index: 0 },
      target: { stable: 'v1', canary: 'v2' },
    });
    expect(stored).toHaveProperty('plan.gates');
    expect(stored).toHaveProperty('revision');
  });

  it('R3: every write carries the position, numbered one higher each time', () => {
    const writes: SetTraffic[] = [];
    const world = restingWorld({
      onDecision: (_rollout, _observation, { actions }) => writes.push(...actions.filter(action => action.kind === 'setTraffic')),
    });
    world.setPods('v2', 3);
    world.commit({ version: 'v2' });
    world.run(MINUTE);
    expect(writes.map(({ weight, position }) => [weight, position.seq, position.step, position.weight, position.state])).toEqual([
      [50, 1, 1, 50, 'raised'],
      [100, 2, 2, 100, 'raised'],
    ]);
    expect(new Set(writes.map(({ position }) => position.revision)).size).toBe(1);
  });

  it('R3: a refused status write holds back the next raise, and not a lowering', () => {
    const world = worldInProgress();
    world.statusRefused = true;
    check(world.run(2 * MINUTE), { mesh: [50] });
    world.truth = { ...world.truth, errors: version => (version === 'v2' ? 0.5 : 0) };
    check(world.run(30 * SECOND), { mesh: [0] });
    world.statusRefused = false;
    check(world.run(MINUTE), { phase: 'RolledBack', mesh: [0] });
  });

  it('R3: a raise also waits when what was stored last speaks of no gate', () => {
    const world = worldInProgress().run(10 * SECOND);
    if (world.status === undefined) throw new Error('expected a status');
    world.status = { ...world.status, gates: [] };
    world.statusRefused = true;
    check(world.run(MINUTE), { mesh: [50] });
  });

  it('R3: a patch that fails its test is dropped, and decided again on fresh data', () => {
    const world = worldInProgress();
    world.beforeMeshWrite = () => world.edit('weather/forecast', { v1: 100, v2: 0 });
    world.run(MINUTE);
    check(world, { phase: 'Progressing', reason: 'Drift', waitingFor: 'drift', mesh: [0], step: 1 });
    expect(world.meshWrites.map(({ weight }) => weight)).toEqual([50]);
  });

  it('R4: the clock starts with the time in the position and survives restarts', () => {
    const world = worldInProgress();
    const startedAt = world.status?.step?.startedAt;
    expect(startedAt).toBe(new Date((world.meshWrites[0]?.atMs ?? 0) - 5).toISOString());
    for (let i = 0; i < 4; i++) {
      world.crash();
      world.run(3 * SECOND);
      expect(world.status?.step?.startedAt).toBe(startedAt);
    }
    world.run(30 * SECOND);
    check(world, { phase: 'Healthy', stable: 'v2' });
    const [half, full] = world.meshWrites;
    expect((full?.atMs ?? 0) - (half?.atMs ?? 0)).toBeGreaterThanOrEqual(20 * SECOND);
    expect((full?.atMs ?? 0) - (half?.atMs ?? 0)).toBeLessThan(23 * SECOND);
  });

  it('R5: a further step costs one mesh write, two status writes and one announcement', () => {
    const steps = [10, 30, 60].map(setWeight => ({ setWeight, pause: { duration: '20s' } }));
    const world = restingWorld({ spec: specOf(steps) });
    world.setPods('v2', 3);
    world.commit({ version: 'v2' });
    world.run(10 * SECOND);
    check(world, { step: 1 });
    const before = mark(world);
    const told = world.announced.length;
    world.run(20 * SECOND);
    check(world, { step: 2, writes: { mesh: 1, status: 2, subset: 0, request: 0 } }, before);
    expect(world.announced.length - told).toBe(1);
  });

  it('R5: starting adds one status write, and its subset', () => {
    const world = restingWorld();
    const before = mark(world);
    world.setPods('v2', 3);
    world.commit({ version: 'v2' });
    world.run(4 * SECOND);
    check(world, { step: 1, writes: { mesh: 1, status: 2, subset: 1 } }, before);
  });

  it('R5: an idle rollout decides nothing new and asks for no wake-up', () => {
    for (const world of [restingWorld(), worldInProgress().run(2 * MINUTE)]) {
      check(world, { phase: 'Healthy' });
      const before = mark(world);
      const decision = decide(world.rollout(), world.observe(), world.nowMs);
      expect(decision.actions).toEqual([]);
      expect(decision.lookAgainAtMs).toBeUndefined();
      expect(decision.status).toEqual(world.status);
      world.run(10 * MINUTE);
      check(world, { writes: { mesh: 0, status: 0, measured: 0 } }, before);
    }
  });

  it('R5: sums of evidence are stored at most once a minute', () => {
    const world = restingWorld({ spec: specOf([{ setWeight: 50, pause: { duration: '10m' } }]) });
    world.setPods('v2', 3);
    world.commit({ version: 'v2' });
    world.run(20 * SECOND);
    const before = mark(world);
    world.run(5 * MINUTE);
    check(world, { step: 1, writes: { mesh: 0, status: 5 } }, before);
  });

  it('R13: the subset is made first, then a moment for the proxies, then the weight, in writes of their own', () => {
    const world = restingWorld();
    let madeAtMs = 0;
    world.setPods('v2', 3);
    world.commit({ version: 'v2' });
    for (let i = 0; i < 60 && world.counts.mesh === 0; i++) {
      world.run(100);
      if (world.counts.subset === 1 && madeAtMs === 0) madeAtMs = world.nowMs;
    }
    expect(world.counts.subset).toBe(1);
    expect((world.meshWrites[0]?.atMs ?? 0) - madeAtMs).toBeGreaterThanOrEqual(1_900);
  });

  it('R13: a missing subset is waited for when the spec wants none to be made', () => {
    const spec = specOf(HALF, { router: { istio: { createMissing: 'none' } } });
    const world = worldInProgress({ spec });
    check(world.run(MINUTE), {
      phase: 'Progressing',
      waitingFor: 'mesh',
      mesh: [0],
      message: /has no subset for v2/,
      writes: { subset: 0 },
    });
  });

  it('R13: a version with fewer pods than its share asks for is warned about, not held', () => {
    const world = restingWorld({ pods: { v1: 6 } });
    world.setPods('v2', 1);
    world.commit({ version: 'v2' });
    world.run(6 * SECOND);
    check(world, { step: 1, mesh: [50], message: /v2 has 1 ready pod where v1 has 6, 3 would fit 50%/ });
  });

  it('R13: no raise without a ready pod', () => {
    const world = worldInProgress({
      spec: specOf([{ setWeight: 0, pause: { duration: '5s' } }], { analysis: { gates: [] } }),
      installation: { prometheus: [], zipkin: [] },
    });
    world.setPods('v2', 0);
    check(world.run(MINUTE), { phase: 'Progressing', waitingFor: 'pods', mesh: [0] });
    world.setPods('v2', 3);
    check(world.run(5 * SECOND), { phase: 'Healthy', stable: 'v2' });
  });

  it('R14: a step waits beyond its pause until every gate has enough samples of this step', () => {
    const world = worldInProgress({ truth: { requestsPerSecond: 2 } });
    world.run(30 * SECOND);
    check(world, {
      step: 1,
      phase: 'Progressing',
      reason: 'WaitingForGates',
      waitingFor: 'gates',
      message: /of 50 requests needed/,
    });
    world.run(25 * SECOND);
    check(world, { step: 2, mesh: [100] });
  });

  it('R14: what was learned in one step does not count in the next', () => {
    const steps = [{ setWeight: 50, pause: { duration: '20s' } }];
    const world = restingWorld({
      spec: specOf(steps, { analysis: { interval: '5s', gates: [{ ...SUCCESS_RATE, minSamples: 500 }] } }),
      truth: { requestsPerSecond: 60 },
    });
    world.setPods('v2', 3);
    world.commit({ version: 'v2' });
    world.run(30 * SECOND);
    check(world, { step: 2, mesh: [100], message: /needed|not been measured|no requests/ });
    world.run(20 * SECOND);
    check(world, { phase: 'Healthy' });
  });

  it('R21: the new version bakes at 100 with each gate at least once, then it is stable and remembers nothing of the attempt', () => {
    const spec = specOf([{ setWeight: 50, pause: { duration: '10s' } }], {
      strategy: { canary: { steps: [{ setWeight: 50, pause: { duration: '10s' } }], bake: '30s' } },
    });
    const world = worldInProgress({ spec });
    world.run(15 * SECOND);
    check(world, { step: 2, weight: 100, mesh: [100], message: /promoted at 14:\d\d:\d\dZ/ });
    const full = world.meshWrites[1]?.atMs ?? 0;
    world.run(MINUTE);
    check(world, { phase: 'Healthy', reason: 'Promoted', stable: 'v2', step: undefined, mesh: [100] });
    const promoted = world.timeline.find(({ phase, atMs }) => phase === 'Healthy' && atMs > full)?.atMs ?? 0;
    expect(promoted - full).toBeGreaterThanOrEqual(30 * SECOND - 5);
    expect(world.status).not.toHaveProperty('plan');
    expect(world.status).not.toHaveProperty('canaryVersion');
    expect(world.status?.history?.map(({ action }) => action)).toEqual(['adopted', 'started', 'promoted']);
    expect(world.status?.history?.[0]?.at).toBe(new Date(START_MS).toISOString());
  });

  it('R21: with bake: 0s each gate is measured once at 100 all the same', () => {
    const measured: string[] = [];
    const world = restingWorld({
      onDecision: (_rollout, _observation, { actions, status }) => {
        for (const action of actions)
          if (action.kind === 'measure' && status.traffic?.weight === 100) measured.push(...action.gates);
      },
    });
    world.setPods('v2', 3);
    world.commit({ version: 'v2' });
    check(world.run(MINUTE), { phase: 'Healthy', stable: 'v2' });
    expect([...new Set(measured)].sort()).toEqual(['success-rate', 'unattributed']);
  });

  it('R21: without any gate the new version still bakes for its time', () => {
    const world = worldInProgress({
      spec: specOf([], { strategy: { canary: { steps: HALF, bake: '90s' } }, analysis: { gates: [] } }),
      installation: { prometheus: [], zipkin: [] },
    });
    world.run(MINUTE + 40 * SECOND);
    check(world, { step: 2, mesh: [100], waitingFor: 'pause' });
    check(world.run(15 * SECOND), { phase: 'Healthy', stable: 'v2' });
  });

  it('R21, R7: a split that is adopted close to 100 bakes there too', () => {
    const objects = { [OBJECT]: { versions: { v1: 1, v2: 99 }, foreign: 0 } };
    const spec = specOf([], { version: 'v2', initialVersion: 'v1', strategy: { canary: { steps: HALF, bake: '1m' } } });
    const world = new World({ spec, objects, pods: { v1: 3, v2: 3 }, subsets: ['v1', 'v2'] }).run(30 * SECOND);
    expect(world.status?.plan?.steps.map(({ weight, pauseMs }) => [weight, pauseMs])).toEqual([
      [99, 0],
      [100, MINUTE],
    ]);
    check(world, { step: 2, mesh: [100], waitingFor: 'pause' });
    check(world.run(MINUTE), { phase: 'Healthy', stable: 'v2' });
  });

  it('R21: a version that turns bad while it bakes is rolled back from 100', () => {
    const spec = specOf([], { strategy: { canary: { steps: HALF, bake: '2m' } } });
    const world = worldInProgress({
      spec,
      truth: { errors: (version, ms) => (version === 'v2' && ms > START_MS + MINUTE ? 0.4 : 0) },
    });
    check(world.run(90 * SECOND), { phase: 'RolledBack', reason: 'GateFailed', stable: 'v1', mesh: [0] });
    expect(world.meshWrites.map(({ weight }) => weight)).toEqual([50, 100, 0]);
  });
});
