import { describe, expect, it } from 'vitest';
import { checkSpec, type Installation, type StepSpec, type StrategySpec } from '../../src/rollout/index.ts';
import { specOf } from './check.ts';

const MATCH = [{ headers: { 'end-user': { exact: 'jason' } } }];
const MESH: Installation = { prometheus: ['default'], zipkin: [] };
const ROUTING: Installation = { ...MESH, routes: ['header', 'mirror'] };

const problems = (strategy: StrategySpec, installation?: Installation): readonly string[] =>
  checkSpec({ ...specOf([]), strategy }, installation).map(
    ({ path, message }) => `${path.replace('spec.strategy.', '')} ${message}`,
  );
const canary = (...steps: readonly StepSpec[]): StrategySpec => ({ canary: { steps } });

describe('header and mirror routes', () => {
  const refused: readonly (readonly [StrategySpec, readonly string[]])[] = [
    [canary({ setHeaderRoute: { match: MATCH } }), ['canary.steps[0].setHeaderRoute is not supported yet']],
    [canary({ setMirrorRoute: { percentage: 100 } }), ['canary.steps[0].setMirrorRoute is not supported yet']],
    [{ blueGreen: { preview: { match: MATCH } } }, ['blueGreen is not supported yet']],
    [{ blueGreen: { mirror: { percentage: 10 } } }, ['blueGreen is not supported yet']],
    [{ abTest: { match: MATCH } }, ['abTest is not supported yet']],
  ];
  it.each(refused)(
    'R12: where the router cannot do them, %j is refused, and so it is where nobody knows',
    (strategy, expected) => {
      expect(problems(strategy, MESH)).toEqual(expected);
      expect(problems(strategy)).toEqual(expected);
      expect(problems(strategy, ROUTING)).toEqual([]);
    },
  );

  it('R12: a router that can do the one need not do the other', () => {
    const both = canary({ setHeaderRoute: { match: MATCH }, setMirrorRoute: { percentage: 5 } });
    expect(problems(both, { ...MESH, routes: ['header'] })).toEqual(['canary.steps[0].setMirrorRoute is not supported yet']);
  });

  it('blueGreen without a mirror needs no router that can mirror', () => {
    expect(problems({ blueGreen: { hold: { duration: '5m' }, bake: '1m' } }, { ...MESH, routes: ['header'] })).toEqual([]);
  });

  it('R28: a mirror with a weight is refused, also one that goes on from a step before', () => {
    const mirror: StepSpec = { setMirrorRoute: { percentage: 50 } };
    expect(problems(canary(mirror, { setWeight: 10 }), ROUTING)).toEqual([
      'canary.steps[1].setWeight is 10 while a mirror goes on from a step before; both at once cannot be told apart',
    ]);
    expect(problems(canary({ setWeight: 10 }, mirror), ROUTING)).toEqual([
      'canary.steps[1].setMirrorRoute is not possible at a weight of 10, only at 0',
    ]);
    expect(problems(canary(mirror, { setMirrorRoute: {}, setWeight: 10 }), ROUTING)).toEqual([]);
    expect(problems(canary(mirror, { setWeight: 100 }), ROUTING), 'at 100 it ends').toEqual([]);
    expect(problems(canary(mirror), ROUTING), 'the step that is added at 100 ends it').toEqual([]);
  });
});

describe('approvals', () => {
  const approvers = ['user:alice', 'slack:U024BE7LH'];
  const ANSWERED: Installation = { ...ROUTING, approvals: true };

  it('R19: where no channel takes answers an approval is refused: it could only hold for ever', () => {
    const asked = canary({ setWeight: 10, approval: { approvers } });
    for (const installation of [undefined, MESH]) {
      expect(problems(asked, installation)).toEqual(['canary.steps[0].approval is not supported yet']);
    }
    expect(problems(asked, ANSWERED)).toEqual([]);
  });

  it('R19: as many people as are required must be named, unless a group is', () => {
    const path = 'canary.steps[0].approval';
    expect(problems(canary({ setWeight: 10, approval: { approvers, required: 2 } }), ANSWERED)).toEqual([]);
    expect(problems(canary({ setWeight: 10, approval: { approvers, required: 3 } }), ANSWERED)).toEqual([
      `${path}.required is 3, but approvers names only 2: nobody could ever approve it`,
    ]);
    expect(problems(canary({ approval: { approvers: ['user:alice', 'user:alice'], required: 2 } }), ANSWERED)).toHaveLength(1);
    expect(problems(canary({ approval: { approvers: ['group:release'], required: 3 } }), ANSWERED)).toEqual([]);
  });

  it('R19: onTimeout: rollback needs a timeout', () => {
    const [never, some] = [
      { approvers, onTimeout: 'rollback' } as const,
      { approvers, onTimeout: 'rollback', timeout: '4h' } as const,
    ];
    expect(problems({ blueGreen: { approval: never } }, ANSWERED)).toEqual([
      'blueGreen.approval.onTimeout is rollback, which needs a timeout',
    ]);
    expect(problems({ blueGreen: { approval: some } }, ANSWERED)).toEqual([]);
  });
});
