import { describe, expect, it } from 'vitest';
import { attentionOf, type Reason, type RolloutStatus, rolloutView, type StepSpec } from '../../../src/rollout/index.ts';
import { waitingView } from '../../../src/rollout/view/waiting.ts';
import type { World } from '../../../src/simulation/world.ts';
import { MINUTE, SECOND, SUCCESS_RATE, specOf, worldInProgress } from '../check.ts';

const viewOf = (world: World, change: Partial<World['spec']> = {}) => {
  const { status, spec } = world;
  if (status === undefined) expect.unreachable('a status');
  return rolloutView({ namespace: 'weather', name: 'forecast', spec: { ...spec, ...change }, status }, world.nowMs);
};

const THREE: readonly StepSpec[] = [
  { name: 'few', setWeight: 10, pause: { duration: '20s' } },
  {
    setWeight: 50,
    pause: { duration: '20s' },
    setHeaderRoute: { match: [{ headers: { 'end-user': { exact: 'jason' } } }] },
    approval: { approvers: ['user:alice', 'user:bob'], required: 2 },
    gates: [{ name: 'orders', prometheus: { query: 'x', window: '5s' }, threshold: { min: 1 } }],
  },
];

const approve = (world: World, by: string): void => {
  const at = new Date(world.nowMs).toISOString();
  const { revision = '' } = world.status ?? {};
  world.answers.push({ revision, step: 2, decision: 'approved', by, identities: [`user:${by}`], via: 'http', at, comment: 'go' });
};

describe('steps', () => {
  it('R36: show routes, pause, who has to agree, who has, and the gates of the step alone', () => {
    const world = worldInProgress({ spec: specOf(THREE) }).run(40 * SECOND);
    approve(world, 'alice');
    const { steps, question, attention } = viewOf(world.run(5 * SECOND));
    expect(steps.map(({ index, mark }) => `${index} ${mark}`)).toEqual(['1 now', '2 next', '3 next']);
    expect(steps[1]).toMatchObject({
      weight: 50,
      routes: 'with a header route',
      pause: '20s',
      approval: '2 of user:alice, user:bob before it begins',
      answers: [{ decision: 'approved', by: 'alice', via: 'http', comment: 'go' }],
      gates: ['orders'],
    });
    expect(question?.given).toEqual(['alice']);
    expect(attention).toBe('asks');
  });

  it('R23, R36: of an attempt that went back say where it stood, and its gates keep unit and limit', () => {
    const bad = (version: string): number => (version === 'v2' ? 0.5 : 0);
    const world = worldInProgress({ spec: specOf(THREE.slice(0, 1)), truth: { requestsPerSecond: 100, errors: bad } }).run(
      MINUTE,
    );
    const view = viewOf(world);
    expect(view).toMatchObject({ phase: 'RolledBack', attention: 'broken', ended: { step: 1, weight: 10 } });
    expect(view.steps.map(({ mark }) => mark)).toEqual(['back', 'next']);
    expect(view.gates[0]).toMatchObject({ name: 'success-rate', verdict: 'Fail', limit: '>= 99 %', figures: { min: 99 } });
    expect(view.gates[0]?.value).toMatch(/ %$/);
    expect(viewOf(world, { version: 'v3' }).steps.map(({ mark }) => mark)).toEqual(['next', 'next']);
  });

  it('of a version that was promoted are done', () => {
    const world = worldInProgress({ spec: specOf([{ setWeight: 50, pause: { duration: '10s' } }]) }).run(MINUTE);
    expect(viewOf(world)).toMatchObject({ phase: 'Healthy', attention: 'fine' });
    expect(viewOf(world).steps.map(({ mark }) => mark)).toEqual(['done', 'done']);
    expect(viewOf(world)).not.toHaveProperty('ended');
  });
});

