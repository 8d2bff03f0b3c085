import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  type Decision,
  decide,
  type Installation,
  isWorthStoring,
  type Observation,
  type Rollout,
  type StepSpec,
  type StrategySpec,
} from '../../src/rollout/index.ts';
import { routesDigest } from '../../src/rollout/mesh/routes.ts';
import { OBJECT, World } from '../../src/simulation/world.ts';
import { MINUTE, SECOND, specOf } from './check.ts';
import { watchLaws } from './laws.ts';
import { FEW_WORLDS, SEED } from './property.ts';

const TROUBLE_MS = 60 * SECOND;
const GATEWAY = 'weather/gateway';
const ROUTING: Installation = { prometheus: ['default'], zipkin: [] };
const MATCHES = ['jason', 'eve'].map(user => [{ headers: { 'end-user': { exact: user } } }]);
const [JASON = []] = MATCHES;
const pause = fc.constantFrom<StepSpec['pause']>({ duration: '5s' }, { duration: '13s' });

const canaries = fc
  .array(
    fc.record({
      weight: fc.constantFrom(0, 0, 10, 50),
      header: fc.constantFrom(undefined, {}, ...MATCHES.map(match => ({ match }))),
      mirror: fc.constantFrom(undefined, 0, 100),
      pause,
    }),
    { minLength: 1, maxLength: 4 },
  )
  .chain(drawn => fc.tuple(fc.constant(drawn), fc.constantFrom(undefined, { cookie: 'c' }, { cookie: 'c', ttl: '1h' })))
  .map(([drawn, sticky]): StrategySpec => {
    const sorted = [...drawn].sort((a, b) => a.weight - b.weight);
    const stickiness = sorted.some(({ weight }) => weight > 0) ? sticky : undefined;
    const steps = sorted.map(({ weight, header, mirror, ...rest }): StepSpec => {
      const percentage = weight > 0 ? 0 : mirror;
      return {
        ...rest,
        setWeight: weight,
        setHeaderRoute: header,
        setMirrorRoute: percentage === undefined ? undefined : { percentage },
      };
    });
    return { canary: { steps, stickiness } };
  });
const strategies = fc.oneof(
  { weight: 3, arbitrary: canaries },
  {
    weight: 1,
    arbitrary: fc.constant<StrategySpec>({
      blueGreen: { preview: { match: JASON }, mirror: { percentage: 50 }, hold: { duration: '10s' } },
    }),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom('promote' as const, 'end' as const).map(
      (after): StrategySpec => ({
        // biome-ignore lint/suspicious/noThenProperty: the name is part of the contract, and a spec is never awaited
        abTest: { match: JASON, duration: '15s', then: after },
      }),
    ),
  },
);

const events = fc.oneof(
  fc.record({
    kind: fc.constant('pods' as const),
    version: fc.constantFrom('v1', 'v2', 'v2'),
    ready: fc.nat(3),
    hash: fc.constantFrom('a', 'a', 'b'),
  }),
  fc.record({ kind: fc.constant('commit' as const), version: fc.constantFrom('v1', 'v2', 'v3') }),
  fc.record({ kind: fc.constant('routes' as const), gateway: fc.boolean(), digest: fc.constantFrom(undefined, 'ffffffff') }),
  fc.record({
    kind: fc.constant('ask' as const),
    verb: fc.constantFrom('abort', 'promote', 'resume', 'retry'),
    force: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('errors' as const), share: fc.constantFrom(0, 0.5) }),
  fc.record({ kind: fc.constant('refuse' as const), mesh: fc.boolean(), status: fc.boolean() }),
  fc.record({ kind: fc.constant('crash' as const) }),
);
type Event = typeof events extends fc.Arbitrary<infer T> ? T : never;

