import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { WorldOptions } from '../../src/simulation/world.ts';
import { OBJECT, World } from '../../src/simulation/world.ts';
import { MINUTE, SECOND, specOf } from './check.ts';
import { watchLaws } from './laws.ts';
import { FEW_WORLDS, SEED } from './property.ts';

const TROUBLE_MS = 4 * MINUTE;

const events = fc.oneof(
  fc.record({ kind: fc.constant('commit' as const), version: fc.constantFrom('v1', 'v2', 'v3') }),
  fc.record({
    kind: fc.constant('pods' as const),
    version: fc.constantFrom('v1', 'v2', 'v3'),
    ready: fc.nat(3),
    hash: fc.constantFrom('a', 'b'),
  }),
  fc.record({
    kind: fc.constant('weights' as const),
    v1: fc.nat(100),
    manager: fc.constantFrom('kubectl-edit', 'argocd-controller'),
  }),
  fc.record({ kind: fc.constant('reference' as const), on: fc.boolean() }),
  fc.record({ kind: fc.constant('plain' as const), on: fc.boolean() }),
  fc.record({ kind: fc.constant('freeze' as const), on: fc.boolean() }),
  fc.record({ kind: fc.constant('refuse' as const), mesh: fc.boolean(), status: fc.boolean() }),
  fc.record({ kind: fc.constant('rival' as const), on: fc.boolean() }),
  fc.record({ kind: fc.constant('action' as const), action: fc.constantFrom('none', 'removeSubset', 'scaleToZero') }),
  fc.record({ kind: fc.constant('delete' as const) }),
  fc.record({ kind: fc.constant('meshGone' as const), on: fc.boolean() }),
  fc.record({ kind: fc.constant('crash' as const) }),
  fc.record({ kind: fc.constant('ask' as const), verb: fc.constantFrom('abort', 'resume', 'pause', 'retry') }),
);
type Event = typeof events extends fc.Arbitrary<infer T> ? T : never;

const worlds = fc.record({
  after: fc.constantFrom('1s', '20s', '1m'),
  crash: fc.option(
    fc.record({ write: fc.integer({ min: 1, max: 30 }), when: fc.constantFrom('before' as const, 'after' as const) }),
    {
      nil: undefined,
    },
  ),
  events: fc.array(fc.record({ afterMs: fc.nat(TROUBLE_MS), event: events }), { maxLength: 7 }),
});

/** What is taken away for good is of a version that nobody wants, and that gets nothing. */
const watchRetiring = (): NonNullable<WorldOptions['onDecision']> => {
  const laws = watchLaws();
  return (rollout, observation, decision, nowMs) => {
    laws(rollout, observation, decision, nowMs);
    for (const action of decision.actions) {
      if (action.kind !== 'removeSubset' && action.kind !== 'scaleToZero' && action.kind !== 'removeDestination') continue;
      const { mesh, freeze } = observation;
      expect([rollout.status?.phase, rollout.isDeleting, freeze], 'R21: only at rest').toEqual(['Healthy', false, undefined]);
      expect([rollout.spec.version, rollout.status?.stableVersion], 'R21: in use').not.toContain(action.version);
      expect(rollout.status?.retire, 'R3: stored first').toMatchObject({ version: action.version });
      const objects = mesh.kind === 'resolved' ? mesh.objects : [];
      for (const { weights } of objects) expect(weights.versions[action.version] ?? 0, 'R21: gets nothing').toBe(0);
      if (action.kind === 'removeDestination' || mesh.kind !== 'resolved') continue;
      expect(mesh.leftover?.referredBy, 'R21: nobody refers to it').toEqual([]);
      for (const { weights } of objects) expect(weights.versions, 'R21: weight first').not.toHaveProperty(action.version);
      if (action.kind === 'scaleToZero') expect(mesh.leftover?.reachedBy, 'R21: nobody reaches it').toBeUndefined();
    }
  };
};

const build = ({ after, crash, events: drawn }: typeof worlds extends fc.Arbitrary<infer T> ? T : never): World => {
  const world = new World({
    spec: specOf([{ setWeight: 50, pause: { duration: '5s' } }], { retire: { after, action: 'scaleToZero' } }),
    installation: { prometheus: ['default'], zipkin: [], restore: ['argocd-controller'] },
    onDecision: watchRetiring(),
    ...(crash === undefined ? {} : { crash }),
  });
  world.mesh.addedSubsets.add('v1');
  world.at(2 * SECOND, () => {
    world.setPods('v2', 3);
    world.commit({ version: 'v2' });
  });
  for (const { afterMs, event } of drawn) world.at(5 * SECOND + afterMs, () => happen(world, event));
  return world;
};

const happen = (world: World, event: Event): void => {
  switch (event.kind) {
    case 'commit':
      world.commit({ version: event.version });
      return;
    case 'pods':
      world.setPods(event.version, event.ready, `${event.version}${event.hash}`);
      return;
    case 'weights':
      world.edit(OBJECT, { v1: event.v1, v2: 100 - event.v1 }, { manager: event.manager });
      return;
    case 'reference':
      world.mesh.references['v1'] = event.on ? ['edge/mirror'] : [];
      return;
    case 'plain':
      world.mesh.plainRoutes = event.on ? ['edge/plain'] : [];
      return;
    case 'freeze':
      world.freeze = event.on ? { by: 'alice', since: '2026-11-21T14:00:00Z' } : undefined;
      return;
    case 'refuse':
      world.meshRefuses = event.mesh ? 'the API server answered 500' : undefined;
      world.statusRefused = event.status;
      return;
    case 'rival':
      world.olderRival = event.on ? 'weather/older' : undefined;
      return;
    case 'action':
      world.commit({ retire: { after: '1s', action: event.action as 'none' } });
      return;
    case 'delete':
      world.hasForeignFinalizer = true;
      world.isDeleting = true;
      return;
    case 'meshGone':
      world.problem = event.on ? { message: 'VirtualService weather/forecast does not exist', nothingRoutes: true } : undefined;
      return;
    case 'crash':
      world.crash(SECOND);
      return;
    case 'ask':
      world.ask({ verb: event.verb });
      return;
  }
};

/** Everything that went wrong is right again, and the last word is v2. */
const mend = (world: World): void => {
  world.meshRefuses = undefined;
  world.statusRefused = false;
  world.problem = undefined;
  world.olderRival = undefined;
  world.freeze = undefined;
  world.mesh.references['v1'] = [];
  world.mesh.plainRoutes = [];
};

describe('retiring, whatever happens', () => {
  it('R21, R3: takes away nothing that is in use, and comes to rest', () => {
    fc.assert(
      fc.property(worlds, drawn => {
        const world = build(drawn);
        world.run(TROUBLE_MS + 10 * SECOND);
        mend(world);
        world.run(10 * MINUTE);
        const { mesh, subset, scale, finalizer } = world.counts;
        world.run(MINUTE);
        expect(world.counts).toMatchObject({ mesh, subset, scale, finalizer });
      }),
      { seed: SEED, numRuns: FEW_WORLDS },
    );
  });
});
