import { describe, expect, it } from 'vitest';
import type { CanarySpec, RolloutSpec, StepSpec } from '../../src/rollout/index.ts';
import { routesDigest } from '../../src/rollout/mesh/routes.ts';
import { compileStrategy } from '../../src/rollout/plan/strategy.ts';
import { OBJECT, type World, type WorldOptions } from '../../src/simulation/world.ts';
import { check, MINUTE, mark, restingWorld, SECOND, SUCCESS_RATE } from './check.ts';
import { watchLaws } from './laws.ts';

const STICKY = { cookie: 'sluice-forecast', ttl: '1h' };
const JASON = [{ headers: { 'end-user': { exact: 'jason' } } }];
const FOREVER: StepSpec['pause'] = {};

const canary = (steps: readonly StepSpec[], stickiness: CanarySpec['stickiness'] = STICKY): RolloutSpec['strategy'] => ({
  canary: { steps, stickiness },
});
const drawn = (...drawnAt: readonly number[]) => ({ cookie: 'sluice-forecast', ttlMs: 3_600_000, drawnAt });
const weights = (...all: readonly number[]): readonly StepSpec[] =>
  all.map(setWeight => ({ setWeight, pause: { duration: '10s' } }));

/** v2 is in progress since some seconds. */
const started = (strategy: RolloutSpec['strategy'], options: Partial<WorldOptions> = {}): World => {
  const spec: RolloutSpec = { version: 'v1', strategy, analysis: { interval: '5s', gates: [SUCCESS_RATE] } };
  const world = restingWorld({ spec, onDecision: watchLaws(), ...options });
  world.setPods('v2', 3);
  world.commit({ version: 'v2' });
  return world.run(8 * SECOND);
};
const inMesh = (world: World) => world.objects.map(({ routes }) => routes?.sticky);
const planned = ({ status }: World) => status?.plan?.steps.map(({ weight, sticky }) => [weight, sticky?.drawnAt]);
const promote = (world: World): void =>
  world.ask({ verb: 'promote', revision: world.status?.revision, step: world.status?.step?.index });

describe('the steps of a plan', () => {
  const stepsOf = (steps: readonly StepSpec[], stickiness = STICKY) =>
    compileStrategy(canary(steps, stickiness)).steps.map(({ weight, sticky }) => [weight, sticky?.drawnAt]);

  it('draw those once more who met stable at a smaller weight', () => {
    expect(stepsOf(weights(10, 50, 80, 100))).toEqual([
      [10, []],
      [50, [10]],
      [80, [10, 50]],
      [100, undefined],
    ]);
  });

  it('draw nobody at 0, where a header route leads, nor at 100', () => {
    const leading: StepSpec = { setHeaderRoute: { match: JASON } };
    expect(stepsOf([leading, { setWeight: 0 }, { setWeight: 5 }, { setHeaderRoute: {} }, { setWeight: 100 }, leading])).toEqual([
      [0, undefined],
      [0, undefined],
      [5, []],
      [5, []],
      [100, undefined],
      [100, undefined],
    ]);
  });

  it('at the same weight draw nobody anew, and cost no write', () => {
    const steps: readonly StepSpec[] = [...weights(20), { pause: { duration: '10s' } }, ...weights(20, 60)];
    expect(stepsOf(steps)).toEqual([
      [20, []],
      [20, []],
      [20, []],
      [60, [20]],
      [100, undefined],
    ]);
    const world = started(canary(steps)).run(2 * MINUTE);
    check(world, { phase: 'Healthy', stable: 'v2' });
    expect(world.meshWrites.map(({ weight }) => weight)).toEqual([20, 60, 100]);
  });

  it('keep the cookie until the browser closes, unless a time is given', () => {
    const [step] = compileStrategy(canary(weights(20), { cookie: 'c' })).steps;
    expect(step?.sticky).toEqual({ cookie: 'c', drawnAt: [] });
  });
});

