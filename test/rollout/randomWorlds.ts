import fc from 'fast-check';
import type { GateSpec, Installation, RolloutSpec, StepSpec, StrategySpec } from '../../src/rollout/index.ts';
import { OBJECT, World, type WorldOptions } from '../../src/simulation/world.ts';
import { SECOND, SUCCESS_RATE, specOf } from './check.ts';
import { watchLaws } from './laws.ts';
import { eventsOf, happen } from './randomEvents.ts';

const INSTALLATION: Installation = {
  prometheus: ['default'],
  zipkin: [],
  restore: ['argocd-controller'],
};
const GATEWAY = 'weather/gateway';
/** By then an attempt has begun, and everything may go wrong. */
export const BEGIN_MS = 4 * SECOND;
/** Worlds are many: it is enough that some decisions of each of them are made twice. */
const TWICE_EVERY = 16;
/** Most worlds are short, so that there are many; the long ones have time for everything. */
type Shape = {
  /** How long everything may go wrong, and how often is looked whether it has ended afterwards. */
  readonly troubleMs: number;
  readonly lookMs: number;
  readonly mostSteps: number;
  readonly weights: fc.Arbitrary<number>;
  readonly mostEvents: number;
  /** The last write of which the process may die. */
  readonly mostWrites: number;
  readonly pauses: readonly (string | undefined)[];
  readonly intervals: readonly string[];
};
const SOME_WEIGHT = fc.oneof(fc.constant(0), fc.integer({ min: 5, max: 100 }));
const TINY: Shape = {
  troubleMs: 6 * SECOND,
  lookMs: 3 * SECOND,
  mostSteps: 1,
  // straight to 100 there is no step after it, and half as much to decide
  weights: fc.oneof(fc.constant(100), SOME_WEIGHT),
  mostEvents: 2,
  mostWrites: 14,
  pauses: ['0s', '3s', undefined],
  intervals: ['5s'],
};
const SHORT: Shape = {
  troubleMs: 14 * SECOND,
  lookMs: 5 * SECOND,
  mostSteps: 2,
  weights: SOME_WEIGHT,
  mostEvents: 4,
  mostWrites: 20,
  pauses: ['0s', '5s', '7s', undefined],
  intervals: ['5s', '10s'],
};
const LONG: Shape = {
  troubleMs: 100 * SECOND,
  lookMs: 30 * SECOND,
  mostSteps: 4,
  weights: SOME_WEIGHT,
  mostEvents: 8,
  mostWrites: 30,
  pauses: ['0s', '5s', '13s', '20s', undefined],
  intervals: ['5s', '10s', '15s'],
};
const ORDERS: GateSpec = { name: 'orders', prometheus: { query: 'x', window: '10s' }, threshold: { min: 1 } };

const stepsOf = ({ pauses, weights, mostSteps }: Shape) =>
  fc
    .array(
      fc.record({
        weight: weights,
        pause: fc.constantFrom(...pauses),
        approval: fc.constantFrom(undefined, undefined, undefined, 'before' as const, 'after' as const),
        header: fc.constantFrom(undefined, undefined, undefined, [{ headers: { 'end-user': { exact: 'jason' } } }], []),
      }),
      {
        minLength: 1,
        maxLength: mostSteps,
      },
    )
    .map((steps): readonly StepSpec[] =>
      [...steps]
        .sort((a, b) => a.weight - b.weight)
        .map(({ weight, pause, approval, header }) => ({
          setWeight: weight,
          pause: pause === undefined ? {} : { duration: pause },
          ...(header === undefined ? {} : { setHeaderRoute: header.length === 0 ? {} : { match: header } }),
          ...(approval === undefined
            ? {}
            : { approval: { when: approval, approvers: ['user:alice', 'user:bob'], timeout: '60s' } }),
        })),
    );

const GATES: readonly (readonly GateSpec[])[] = [
  [SUCCESS_RATE],
  [SUCCESS_RATE, ORDERS],
  [ORDERS],
  [],
  [{ ...SUCCESS_RATE, onNoData: 'fail', noDataDeadline: '30s' }],
  [{ ...SUCCESS_RATE, onFailure: 'pause' }],
];
/** One object for each, since what the core works out about one is remembered with it. */
const analysesOf = ({ intervals }: Shape): readonly NonNullable<RolloutSpec['analysis']>[] =>
  intervals.flatMap(interval => GATES.map(gates => ({ interval, gates })));

const worldsOf = (shape: Shape) =>
  fc.record({
    troubleMs: fc.constant(shape.troubleMs),
    lookMs: fc.constant(shape.lookMs),
    strategy: stepsOf(shape).map((steps): StrategySpec => ({ canary: { steps } })),
    analysis: fc.constantFrom(...analysesOf(shape)),
    two: fc.boolean(),
    isAdopted: fc.constantFrom(true, true, true, true, true, false),
    foreign: fc.constantFrom(0, 0, 20),
    requestsPerSecond: fc.constantFrom(1, 20, 200),
    events: fc.array(fc.record({ afterMs: fc.nat(shape.troubleMs), event: eventsOf(stepsOf(shape)) }), {
      maxLength: shape.mostEvents,
    }),
    crash: fc.option(
      fc.record({
        write: fc.integer({ min: 1, max: shape.mostWrites }),
        when: fc.constantFrom('before' as const, 'after' as const),
      }),
      { nil: undefined },
    ),
  });

export const worlds = fc.oneof(
  { weight: 15, arbitrary: worldsOf(TINY) },
  { weight: 4, arbitrary: worldsOf(SHORT) },
  { weight: 1, arbitrary: worldsOf(LONG) },
);

export type Drawn = typeof worlds extends fc.Arbitrary<infer T> ? T : never;

/** What a process before has stored at rest: it does not depend on the plan. */
const RESTING = new World({ spec: specOf([]) }).run(SECOND).status;

export const build = ({ strategy, analysis, two, isAdopted, foreign, requestsPerSecond, crash, events: drawn }: Drawn): World => {
  const wanted: RolloutSpec = { version: 'v1', strategy, analysis };
  const weights = { versions: { v1: 100 - foreign }, foreign };
  const options: WorldOptions = {
    spec: wanted,
    objects: two ? { [GATEWAY]: weights, [OBJECT]: weights } : { [OBJECT]: weights },
    installation: INSTALLATION,
    truth: { requestsPerSecond, query: () => 5 },
    onDecision: watchLaws(TWICE_EVERY),
    ...(crash ? { crash } : {}),
    ...(isAdopted && RESTING !== undefined ? { status: RESTING } : {}),
  };
  const world = new World(options);
  world.at(2 * SECOND, () => {
    world.setPods('v2', 3);
    world.commit({ version: 'v2' });
  });
  for (const { afterMs, event } of drawn) world.at(BEGIN_MS + afterMs, () => happen(world, event, strategy));
  return world;
};
