import { describe, expect, it } from 'vitest';
import type { ApprovalSpec, RolloutSpec } from '../../src/rollout/index.ts';
import { OBJECT, START_MS, World } from '../../src/simulation/world.ts';
import { check, HALF, MINUTE, restingWorld, SECOND, SUCCESS_RATE, specOf, worldInProgress } from './check.ts';

const DAY = 24 * 60 * MINUTE;

describe('names that every object has already', () => {
  it.each(['constructor', 'toString', 'hasOwnProperty', 'valueOf'])(
    'R8, R24: version %s has no pods before it has some, and is promoted like any other',
    version => {
      const world = restingWorld();
      world.commit({ version });
      world.run(10 * SECOND);
      check(world, { phase: 'Pending', reason: 'WaitingForPods' });
      world.setPods(version, 3);
      world.run(MINUTE);
      check(world, { phase: 'Healthy', stable: version });
    },
  );

  it('R6, R7: stable of such a name without pods is no stable version to go back to', () => {
    const world = new World({
      spec: specOf(HALF, { version: 'constructor' }),
      objects: { [OBJECT]: { versions: { constructor: 100 }, foreign: 0 } },
      pods: {},
      subsets: ['constructor'],
    }).run(5 * SECOND);
    world.setPods('v2', 3);
    world.commit({ version: 'v2' });
    world.run(6 * SECOND);
    check(world, { step: 1, mesh: [50] });
    world.ask({ verb: 'abort' });
    world.run(SECOND);
    expect(world.status?.lastRequest?.outcome).toMatch(/refused: constructor has no ready pod/);
    check(world, { mesh: [50] });
  });

  it('R14: a gate of such a name is measured like any other', () => {
    const gates = [{ ...SUCCESS_RATE, name: 'constructor' }];
    const world = worldInProgress({ spec: specOf(HALF, { analysis: { interval: '5s', gates } }) });
    world.run(MINUTE);
    check(world, { phase: 'Healthy', stable: 'v2' });
  });
});

describe('a subset that somebody took away', () => {
  it('R13, R25: pods that come back get it again, and only then their share', () => {
    const world = worldInProgress();
    world.setPods('v2', 0);
    world.run(2 * SECOND);
    world.mesh.removeSubset('v2');
    world.setPods('v2', 3);
    world.run(SECOND);
    check(world, { mesh: [0] });
    expect(world.mesh.subsets).toContain('v2');
    world.run(5 * SECOND);
    check(world, { step: 1, mesh: [50] });
  });

  it('R13, R25: where it is not ours to add, nothing is sent to it', () => {
    const router = { istio: { createMissing: 'none' as const } };
    const world = worldInProgress({ spec: specOf(HALF, { router }), subsets: ['v1', 'v2'] });
    check(world, { step: 1, mesh: [50] });
    world.setPods('v2', 0);
    world.run(2 * SECOND);
    world.mesh.removeSubset('v2');
    world.setPods('v2', 3);
    world.run(20 * SECOND);
    check(world, { mesh: [0], message: /no subset for v2; add it.* by 14:00:41Z, else it is rolled back$/ });
    world.run(20 * SECOND);
    check(world, { phase: 'RolledBack', reason: 'PodsLost', mesh: [0] });
  });

  it('R13, R26: resume puts it back before the weights', () => {
    const world = worldInProgress();
    world.edit(OBJECT, { v1: 100 });
    world.mesh.removeSubset('v2');
    world.run(SECOND);
    world.ask({ verb: 'resume' });
    world.run(SECOND);
    check(world, { mesh: [0] });
    expect(world.mesh.subsets).toContain('v2');
    world.run(4 * SECOND);
    check(world, { mesh: [50] });
    expect(world.status?.lastRequest?.outcome).toBe('accepted: resumed');
  });

  it('R13, R22, R26: resume is refused where it is not ours to add', () => {
    const router = { istio: { createMissing: 'none' as const } };
    const world = worldInProgress({ spec: specOf(HALF, { router }), subsets: ['v1', 'v2'] });
    world.edit(OBJECT, { v1: 100 });
    world.mesh.removeSubset('v2');
    world.run(SECOND);
    world.ask({ verb: 'resume' });
    world.run(5 * SECOND);
    check(world, { mesh: [0] });
    expect(world.status?.lastRequest?.outcome).toMatch(/^refused: .*no subset for v2/);
  });
});

it('R3, R25: while statuses are refused pods that come back get nothing, however often', () => {
  const world = worldInProgress();
  world.statusRefused = true;
  for (let times = 0; times < 4; times++) {
    world.setPods('v2', 0);
    world.run(2 * SECOND);
    world.setPods('v2', 3);
    world.run(2 * SECOND);
    check(world, { mesh: [0] });
  }
  world.statusRefused = false;
  world.run(SECOND);
  check(world, { step: 1, mesh: [50] });
  expect(world.status?.step?.podsLost).toBe(1);
});

it('R20: a person who is called like a gate pauses like any other', () => {
  const world = worldInProgress();
  world.ask({ verb: 'pause', by: 'gate success-rate' });
  world.run(MINUTE);
  check(world, { phase: 'Paused', reason: 'PausedByPerson', step: 1, mesh: [50] });
});

