import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  type Decision,
  decide,
  type Observation,
  type PlanApproval,
  type Rollout,
  type RolloutSpec,
  type RolloutStatus,
  refusalOfAnswer,
  type StepSpec,
} from '../../src/rollout/index.ts';
import { isSameJson } from '../../src/rollout/sameJson.ts';
import { World } from '../../src/simulation/world.ts';
import { SECOND, specOf } from './check.ts';
import { watchLaws } from './laws.ts';
import { FEW_WORLDS, SEED } from './property.ts';

const TROUBLE_MS = 60 * SECOND;
const PEOPLE = ['alice', 'bob', 'carol', 'mallory'] as const;
const AUTHORS = ['carol'];

const approvals = fc.record({
  when: fc.constantFrom('before' as const, 'before' as const, 'after' as const),
  required: fc.integer({ min: 1, max: 2 }),
  approvers: fc.constant(['user:alice', 'user:bob', 'user:carol']),
  allowAuthor: fc.boolean(),
  timeout: fc.constantFrom('20s', '5m'),
  onTimeout: fc.constantFrom('hold' as const, 'hold' as const, 'rollback' as const),
});
const specs = fc
  .array(
    fc.record({
      weight: fc.integer({ min: 0, max: 100 }),
      approval: fc.option(approvals, { freq: 8, nil: undefined }),
      isHeld: fc.constantFrom(false, false, false, true),
    }),
    { minLength: 1, maxLength: 3 },
  )
  .map((steps): RolloutSpec => {
    const sorted = [...steps].sort((a, b) => a.weight - b.weight);
    const compiled = sorted.map(
      ({ weight, approval, isHeld }): StepSpec => ({ setWeight: weight, approval, pause: isHeld ? {} : { duration: '5s' } }),
    );
    return specOf(compiled);
  });

const decisions = fc.oneof(
  { weight: 12, arbitrary: fc.constant('approved' as const) },
  { weight: 1, arbitrary: fc.constant('rejected' as const) },
);
const events = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant('answer' as const),
      by: fc.constantFrom(...PEOPLE),
      decision: decisions,
      step: fc.constantFrom(0, 1, 1, 1, 2),
      isForeign: fc.constantFrom(false, false, false, false, false, false, true),
      /** Proven by a channel that nobody listed knows the person by, or signed so long ago. */
      isForged: fc.constantFrom(false, false, false, false, false, false, true),
      ageMs: fc.constantFrom(0, 0, 0, 0, 0, 1_000, 40_000),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('ask' as const), verb: fc.constantFrom('promote', 'pause', 'resume') }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('pods' as const), ready: fc.nat(3), hash: fc.constantFrom('a', 'a', 'b') }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('edit' as const), message: fc.constantFrom('one?', 'two?') }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('refuse' as const), on: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('crash' as const) }) },
);
type Event = typeof events extends fc.Arbitrary<infer T> ? T : never;

const happen = (world: World, event: Event): void => {
  const { status } = world;
  const step = status?.step?.index ?? 0;
  switch (event.kind) {
    case 'answer':
      world.answers.push({
        revision: event.isForeign ? 'ffffffff' : (status?.revision ?? ''),
        step: step + event.step,
        decision: event.decision,
        by: event.by,
        identities: [event.isForged ? `slack:${event.by}` : `user:${event.by}`],
        via: 'http',
        at: new Date(world.nowMs - event.ageMs).toISOString(),
      });
      return;
    case 'ask':
      world.ask({ verb: event.verb, revision: status?.revision, step });
      return;
    case 'pods':
      world.setPods('v2', event.ready, `v2${event.hash}`);
      return;
    case 'edit': {
      const steps = world.spec.strategy.canary?.steps ?? [];
      const edited = steps.map(item =>
        item.approval ? { ...item, approval: { ...item.approval, message: event.message } } : item,
      );
      world.commit({ strategy: { canary: { steps: edited } } });
      return;
    }
    case 'refuse':
      world.statusRefused = event.on;
      return;
    case 'crash':
      world.crash(2 * SECOND);
  }
};

