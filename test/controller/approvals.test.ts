import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createApprovalDesk } from '../../src/controller/approvals.ts';
import type { AnswerOutcome, GivenAnswer } from '../../src/controller/channel-ports.ts';
import { createDirectory } from '../../src/controller/people.ts';
import type { StoredRollout } from '../../src/controller/ports.ts';
import { decide, type Observation, type RolloutStatus } from '../../src/rollout/index.ts';
import { ALICE, asked, asking, BOB } from '../rollout/asked.ts';

const KEY = 'weather/forecast';
const directory = createDirectory([
  { name: 'alice', user: 'alice@example.com', slack: 'UALICE', emails: ['alice@example.com'] },
  { name: 'bob', slack: 'U024BE7LH' },
]);

/** A desk over a rollout that waits for approval; `round` decides and stores as the controller does. */
const open = (required = 1, change: Partial<StoredRollout> = {}) => {
  const world = asked(asking({ required }));
  let rollout: StoredRollout | undefined = { ...world.rollout(), resourceVersion: '1', creationTimestamp: '', ...change };
  const woken: string[] = [];
  const desk = createApprovalDesk({
    store: { get: key => (key === KEY ? rollout : undefined) },
    directory,
    wake: key => void woken.push(key),
  });
  const decided = (): RolloutStatus => {
    if (rollout === undefined) expect.unreachable('a rollout');
    const answers = desk.waiting(rollout);
    const observation: Observation = { ...world.observe(), answers };
    return decide(rollout, observation, world.nowMs).status;
  };
  return {
    desk,
    woken,
    given: (more: Partial<GivenAnswer> = {}): GivenAnswer => ({
      key: KEY,
      revision: rollout?.status?.revision ?? '',
      step: 2,
      decision: 'approved',
      identity: ALICE,
      groups: [],
      via: 'http',
      at: new Date(world.nowMs).toISOString(),
      ...more,
    }),
    set: (next: StoredRollout | undefined) => {
      rollout = next;
    },
    rollout: () => rollout ?? expect.unreachable('a rollout'),
    /** One round of the controller; the status is stored, or refused. */
    round: (isStored = true): RolloutStatus => {
      if (rollout === undefined) expect.unreachable('a rollout');
      const [before, status] = [rollout, decided()];
      if (isStored) {
        rollout = { ...before, status };
        desk.stored(before, status);
      }
      desk.roundEnded(KEY);
      return status;
    },
    /** A round that has looked, and has stored nothing yet. */
    begin: () => void decided(),
  };
};

/** What became of it so far; an answer that waits has no outcome. */
const outcomeOf = async (promise: Promise<AnswerOutcome>): Promise<AnswerOutcome | 'waits'> => {
  await Promise.resolve();
  return await Promise.race([promise, vi.advanceTimersByTimeAsync(0).then((): 'waits' => 'waits')]);
};
const refusedAs = (kind: string) => ({ kind: 'refused', refusal: { kind } });

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('an answer that counts', () => {
  it('R19: wakes the rollout, and is recorded once a status that knows it is stored, and not before', async () => {
    const { desk, woken, given, round } = open();
    const answer = desk.answer(given());
    expect(woken).toEqual([KEY]);
    expect(round(false).approvals).toHaveLength(1);
    expect(await outcomeOf(answer), 'the status was refused').toBe('waits');
    round();
    expect(await answer).toEqual({ kind: 'recorded', by: 'alice' });
  });

  it('R19, R37: a comment is short and one line already where it is looked at, as evidence holds all of that', async () => {
    const { desk, given, rollout, round } = open();
    const answer = desk.answer(given({ comment: `one\n\u0007two ${'x'.repeat(200_000)}` }));
    const [seen] = desk.waiting(rollout());
    expect(seen?.comment).toMatch(/^one two x+\.\.\.$/);
    expect(seen?.comment).toHaveLength(300);
    expect(round().approvals).toMatchObject([{ comment: seen?.comment }]);
    await answer;
  });

  it('R19: is seen by each round until it is stored, and by none afterwards', async () => {
    const { desk, given, round, rollout } = open();
    const answer = desk.answer(given());
    round(false);
    expect(desk.waiting(rollout())).toHaveLength(1);
    round();
    await answer;
    expect(desk.waiting(rollout())).toEqual([]);
  });

  it('R19: two people at once count both where two are needed; where one is, the other hears that it is approved', async () => {
    const [two, one] = [open(2), open(1)];
    const both = [two.desk.answer(two.given()), two.desk.answer(two.given({ identity: BOB, via: 'slack' }))];
    two.round();
    expect(await Promise.all(both)).toEqual([
      { kind: 'recorded', by: 'alice' },
      { kind: 'recorded', by: 'bob' },
    ]);
    const first = one.desk.answer(one.given());
    const second = one.desk.answer(one.given({ identity: BOB }));
    one.round();
    expect(await first).toEqual({ kind: 'recorded', by: 'alice' });
    expect(await second).toMatchObject({
      kind: 'refused',
      refusal: { kind: 'repeated', reason: 'step 2 is approved already' },
    });
  });

  it('R19: a rejection beside an approval wins, and whoever approved hears that traffic goes back', async () => {
    const { desk, given, round } = open(2);
    const approval = desk.answer(given());
    const rejection = desk.answer(given({ identity: BOB, decision: 'rejected', comment: 'no\nway' }));
    const { approvals, phase } = round();
    expect(phase).toBe('RollingBack');
    expect(approvals).toMatchObject([{ by: 'bob', decision: 'rejected', comment: 'no way' }]);
    expect(await rejection).toEqual({ kind: 'recorded', by: 'bob' });
    expect(await approval).toMatchObject(refusedAs('stale'));
  });
});