describe('gates', () => {
  it('say the limit, where it comes from, and what they are compared with', () => {
    const compared = { ...SUCCESS_RATE, baseline: { tolerance: 1.5 } };
    const spec = specOf([{ setWeight: 50, pause: { duration: '1m' } }], { analysis: { interval: '5s', gates: [compared] } });
    const [gate] = viewOf(worldInProgress({ spec }).run(20 * SECOND)).gates.filter(({ name }) => name === 'success-rate');
    expect(gate).toMatchObject({ limit: ">= 99 % and errors <= 1.5 x stable's", source: 'prometheus/default' });
    const { analysis: _, ...bare } = specOf([{ setWeight: 50, pause: { duration: '1m' } }]);
    const derived = viewOf(worldInProgress({ spec: bare }).run(20 * SECOND)).gates.find(({ name }) => name === 'success-rate');
    expect(derived?.limit).toMatch(/^>= \S+ % \(from stable's normal\) and errors <= /);
  });
});

describe('what a person can do', () => {
  it('R22: nothing is advised that would be refused: before there is a step, nobody can promote it', () => {
    const spec = specOf([{ setWeight: 50, pause: { duration: '1m' } }]);
    const { analysis: _, ...bare } = spec;
    const world = worldInProgress({ spec: bare, truth: { down: () => true } });
    const { reason, phase, todo, attention } = viewOf(world);
    expect({ reason, phase, attention }).toEqual({ reason: 'ProviderError', phase: 'Pending', attention: 'troubled' });
    expect(todo).toEqual(['mend the provider; it goes on by itself when it answers']);
  });
});

describe('attention', () => {
  const status = (change: Partial<RolloutStatus>): RolloutStatus => ({
    phase: 'Progressing',
    reason: 'StepEntered',
    message: '',
    ...change,
  });

  it.each<[string, Partial<RolloutStatus>]>([
    ['broken', { phase: 'RolledBack', reason: 'Aborted' }],
    ['broken', { phase: 'Healthy', reason: 'InvalidSpec' }],
    ['asks', { phase: 'Pending', reason: 'PinNeeded' }],
    ['asks', { phase: 'Paused', reason: 'PausedByPerson' }],
    ['troubled', { phase: 'RollingBack', reason: 'GateFailed' }],
    ['troubled', { phase: 'RollingBack', reason: 'Superseded', waitingFor: { what: 'pods' } }],
    ['troubled', { phase: 'Healthy', reason: 'Drift' }],
    ['troubled', { step: { index: 1, count: 2 }, gates: [{ name: 'a', source: 's', verdict: 'Error', message: '' }] }],
    ['moves', { step: { index: 1, count: 2 }, gates: [{ name: 'a', source: 's', verdict: 'NoData', message: '' }] }],
    ['moves', { phase: 'RollingBack', reason: 'Superseded' }],
    ['moves', { phase: 'Pending', reason: 'Retried' }],
    ['waits', { phase: 'Paused', reason: 'Frozen' }],
    ['waits', { phase: 'Paused', reason: 'WaitingForWindow' }],
    ['waits', { phase: 'Pending', reason: 'WaitingForPods' }],
    ['fine', { phase: 'Healthy', reason: 'UpToDate' }],
  ])('%s: %o', (attention, change) => {
    expect(attentionOf(status(change))).toBe(attention);
  });
});

describe('what it waits for', () => {
  it.each<[Reason, string, string]>([
    ['WaitingForPerson', 'person', 'a person to promote it'],
    ['Frozen', 'person', 'the end of the freeze'],
    ['Frozen', 'approval', 'an approval'],
    ['NoData', 'gates', 'its gates'],
    ['ProviderError', 'pause', 'the pause of this step'],
  ])('%s, %s: %s', (reason, what, words) => {
    const waitingFor = { what, until: '2026-11-21T14:00:00Z' } as NonNullable<RolloutStatus['waitingFor']>;
    expect(waitingView({ phase: 'Progressing', reason, message: '', waitingFor })).toEqual({ ...waitingFor, words });
  });
});
