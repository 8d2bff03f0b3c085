import { describe, expect, it } from 'vitest';
import {
  type ApprovalSpec,
  MESSAGE_KINDS,
  type MessageFacts,
  messageFacts,
  parseDuration,
  REASONS,
  type Reason,
  type StepSpec,
} from '../../src/rollout/index.ts';
import { headlineOf } from '../../src/rollout/tell/kinds.ts';
import { OBJECT, START_MS, type World } from '../../src/simulation/world.ts';
import { HALF, MINUTE, restingWorld, SECOND, specOf, worldInProgress } from './check.ts';

const reasons = Object.keys(REASONS) as readonly Reason[];

/** What would be sent if the present state were told now. */
const factsOf = (world: World): MessageFacts => {
  const { status } = world;
  if (status === undefined) expect.unreachable('a status');
  return messageFacts({ namespace: 'weather', name: 'forecast', status }, status);
};

/** The command that a line of advice ends in, as a request that the controller reads. */
const requestIn = (todo: readonly string[], verb: string): object => {
  const line = todo.find(item => item.includes(`sluice ${verb} `)) ?? expect.unreachable(`${verb} in ${todo.join(' | ')}`);
  const [, options = ''] = new RegExp(`: sluice ${verb} forecast -n weather( .*)?$`).exec(line) ?? expect.unreachable(line);
  const [, revision] = / --revision (\S+)/.exec(options) ?? [];
  const [, step] = / --step (\d+)/.exec(options) ?? [];
  const force = options.includes(' --force');
  return {
    verb,
    ...(revision === undefined ? {} : { revision }),
    ...(step === undefined ? {} : { step: Number(step) }),
    ...(force ? { force } : {}),
  };
};
const annotate = (world: World, verb: string): World => {
  world.ask({ ...requestIn(factsOf(world).todo, verb) });
  return world;
};

const asking = (approval: Partial<ApprovalSpec> = {}): readonly StepSpec[] => [
  { setWeight: 20, pause: { duration: '10s' } },
  { setWeight: 50, pause: { duration: '10s' }, approval: { approvers: ['user:alice', 'user:bob'], ...approval } },
];

describe('the kind of a message', () => {
  it('R35: every reason has one, and every kind a reason', () => {
    const kinds = reasons.map(reason => headlineOf(reason, 'Progressing').kind);
    expect(kinds.every(kind => MESSAGE_KINDS.includes(kind))).toBe(true);
    expect(new Set(kinds)).toEqual(new Set(MESSAGE_KINDS));
    for (const reason of reasons) expect(headlineOf(reason, 'Progressing').title, reason).toMatch(/^[a-z]([\w ]{4,45})$/i);
  });

  it('R35: what ends an attempt says so in its title, while it goes back and afterwards', () => {
    expect(headlineOf('GateFailed', 'RollingBack')).toEqual({ kind: 'rolledBack', title: 'going back: a gate failed' });
    expect(headlineOf('GateFailed', 'RolledBack')).toEqual({ kind: 'rolledBack', title: 'rolled back: a gate failed' });
    expect(headlineOf('ApprovalTimedOut', 'RolledBack').kind).toBe('rolledBack');
    expect(headlineOf('ApprovalTimedOut', 'AwaitingApproval').kind).toBe('approval');
    expect(headlineOf('ExperimentEnded', 'RollingBack').kind).toBe('other');
  });

  it('R35: a reason that is not of the list, or the name of something in every object, makes an ordinary message', () => {
    expect(headlineOf('Strange', 'RolledBack')).toEqual({ kind: 'other', title: 'Strange' });
    expect(headlineOf('constructor', undefined)).toEqual({ kind: 'other', title: 'constructor' });
    expect(messageFacts({ namespace: 'a', name: 'b' }, { reason: 'SourceProblem', message: 'x' })).toMatchObject({ todo: [] });
  });
});