/** Distinct people whose agreement to this step stands in the stored status, as anybody could count them. */
const agreed = (status: RolloutStatus, step: number, approval: PlanApproval): number => {
  const known = (status.approvals ?? []).filter(({ revision, step: about }) => revision === status.revision && about === step);
  expect(
    known.some(({ decision }) => decision === 'rejected'),
    'R19: nothing moves on past a rejection',
  ).toBe(false);
  const askedMs = Date.parse(status.step?.askedAt ?? '');
  const people = known.filter(
    ({ by, at }) => by !== 'mallory' && (by !== 'carol' || approval.allowAuthor) && Date.parse(at) >= askedMs - SECOND,
  );
  return new Set(people.map(({ by }) => by)).size;
};

/** R19, looked at from outside: what a raise, a step in the status alone, and the end of the last step need. */
const checkMoves = ({ status: stored }: Rollout, _observation: Observation, decision: Decision): void => {
  const from = stored?.step?.index;
  if (stored?.plan === undefined || from === undefined || stored.phase === 'RollingBack') return;
  const written = decision.actions.flatMap(action =>
    action.kind === 'setTraffic' && action.position.state === 'raised' ? [action.position.step] : [],
  );
  const next = decision.status;
  const entered = next.revision === stored.revision && next.planHash === stored.planHash ? (next.step?.index ?? from) : from;
  const isPromoted = next.phase === 'Healthy' && next.stableVersion === 'v2' && stored.stableVersion === 'v1';
  // what the mesh knows already was decided before, on what was stored then
  const isCaughtUp = (next.seq ?? 0) > (stored.seq ?? 0);
  const to = Math.max(...written, isCaughtUp ? from : entered, isPromoted ? from + 1 : from);
  if (to <= from) return;
  const before = stored.plan.steps[from - 1]?.approval;
  const after = stored.plan.steps[from]?.approval;
  if (before?.when === 'after')
    expect(agreed(stored, from, before), `R19: leaving step ${from}`).toBeGreaterThanOrEqual(before.required);
  if (after?.when === 'before' && !isPromoted)
    expect(agreed(stored, from + 1, after), `R19: entering step ${from + 1}`).toBeGreaterThanOrEqual(after.required);
};

/** R19: answers that do not count change nothing at all. */
const checkRefused = (rollout: Rollout, observation: Observation, decision: Decision, nowMs: number): number => {
  const { answers = [], ...unanswered } = observation;
  const { status, authors = [] } = rollout;
  const isCounting = answers.some(answer => status !== undefined && refusalOfAnswer(status, authors, answer) === undefined);
  if (answers.length === 0 || isCounting) return 0;
  if (!isSameJson(decide(rollout, unanswered, nowMs), decision))
    expect.unreachable('R19: another decision than without the answers');
  return 1;
};

it('R19: in every world nothing goes past a step before enough different people have approved it, and that is stored', () => {
  let [moved, refused] = [0, 0];
  fc.assert(
    fc.property(
      specs,
      fc.array(fc.record({ afterMs: fc.nat(TROUBLE_MS), event: events }), { minLength: 6, maxLength: 30 }),
      (spec, drawn) => {
        const laws = watchLaws();
        const world = new World({
          spec,
          authors: AUTHORS,
          onDecision: (rollout, observation, decision, nowMs) => {
            laws(rollout, observation, decision, nowMs);
            checkMoves(rollout, observation, decision);
            refused += checkRefused(rollout, observation, decision, nowMs);
          },
        });
        world.at(2 * SECOND, () => {
          world.setPods('v2', 3);
          world.commit({ version: 'v2' });
        });
        for (const { afterMs, event } of drawn) world.at(4 * SECOND + afterMs, () => happen(world, event));
        world.run(TROUBLE_MS + 30 * SECOND);
        if (world.status?.approvals?.some(({ decision }) => decision === 'approved')) moved += 1;
        expect(world.status?.approvals?.some(({ by }) => by === 'mallory') ?? false).toBe(false);
      },
    ),
    { seed: SEED, numRuns: FEW_WORLDS },
  );
  expect(moved, 'worlds in which somebody approved something').toBeGreaterThan(5);
  expect(refused, 'decisions with answers that do not count').toBeGreaterThan(100);
}, 60_000);
