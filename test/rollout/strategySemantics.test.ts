import { describe, expect, it } from 'vitest';
import { checkSpec, type GateSpec, type Installation, type StepSpec, type StrategySpec } from '../../src/rollout/index.ts';
import { specOf } from './check.ts';

const MATCH = [{ headers: { 'end-user': { exact: 'jason' } } }];
const MESH: Installation = { prometheus: ['default'], zipkin: [] };

const problems = (strategy: StrategySpec, installation?: Installation): readonly string[] =>
  checkSpec({ ...specOf([]), strategy }, installation).map(
    ({ path, message }) => `${path.replace('spec.strategy.', '')} ${message}`,
  );
const canary = (...steps: readonly StepSpec[]): StrategySpec => ({ canary: { steps } });

describe('header and mirror routes', () => {
  it.each<StrategySpec>([
    canary({ setHeaderRoute: { match: MATCH }, setMirrorRoute: { percentage: 5 } }),
    { blueGreen: { preview: { match: MATCH }, mirror: { percentage: 10 } } },
    { abTest: { match: MATCH } },
  ])('R28: %j is accepted', strategy => {
    expect(problems(strategy, MESH)).toEqual([]);
  });

  it('R28: a mirror with a weight is refused, also one that goes on from a step before', () => {
    const mirror: StepSpec = { setMirrorRoute: { percentage: 50 } };
    expect(problems(canary(mirror, { setWeight: 10 }), MESH)).toEqual([
      'canary.steps[1].setWeight is 10 while a mirror goes on from a step before; both at once cannot be told apart',
    ]);
    expect(problems(canary({ setWeight: 10 }, mirror), MESH)).toEqual([
      'canary.steps[1].setMirrorRoute is not possible at a weight of 10, only at 0',
    ]);
    expect(problems(canary(mirror, { setMirrorRoute: {}, setWeight: 10 }), MESH)).toEqual([]);
    expect(problems(canary(mirror, { setWeight: 100 }), MESH), 'at 100 it ends').toEqual([]);
    expect(problems(canary(mirror), MESH), 'the step that is added at 100 ends it').toEqual([]);
  });
});

describe('gates of a step with nothing but copies', () => {
  const zipkin: GateSpec = { name: 'p99', zipkin: { percentile: 99 }, threshold: { max: 500 } };
  const warned = (strategy: StrategySpec, gates: readonly GateSpec[]) =>
    checkSpec({ ...specOf([]), strategy, analysis: { gates } }, { prometheus: ['default'], zipkin: ['default'] })
      .filter(({ path }) => path.startsWith('spec.analysis'))
      .map(({ severity, path, message }) => `${severity}: ${path} ${message}`);

  it('R15: whoever asks Zipkin there is warned, as copies are not traced', () => {
    const mirrored = canary({ setWeight: 0 }, { setMirrorRoute: { percentage: 10 }, pause: {} });
    expect(warned(mirrored, [{ prometheus: { metric: 'success-rate' }, threshold: { min: 99 } }, zipkin])).toEqual([
      'warning: spec.analysis.gates[1].zipkin has no data in step 2, as mirrored copies are not traced: a person has to promote it',
    ]);
    expect(warned({ blueGreen: { mirror: { percentage: 10 } } }, [zipkin])).toHaveLength(1);
  });

  it('beside a header route there are requests that are traced', () => {
    expect(warned({ blueGreen: { preview: { match: MATCH }, mirror: { percentage: 10 } } }, [zipkin])).toEqual([]);
    expect(warned({ abTest: { match: MATCH } }, [zipkin])).toEqual([]);
  });
});

describe('approvals', () => {
  const approvers = ['user:alice', 'slack:U024BE7LH'];

  it('R19: a webhook that the configuration does not name could never answer, and is refused', () => {
    const asked = { approvers: ['user:alice', 'webhook:change-board'] };
    const at = 'approval.approvers[1] is webhook:change-board, which approvals.webhooks of the configuration does not name';
    const naming = (approvalWebhooks: readonly string[]): Installation => ({ ...MESH, approvalWebhooks });
    expect(problems(canary({ setWeight: 10, approval: asked }), naming([]))).toEqual([`canary.steps[0].${at}: it names none`]);
    expect(problems({ blueGreen: { approval: asked } }, naming(['ci']))).toEqual([`blueGreen.${at}: it names ci`]);
    expect(problems({ blueGreen: { approval: asked } }, naming(['change-board']))).toEqual([]);
    expect(problems({ blueGreen: { approval: asked } }), 'without a configuration nothing is known of it').toEqual([]);
  });

  it('R19: Slack approvers without buttons, and a channel without Slack, are warned of and hold nothing', () => {
    const strategy = canary({ setWeight: 10, approval: { approvers } });
    const warned = (installation: Partial<Installation>) =>
      checkSpec({ ...specOf([]), strategy, notify: { slack: '#weather' } }, { ...MESH, ...installation })
        .filter(({ path }) => /approvers|notify/.test(path))
        .map(({ severity, path }) => `${severity} ${path}`);
    const notify = 'warning spec.notify.slack';
    expect(warned({ slack: true, slackButtons: true })).toEqual([]);
    expect(warned({ slack: true, slackButtons: false })).toEqual(['warning spec.strategy.canary.steps[0].approval.approvers[1]']);
    expect(warned({ slack: false })).toEqual([notify]);
    expect(warned({}), 'nothing is known').toEqual([]);
  });

  it('R19: as many people as are required must be named, unless a group is', () => {
    const path = 'canary.steps[0].approval';
    expect(problems(canary({ setWeight: 10, approval: { approvers, required: 2 } }), MESH)).toEqual([]);
    expect(problems(canary({ setWeight: 10, approval: { approvers, required: 3 } }), MESH)).toEqual([
      `${path}.required is 3, but approvers names only 2: nobody could ever approve it`,
    ]);
    expect(problems(canary({ approval: { approvers: ['user:alice', 'user:alice'], required: 2 } }), MESH)).toHaveLength(1);
    expect(problems(canary({ approval: { approvers: ['group:release'], required: 3 } }), MESH)).toEqual([]);
  });

  it('R19: onTimeout: rollback needs a timeout', () => {
    const [never, some] = [
      { approvers, onTimeout: 'rollback' } as const,
      { approvers, onTimeout: 'rollback', timeout: '4h' } as const,
    ];
    expect(problems({ blueGreen: { approval: never } }, MESH)).toEqual([
      'blueGreen.approval.onTimeout is rollback, which needs a timeout',
    ]);
    expect(problems({ blueGreen: { approval: some } }, MESH)).toEqual([]);
  });
});
