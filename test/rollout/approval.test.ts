import { describe, expect, it } from 'vitest';
import type { ApprovalAnswer } from '../../src/rollout/index.ts';
import { OBJECT, START_MS, type World, type WorldOptions } from '../../src/simulation/world.ts';
import { ALICE, answer, answerOf, asked, asking, BOB, bob, CAROL } from './asked.ts';
import { check, MINUTE, mark, restingWorld, SECOND, specOf } from './check.ts';
import { watchLaws } from './laws.ts';

const weights = (world: World): readonly number[] => world.meshWrites.map(({ weight }) => weight);
const actions = (world: World): readonly string[] => (world.status?.history ?? []).map(({ action }) => action);

describe('an approval before a step', () => {
  it('R19: is asked when the step before is satisfied, and nothing is raised until it is granted', () => {
    const world = asked();
    check(world, { phase: 'AwaitingApproval', reason: 'WaitingForApproval', waitingFor: 'approval', step: 1, mesh: [20] });
    check(world, { message: /step 1\/3 at 20%: success-rate .*; step 2 at 50% needs the approval of 1 of user:alice/ });
    expect(world.status?.step?.askedAt).toBeDefined();
    expect(world.status?.waitingFor?.until).toBeUndefined();
    check(world.run(10 * MINUTE), { phase: 'AwaitingApproval', step: 1, mesh: [20] });
    expect(world.announced.filter(({ reason }) => reason === 'WaitingForApproval')).toHaveLength(1);
    check(answer(world).run(5 * SECOND), { phase: 'Progressing', step: 2, mesh: [50] });
    check(world.run(MINUTE), { phase: 'Healthy', stable: 'v2', mesh: [100] });
  });

  it('R19: is not asked while the pause lasts or gates do not pass', () => {
    const world = asked(asking(), { truth: { requestsPerSecond: 0 } });
    check(world.run(MINUTE), { phase: 'Progressing', waitingFor: 'gates', step: 1, mesh: [20] });
    expect(world.status?.step?.askedAt).toBeUndefined();
    answer(world).run(5 * SECOND);
    expect(world.status?.approvals, 'nobody was asked yet').toBeUndefined();
    world.truth = { requestsPerSecond: 100 };
    check(world.run(MINUTE), { phase: 'AwaitingApproval', step: 1 });
  });

  it('R5, R19: costs one status write to ask and one to note down, and waiting costs one in 5 min', () => {
    const world = asked();
    const before = mark(world);
    check(world.run(30 * MINUTE), { writes: { mesh: 0, status: 6 } }, before);
    const answered = mark(world);
    answer(world).run(SECOND);
    check(world, { step: 2, writes: { mesh: 1, status: 2 } }, answered);
  });

  it('R19: on step 1 is asked before the first weight', () => {
    const spec = specOf([{ setWeight: 50, pause: { duration: '10s' }, approval: { approvers: [ALICE] } }]);
    const world = asked(spec);
    check(world, { phase: 'AwaitingApproval', step: 0, mesh: [0], message: /starting v2 at 0%: step 1 at 50% needs/ });
    check(world, { writes: { mesh: 0, finalizer: 0 } });
    check(answer(world, { step: 1 }).run(10 * SECOND), { phase: 'Progressing', step: 1, mesh: [50] });
  });

  it('R14, R19: gates go on while people think, and can roll back', () => {
    const world = asked(asking(), { truth: { errors: (version, ms) => (version === 'v2' && ms > START_MS + MINUTE ? 0.5 : 0) } });
    check(world, { phase: 'AwaitingApproval' });
    check(world.run(3 * MINUTE), { phase: 'RolledBack', reason: 'GateFailed', mesh: [0] });
  });

  it('R14, R19: an approval replaces no gate, which must pass again at the moment of moving', () => {
    const world = asked();
    world.truth = { ...world.truth, down: name => name === 'success-rate' };
    world.run(10 * SECOND);
    check(answer(world).run(MINUTE), { phase: 'Progressing', reason: 'ProviderError', waitingFor: 'gates', step: 1, mesh: [20] });
    world.truth = { ...world.truth, down: () => false };
    check(world.run(10 * SECOND), { step: 2, mesh: [50] });
  });

  it('R19, R25: without a ready pod an approval raises nothing', () => {
    const world = asked();
    world.setPods('v2', 0);
    check(answer(world).run(10 * SECOND), { mesh: [0], reason: 'PodsLost' });
  });

  it('R19, R25: pods that come back begin the step again, and people are asked again', () => {
    const world = asked();
    answer(world, bob);
    world.setPods('v2', 0);
    world.run(5 * SECOND);
    world.setPods('v2', 3);
    check(world.run(8 * SECOND), { phase: 'Progressing', step: 1, mesh: [20] });
    check(world.run(20 * SECOND), { phase: 'AwaitingApproval', step: 1, mesh: [20] });
  });
});