const happen = (world: World, event: Event): void => {
  const { status } = world;
  switch (event.kind) {
    case 'pods':
      world.setPods(event.version, event.ready, `${event.version}${event.hash}`);
      return;
    case 'commit':
      world.commit({ version: event.version });
      return;
    case 'routes': {
      const object = world.objects[event.gateway ? 0 : 1];
      if (object === undefined) return;
      object.resourceVersion += 1;
      delete object.routes;
      delete object.routesDigest;
      if (event.digest !== undefined) object.routesDigest = event.digest;
      return;
    }
    case 'ask':
      world.ask({ verb: event.verb, force: event.force, revision: status?.revision, step: status?.step?.index });
      return;
    case 'errors':
      world.truth = { ...world.truth, errors: version => (version === 'v1' ? 0 : event.share) };
      return;
    case 'refuse':
      world.meshRefuses = event.mesh ? 'patching VirtualService: 500' : undefined;
      world.statusRefused = event.status;
      return;
    case 'crash':
      world.crash();
  }
};

/** R23, R28: Safe means no route either, and no route is written that neither the plan nor the status explains. */
const checkRoutes = ({ status }: Rollout, _observation: Observation, { actions }: Decision): void => {
  for (const action of actions) {
    if (action.kind !== 'setTraffic') continue;
    const { routes, position } = action;
    expect(position.routes, 'R3: the position says the routes').toBe(routes === undefined ? undefined : routesDigest(routes));
    if (position.state === 'safe' || position.reason === 'PodsLost') expect(routes, 'R23: Safe has no routes').toBeUndefined();
    const known = [status?.plan?.steps[position.step - 1] ?? {}, status?.traffic ?? {}, {}].map(routesDigest);
    expect(known, 'R28').toContain(position.routes);
  }
};

const turnGood = (world: World): void => {
  for (const version of ['v1', 'v2', 'v3']) world.setPods(version, 6, world.pods[version]?.hashes[0] ?? `${version}a`);
  world.truth = { requestsPerSecond: 200 };
  world.meshRefuses = undefined;
  world.statusRefused = false;
};

it('R3–R30: in every world with header and mirror routes the laws hold, and none is left when it is over', () => {
  const weights = { versions: { v1: 100 }, foreign: 0 };
  const ends = new Set<string | undefined>();
  fc.assert(
    fc.property(
      strategies,
      fc.array(fc.record({ afterMs: fc.nat(TROUBLE_MS), event: events }), { maxLength: 8 }),
      (strategy, drawn) => {
        const laws = watchLaws();
        const world = new World({
          spec: { ...specOf([]), strategy },
          installation: ROUTING,
          objects: { [GATEWAY]: weights, [OBJECT]: weights },
          onDecision: (rollout, observation, decision, nowMs) => {
            laws(rollout, observation, decision, nowMs);
            checkRoutes(rollout, observation, decision);
          },
        });
        world.at(2 * SECOND, () => {
          world.setPods('v2', 3);
          world.commit({ version: 'v2' });
        });
        for (const { afterMs, event } of drawn) world.at(4 * SECOND + afterMs, () => happen(world, event));
        world.run(TROUBLE_MS + 10 * SECOND);
        turnGood(world);
        world.run(3 * MINUTE);
        const { status } = world;
        ends.add(status?.reason);
        const asks = /resume puts them back|put its weights right|at 0%: .*goes on by itself when every gate passes/.test(
          status?.message ?? '',
        );
        const isOver = status?.phase === 'Healthy' || status?.phase === 'RolledBack';
        expect(isOver || asks, `${status?.phase} ${status?.reason}: ${status?.message}`).toBe(true);
        if (isOver && status.reason !== 'Drift')
          expect(world.objects.map(({ routesDigest: left }) => left)).toEqual([undefined, undefined]);
        const again = decide(world.rollout(), world.observe(), world.nowMs);
        expect(again.actions.filter(({ kind }) => kind === 'setTraffic')).toEqual([]);
        expect(isWorthStoring(status, again.status), 'deciding again stores nothing new').toBe(false);
      },
    ),
    { seed: SEED, numRuns: FEW_WORLDS },
  );
  expect([...ends]).toEqual(expect.arrayContaining(['Promoted', 'ExperimentEnded', 'GateFailed']));
}, 60_000);