describe('a window that ends later than anybody looks ahead', () => {
  const december: Partial<RolloutSpec> = { windows: [{ deny: '* * 1-25 12 *' }] };

  it('R2, R20: the start is looked at again, and begins when it is over', () => {
    const world = restingWorld({ spec: specOf(HALF, december), startMs: Date.UTC(2026, 11, 2) });
    world.setPods('v2', 3);
    world.commit({ version: 'v2' });
    world.run(20 * DAY);
    check(world, { phase: 'Pending', reason: 'WaitingForWindow', message: /until 2026-12-26T00:00:00Z/ });
    world.run(5 * DAY);
    check(world, { phase: 'Healthy', stable: 'v2' });
  });

  it('R5, R36: it says so, and costs nothing while it lasts', () => {
    const world = restingWorld({ spec: specOf(HALF, december), startMs: Date.UTC(2026, 11, 2) });
    world.setPods('v2', 3);
    world.commit({ version: 'v2' });
    world.run(SECOND);
    check(world, { message: /v2 is to replace v1: nothing starts for the next 14 days at least, as spec\.windows says/ });
    const { status } = world.counts;
    world.run(8 * DAY);
    expect(world.counts.status).toBe(status);
  });
});

it('R11, R19: an edit before the first weight makes void what people said to the plan before', () => {
  const approval: ApprovalSpec = { required: 2, approvers: ['user:alice', 'user:bob'] };
  const stepsOf = (setWeight: number): RolloutSpec['strategy'] => ({
    canary: { steps: [{ setWeight, approval, pause: { duration: '20s' } }] },
  });
  const world = restingWorld({ spec: { ...specOf([]), strategy: stepsOf(10) } });
  world.setPods('v2', 3);
  world.commit({ version: 'v2' });
  world.run(5 * SECOND);
  const approve = (by: string): void => {
    const at = new Date(world.nowMs).toISOString();
    const revision = world.status?.revision ?? '';
    world.answers.push({ revision, step: 1, decision: 'approved', by, identities: [`user:${by}`], via: 'api', at });
  };
  approve('alice');
  world.run(3 * SECOND);
  world.commit({ strategy: stepsOf(90) });
  world.run(3 * SECOND);
  approve('bob');
  world.run(10 * SECOND);
  check(world, { phase: 'AwaitingApproval', mesh: [0], message: /step 1 at 90% needs the approval of 2 .*\(bob so far\)/ });
  approve('alice');
  world.run(10 * SECOND);
  check(world, { step: 1, mesh: [90] });
});

it('R7, R11: a split between whole percents is adopted as it stands, and nobody is blamed for it', () => {
  const world = new World({
    spec: specOf(HALF, { version: 'v2', initialVersion: 'v1' }),
    objects: { [OBJECT]: { versions: { v1: 2, v2: 1 }, foreign: 0 } },
    pods: { v1: 3, v2: 3 },
    subsets: ['v1', 'v2'],
  }).run(4 * SECOND);
  check(world, { phase: 'Progressing', step: 1, writes: { mesh: 0 } });
  expect(world.timeline.map(({ reason }) => reason)).not.toContain('DriftPutDown');
  world.run(MINUTE);
  check(world, { phase: 'Healthy', stable: 'v2' });
});

describe('words at 3 a.m.', () => {
  it('R36: a moment on another day is said with its day', () => {
    const world = worldInProgress({ spec: specOf([{ setWeight: 50, pause: { duration: '48h' } }]) });
    check(world, { message: /next step at 2026-11-23T14:00:07Z$/ });
  });

  it('R36: what has shrunk says until when it may, and what ends the wait', () => {
    const world = restingWorld();
    world.setPods('v2', 4);
    world.commit({ version: 'v2' });
    world.run(6 * SECOND);
    world.setPods('v2', 1, 'v2a', 4);
    world.run(SECOND);
    check(world, { reason: 'PodsShrinking', message: /v2 has 1 of the 4 ready pods.*goes back at 14:00:41Z/ });
  });

  it('R36: pods that are gone: until when they may come back', () => {
    const world = worldInProgress();
    world.setPods('v2', 0);
    world.run(SECOND);
    check(world, { reason: 'PodsLost', message: /begins again if one is ready by 14:00:41Z, else it is rolled back$/ });
  });

  it('R36: a set that shrank a little goes on by itself, or for a person, in one sentence', () => {
    const world = restingWorld();
    world.setPods('v2', 4);
    world.commit({ version: 'v2' });
    world.run(6 * SECOND);
    world.setPods('v2', 3, 'v2a', 4);
    world.run(30 * SECOND);
    check(world, {
      message: /3 of the 4 ready pods.*; goes on by itself when it has them again, or when a person promotes the step$/,
    });
  });

  it('R36: a rollback that waits for stable says where the traffic is', () => {
    const world = worldInProgress({ truth: { errors: version => (version === 'v2' ? 0.5 : 0) } });
    world.setPods('v1', 0);
    world.run(10 * SECOND);
    const message =
      /^step 1\/2 with 50% on v2: success-rate.*; traffic stays where it is, because v1 has no ready pod: mend v1, or/;
    check(world, { reason: 'WaitingForStable', mesh: [50], message });
  });

  it('R36: one is not many', () => {
    const world = restingWorld({ spec: specOf([{ setWeight: 100 }]) });
    world.setPods('v1', 1);
    world.setPods('v2', 0, 'v2a', 1);
    world.commit({ version: 'v2' });
    world.run(SECOND);
    check(world, { message: /the only pod of v2 is not ready yet/ });
    world.setPods('v2', 4);
    world.run(2 * SECOND);
    world.run(SECOND);
    const said = world.timeline.map(({ message }) => message).join('\n');
    expect(said).toMatch(/: 1 step, gates/);
    expect(said).not.toMatch(/\b1 (steps|ready pods|pods)\b/);
  });
});

