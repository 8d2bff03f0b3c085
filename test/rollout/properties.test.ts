import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decide, type GateSpec, isWorthStoring, type RolloutSpec, type StepSpec } from '../../src/rollout/index.ts';
import { OBJECT, START_MS, World, type WorldOptions } from '../../src/simulation/world.ts';
import { MINUTE, SECOND, SUCCESS_RATE } from './check.ts';
import { watchLaws } from './laws.ts';

const GATEWAY = 'weather/gateway';
const TROUBLE_MS = 100 * SECOND;
const ORDERS: GateSpec = { name: 'orders', prometheus: { query: 'x', window: '10s' }, threshold: { min: 1 } };

const stepsOf = fc
  .array(
    fc.record({
      weight: fc.oneof(fc.constant(0), fc.integer({ min: 5, max: 100 })),
      pause: fc.constantFrom('0s', '5s', '13s', '20s', undefined),
    }),
    {
      minLength: 1,
      maxLength: 4,
    },
  )
  .map((steps): readonly StepSpec[] =>
    [...steps]
      .sort((a, b) => a.weight - b.weight)
      .map(({ weight, pause }) => ({ setWeight: weight, pause: pause === undefined ? {} : { duration: pause } })),
  );

const specs = fc.record({
  steps: stepsOf,
  gates: fc.constantFrom(
    [SUCCESS_RATE],
    [SUCCESS_RATE, ORDERS],
    [ORDERS],
    [],
    [{ ...SUCCESS_RATE, onNoData: 'fail', noDataDeadline: '30s' } as const],
  ),
  interval: fc.constantFrom('5s', '10s', '15s'),
});

const events = fc.oneof(
  fc.record({
    kind: fc.constant('pods' as const),
    version: fc.constantFrom('v1', 'v2', 'v2', 'v3'),
    ready: fc.nat(6),
    hash: fc.constantFrom('a', 'a', 'a', 'b'),
  }),
  fc.record({
    kind: fc.constant('weights' as const),
    gateway: fc.boolean(),
    v2: fc.nat(100),
    drop: fc.boolean(),
    unpinned: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('commit' as const), version: fc.constantFrom('v1', 'v2', 'v3') }),
  fc.record({ kind: fc.constant('break' as const), on: fc.boolean() }),
  fc.record({
    kind: fc.constant('ask' as const),
    verb: fc.constantFrom('abort', 'promote', 'promote', 'pause', 'resume', 'retry', 'nonsense'),
    force: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('errors' as const), share: fc.constantFrom(0, 0.005, 0.05, 0.5) }),
  fc.record({ kind: fc.constant('down' as const), on: fc.boolean() }),
  fc.record({ kind: fc.constant('orders' as const), value: fc.constantFrom(undefined, 0, 5) }),
  fc.record({ kind: fc.constant('refuse' as const), mesh: fc.boolean(), status: fc.boolean() }),
  fc.record({ kind: fc.constant('stableLost' as const), fix: fc.boolean() }),
  fc.record({ kind: fc.constant('shrink' as const), to: fc.integer({ min: 1, max: 5 }) }),
  fc.record({ kind: fc.constant('specPaused' as const), on: fc.boolean() }),
  fc.record({ kind: fc.constant('delete' as const), keep: fc.constantFrom(false, false, true), foreign: fc.boolean() }),
  fc.record({ kind: fc.constant('finalizerTaken' as const) }),
  fc.record({ kind: fc.constant('crash' as const) }),
  fc.record({ kind: fc.constant('clock' as const), byMs: fc.integer({ min: -10_000, max: 20_000 }) }),
);

type Event = typeof events extends fc.Arbitrary<infer T> ? T : never;

const worlds = fc.record({
  spec: specs,
  two: fc.boolean(),
  foreign: fc.constantFrom(0, 0, 20),
  requestsPerSecond: fc.constantFrom(1, 20, 200),
  events: fc.array(fc.record({ afterMs: fc.nat(TROUBLE_MS), event: events }), { maxLength: 8 }),
  crash: fc.option(
    fc.record({ write: fc.integer({ min: 1, max: 30 }), when: fc.constantFrom('before' as const, 'after' as const) }),
    { nil: undefined },
  ),
});

type Drawn = typeof worlds extends fc.Arbitrary<infer T> ? T : never;

const build = ({ spec, two, foreign, requestsPerSecond, crash, events: drawn }: Drawn): World => {
  const strategy = { canary: { steps: spec.steps } };
  const wanted: RolloutSpec = { version: 'v1', strategy, analysis: { interval: spec.interval, gates: spec.gates } };
  const weights = { versions: { v1: 100 - foreign }, foreign };
  const options: WorldOptions = {
    spec: wanted,
    objects: two ? { [GATEWAY]: weights, [OBJECT]: weights } : { [OBJECT]: weights },
    truth: { requestsPerSecond, query: () => 5 },
    onDecision: watchLaws(),
    ...(crash ? { crash } : {}),
  };
  const world = new World(options);
  world.at(2 * SECOND, () => {
    world.setPods('v2', 3);
    world.commit({ version: 'v2' });
  });
  for (const { afterMs, event } of drawn) world.at(5 * SECOND + afterMs, () => happen(world, event, strategy));
  return world;
};