describe('what a message says beside its sentence', () => {
  it('R36: a question names what is asked, until when, why, and the commands that answer it', () => {
    const world = worldInProgress({ spec: specOf(asking({ timeout: '4h' })) }).run(30 * SECOND);
    const facts = factsOf(world);
    expect(facts).toMatchObject({ kind: 'approval', title: 'waits for approval', question: { step: 2, weight: 50, given: [] } });
    expect(facts.todo.slice(0, 2)).toEqual([
      'to approve: sluice approve forecast -n weather --revision ca74b0cd --step 2',
      'to reject, which puts everything back: sluice reject forecast -n weather --revision ca74b0cd --step 2',
    ]);
    expect(Date.parse(facts.until ?? '')).toBe(Date.parse(facts.question?.askedAt ?? '') + (parseDuration('4h') ?? 0));
    expect(annotate(world, 'abort').run(MINUTE).status?.phase).toBe('RolledBack');
    expect(factsOf(world).question).toBeUndefined();
  });

  it('R36: numbers of the gates stand under why, the worst first, and nothing that the sentence says already', () => {
    const orders = { name: 'orders', prometheus: { query: 'x', window: '5s' }, threshold: { min: 1 } };
    const success = specOf([]).analysis?.gates ?? [];
    const spec = specOf([{ setWeight: 50, pause: { duration: '1h' } }], {
      analysis: { interval: '5s', gates: [...success, orders] },
    });
    const world = worldInProgress({ spec, truth: { down: name => name === 'orders' } }).run(MINUTE);
    const facts = factsOf(world);
    expect(facts).toMatchObject({ kind: 'providerDown' });
    expect(facts.gates.map(({ name }) => name)[0]).toBe('orders');
    expect(facts.why).toEqual([expect.stringMatching(/^success-rate 100 % >= 99 % on/)]);
    expect(world.status?.message).toContain('orders');
    world.truth = { requestsPerSecond: 100, errors: version => (version === 'v2' ? 0.5 : 0), down: name => name === 'orders' };
    world.run(MINUTE);
    expect(factsOf(world)).toMatchObject({ kind: 'rolledBack', title: 'rolled back: a gate failed', why: [] });
    expect(annotate(world, 'retry').run(5 * SECOND).status?.phase).toBe('Progressing');
  });

  it('R36: a promotion tells how long it took and who agreed, and the way back', () => {
    const world = worldInProgress({ spec: specOf(asking()) }).run(30 * SECOND);
    const { revision = '' } = world.status ?? {};
    const at = new Date(world.nowMs).toISOString();
    world.answers.push({ revision, step: 2, decision: 'approved', by: 'bob', identities: ['user:bob'], via: 'http', at });
    world.run(40 * SECOND);
    expect(world.status?.reason).toBe('Promoted');
    const { kind, why, todo } = factsOf(world);
    expect(kind).toBe('promoted');
    expect(why).toEqual([
      expect.stringMatching(/^took \d+s\d*m?s?, since 2026-11-21T14:00/),
      'step 2 was approved by bob via http',
    ]);
    expect(todo).toEqual([expect.stringMatching(/^to go back: commit v1; until 2026-11-21T15:/)]);
  });

  it('R36: while it goes back there is nothing to do, unless nobody is there to take the traffic', () => {
    const world = worldInProgress();
    world.setPods('v1', 0);
    world.truth = { requestsPerSecond: 100, errors: version => (version === 'v2' ? 0.9 : 0) };
    world.run(20 * SECOND);
    expect(world.status?.reason).toBe('WaitingForStable');
    expect(requestIn(factsOf(world).todo, 'abort')).toEqual({ verb: 'abort', force: true });
    annotate(world, 'abort').run(SECOND);
    expect(factsOf(world)).toMatchObject({ kind: 'rolledBack' });
  });

  it('R22, R36: the commands do what they say: promote and resume', () => {
    const held = worldInProgress({ spec: specOf([{ setWeight: 50, pause: {} }]) }).run(20 * SECOND);
    expect(factsOf(held)).toMatchObject({ kind: 'waiting', title: 'waits for a person' });
    expect(annotate(held, 'promote').run(10 * SECOND).status?.step?.index ?? 2).toBe(2);

    const lowered = worldInProgress({ spec: specOf([{ setWeight: 50, pause: { duration: '1h' } }]) });
    lowered.edit(OBJECT, { v1: 90, v2: 10 }, { manager: 'kubectl-edit' });
    lowered.run(5 * SECOND);
    expect(factsOf(lowered)).toMatchObject({ kind: 'drift' });
    annotate(lowered, 'resume').run(5 * SECOND);
    expect(lowered.weightOf('v2', OBJECT)).toBe(50);
  });

  it('R20, R36: where a pause holds what people are asked about, both are told', () => {
    const world = worldInProgress({ spec: specOf(asking()) }).run(30 * SECOND);
    world.ask({ verb: 'pause', by: 'bob' });
    world.run(5 * SECOND);
    const { kind, todo } = factsOf(world);
    expect(kind).toBe('paused');
    expect(todo.map(line => line.split(':')[0])).toEqual([
      'to approve',
      'to reject, which puts everything back',
      'to go on',
      'to go back at once',
    ]);
    annotate(world, 'resume').run(5 * SECOND);
    expect(world.status?.phase).toBe('AwaitingApproval');
  });

  it('R35, R36: what is told again after the rollout has moved on says nothing of the present', () => {
    const world = worldInProgress({ spec: specOf(HALF) }).run(MINUTE);
    const { status } = world;
    if (status === undefined) expect.unreachable('a status');
    const started = status.history?.find(({ action }) => action === 'started') ?? expect.unreachable('a start');
    const facts = messageFacts({ namespace: 'weather', name: 'forecast', status }, started);
    expect(facts).toEqual({ kind: 'started', title: 'started', why: [], todo: [], gates: [] });
  });

  it('R36: a world at rest asks for nothing', () => {
    expect(factsOf(restingWorld())).toMatchObject({ kind: 'other', todo: [], why: [] });
    expect(START_MS).toBeGreaterThan(0);
  });
});