it('R13: a subset that somebody took away in a step comes back, settles, and only then is the next step entered', () => {
  const world = worldInProgress();
  world.run(26 * SECOND - (world.nowMs - START_MS));
  world.mesh.removeSubset('v2');
  world.run(MINUTE);
  const writes = world.meshWrites.map(({ weight, livedMs }) => [weight, Math.round(livedMs / SECOND)]);
  expect(writes, 'undisturbed the second one is made at 27').toEqual([
    [50, 7],
    [100, 28],
  ]);
});

describe('requests that mean something else than they seem to', () => {
  const TWO = specOf([
    { setWeight: 50, pause: {} },
    { setWeight: 80, pause: {} },
  ]);
  const ask = (request: object): string | undefined => {
    const world = worldInProgress({ spec: TWO });
    world.ask({ revision: world.status?.revision, ...request });
    world.run(2 * SECOND);
    check(world, { step: 1, mesh: [50] });
    return world.status?.lastRequest?.outcome;
  };

  it('R22: a step or a revision of another kind is refused, not overlooked', () => {
    expect(ask({ verb: 'abort', step: '7' })).toBe('refused: step is "7", expected a number');
    expect(ask({ verb: 'abort', revision: 12_345_678 })).toBe('refused: revision is 12345678, expected text in quotes');
    expect(ask({ verb: 'promote', step: '1' })).toBe('refused: step is "1", expected a number');
  });

  it('R22: an empty one is none', () => {
    const world = worldInProgress({ spec: TWO });
    world.ask({ verb: 'abort', revision: null, step: null });
    check(world.run(3 * SECOND), { phase: 'RolledBack' });
  });

  it('R22: a time that is none is said to be none', () => {
    expect(ask({ verb: 'abort', at: 'yesterday' })).toMatch(
      /^refused: at is yesterday, expected a time such as 2026-11-21T14:00:\d\dZ$/,
    );
  });

  it('R11, R22: a promotion from before an edit does not promote the step that took its place', () => {
    const world = worldInProgress({ spec: TWO });
    const at = new Date(world.nowMs).toISOString();
    world.commit({ strategy: { canary: { steps: [{ setWeight: 50, pause: {} }, { setWeight: 100 }] } } });
    world.run(2 * SECOND);
    const request = { verb: 'promote', revision: world.status?.revision, step: 1 };
    world.ask({ ...request, at });
    world.run(5 * SECOND);
    check(world, { step: 1, mesh: [50] });
    expect(world.status?.lastRequest?.outcome).toMatch(/^refused: was made at .*, before steps or gates were edited$/);
    world.ask({ ...request, at: new Date(world.nowMs).toISOString() });
    check(world.run(2 * SECOND), { step: 2, mesh: [100] });
  });
});

describe('a fix ships while stable is down, and a tool gives everything to the version before', () => {
  const world = (manager: string): World => {
    const installation = { prometheus: ['default'], zipkin: [], restore: ['argocd-controller'] };
    const made = worldInProgress({ spec: specOf([{ setWeight: 5, pause: { duration: '1m' } }]), installation });
    made.run(3 * MINUTE);
    check(made, { phase: 'Healthy', stable: 'v2' });
    made.setPods('v2', 0);
    made.setPods('v3', 4);
    made.commit({ version: 'v3' });
    made.run(6 * SECOND);
    expect(made.weightOf('v3')).toBe(5);
    made.edit(OBJECT, { v1: 100, v2: 0 }, { manager });
    return made.run(5 * SECOND);
  };

  it('R6, R26: nothing is shifted from it to stable without a ready pod', () => {
    const made = world('argocd-controller');
    expect(made.weightOf('v1')).toBe(100);
    check(made, { reason: 'Drift' });
  });

  it('R6, R22, R26: nor by resume, which is refused with the reason', () => {
    const made = world('kubectl-edit');
    made.ask({ verb: 'resume' });
    made.run(5 * SECOND);
    expect(made.weightOf('v1')).toBe(100);
    expect(made.status?.lastRequest?.outcome).toMatch(/^refused: .*v2, which has no ready pod/);
    made.setPods('v2', 3);
    made.ask({ id: 'again', verb: 'resume' });
    made.run(5 * SECOND);
    expect(made.weightOf('v3')).toBe(5);
  });
});
