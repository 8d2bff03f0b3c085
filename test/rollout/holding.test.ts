import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { closedAt } from '../../src/rollout/forward/windows.ts';
import type { Decision, Observation, Rollout, StepSpec } from '../../src/rollout/index.ts';
import { OBJECT, World } from '../../src/simulation/world.ts';
import { MINUTE, SECOND, specOf } from './check.ts';
import { watchLaws } from './laws.ts';
import { FEW_WORLDS } from './property.ts';

const GATEWAY = 'weather/gateway';

const plans = fc
  .array(fc.record({ setWeight: fc.integer({ min: 0, max: 100 }), seconds: fc.constantFrom(0, 10, 30) }), {
    minLength: 1,
    maxLength: 4,
  })
  .map((steps): readonly StepSpec[] =>
    [...steps]
      .sort((a, b) => a.setWeight - b.setWeight)
      .map(({ setWeight, seconds }) => ({ setWeight, pause: { duration: `${seconds}s` } })),
  );

const events = fc.oneof(
  fc.record({ kind: fc.constant('edit' as const), steps: plans, isDefault: fc.boolean() }),
  fc.record({ kind: fc.constant('retarget' as const), route: fc.constantFrom('primary', 'second') }),
  fc.record({ kind: fc.constant('freeze' as const), on: fc.boolean() }),
  fc.record({ kind: fc.constant('window' as const), on: fc.boolean() }),
  fc.record({ kind: fc.constant('rival' as const), on: fc.boolean() }),
  fc.record({ kind: fc.constant('pods' as const), version: fc.constantFrom('v1', 'v2'), ready: fc.nat(4) }),
  fc.record({ kind: fc.constant('weights' as const), v2: fc.nat(100) }),
  fc.record({ kind: fc.constant('arriving' as const), share: fc.constantFrom(0, 0.3, 1) }),
  fc.record({ kind: fc.constant('clock' as const), byMs: fc.constantFrom(-5 * MINUTE, -MINUTE, MINUTE, 5 * MINUTE) }),
  fc.record({ kind: fc.constant('crash' as const) }),
  fc.record({ kind: fc.constant('promote' as const) }),
);

const stories = fc.record({
  steps: plans,
  two: fc.boolean(),
  capacity: fc.constantFrom('warn' as const, 'require' as const),
  events: fc.array(fc.record({ afterMs: fc.nat(120 * SECOND), event: events }), { minLength: 1, maxLength: 8 }),
  crash: fc.option(
    fc.record({ write: fc.integer({ min: 1, max: 25 }), when: fc.constantFrom('before' as const, 'after' as const) }),
    {
      nil: undefined,
    },
  ),
});

type Story = typeof stories extends fc.Arbitrary<infer T> ? T : never;

/** What moves forward: a step that is entered for the first time, but not the short way back. */
const isForward = ({ status: stored }: Rollout, step: number): boolean =>
  step > (stored?.step?.index ?? 0) && stored?.plan?.steps[0]?.name !== 'way back';

const watchHolds = (rollout: Rollout, observation: Observation, { actions }: Decision, nowMs: number): void => {
  for (const action of actions) {
    if (action.kind !== 'setTraffic' || action.position.state !== 'raised' || !isForward(rollout, action.position.step)) continue;
    expect(observation.freeze, 'R20: nothing moves forward in a freeze').toBeUndefined();
    expect(closedAt(rollout.spec.windows, nowMs), 'R20: nothing moves forward in a window').toBeUndefined();
    expect(observation.olderRival, 'R12: the younger one stands back').toBeUndefined();
    const needed = Math.ceil((action.weight / 100) * (observation.pods[action.target.stable]?.ready ?? 0));
    if (rollout.spec.capacity === 'require')
      expect(observation.pods[action.target.canary]?.ready, 'R13: enough pods').toBeGreaterThanOrEqual(needed);
  }
};