describe('a rollout with stickiness', () => {
  it('R28: weight and cookie are one write at each step, and the last one takes the cookie away', () => {
    const world = started(canary(weights(10, 50)));
    check(world, { step: 1, mesh: [10], writes: { mesh: 1 }, message: /step 1\/3 at 10% with the cookie sluice-forecast: / });
    expect(inMesh(world)).toEqual([drawn()]);
    check(world.run(10 * SECOND), { step: 2, mesh: [50], writes: { mesh: 2 } });
    expect(inMesh(world)).toEqual([drawn(10)]);
    check(world.run(MINUTE), { phase: 'Healthy', stable: 'v2', mesh: [100], writes: { mesh: 3 } });
    expect(inMesh(world)).toEqual([undefined]);
  });

  it('R23, R30: an abort and a deletion take it away with the weight', () => {
    for (const end of [
      (world: World) => world.ask('{"verb":"abort"}'),
      (world: World) => Object.assign(world, { isDeleting: true }),
    ]) {
      const world = started(canary([{ setWeight: 50, pause: FOREVER }]));
      const before = mark(world);
      end(world);
      check(world.run(5 * SECOND), { mesh: [0], writes: { mesh: 1 } }, before);
      expect(inMesh(world)).toEqual([undefined]);
    }
  });

  it('R25: pods that are back get the same people', () => {
    const world = started(canary([...weights(10), { setWeight: 50, pause: FOREVER }])).run(20 * SECOND);
    check(world, { step: 2, mesh: [50] });
    world.setPods('v2', 0);
    check(world.run(2 * SECOND), { mesh: [0] });
    expect(inMesh(world)).toEqual([undefined]);
    world.setPods('v2', 3);
    check(world.run(2 * SECOND), { step: 2, mesh: [50] });
    expect(inMesh(world)).toEqual([drawn(10)]);
  });

  it('R26: somebody who takes the cookie away changes a route of ours', () => {
    const world = started(canary([{ setWeight: 50, pause: FOREVER }]));
    world.edit(OBJECT, { v1: 50, v2: 50 }, { dropRoutes: true });
    check(world.run(2 * SECOND), { reason: 'Drift', waitingFor: 'drift' });
    world.ask('{"verb":"resume"}');
    check(world.run(2 * SECOND), { mesh: [50], waitingFor: 'person' });
    expect(inMesh(world)).toEqual([drawn()]);
  });

  it('R26: a known tool that applies its file over it is undone', () => {
    const installation = { prometheus: ['default'], zipkin: [], restore: ['argocd-controller'] };
    const world = started(canary([{ setWeight: 50, pause: FOREVER }]), { installation });
    world.edit(OBJECT, { v1: 100 }, { dropRoutes: true, manager: 'argocd-controller' });
    check(world.run(2 * SECOND), { mesh: [50] });
    expect(inMesh(world)).toEqual([drawn()]);
  });
});

describe('R11: an edit', () => {
  const atThirty = (): World => {
    const world = started(canary([...weights(10), { setWeight: 30, pause: FOREVER }])).run(20 * SECOND);
    check(world, { step: 2, mesh: [30] });
    return world;
  };

  it('leaves the cookie as it stands, and the steps to come know all weights at which people were drawn', () => {
    const world = atThirty();
    const before = mark(world);
    world.commit({ strategy: canary(weights(5, 20, 60, 90)) });
    check(world.run(2 * SECOND), { step: 1, mesh: [30], writes: { mesh: 0 } }, before);
    expect(planned(world)).toEqual([
      [30, [10]],
      [60, [5, 10, 20, 30]],
      [90, [5, 10, 20, 30, 60]],
      [100, undefined],
    ]);
    check(world.run(2 * MINUTE), { phase: 'Healthy', stable: 'v2' });
  });

  it('after an edit goes on from the edit before', () => {
    const world = atThirty();
    for (const setWeight of [50, 60, 70]) {
      world.commit({ strategy: canary([{ setWeight, pause: FOREVER }]) });
      check(world.run(20 * SECOND), { step: 2, mesh: [setWeight] });
    }
    expect(inMesh(world)).toEqual([drawn(10, 30, 50, 60)]);
  });

  it('that asks for another cookie, or for none, keeps the old one until the next step', () => {
    for (const stickiness of [{ cookie: 'other' }, undefined]) {
      const world = atThirty();
      world.commit({ strategy: { canary: { steps: [{ setWeight: 60, pause: FOREVER }], stickiness } } });
      check(world.run(2 * SECOND), { mesh: [30] });
      expect(inMesh(world)).toEqual([drawn(10)]);
      check(world.run(20 * SECOND), { mesh: [60] });
      expect(inMesh(world)).toEqual([stickiness && { ...stickiness, drawnAt: [] }]);
    }
  });

  it('that asks for one where there was none draws everybody at the next step', () => {
    const world = started({ canary: { steps: [{ setWeight: 30, pause: FOREVER }] } });
    world.commit({ strategy: canary(weights(60)) });
    check(world.run(8 * SECOND), { mesh: [60] });
    expect(inMesh(world)).toEqual([drawn()]);
  });
});