const happen = (world: World, event: Event, strategy: RolloutSpec['strategy']): void => {
  switch (event.kind) {
    case 'pods':
      world.setPods(event.version, event.ready, `${event.version}${event.hash}`);
      return;
    case 'weights': {
      const { name, weights } = world.objects[event.gateway ? 0 : world.objects.length - 1] ?? {};
      const ours = 100 - (weights?.foreign ?? 0);
      const v2 = Math.floor((ours * event.v2) / 100);
      world.edit(name ?? OBJECT, event.unpinned ? { '*': ours } : { v1: ours - v2, v2 }, { dropPosition: event.drop });
      return;
    }
    case 'commit':
      world.commit({ version: event.version });
      return;
    case 'break':
      world.commit({ strategy: event.on ? {} : strategy });
      return;
    case 'ask':
      world.ask({
        verb: event.verb,
        force: event.force,
        revision: world.status?.revision,
        step: world.status?.step?.index,
      });
      return;
    case 'errors':
      world.truth = { ...world.truth, errors: version => (version === 'v1' ? 0 : event.share) };
      return;
    case 'down':
      world.truth = { ...world.truth, down: () => event.on };
      return;
    case 'orders':
      world.truth = { ...world.truth, query: () => event.value };
      return;
    case 'refuse':
      world.meshRefuses = event.mesh ? 'patching VirtualService: 500' : undefined;
      world.statusRefused = event.status;
      return;
    case 'stableLost':
      // Everything that is stable breaks, and perhaps somebody commits a fix.
      world.setPods(world.status?.stableVersion ?? 'v1', 0);
      world.setPods('v3', 4);
      if (event.fix) world.commit({ version: 'v3' });
      return;
    case 'shrink':
      world.setPods('v2', event.to, world.pods['v2']?.hashes[0] ?? 'v2a');
      return;
    case 'specPaused':
      world.commit({ paused: event.on });
      return;
    case 'delete':
      if (event.keep) world.commit({ onDelete: 'keep' });
      world.hasForeignFinalizer = event.foreign;
      world.isDeleting = true;
      return;
    case 'finalizerTaken':
      world.hasFinalizer = false;
      return;
    case 'crash':
      world.crash();
      return;
    case 'clock':
      world.nowMs += event.byMs;
  }
};

/** Pods ready, providers answering, nobody meddling any more. */
const turnGood = (world: World, strategy: RolloutSpec['strategy']): void => {
  if (!world.isGone) world.commit({ strategy, paused: false });
  for (const version of ['v1', 'v2', 'v3']) world.setPods(version, 6, world.pods[version]?.hashes[0] ?? `${version}a`);
  world.truth = { requestsPerSecond: 200, query: () => 5 };
  world.meshRefuses = undefined;
  world.statusRefused = false;
};

const ENDED = ['Healthy', 'RolledBack'];
/** What a person is asked for, in so many words. */
const FOR_A_PERSON =
  /until a person promotes|until they are put back; resume puts them back|resume to go on|put its weights right|set spec\.initialVersion/;
/** A step that sends the new version nothing gives its gates nothing to judge (R14). */
const NOTHING_TO_JUDGE = /at 0%: .*goes on by itself when every gate passes/;

describe('in every world', () => {
  it('R1–R36: the laws hold at every decision, and once the world turns good the rollout ends or asks a person', () => {
    fc.assert(
      fc.property(worlds, drawn => {
        const world = build(drawn).run(TROUBLE_MS + 10 * SECOND);
        turnGood(world, { canary: { steps: drawn.spec.steps } });
        world.run(6 * MINUTE);
        const { status } = world;
        if (world.isDeleting) expect(world.hasFinalizer, 'R30: deletion is never blocked').toBe(false);
        const done = world.isDeleting || ENDED.includes(status?.phase ?? '') || FOR_A_PERSON.test(status?.message ?? '');
        expect(
          done || NOTHING_TO_JUDGE.test(status?.message ?? ''),
          `${status?.phase} ${status?.reason}: ${status?.message}`,
        ).toBe(true);
        if (done && !world.isDeleting) expect(world.request, 'R22: a request is taken away once it is answered').toBeUndefined();

        if (world.isGone) return;
        const again = decide(world.rollout(), world.observe(), world.nowMs);
        expect(again.actions.filter(({ kind }) => kind === 'setTraffic' || kind === 'ensureSubset')).toEqual([]);
        expect(isWorthStoring(status, again.status), 'deciding again stores nothing new').toBe(false);
        for (const { weights } of world.objects) {
          expect(Object.values(weights.versions).reduce((sum, weight) => sum + weight, weights.foreign)).toBe(100);
        }
      }),
      { seed: Number(process.env['SLUICE_SEED'] ?? START_MS % 1_000_003), numRuns: Number(process.env['SLUICE_WORLDS'] ?? 120) },
    );
  }, 120_000);
});
