import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ApprovalSpec, Decision, Observation, Rollout, StepSpec } from '../../src/rollout/index.ts';
import type { World } from '../../src/simulation/world.ts';
import { ALICE, answer, answerOf, asked } from './asked.ts';
import { check, MINUTE, restingWorld, SECOND, SUCCESS_RATE, specOf } from './check.ts';
import { watchLaws } from './laws.ts';
import { SEED } from './property.ts';

const APPROVAL: ApprovalSpec = { approvers: [ALICE] };
const approve = (world: World, step: number): World => answer(world, { step }).run(30 * SECOND);
const asks = (world: World): number => world.announced.filter(({ reason }) => reason === 'WaitingForApproval').length;
const commit = (world: World, steps: readonly StepSpec[]): World => {
  world.commit({ strategy: { canary: { steps } } });
  return world.run(30 * SECOND);
};
const weights = (world: World): readonly number[] => world.meshWrites.map(({ weight }) => weight);
const preview = (value: string): Pick<StepSpec, 'setHeaderRoute'> => ({
  setHeaderRoute: { match: [{ headers: { 'x-preview': { exact: value } } }] },
});

describe('an edit while people are asked', () => {
  const gate = (duration = '10s'): readonly StepSpec[] => [
    { setWeight: 20, pause: { duration } },
    { name: 'ask', approval: APPROVAL },
    { setWeight: 50, pause: { duration: '10s' } },
  ];

  it('R11, R19: a step that is an approval only, at the weight where traffic stands, is asked again', () => {
    const world = asked(specOf(gate()));
    check(world, { phase: 'AwaitingApproval', step: 1, message: /step 2 at 20% needs/ });
    check(commit(world, gate('11s')).run(5 * MINUTE), {
      phase: 'AwaitingApproval',
      step: 1,
      mesh: [20],
      message: /step 2 at 20% needs/,
    });
    check(approve(world, 2).run(MINUTE), { phase: 'Healthy', stable: 'v2' });
    expect(weights(world)).toEqual([20, 50, 100]);
  });

  it('R11, R19: so it is when only the analysis was edited', () => {
    const world = asked(specOf(gate()));
    world.commit({ analysis: { interval: '6s', gates: [SUCCESS_RATE] } });
    check(world.run(5 * MINUTE), { phase: 'AwaitingApproval', step: 1, mesh: [20] });
  });

  it('R11, R19: so it is at weight 0, where header routes are the traffic', () => {
    const steps = (duration: string): readonly StepSpec[] => [
      { setWeight: 0, ...preview('few'), pause: { duration } },
      { setWeight: 0, ...preview('many'), pause: { duration: '10s' }, approval: APPROVAL },
      { setWeight: 50, pause: { duration: '10s' } },
    ];
    const spec = specOf(steps('10s'), { analysis: { interval: '5s', gates: [] } });
    const world = asked(spec, { installation: { prometheus: [], zipkin: [] } });
    check(world, { phase: 'AwaitingApproval', step: 1, mesh: [0] });
    check(commit(world, steps('11s')).run(5 * MINUTE), { phase: 'AwaitingApproval', step: 1, mesh: [0] });
    check(approve(world, 2).run(MINUTE), { phase: 'Healthy', stable: 'v2' });
  });

  it('R11, R19: all of several approvals at one weight are asked, one after the other', () => {
    const steps = (duration: string): readonly StepSpec[] => [
      { setWeight: 20, pause: { duration }, approval: { ...APPROVAL, when: 'after' } },
      { name: 'second', approval: { ...APPROVAL, when: 'after' } },
      { setWeight: 50, pause: { duration: '10s' } },
    ];
    const world = asked(specOf(steps('10s')));
    check(commit(world, steps('11s')), { phase: 'AwaitingApproval', step: 1, message: /leaving step 1 needs/ });
    check(approve(world, 1), { phase: 'AwaitingApproval', step: 2, mesh: [20], message: /leaving step 2 needs/ });
    check(approve(world, 2), { mesh: [100] });
  });

  it('R11, R19: nobody is asked again about a step that was entered with their word, however often the rest is edited', () => {
    const steps = (duration: string): readonly StepSpec[] => [
      { setWeight: 20, pause: { duration: '10s' } },
      { setWeight: 50, pause: { duration }, approval: APPROVAL },
    ];
    const world = asked(specOf(steps('5m')));
    check(approve(world, 2), { phase: 'Progressing', step: 2, mesh: [50] });
    for (const duration of ['6m', '7m', '20s']) commit(world, steps(duration));
    check(world.run(MINUTE), { phase: 'Healthy', stable: 'v2' });
    expect(asks(world)).toBe(1);
  });

  it('R11, R19: who may approve was edited: the people of the new plan are asked before anything moves on', () => {
    const steps = (approvers: readonly string[]): readonly StepSpec[] => [
      { setWeight: 20, pause: { duration: '10s' } },
      { setWeight: 50, pause: { duration: '5m' }, approval: { approvers } },
    ];
    const world = asked(specOf(steps([ALICE])));
    check(approve(world, 2), { mesh: [50] });
    check(commit(world, steps(['user:carol'])).run(10 * MINUTE), { phase: 'AwaitingApproval', mesh: [50] });
  });

  it('R11, R19: the approval of the last step, at which traffic stands, was given', () => {
    const steps = (duration: string): readonly StepSpec[] => [
      { setWeight: 20, pause: { duration: '10s' } },
      { setWeight: 100, pause: { duration }, approval: APPROVAL },
    ];
    const world = asked(specOf(steps('5m')));
    check(approve(world, 2), { step: 2, mesh: [100] });
    check(commit(world, steps('20s')).run(MINUTE), { phase: 'Healthy', stable: 'v2' });
    expect(asks(world)).toBe(1);
  });
});

