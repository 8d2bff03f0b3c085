import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { RolloutSpec, StepSpec, Sticky } from '../../src/rollout/index.ts';
import type { World, WorldOptions } from '../../src/simulation/world.ts';
import { MINUTE, restingWorld, SECOND, SUCCESS_RATE } from './check.ts';
import { watchLaws } from './laws.ts';
import { FEW_WORLDS, SEED } from './property.ts';
import { seeded } from './random.ts';

/** What a proxy knows of one moment: all that decides who gets which version. */
type Moment = { readonly revision: string; readonly weight: number; readonly sticky: Sticky | undefined };

/** Somebody with a browser. */
type Person = {
  cookies: ReadonlyMap<string, string>;
  /** Attempt in which they met the new version, as far as their browser remembers. */
  met?: string;
  /** How often they come by, 0..1 of all times. */
  readonly comes: number;
  /** How often the browser forgets everything before. */
  readonly forgets: number;
};

type Version = 'stable' | 'canary';

/**
 * The rules of a sticky step, told from what is written about it and not from any of the code: who has met the new version
 * gets it; who has met stable at this weight gets that; who has met stable at a smaller one is drawn once more, so that the
 * new version has its share of them; everybody else is drawn. A cookie is worth something in its own attempt only.
 */
const answer = (person: Person, { revision, weight, sticky }: Moment, random: () => number): Version => {
  if (sticky === undefined) return 100 * random() < weight ? 'canary' : 'stable';
  const cookie = person.cookies.get(sticky.cookie) ?? '';
  const met = (version: Version, at: number | '') => cookie === `${revision}/${version}/${at}`;
  if (met('canary', '')) return 'canary';
  if (met('stable', weight)) return 'stable';
  const before = sticky.drawnAt.find(at => met('stable', at));
  const share = before === undefined ? weight / 100 : (weight - before) / (100 - before);
  const drawn: Version = random() < share ? 'canary' : 'stable';
  person.cookies = new Map([[sticky.cookie, `${revision}/${drawn}/${drawn === 'canary' ? '' : weight}`]]);
  return drawn;
};

const PEOPLE = 1_500;
/** Standard deviations: a share is further off by chance once in two million times. */
const BOUND = 5;

const peopleOf = (random: () => number): readonly Person[] =>
  Array.from({ length: PEOPLE }, (_, index) => ({
    cookies: new Map(),
    comes: [0.9, 0.5, 0.1][index % 3] ?? 1,
    forgets: random() < 0.2 ? 0.3 : 0,
  }));

const momentOf = ({ objects: [object], status }: World): Moment | undefined => {
  const { position, routes } = object ?? {};
  if (position === undefined || status?.phase === 'RollingBack' || status?.step === undefined) return undefined;
  return { revision: position.revision, weight: position.weight, sticky: routes?.sticky };
};

/** One round of visits: the share is right, and nobody who has met the new version is sent back. */
const visit = (people: readonly Person[], moment: Moment, random: () => number): void => {
  const { revision, weight, sticky } = moment;
  let [visits, canary] = [0, 0];
  for (const person of people) {
    if (random() >= person.comes) continue;
    if (random() < person.forgets) {
      person.cookies = new Map();
      delete person.met;
    }
    const version = answer(person, moment, random);
    visits += 1;
    if (version === 'canary') canary += 1;
    const isBack = version === 'stable' && person.met === revision && weight > 0;
    if (isBack) expect.unreachable(`at ${weight}% somebody was sent back to stable`);
    if (version === 'canary' && sticky !== undefined) person.met = revision;
  }
  const expected = (visits * weight) / 100;
  const bound = BOUND * Math.sqrt((expected * (100 - weight)) / 100) + 1;
  expect(Math.abs(canary - expected), `${canary} of ${visits} people at ${weight}%, ${JSON.stringify(sticky)}`).toBeLessThan(
    bound,
  );
};

const steps = fc
  .uniqueArray(fc.integer({ min: 1, max: 99 }), { minLength: 1, maxLength: 4 })
  .map(all => all.sort((a, b) => a - b))
  .chain(all =>
    fc.tuple(
      ...all.map(setWeight =>
        fc.constantFrom<StepSpec>({ setWeight, pause: { duration: '10s' } }, { setWeight, pause: { duration: '25s' } }),
      ),
    ),
  );
const events = fc.record({
  afterMs: fc.nat(MINUTE),
  what: fc.oneof(
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('edit' as const), steps }) },
    { weight: 1, arbitrary: fc.constantFrom({ kind: 'pods' as const }, { kind: 'crash' as const }, { kind: 'newer' as const }) },
  ),
});
type What = typeof events extends fc.Arbitrary<{ what: infer W }> ? W : never;

const strategyOf = (of: readonly StepSpec[]): RolloutSpec['strategy'] => ({
  canary: { steps: of, stickiness: { cookie: 'sluice-forecast' } },
});

const happen = (world: World, what: What): void => {
  if (what.kind === 'edit') world.commit({ strategy: strategyOf(what.steps) });
  if (what.kind === 'crash') world.crash();
  if (what.kind === 'newer') {
    world.setPods('v3', 3);
    world.commit({ version: 'v3' });
  }
  if (what.kind !== 'pods') return;
  world.setPods('v2', 0);
  world.at(world.livedMs + 4 * SECOND, () => world.setPods('v2', 3));
};

const begin = (of: readonly StepSpec[], options: Partial<WorldOptions> = {}): World => {
  const analysis = { interval: '5s', gates: [SUCCESS_RATE] };
  const world = restingWorld({ spec: { version: 'v1', strategy: strategyOf(of), analysis }, ...options });
  world.setPods('v2', 3);
  world.commit({ version: 'v2' });
  return world.run(4 * SECOND);
};

it('R28: with a cookie the share of people is the weight, and nobody who met the new version is sent back', () => {
  let [rounds, redrawn] = [0, 0];
  fc.assert(
    fc.property(steps, fc.array(events, { maxLength: 3 }), fc.nat(), (of, drawn, seed) => {
      const random = seeded(seed);
      const people = peopleOf(random);
      const world = begin(of, { onDecision: watchLaws() });
      for (const { afterMs, what } of drawn) world.at(world.livedMs + afterMs, () => happen(world, what));
      for (let lived = 0; lived < 3 * MINUTE && world.status?.step !== undefined; lived += 6 * SECOND) {
        const moment = momentOf(world);
        if (moment !== undefined) {
          visit(people, moment, random);
          rounds += 1;
          redrawn += (moment.sticky?.drawnAt.length ?? 0) > 0 ? 1 : 0;
        }
        world.run(6 * SECOND);
      }
    }),
    { seed: SEED, numRuns: Math.min(FEW_WORLDS, 40) },
  );
  expect(rounds).toBeGreaterThan(80);
  expect(redrawn, 'people are drawn again in many of them').toBeGreaterThan(rounds / 10);
}, 60_000);