describe('an approval after a step', () => {
  it('R19: is asked when this step is satisfied', () => {
    const spec = asking({ when: 'after' });
    const world = asked(spec);
    check(world, { phase: 'AwaitingApproval', step: 2, mesh: [50], message: /leaving step 2 needs the approval/ });
    check(answer(world).run(5 * SECOND), { step: 3, mesh: [100] });
  });

  it('R19: on the last step holds the end', () => {
    const spec = specOf([{ setWeight: 100, pause: { duration: '10s' }, approval: { when: 'after', approvers: [ALICE] } }]);
    const world = asked(spec);
    check(world, { phase: 'AwaitingApproval', step: 1, mesh: [100], stable: 'v1' });
    check(answer(world, { step: 1 }).run(5 * SECOND), { phase: 'Healthy', stable: 'v2' });
  });

  it('R19: before the next one both are asked, one after the other', () => {
    const approval = { approvers: [ALICE, BOB] };
    const spec = specOf([
      { setWeight: 20, approval: { ...approval, when: 'after' } },
      { setWeight: 50, approval },
    ]);
    const world = asked(spec);
    check(world, { step: 1, message: /leaving step 1 needs/ });
    answer(world, { step: 2 });
    check(world.run(5 * SECOND), { step: 1, message: /leaving step 1 needs/ });
    check(answer(world, { step: 1 }).run(5 * SECOND), { phase: 'AwaitingApproval', step: 1, message: /step 2 at 50% needs/ });
    check(answer(world, { step: 2, ...bob }).run(5 * SECOND), { step: 2, mesh: [50] });
    expect(world.status?.approvals?.map(({ step, by }) => `${step} ${by}`)).toEqual(['1 alice', '2 bob']);
  });
});