/** Each step has an approver of its own, so that who agreed tells to what. */
const drawnSteps = fc
  .array(
    fc.record({
      weight: fc.constantFrom(0, 20, 20, 50, 50, 100),
      when: fc.constantFrom('before' as const, 'before' as const, 'after' as const, undefined),
      route: fc.constantFrom(undefined, undefined, 'few', 'many'),
    }),
    { minLength: 2, maxLength: 5 },
  )
  .map(steps =>
    [...steps]
      .sort((a, b) => a.weight - b.weight)
      .map(
        ({ weight, when, route }, index): StepSpec => ({
          setWeight: weight,
          ...(route === undefined || weight === 100 ? {} : preview(route)),
          ...(when === undefined ? {} : { approval: { when, approvers: [`user:p${index}`] } }),
          pause: { duration: '5s' },
        }),
      ),
  );

const drawnEvents = fc.array(
  fc.record({
    afterMs: fc.nat(90 * SECOND),
    what: fc.oneof(
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('edit' as const), seconds: fc.integer({ min: 3, max: 8 }) }) },
      { weight: 6, arbitrary: fc.record({ kind: fc.constant('answer' as const), by: fc.nat(4), step: fc.nat(2) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('crash' as const) }) },
    ),
  }),
  { minLength: 4, maxLength: 25 },
);

it('R11, R19: however often pauses are edited, traffic is never raised past a step whose approval nobody gave', () => {
  let raisedAfterEdit = 0;
  fc.assert(
    fc.property(drawnSteps, drawnEvents, (steps, drawn) => {
      const given = new Set<string>();
      const laws = watchLaws();
      const onDecision = (rollout: Rollout, observation: Observation, decision: Decision, nowMs: number): void => {
        laws(rollout, observation, decision, nowMs);
        const { status } = rollout;
        for (const { revision, by } of status?.approvals ?? []) given.add(`${revision} ${by}`);
        for (const action of decision.actions) {
          if (action.kind !== 'setTraffic' || action.position.state !== 'raised') continue;
          if (action.weight <= (status?.traffic?.weight ?? 0)) continue;
          if (status?.history?.some(entry => entry.action === 'edited')) raisedAfterEdit += 1;
          for (const [index, { setWeight = 0, approval }] of steps.entries()) {
            const isFirst = steps.findIndex(step => step.setWeight === setWeight) === index;
            const isEntered = setWeight === action.weight && isFirst && approval?.when === 'before';
            const isPast = setWeight < action.weight || isEntered;
            if (approval !== undefined && isPast) expect(given, `step ${index + 1}`).toContain(`${status?.revision} p${index}`);
          }
        }
      };
      const world = restingWorld({
        spec: specOf(steps, { analysis: { interval: '5s', gates: [] } }),
        installation: { prometheus: [], zipkin: [] },
        onDecision,
      });
      world.setPods('v2', 3);
      world.commit({ version: 'v2' });
      const originMs = world.nowMs;
      for (const { afterMs, what } of [...drawn].sort((a, b) => a.afterMs - b.afterMs)) {
        world.run(Math.max(0, originMs + afterMs - world.nowMs));
        if (what.kind === 'crash') world.crash();
        if (what.kind === 'edit')
          world.commit({
            strategy: { canary: { steps: steps.map(step => ({ ...step, pause: { duration: `${what.seconds}s` } })) } },
          });
        if (what.kind === 'answer') {
          const [by, step] = [`p${what.by}`, (world.status?.step?.index ?? 0) + what.step];
          world.answers.push(answerOf(world, { by, identities: [`user:${by}`], step }));
        }
      }
      world.run(30 * SECOND);
    }),
    { seed: SEED, numRuns: 150 },
  );
  expect(raisedAfterEdit, 'raises after an edit').toBeGreaterThan(20);
}, 60_000);