describe('other beginnings', () => {
  it('R7: an adopted split has drawn nobody by cookie', () => {
    const spec: RolloutSpec = {
      version: 'v2',
      initialVersion: 'v1',
      strategy: canary(weights(20, 60)),
      analysis: { interval: '5s', gates: [SUCCESS_RATE] },
    };
    const objects = { [OBJECT]: { versions: { v1: 70, v2: 30 }, foreign: 0 } };
    const world = restingWorld({ spec, objects, subsets: ['v1', 'v2'], pods: { v1: 3, v2: 3 }, onDecision: watchLaws() });
    expect(inMesh(world)).toEqual([undefined]);
    check(world.run(10 * SECOND), { step: 2, mesh: [60] });
    expect(inMesh(world)).toEqual([drawn(20)]);
  });

  it('R10: the short way back needs none', () => {
    const world = started(canary(weights(50))).run(MINUTE);
    check(world, { phase: 'Healthy', stable: 'v2' });
    world.commit({ version: 'v1' });
    check(world.run(3 * SECOND), { mesh: [0] });
    expect(inMesh(world)).toEqual([undefined]);
  });

  it('R9: a fix that takes over gives people a new cookie, at the weight that it takes over', () => {
    const world = started(canary([...weights(10), { setWeight: 30, pause: FOREVER }])).run(20 * SECOND);
    world.setPods('v1', 0);
    world.setPods('v3', 3);
    world.commit({ version: 'v3', strategy: canary([...weights(10), { setWeight: 60, pause: FOREVER }]) });
    check(world.run(4 * SECOND), { step: 1 });
    expect(world.status?.step?.name).toBe('takeover');
    expect(inMesh(world)).toEqual([drawn(10)]);
    expect(planned(world)).toEqual([
      [30, [10]],
      [60, [10, 30]],
      [100, undefined],
    ]);
    expect(world.objects[0]?.position).toMatchObject({
      revision: world.status?.revision,
      routes: routesDigest({ sticky: drawn(10) }),
    });
  });

  it('R6: without a ready pod of stable more people are drawn to the new version, which leads nobody back', () => {
    const world = started(canary([...weights(10), { setWeight: 60, pause: FOREVER }]));
    world.setPods('v1', 0);
    check(world.run(20 * SECOND), { step: 2, mesh: [60] });
    expect(inMesh(world)).toEqual([drawn(10)]);
  });

  it('R6: an end of the cookie draws everybody, so it waits for stable', () => {
    const world = started(canary([{ setWeight: 10, pause: FOREVER }]));
    world.commit({ strategy: { canary: { steps: [{ setWeight: 60, pause: FOREVER }] } } });
    world.setPods('v1', 0);
    check(world.run(30 * SECOND), { reason: 'WaitingForStable', mesh: [10] });
    world.setPods('v1', 3);
    promote(world);
    check(world.run(5 * SECOND), { mesh: [60] });
    expect(inMesh(world)).toEqual([undefined]);
  });
});