describe('answers', () => {
  it('R19: so many different people as required; each one counts once', () => {
    const world = asked(asking({ required: 2 }));
    const told = world.announced.length;
    answer(world).run(5 * SECOND);
    check(world, { phase: 'AwaitingApproval', step: 1, message: /needs the approval of 2 of .* \(alice so far\)/ });
    expect(world.announced.slice(told).map(({ reason, message }) => `${reason}: ${message}`)).toEqual([
      'Approved: step 2 was approved by alice via http',
    ]);
    check(answer(world, { identities: [BOB], via: 'slack' }).run(5 * SECOND), { phase: 'AwaitingApproval', step: 1 });
    expect(world.status?.approvals).toHaveLength(1);
    check(answer(world, bob).run(5 * SECOND), { step: 2, mesh: [50] });
    expect(actions(world).filter(action => action === 'approved')).toHaveLength(2);
  });

  it('R19: what comes at the same moment counts at the same moment', () => {
    const world = asked(asking({ required: 2 }));
    check(answer(answer(world), bob).run(5 * SECOND), { step: 2, mesh: [50] });
  });

  type Ignored = {
    readonly who: string;
    readonly change: (world: World) => Partial<ApprovalAnswer>;
    readonly authors?: readonly string[];
  };
  const ignored: readonly Ignored[] = [
    { who: 'another revision', change: () => ({ revision: 'ffffffff' }) },
    { who: 'a step that is over', change: () => ({ step: 1 }) },
    { who: 'a step that comes later', change: () => ({ step: 3 }) },
    { who: 'a step that there is not', change: () => ({ step: 99 }) },
    { who: 'somebody who is no approver', change: () => ({ by: 'mallory', identities: ['user:mallory@example.com'] }) },
    { who: 'somebody who proved nothing', change: () => ({ identities: [] }) },
    { who: 'nobody', change: () => ({ by: '' }) },
    { who: 'a name that only looks like an approver', change: () => ({ by: ALICE, identities: ['user:eve@example.com'] }) },
    { who: 'a time before people were asked', change: world => ({ at: new Date(world.nowMs - 10 * MINUTE).toISOString() }) },
    { who: 'no time', change: () => ({ at: 'yesterday' }) },
    { who: 'the author, by name', change: () => ({}), authors: ['alice'] },
    { who: 'the author, by address', change: () => ({}), authors: ['Alice@Example.com'] },
    { who: 'the author, by an identity', change: () => ({}), authors: [ALICE] },
  ];
  it.each(ignored)('R19: from or for $who changes nothing, not even the status', ({ change, authors }) => {
    for (const decision of ['approved', 'rejected'] as const) {
      const world = asked(asking(), authors === undefined ? {} : { authors });
      const before = mark(world);
      answer(world, { decision, ...change(world) }).run(30 * SECOND);
      check(world, { phase: 'AwaitingApproval', step: 1, mesh: [20], writes: { mesh: 0, status: 0 } }, before);
    }
  });

  it('R19: the author counts where the spec allows it; a group that an author is in does not make one', () => {
    check(answer(asked(asking({ allowAuthor: true }), { authors: ['alice'] })).run(5 * SECOND), { step: 2 });
    const world = asked(asking(), { authors: ['release', 'alice'] });
    check(answer(world, { by: 'carol', identities: ['user:carol@example.com', CAROL] }).run(5 * SECOND), { step: 2 });
  });

  it('R19: one rejection rolls back, in one write, and says who and why', () => {
    const world = asked(asking({ required: 2 }));
    answer(world).run(5 * SECOND);
    const before = mark(world);
    answer(world, { ...bob, decision: 'rejected', comment: 'too many tickets' }).run(5 * SECOND);
    check(world, { phase: 'RolledBack', reason: 'Rejected', mesh: [0], writes: { mesh: 1 } }, before);
    check(world, { message: /all traffic on v1: step 2 was rejected by bob via slack: too many tickets \(obeyed/ });
    expect(world.status?.approvals?.map(({ by, decision }) => `${by} ${decision}`)).toEqual(['alice approved', 'bob rejected']);
    expect(actions(world)).toContain('rejected');
    const told = world.announced.filter(({ message }) => message.includes('was rejected by bob'));
    expect(told.map(({ message }) => message.split(':')[0])).toEqual(['back to v1', 'all traffic on v1']);
  });

  it('R19: somebody who agreed may still say no; a rejection beside an approval wins', () => {
    const world = asked(asking({ required: 2 }));
    answer(world).run(5 * SECOND);
    check(answer(world, { decision: 'rejected' }).run(5 * SECOND), { phase: 'RolledBack', reason: 'Rejected' });
    const both = asked();
    check(answer(answer(both), { ...bob, decision: 'rejected' }).run(5 * SECOND), { phase: 'RolledBack', reason: 'Rejected' });
  });

  it('R19: a rejection counts until the traffic moves', () => {
    const world = asked();
    world.truth = { ...world.truth, down: name => name === 'success-rate' };
    answer(world.run(10 * SECOND)).run(10 * SECOND);
    check(world, { step: 1, waitingFor: 'gates' });
    check(answer(world, { ...bob, decision: 'rejected' }).run(5 * SECOND), { phase: 'RolledBack', reason: 'Rejected' });
  });

  it('R19: late answers change nothing', () => {
    const [world, undisturbed] = [answer(asked()).run(5 * SECOND), answer(asked()).run(5 * SECOND)];
    check(world, { step: 2, mesh: [50] });
    answer(world, { ...bob, decision: 'rejected' });
    check(world.run(MINUTE), { phase: 'Healthy', stable: 'v2', writes: mark(undisturbed.run(MINUTE)) });
  });

  it('R6, R19: a rejection waits for a stable version that has pods, is not forgotten, and lets nothing forward', () => {
    const world = asked();
    world.setPods('v1', 0);
    check(answer(world, { decision: 'rejected' }).run(10 * SECOND), { reason: 'WaitingForStable', mesh: [20] });
    world.answers.length = 0;
    check(answer(world, bob).run(MINUTE), { reason: 'WaitingForStable', step: 1, mesh: [20] });
    world.setPods('v1', 3);
    check(world.run(10 * SECOND), { phase: 'RolledBack', reason: 'Rejected', mesh: [0] });
  });

  it('R6, R9: a newest version takes over from a rejected one while stable has no pods', () => {
    const world = asked();
    world.setPods('v1', 0);
    answer(world, { decision: 'rejected' }).run(5 * SECOND);
    world.setPods('v3', 3);
    world.commit({ version: 'v3' });
    world.run(10 * SECOND);
    expect([world.status?.canaryVersion, world.weightOf('v3'), world.weightOf('v2')]).toEqual(['v3', 20, 0]);
  });

  it('R3, R19: a refused status write holds back the raise that an approval allows, and no rejection', () => {
    const world = asked();
    world.statusRefused = true;
    check(answer(world).run(10 * SECOND), { step: 1, mesh: [20] });
    check(answer(world, { ...bob, decision: 'rejected' }).run(2 * SECOND), { mesh: [0] });
  });
});

describe('people who do not answer', () => {
  it('R19: onTimeout: hold tells them once and still waits', () => {
    const world = asked(asking({ timeout: '5m' }));
    check(world, { message: /until 14:\d\d:\d\dZ, then it is told and still waits/ });
    expect(world.status?.waitingFor?.until).toBeDefined();
    check(world.run(10 * MINUTE), { phase: 'AwaitingApproval', reason: 'ApprovalTimedOut', step: 1, mesh: [20] });
    check(world, { message: /it was not approved by 14:\d\d:\d\dZ, and still waits/ });
    const told = world.announced.filter(({ reason }) => reason === 'ApprovalTimedOut');
    expect(told.map(({ type }) => type)).toEqual(['Warning']);
    check(answer(world).run(5 * SECOND), { step: 2, mesh: [50] });
  });

  it('R19: onTimeout: rollback goes back', () => {
    const world = asked(asking({ timeout: '5m', onTimeout: 'rollback' }));
    check(world.run(4 * MINUTE), { phase: 'AwaitingApproval', message: /until 14:\d\d:\d\dZ, then all traffic goes back/ });
    check(world.run(2 * MINUTE), { phase: 'RolledBack', reason: 'ApprovalTimedOut', mesh: [0] });
    check(world, { message: /step 2 was not approved until 2026-11-21T14:\d\d:\d\dZ \(obeyed/ });
  });

  it('R19: an answer in time counts, though a controller that was away sees it late', () => {
    const world = asked(asking({ timeout: '1m', onTimeout: 'rollback' }));
    answer(world);
    world.crash(5 * MINUTE);
    check(world.run(5 * MINUTE + 10 * SECOND), { step: 2, mesh: [50] });
    const late = asked(asking({ timeout: '1m', onTimeout: 'rollback' }));
    answer(late, { at: new Date(late.nowMs + 3 * MINUTE).toISOString() });
    late.crash(5 * MINUTE);
    check(late.run(6 * MINUTE), { phase: 'RolledBack', reason: 'ApprovalTimedOut' });
  });

  it('R4, R19: the time-out survives restarts', () => {
    const world = asked(asking({ timeout: '5m', onTimeout: 'rollback' }));
    for (let i = 0; i < 40; i++) {
      world.crash();
      world.run(10 * SECOND);
    }
    check(world, { phase: 'RolledBack', reason: 'ApprovalTimedOut' });
  });
});

describe('beside an approval', () => {
  it('R22: promote is none', () => {
    const world = asked();
    world.ask({ verb: 'promote', revision: world.status?.revision, step: 1 });
    check(world.run(10 * SECOND), { phase: 'AwaitingApproval', step: 1, mesh: [20] });
    expect(world.status?.lastRequest?.outcome).toMatch(/refused: step 2 waits for people who approve it/);
    const early = asked(asking({}, { analysis: { interval: '5s', gates: [] } }), { truth: { requestsPerSecond: 0 } });
    check(early, { phase: 'AwaitingApproval', step: 1 });
  });

  it('R22: promote before the question ends the pause, and not the approval', () => {
    const world = restingWorld({ spec: asking(), onDecision: watchLaws() });
    world.setPods('v2', 3);
    world.commit({ version: 'v2' });
    world.run(5 * SECOND);
    world.ask({ verb: 'promote', revision: world.status?.revision, step: 1 });
    check(world.run(2 * SECOND), { phase: 'AwaitingApproval', step: 1, mesh: [20] });
    check(answer(world).run(2 * SECOND), { step: 2, mesh: [50] });
  });

  it('R6, R19: abort, pause, freeze and windows keep their precedence', () => {
    const aborted = asked();
    aborted.ask('{"verb":"abort"}');
    check(answer(aborted).run(5 * SECOND), { phase: 'RolledBack', reason: 'Aborted', mesh: [0] });
    const paused = asked();
    paused.ask({ verb: 'pause', by: 'bob' });
    check(paused.run(SECOND), { message: /resume to go on; then step 2 at 50% needs the approval of 1 of .*nobody so far/ });
    check(answer(paused).run(MINUTE), { phase: 'Paused', step: 1, mesh: [20], message: /resume to go on$/ });
    expect(paused.status?.approvals, 'noted down all the same').toHaveLength(1);
    paused.ask({ verb: 'resume' });
    check(paused.run(5 * SECOND), { step: 2, mesh: [50] });
    const frozen = asked();
    frozen.freeze = { by: 'ops', since: new Date(START_MS).toISOString() };
    check(frozen.run(SECOND), { message: /after sluice freeze --off; then step 2 at 50% needs the approval/ });
    check(answer(frozen).run(MINUTE), { step: 1, mesh: [20], reason: 'Frozen' });
    const rejected = asked();
    rejected.freeze = { by: 'ops', since: new Date(START_MS).toISOString() };
    check(answer(rejected, { decision: 'rejected' }).run(5 * SECOND), { phase: 'RolledBack', reason: 'Rejected' });
  });

  it('R11, R19: an edit makes what was said before void', () => {
    const world = asked(asking({ required: 2 }));
    answer(world).run(5 * SECOND);
    const early = answerOf(world, bob);
    world.commit({ strategy: asking({ required: 2, message: 'Again?' }).strategy });
    world.run(MINUTE);
    check(world, { phase: 'AwaitingApproval', step: 1, mesh: [20], message: /nobody so far/ });
    world.answers.push(early);
    check(world.run(5 * SECOND), { phase: 'AwaitingApproval', mesh: [20], message: /nobody so far/ });
    check(answer(answer(world), bob).run(10 * SECOND), { mesh: [50] });
  });

  it('R8, R9, R19: a new revision makes it void', () => {
    const world = asked();
    const early = answerOf(world);
    world.setPods('v2', 3, 'v2b');
    check(world.run(MINUTE), { phase: 'AwaitingApproval', step: 1, mesh: [20] });
    world.answers.push({ ...early, at: new Date(world.nowMs).toISOString() });
    check(world.run(5 * SECOND), { phase: 'AwaitingApproval', step: 1, mesh: [20] });
    expect(world.status?.approvals).toBeUndefined();
  });

  it('R26: drift is put down while people think', () => {
    const world = asked();
    world.edit(OBJECT, { v1: 10, v2: 90 });
    check(world.run(5 * SECOND), { phase: 'AwaitingApproval', mesh: [20], step: 1 });
    check(answer(world).run(5 * SECOND), { step: 2, mesh: [50] });
  });
});

describe('a process that dies while people are asked', () => {
  const story = (decision: 'approved' | 'rejected', crash?: WorldOptions['crash']): World => {
    const world = asked(asking({ required: 2 }), crash ? { crash } : {});
    answer(world).run(5 * SECOND);
    answer(world, { ...bob, decision });
    return world.run(MINUTE);
  };
  const { mesh, subset, status, request, finalizer } = story('approved').counts;
  const crashes = Array.from({ length: mesh + subset + status + request + finalizer }, (_, i) =>
    (['before', 'after'] as const).map(when => ({ write: i + 1, when })),
  ).flat();

  it.each(crashes)('R4, R19: $when write $write: nothing is asked, raised or rejected twice', crash => {
    const good = story('approved', crash);
    check(good, { phase: 'Healthy', stable: 'v2', mesh: [100] });
    expect(weights(good)).toEqual([20, 50, 100]);
    expect(good.status?.approvals?.map(({ by }) => by)).toEqual(['alice', 'bob']);
    const bad = story('rejected', crash);
    check(bad, { phase: 'RolledBack', reason: 'Rejected', mesh: [0] });
    expect(weights(bad)).toEqual([20, 0]);
    expect(bad.status?.approvals?.map(({ by }) => by)).toEqual(['alice', 'bob']);
    check(bad, { message: /rejected by bob/ });
  });

  it('R4, R19: restarts while people think ask nobody twice', () => {
    const world = asked(asking({ required: 2 }));
    const at = world.status?.step?.askedAt;
    for (let i = 0; i < 20; i++) {
      world.crash();
      world.run(10 * SECOND);
      if (i === 10) answer(world);
    }
    check(world, { phase: 'AwaitingApproval', step: 1, mesh: [20], message: /alice so far/ });
    expect(world.status?.step?.askedAt).toBe(at);
    expect(world.announced.filter(({ reason }) => reason === 'WaitingForApproval')).toHaveLength(1);
  });
});