/** R11: an edit alone never changes a weight, and never begins the attempt anew. */
const watchEdits = (rollout: Rollout, { actions, status }: Decision): void => {
  if (status.reason !== 'Edited' || rollout.status?.reason === 'Edited') return;
  expect(actions.filter(({ kind }) => kind === 'setTraffic')).toEqual([]);
  expect(status.attempt).toBe(rollout.status?.attempt);
};

const happen = (world: World, event: Story['events'][number]['event']): void => {
  switch (event.kind) {
    case 'edit':
      world.commit({
        strategy: { canary: { steps: event.steps } },
        ...(event.isDefault ? { analysis: { interval: '5s' } } : {}),
      });
      return;
    case 'retarget':
      world.commit({ router: { istio: { routes: [event.route] } } });
      return;
    case 'freeze':
      world.freeze = event.on ? { by: 'ann', since: new Date(world.nowMs).toISOString() } : undefined;
      return;
    case 'window':
      world.commit({ windows: event.on ? [{ deny: '*/2 * * * *', timezone: 'Europe/Berlin' }] : [] });
      return;
    case 'rival':
      world.olderRival = event.on ? 'weather/older' : undefined;
      return;
    case 'pods':
      world.setPods(event.version, event.ready);
      return;
    case 'weights':
      world.edit(OBJECT, { v1: 100 - event.v2, v2: event.v2 });
      return;
    case 'arriving':
      world.truth = { ...world.truth, arriving: () => event.share };
      return;
    case 'clock':
      world.jumpClock(event.byMs);
      world.crash();
      return;
    case 'crash':
      world.crash();
      return;
    case 'promote':
      world.ask({ verb: 'promote', revision: world.status?.revision, step: world.status?.step?.index });
  }
};

const build = ({ steps, two, capacity, crash, events: drawn }: Story): World => {
  const weights = { versions: { v1: 100 }, foreign: 0 };
  const laws = watchLaws();
  const world = new World({
    spec: specOf(steps, { capacity }),
    objects: two ? { [GATEWAY]: weights, [OBJECT]: weights } : { [OBJECT]: weights },
    onDecision: (rollout, observation, decision, nowMs) => {
      laws(rollout, observation, decision, nowMs);
      watchHolds(rollout, observation, decision, nowMs);
      watchEdits(rollout, decision);
    },
    ...(crash ? { crash } : {}),
  });
  world.at(2 * SECOND, () => {
    world.setPods('v2', 3);
    world.commit({ version: 'v2' });
  });
  for (const { afterMs, event } of drawn) world.at(3 * SECOND + afterMs, () => happen(world, event));
  return world;
};

/** Everything that holds has gone; a person decides where somebody changed weights. */
const clear = (world: World): void => {
  world.freeze = undefined;
  world.olderRival = undefined;
  world.truth = { requestsPerSecond: 100, arriving: () => 1 };
  world.commit({ windows: [], capacity: 'warn' });
  world.setPods('v1', 3);
  // as many as any step can have begun with
  world.setPods('v2', 4);
};

describe('whatever holds a rollout', () => {
  it('R11, R12, R13, R18, R20: edits, freezes, windows, rivals, clocks and deaths never move it early, and it comes to an end', () => {
    fc.assert(
      fc.property(stories, story => {
        const world = build(story).run(4 * MINUTE);
        clear(world);
        for (let i = 0; i < 8 && world.status?.phase !== 'Healthy' && world.status?.phase !== 'RolledBack'; i++) {
          world.run(5 * MINUTE);
          if (world.status?.reason === 'Drift' && world.status.step !== undefined) world.ask({ verb: 'resume' });
          else if (world.status?.phase === 'Pending') world.edit(OBJECT, { v1: 100, v2: 0 });
        }
        expect(['Healthy', 'RolledBack'], world.status?.message).toContain(world.status?.phase);
      }),
      { seed: Number(process.env['SLUICE_SEED'] ?? 20), numRuns: FEW_WORLDS },
    );
  }, 3_600_000);
});