describe('an answer that does not count', () => {
  const tryOne = async (more: Partial<GivenAnswer>, change: Partial<StoredRollout> = {}) => {
    const { desk, given, woken, rollout } = open(1, change);
    const outcome = await desk.answer(given(more));
    expect(woken, 'nobody is woken').toEqual([]);
    expect(desk.waiting(rollout())).toEqual([]);
    return outcome;
  };

  it.each<[string, Partial<GivenAnswer>, object, Partial<StoredRollout>?]>([
    ['about a Rollout that there is not', { key: 'weather/other' }, { kind: 'unknown' }],
    ['about another revision', { revision: 'ffffffff' }, refusedAs('stale')],
    ['about another step', { step: 3 }, refusedAs('stale')],
    ['about no step', { step: Number.NaN }, refusedAs('stale')],
    ['of before people were asked', { at: '2026-11-21T13:00:00Z' }, refusedAs('stale')],
    ['at no time', { at: '' }, refusedAs('stale')],
    ['of somebody who is no approver', { identity: 'user:mallory' }, refusedAs('notAllowed')],
    ['of the author', {}, refusedAs('notAllowed'), { authors: ['Alice@Example.com'] }],
    [
      'of an author in another channel',
      { identity: 'slack:UALICE' },
      refusedAs('notAllowed'),
      { authors: ['alice@example.com'] },
    ],
    ['while nothing was ever decided', {}, refusedAs('stale'), { status: undefined } as unknown as Partial<StoredRollout>],
  ])('R19: %s ends at once and is shown to nobody', async (_, more, expected, change) => {
    expect(await tryOne(more, change)).toMatchObject(expected);
  });

  it('R19: a double click counts once, also before the first one is stored', async () => {
    const { desk, given, round, woken } = open(2);
    const first = desk.answer(given());
    expect(await desk.answer(given({ identity: 'slack:UALICE', via: 'slack' }))).toMatchObject(refusedAs('repeated'));
    round();
    expect(await first).toEqual({ kind: 'recorded', by: 'alice' });
    expect(await desk.answer(given())).toMatchObject(refusedAs('repeated'));
    expect(woken).toHaveLength(1);
  });

  it('R19: is told so when it became stale while it waited', async () => {
    const { desk, given, rollout, set } = open();
    const answer = desk.answer(given());
    const before = rollout();
    const gone: RolloutStatus = { phase: 'RolledBack', reason: 'GateFailed', message: 'all traffic on v1', revision: 'r2' };
    set({ ...before, status: gone });
    desk.stored(before, gone);
    expect(await answer).toMatchObject(refusedAs('stale'));
  });
});

