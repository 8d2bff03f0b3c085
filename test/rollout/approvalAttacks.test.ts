import { describe, expect, it } from 'vitest';
import { messageFacts, openQuestion, type RolloutSpec, refusalOfAnswer } from '../../src/rollout/index.ts';
import type { World } from '../../src/simulation/world.ts';
import { ALICE, answer, answerOf, asked, asking, BOB, bob } from './asked.ts';
import { check, MINUTE, SECOND, specOf } from './check.ts';

const refusal = (world: World, change: Parameters<typeof answerOf>[1] = {}, authors: readonly string[] = []) => {
  if (world.status === undefined) expect.unreachable('a status');
  return refusalOfAnswer(world.status, authors, answerOf(world, change));
};
const told = (world: World, reason: string) => world.announced.filter(known => known.reason === reason);

describe('what people write', () => {
  it('R19: a comment is one line without control characters, and not longer than anybody reads', () => {
    const world = asked();
    const comment = `fine\u001b[2J\nby me\u202e, see\t<!channel> ${'x'.repeat(100_000)}`;
    answer(world, { comment }).run(5 * SECOND);
    const [known] = world.status?.approvals ?? [];
    expect(known?.comment).toMatch(/^fine \[2J by me , see <!channel> x+\.\.\.$/);
    expect(known?.comment).toHaveLength(300);
    const entry = world.status?.history?.find(({ action }) => action === 'approved');
    expect(entry?.message).toBe(`step 2 was approved by alice via http: ${known?.comment}`);
    expect(told(world, 'Approved')[0]?.message).toBe(entry?.message);
  });

  it('R19: a comment of nothing is none', () => {
    const world = answer(asked(), { comment: ' \n\u0000\t' }).run(5 * SECOND);
    expect(world.status?.approvals).toEqual([expect.not.objectContaining({ comment: expect.anything() })]);
  });
});

describe('answers at a bad moment', () => {
  it('R19: while traffic goes back nobody is asked, and an answer hears so at once', () => {
    const world = asked();
    world.meshRefuses = 'the API server is away';
    answer(world, { decision: 'rejected', comment: 'no' }).run(5 * SECOND);
    check(world, { phase: 'RollingBack', reason: 'Rejected', mesh: [20] });
    for (const decision of ['approved', 'rejected'] as const)
      expect(refusal(world, { ...bob, decision })).toEqual({ kind: 'stale', reason: 'traffic is going back already' });
    expect(world.status?.approvals).toHaveLength(1);
    world.meshRefuses = undefined;
    check(world.run(MINUTE), { phase: 'RolledBack', reason: 'Rejected', mesh: [0] });
    expect(refusal(world, { ...bob })?.kind).toBe('stale');
  });

  it('R19: once somebody has said no the question is over, though stable cannot take the traffic yet', () => {
    const world = asked();
    world.setPods('v1', 0);
    answer(world, { decision: 'rejected' }).run(10 * SECOND);
    check(world, { reason: 'WaitingForStable', mesh: [20] });
    expect(openQuestion(world.status)).toBeUndefined();
    expect(refusal(world, { ...bob })).toEqual({ kind: 'stale', reason: 'step 2 was rejected by alice via http' });
  });

  it('R19: a person by a name of before is the same person', () => {
    const world = asked(asking({ required: 2 }));
    answer(world, { by: BOB, identities: [BOB], via: 'slack' }).run(5 * SECOND);
    expect(refusal(world, { by: 'bob', identities: ['user:bob@example.com', BOB] })?.kind).toBe('repeated');
    expect(refusal(world)).toBeUndefined();
  });

  it('R11, R19: who answered in the second of an edit has not answered what is asked after it', () => {
    const spec = (message: string): RolloutSpec =>
      specOf([{ setWeight: 50, approval: { approvers: [ALICE, BOB], required: 2, message } }]);
    const world = asked(spec('one?'));
    check(world, { phase: 'AwaitingApproval', step: 0 });
    world.run(1_500 - ((world.nowMs - 500) % 1_000));
    const second = new Date(Math.floor(world.nowMs / 1_000) * 1_000).toISOString();
    const replayed = answerOf(world, { step: 1, at: second });
    world.answers.push(replayed);
    world.run(100);
    expect(world.status?.approvals).toHaveLength(1);
    world.answers.length = 0;
    world.commit({ strategy: spec('two?').strategy });
    world.run(200);
    expect(world.status?.approvals).toBeUndefined();
    world.answers.push(replayed);
    check(world.run(10 * SECOND), { phase: 'AwaitingApproval', step: 0, message: /nobody so far/ });
    check(answer(answer(world, { step: 1 }), { ...bob, step: 1 }).run(5 * SECOND), { step: 1, mesh: [50] });
  });
});

describe('answers while something else is decided', () => {
  it.each(['approved', 'rejected'] as const)('R6, R19: what was %s while the mesh cannot be read is not lost', decision => {
    const world = asked();
    world.problem = { message: 'VirtualService weather/forecast cannot be read', nothingRoutes: false };
    answer(world, { decision }).run(SECOND);
    check(world, { reason: 'WaitingForMesh', mesh: [20] });
    expect(world.status?.approvals).toMatchObject([{ by: 'alice', decision }]);
    world.answers.length = 0;
    world.problem = undefined;
    check(world.run(2 * SECOND), decision === 'approved' ? { step: 2, mesh: [50] } : { mesh: [0], reason: 'Rejected' });
  });

  it('R19, R25: an approval while pods are too few is kept, and raises nothing before they are back', () => {
    const world = asked();
    world.setPods('v2', 1);
    answer(world.run(SECOND)).run(5 * SECOND);
    check(world, { reason: 'PodsShrinking', step: 1, mesh: [20] });
    expect(world.status?.approvals).toHaveLength(1);
    world.answers.length = 0;
    world.setPods('v2', 3);
    check(world.run(2 * SECOND), { step: 2, mesh: [50] });
  });

  it('R11, R19: an answer in the moment of an edit is about what was asked before, and void', () => {
    const world = asked();
    world.commit({ strategy: asking({ message: 'Again?' }).strategy });
    answer(world).run(SECOND);
    expect(world.status?.approvals).toBeUndefined();
    check(world.run(MINUTE), { phase: 'AwaitingApproval', step: 1, mesh: [20] });
  });
});

describe('two questions, one after the other', () => {
  const approval = { approvers: [ALICE, BOB], timeout: '10m', onTimeout: 'rollback' } as const;
  const spec = specOf([
    { setWeight: 20, pause: { duration: '5s' }, approval: { ...approval, when: 'after' } },
    { setWeight: 50, approval },
  ]);

  it('R19, R35: each has its own time, and people are told of each', () => {
    const world = asked(spec).run(8 * MINUTE);
    const first = openQuestion(world.status);
    answer(world, { step: 1 }).run(2 * SECOND);
    const second = openQuestion(world.status);
    expect([first?.step, second?.step]).toEqual([1, 2]);
    expect(second?.askedAt).not.toBe(first?.askedAt);
    expect(
      told(world, 'WaitingForApproval').map(({ message }) => /(leaving step 1|step 2 at 50%) needs/.exec(message)?.[1]),
    ).toEqual(['leaving step 1', 'step 2 at 50%']);
    check(world.run(8 * MINUTE), { phase: 'AwaitingApproval', step: 1 });
    check(world.run(3 * MINUTE), { phase: 'RolledBack', reason: 'ApprovalTimedOut' });
  });

  it('R19, R20: also where a pause of a person holds it when the first one is answered', () => {
    const world = asked(spec);
    world.ask({ verb: 'pause', by: 'bob' });
    world.run(8 * MINUTE);
    answer(world, { step: 1 }).run(2 * SECOND);
    check(world, { phase: 'Paused' });
    expect(openQuestion(world.status)?.step).toBe(2);
    check(world.run(8 * MINUTE), { phase: 'Paused' });
    world.ask({ verb: 'resume' });
    check(world.run(10 * SECOND), { phase: 'AwaitingApproval', message: /step 2 at 50% needs/ });
    check(answer(world, { step: 2 }).run(2 * SECOND), { step: 2, mesh: [50] });
  });

  it('R19: an answer to the first one does not answer the second one, whichever comes first', () => {
    const world = asked(spec);
    expect(refusal(world, { step: 2 })?.kind).toBe('stale');
    answer(world, { step: 1 }).run(2 * SECOND);
    expect(refusal(world, { step: 1 })?.kind).toBe('repeated');
    expect(refusal(world, { step: 2 })).toBeUndefined();
  });
});

describe('what is told of answers', () => {
  it('R35, R36: one of two is told as such, with what is still asked', () => {
    const world = answer(asked(asking({ required: 2 }))).run(5 * SECOND);
    const { status } = world;
    if (status === undefined) expect.unreachable('a status');
    const [first] = told(world, 'Approved');
    const facts = messageFacts({ namespace: 'weather', name: 'forecast', status }, first ?? expect.unreachable('it was told'));
    expect(facts).toMatchObject({ kind: 'approval', title: '1 of 2 have approved', question: { step: 2, given: ['alice'] } });
    expect(facts.todo[0]).toMatch(/sluice approve forecast -n weather --revision [0-9a-f]{8} --step 2$/);
  });

  it('R19: an author hears what to do instead', () => {
    const world = asked();
    expect(refusal(world, {}, ['Alice'])).toEqual({ kind: 'notAllowed', reason: 'alice is an author of the change' });
    expect(refusal(world, { decision: 'rejected' }, ['alice'])).toEqual({
      kind: 'notAllowed',
      reason: 'alice is an author of the change; to put everything back, abort',
    });
    expect(refusal(world, {}, ['*'])?.reason).toBe('alice may be an author of the change, as not all of them are known');
    expect(
      refusal(world, { by: 'webhook:board', identities: ['webhook:board', ALICE.replace('user', 'group')] }, ['*'])?.reason,
    ).toMatch(/is none of/);
  });
});
