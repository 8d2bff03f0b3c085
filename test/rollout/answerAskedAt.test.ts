import { describe, expect, it } from 'vitest';
import { refusalOfAnswer } from '../../src/rollout/index.ts';
import { answer, answerOf, asked, asking } from './asked.ts';
import { check, MINUTE, SECOND } from './check.ts';

const askedAnew = () => {
  const world = asked();
  const first = world.status?.step?.askedAt ?? '';
  world.commit({ strategy: asking({ message: 'Again?' }).strategy });
  check(world.run(MINUTE), { phase: 'AwaitingApproval', step: 1 });
  const second = world.status?.step?.askedAt ?? '';
  expect(second).not.toBe(first);
  return { world, first, second };
};

describe('an answer that names the moment of asking', () => {
  it('R19: is void when people were asked anew since, and the refusal says so', () => {
    const { world, first, second } = askedAnew();
    if (world.status === undefined) expect.unreachable('a status');
    // step numbers are those of the edited plan
    const step = { step: 2, askedAt: first };
    expect(refusalOfAnswer(world.status, [], answerOf(world, step))).toEqual({
      kind: 'stale',
      reason: `is about what people were asked at ${first}, and they were asked anew at ${second}`,
    });
    answer(world, step).run(MINUTE);
    expect(world.status?.approvals).toBeUndefined();
    check(world, { phase: 'AwaitingApproval' });
  });

  it('R19: counts when it is the present one, also to the second only', () => {
    for (const askedAtOf of [(at: string) => at, (at: string) => at.replace(/\.\d+Z$/, 'Z')]) {
      const { world, second } = askedAnew();
      check(answer(world, { step: 2, askedAt: askedAtOf(second) }).run(2 * SECOND), { phase: 'Progressing', mesh: [50] });
    }
  });

  it('R19: one that is no time is about nothing', () => {
    const world = asked();
    answer(world, { askedAt: 'just now' }).run(SECOND);
    expect(world.status?.approvals).toBeUndefined();
  });
});