describe('an answer that cannot be stored', () => {
  it('R19: ends when its time is over, is shown no longer, and may be given again', async () => {
    const { desk, given, rollout, round } = open();
    const answer = desk.answer(given());
    round(false);
    await vi.advanceTimersByTimeAsync(9_999);
    expect(await outcomeOf(answer)).toBe('waits');
    await vi.advanceTimersByTimeAsync(1);
    expect(await answer).toEqual({ kind: 'notStored', reason: 'no status was stored within 10 s' });
    expect(desk.waiting(rollout())).toEqual([]);
    const again = desk.answer(given());
    round();
    expect(await again).toEqual({ kind: 'recorded', by: 'alice' });
    expect(vi.getTimerCount(), 'nothing is left running').toBe(0);
  });

  it('R19: nobody hears that it is not stored while a round that may store it is under way', async () => {
    const { desk, given, begin, round } = open();
    const answer = desk.answer(given());
    begin();
    await vi.advanceTimersByTimeAsync(15_000);
    expect(await outcomeOf(answer)).toBe('waits');
    round();
    expect(await answer).toEqual({ kind: 'recorded', by: 'alice' });
  });

  it('R19: a rejection that could not be stored in time is told so, and counts all the same once it can be', async () => {
    const { desk, given, round } = open();
    const answer = desk.answer(given({ decision: 'rejected' }));
    round(false);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await answer).toMatchObject({ kind: 'notStored' });
    expect(round()).toMatchObject({ phase: 'RollingBack', approvals: [{ decision: 'rejected', by: 'alice' }] });
    await desk.drain(0);
  });

  it('R19: a rejection that is given again, as its giver was told to, is recorded', async () => {
    const { desk, given, round } = open();
    const first = desk.answer(given({ decision: 'rejected' }));
    round(false);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await first).toMatchObject({ kind: 'notStored' });
    const again = desk.answer(given({ decision: 'rejected' }));
    round();
    expect(await again).toEqual({ kind: 'recorded', by: 'alice' });
  });

  it('R19: a process that ends stores what it can, and says of the rest that it is not stored', async () => {
    const [one, other] = [open(), open()];
    const [stored, lost] = [one.desk.answer(one.given()), other.desk.answer(other.given())];
    const ends = Promise.all([one.desk.drain(1_500), other.desk.drain(1_500)]);
    one.round();
    expect(await stored).toMatchObject({ kind: 'recorded' });
    await vi.advanceTimersByTimeAsync(1_500);
    await ends;
    expect(await lost).toEqual({ kind: 'notStored', reason: 'this process ends' });
    expect(vi.getTimerCount(), 'nothing is left running').toBe(0);
  });

  it('R19, R31: a process that is not the leader any more stores nothing; another one that has stored it counts', async () => {
    const { desk, given, rollout, set } = open();
    const answer = desk.answer(given());
    const { status } = rollout();
    if (status === undefined) expect.unreachable('a status');
    const { by } = directory(ALICE, []);
    const { revision = '' } = status;
    const byLeader = {
      ...status,
      approvals: [{ revision, step: 2, decision: 'approved', by, via: 'http', at: given().at }],
    } as const;
    set({ ...rollout(), status: byLeader });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await answer).toMatchObject({ kind: 'recorded', by: 'alice' });
  });

  it('R19: a write that has happened counts, though its answer was lost', async () => {
    const { desk, given, rollout, set, round } = open(2);
    const answer = desk.answer(given());
    set({ ...rollout(), status: round(false) });
    expect(desk.waiting(rollout()), 'it is known now').toEqual([]);
    expect(await answer).toEqual({ kind: 'recorded', by: 'alice' });
  });

  it('R19: a Rollout that was deleted meanwhile is unknown, and one of the same name has nothing of it', async () => {
    const { desk, given, rollout, set, round } = open();
    const [gone, before] = [desk.answer(given()), rollout()];
    set(undefined);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await gone).toEqual({ kind: 'unknown' });
    set(before);
    const replaced = desk.answer(given());
    set({ ...before, uid: 'another' });
    expect(desk.waiting(rollout()), 'nothing of the one before').toEqual([]);
    round();
    expect(await replaced).toEqual({ kind: 'unknown' });
  });
});
