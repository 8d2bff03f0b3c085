import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Message, Notifier } from '../../src/controller/channel-ports.ts';
import { createOutbox, type OutboxOptions } from '../../src/controller/outbox.ts';
import { type StoredRollout, SystemError } from '../../src/controller/ports.ts';
import { announcements, type HistoryEntry, type RolloutStatus } from '../../src/rollout/index.ts';
import { createFakes, quiet, SPEC, START_MS } from './fakes.ts';

const atMs = (ms: number): string => new Date(START_MS + ms).toISOString();

const rolloutOf = (name: string, status?: RolloutStatus): StoredRollout => ({
  uid: `uid-${name}`,
  namespace: 'weather',
  name,
  generation: 1,
  resourceVersion: '1',
  creationTimestamp: atMs(0),
  spec: SPEC,
  ...(status === undefined ? {} : { status }),
});

/** A receiver whose answers the test gives. */
const receiver = (name: string, wants: (reason: string) => boolean = () => true) => {
  const state = {
    /** Ids in the order in which they were taken. */
    taken: [] as string[],
    messages: [] as Message[],
    tries: 0,
    /** What the next sends do; taken when it returns. */
    answer: async (_: Message): Promise<void> => {},
  };
  const notifier: Notifier = {
    name,
    wants,
    send: async message => {
      state.tries += 1;
      await state.answer(message);
      state.taken.push(message.message);
      state.messages.push(message);
    },
  };
  return Object.assign(state, { notifier });
};

const hangs = (): Promise<void> => new Promise(() => {});
const fails = (kind: SystemError['kind'], retryAfterMs?: number) => async (): Promise<void> => {
  throw new SystemError('webhook/x', 'sending', kind, 'no', { retryAfterMs });
};

const open = (notifiers: readonly Notifier[], more: Partial<OutboxOptions> = {}) => {
  const events: string[] = [];
  const counts: string[] = [];
  const outbox = createOutbox({
    events: { emit: (_, { name }) => void events.push(name) },
    notifiers,
    store: { keys: () => [], get: () => undefined },
    clock: { now: () => Date.now() },
    logger: quiet,
    onMessage: (name, outcome) => void counts.push(`${name} ${outcome}`),
    ...more,
  });
  outbox.follow(true);
  const say = (text: string, rollout = rolloutOf('forecast')): void =>
    outbox.emit(rollout, { name: `${rollout.name}.${text}`, type: 'Normal', reason: 'StepEntered', message: text });
  const count = (line: string): number => counts.filter(counted => counted === line).length;
  return { outbox, events, say, count };
};

const settle = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0);

beforeEach(() => void vi.useFakeTimers({ now: START_MS }));
afterEach(() => void vi.useRealTimers());

describe('R35: the outbox', () => {
  it('makes one event and one message for each receiver that wants it', async () => {
    const [all, some] = [receiver('all'), receiver('some', reason => reason === 'GateFailed')];
    const { events, say } = open([all.notifier, some.notifier]);
    say('a');
    expect(events).toEqual(['forecast.a']);
    await settle();
    expect(all.taken).toEqual(['a']);
    expect(some.taken).toEqual([]);
  });

  it('says where the rollout is', async () => {
    const all = receiver('all');
    const { say } = open([all.notifier]);
    const status: RolloutStatus = {
      phase: 'Progressing',
      reason: 'StepEntered',
      message: 'step 1',
      stableVersion: 'v1',
      canaryVersion: 'v2',
      revision: '7c1f09d2',
      step: { index: 1, count: 3 },
      traffic: { weight: 20 },
    };
    say('a', rolloutOf('forecast', status));
    await settle();
    expect(all.messages).toEqual([
      {
        id: 'uid-forecast-forecast-a',
        at: atMs(0),
        namespace: 'weather',
        name: 'forecast',
        uid: 'uid-forecast',
        type: 'Normal',
        reason: 'StepEntered',
        message: 'a',
        phase: 'Progressing',
        version: 'v2',
        stable: 'v1',
        revision: '7c1f09d2',
        step: 1,
        steps: 3,
        weight: 20,
        facts: expect.objectContaining({ kind: 'step', title: 'step entered' }),
        links: [],
      },
    ]);
  });

  it('says where to look, what the author of the rollout wants people to be asked, and where that is wanted', async () => {
    const all = receiver('all');
    const { say } = open([all.notifier], {
      linksOf: ({ name }, { kind }, at) => [{ title: `${name} ${kind}`, url: `https://x/${at}` }],
      askOf: ({ name }) => `more of ${name}?`,
    });
    const rollout = rolloutOf('forecast');
    say('a', { ...rollout, spec: { ...SPEC, notify: { slack: '#weather' } } });
    await settle();
    expect(all.messages).toMatchObject([
      {
        links: [{ title: 'forecast step', url: `https://x/${atMs(0)}` }],
        ask: 'more of forecast?',
        notify: { slack: '#weather' },
      },
    ]);
  });

  it('a message is made when it is sent, once for all receivers', async () => {
    const [a, b] = [receiver('a'), receiver('b')];
    let made = 0;
    const linksOf = () => {
      made += 1;
      return [];
    };
    const { say } = open([a.notifier, b.notifier], { linksOf });
    say('x');
    expect(made).toBe(0);
    await settle();
    expect([made, a.taken, b.taken]).toEqual([1, ['x'], ['x']]);
  });

  it('a message that cannot be made holds up no other rollout, and goes', async () => {
    const all = receiver('all');
    const { say, count } = open([all.notifier], {
      linksOf: ({ name }) => {
        if (name === 'odd') throw new Error('no links');
        return [];
      },
    });
    say('odd', rolloutOf('odd'));
    say('a');
    await settle();
    expect(all.taken).toEqual(['a']);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(count('all dropped')).toBe(1);
  });

  it('says of a version that is stable that it has everything', async () => {
    const all = receiver('all');
    const { say } = open([all.notifier]);
    const status: RolloutStatus = {
      phase: 'Healthy',
      reason: 'Promoted',
      message: '',
      stableVersion: 'v2',
      traffic: { weight: 0 },
    };
    say('a', rolloutOf('forecast', status));
    await settle();
    expect(all.messages).toMatchObject([{ version: 'v2', stable: 'v2', weight: 100 }]);
  });

  it('adding neither waits nor throws, whatever a receiver does', () => {
    const broken: Notifier = {
      name: 'broken',
      wants: () => true,
      send: () => {
        throw new Error('at once');
      },
    };
    const { say, outbox } = open([broken, { ...broken, name: 'hung', send: hangs }]);
    say('a');
    expect(outbox.depths()).toEqual({ broken: 1, hung: 1 });
  });

  it('a receiver that hangs delays no other one', async () => {
    const [hung, good] = [receiver('hung'), receiver('good')];
    hung.answer = hangs;
    const { say, outbox } = open([hung.notifier, good.notifier]);
    for (const text of ['a', 'b', 'c']) say(text);
    await settle();
    expect(good.taken).toEqual(['a', 'b', 'c']);
    expect(hung.taken).toEqual([]);
    expect(outbox.depths()).toEqual({ hung: 3, good: 0 });
  });

  it('a receiver that hung gets everything in order once it answers', async () => {
    const hung = receiver('hung');
    hung.answer = hangs;
    const { say } = open([hung.notifier]);
    for (const text of ['a', 'b', 'c']) say(text);
    await settle();
    hung.answer = async () => {};
    await vi.advanceTimersByTimeAsync(40_000);
    expect(hung.taken).toEqual(['a', 'b', 'c']);
  });

  it('tries again with growing distance for as long as it takes, one message at a time', async () => {
    const away = receiver('away');
    const moments: number[] = [];
    away.answer = () => {
      moments.push(Date.now() - START_MS);
      return fails('unavailable')();
    };
    const { say, count } = open([away.notifier]);
    say('a');
    say('b');
    await vi.advanceTimersByTimeAsync(4_000);
    expect(moments).toEqual([0, 500, 1_500, 3_500]);
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(count('away failed')).toBeGreaterThan(60);
    expect(count('away dropped')).toBe(0);
    away.answer = async () => {};
    await vi.advanceTimersByTimeAsync(60_000);
    expect(away.taken).toEqual(['a', 'b']);
    expect(count('away sent')).toBe(2);
  });

  it('leaves a receiver alone for as long as it asks, within reason', async () => {
    const busy = receiver('busy');
    busy.answer = fails('unavailable', 90_000);
    const { say } = open([busy.notifier]);
    say('a');
    await vi.advanceTimersByTimeAsync(89_999);
    expect(busy.tries).toBe(1);
    busy.answer = fails('unavailable', 365 * 86_400_000);
    await vi.advanceTimersByTimeAsync(1);
    expect(busy.tries).toBe(2);
    busy.answer = async () => {};
    await vi.advanceTimersByTimeAsync(600_000);
    expect(busy.taken).toEqual(['a']);
  });

  it('a message that is refused does not hold up the next one for ever', async () => {
    const picky = receiver('picky');
    picky.answer = async message => {
      if (message.message === 'a') throw new SystemError('webhook/picky', 'sending', 'badAnswer', 'rejected');
    };
    const { say, count } = open([picky.notifier]);
    say('a');
    say('b');
    await vi.advanceTimersByTimeAsync(60_000);
    expect(picky.taken).toEqual(['b']);
    expect(count('picky failed')).toBe(5);
    expect(count('picky dropped')).toBe(1);
  });

  it('is bounded: the oldest goes for one more, and is counted', async () => {
    const hung = receiver('hung');
    hung.answer = hangs;
    const { say, outbox, count } = open([hung.notifier]);
    for (let i = 0; i < 1_003; i++) say(`m${i}`);
    expect(outbox.depths()).toEqual({ hung: 1_000 });
    expect(count('hung dropped')).toBe(3);
    await settle();
    hung.answer = async () => {};
    await vi.advanceTimersByTimeAsync(31_000);
    expect(hung.taken).toHaveLength(1_000);
    expect(hung.taken[0]).toBe('m3');
  });
});

describe('R35: lanes', () => {
  const rollouts = ['a', 'b', 'c', 'd', 'e', 'f'].map(name => rolloutOf(name));
  const sayAll = (say: ReturnType<typeof open>['say'], count = 1): void => {
    for (let i = 1; i <= count; i++) for (const rollout of rollouts) say(`${rollout.name}${i}`, rollout);
  };

  it('serves up to four rollouts side by side, each in order', async () => {
    const slow = receiver('slow');
    const under: string[] = [];
    let most = 0;
    slow.answer = async ({ name }) => {
      under.push(name);
      most = Math.max(most, under.length);
      expect.soft(new Set(under).size).toBe(under.length);
      await new Promise(resolve => setTimeout(resolve, 100));
      under.splice(under.indexOf(name), 1);
    };
    const { say } = open([slow.notifier]);
    sayAll(say, 2);
    await vi.advanceTimersByTimeAsync(300);
    expect(most).toBe(4);
    expect(slow.taken).toEqual(['a1', 'b1', 'c1', 'd1', 'e1', 'f1', 'a2', 'b2', 'c2', 'd2', 'e2', 'f2']);
  });

  it('a message that is refused holds up its own rollout only', async () => {
    const picky = receiver('picky');
    picky.answer = async message => {
      if (['a1', 'a2'].includes(message.message)) throw new SystemError('webhook/picky', 'sending', 'badAnswer', 'rejected');
    };
    const { say, count } = open([picky.notifier]);
    sayAll(say, 2);
    await settle();
    expect(picky.taken).toEqual(['b1', 'c1', 'd1', 'e1', 'f1', 'b2', 'c2', 'd2', 'e2', 'f2']);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(picky.taken).toHaveLength(10);
    expect([count('picky failed'), count('picky dropped')]).toEqual([10, 2]);
  });

  it('while a receiver is away it is asked once at a time, and told everything when it is back', async () => {
    const away = receiver('away');
    const moments: number[] = [];
    away.answer = () => {
      moments.push(Date.now() - START_MS);
      return fails('unavailable')();
    };
    const { say } = open([away.notifier]);
    sayAll(say, 2);
    await vi.advanceTimersByTimeAsync(4_000);
    expect(moments).toEqual([0, 0, 0, 0, 500, 1_500, 3_500]);
    away.answer = async () => {};
    await vi.advanceTimersByTimeAsync(5_000);
    expect(away.taken).toHaveLength(12);
    for (const { name } of rollouts) expect(away.taken.filter(text => text.startsWith(name))).toEqual([`${name}1`, `${name}2`]);
  });

  it('of several that ask to be left alone, the longest time counts', async () => {
    const busy = receiver('busy');
    let asked = 0;
    busy.answer = () => {
      asked += 1;
      return fails('unavailable', asked * 10_000)();
    };
    const { say } = open([busy.notifier]);
    sayAll(say);
    await vi.advanceTimersByTimeAsync(39_999);
    expect(busy.tries).toBe(4);
    await vi.advanceTimersByTimeAsync(1);
    expect(busy.tries).toBe(5);
  });

  it('a message on which the receiver fails each time does not keep it from the others', async () => {
    const brittle = receiver('brittle');
    brittle.answer = ({ message }) => (message === 'a1' ? fails('unavailable')() : Promise.resolve());
    const { say } = open([brittle.notifier]);
    sayAll(say, 5);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(brittle.taken).toHaveLength(25);
  });

  it('what is being sent is not dropped for one more', async () => {
    const hung = receiver('hung');
    const answers: (() => void)[] = [];
    hung.answer = () => new Promise(resolve => void answers.push(resolve));
    const { say, outbox, count } = open([hung.notifier]);
    say('first');
    await settle();
    for (let i = 0; i < 1_000; i++) say(`m${i}`);
    expect([outbox.depths()['hung'], count('hung dropped')]).toEqual([1_000, 1]);
    hung.answer = async () => {};
    for (const answer of answers) answer();
    await settle();
    expect(hung.taken).toHaveLength(1_000);
    expect(hung.taken.slice(0, 2)).toEqual(['first', 'm1']);
  });

  const PLAN = fc.record({
    lanes: fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 1, maxLength: 40 }),
    /** How the tries end, in their order; those beyond it end well. */
    ends: fc.array(fc.constantFrom('taken', 'taken', 'refused', 'away', 'busy', 'odd'), { maxLength: 60 }),
    tookMs: fc.integer({ min: 0, max: 400 }),
    gapMs: fc.integer({ min: 0, max: 300 }),
  });

  it('whatever fails: each rollout in order, each message taken or counted as dropped, and nothing lost', async () => {
    await fc.assert(
      fc.asyncProperty(PLAN, async ({ lanes, ends, tookMs, gapMs }) => {
        const all = receiver('all');
        const under: string[] = [];
        const wrong: string[] = [];
        all.answer = async ({ name }) => {
          under.push(name);
          if (new Set(under).size < under.length || under.length > 4) wrong.push(under.join());
          const end = ends[all.tries - 1] ?? 'taken';
          await new Promise(resolve => setTimeout(resolve, tookMs));
          under.splice(under.indexOf(name), 1);
          if (end === 'refused') await fails('badAnswer')();
          if (end === 'away') await fails('unavailable')();
          if (end === 'busy') await fails('unavailable', 5_000)();
          if (end === 'odd') throw new TypeError('a bug');
        };
        const { say, count, outbox } = open([all.notifier]);
        for (const [index, lane] of lanes.entries()) {
          say(`${index}`, rolloutOf(`r${lane}`));
          if (index % 3 === 2) await vi.advanceTimersByTimeAsync(gapMs);
        }
        await vi.advanceTimersByTimeAsync(4_000_000);
        expect(wrong).toEqual([]);
        expect(outbox.depths()).toEqual({ all: 0 });
        expect(vi.getTimerCount()).toBe(0);
        expect(new Set(all.taken).size).toBe(all.taken.length);
        expect(all.taken.length).toBe(count('all sent'));
        expect(count('all sent') + count('all dropped')).toBe(lanes.length);
        for (const lane of new Set(lanes)) {
          const told = all.taken.map(Number).filter(index => lanes[index] === lane);
          expect(told).toEqual([...told].sort((a, b) => a - b));
        }
      }),
      { numRuns: 100, seed: 35 },
    );
  });
});

const entry = (ms: number, action: HistoryEntry['action'], message: string): HistoryEntry => ({
  at: atMs(ms),
  from: 'v1',
  to: 'v2',
  action,
  reason: action === 'rolledBack' ? 'GateFailed' : 'Started',
  message,
});

const ASKING: RolloutStatus = {
  phase: 'AwaitingApproval',
  reason: 'WaitingForApproval',
  message: 'step 1 needs the approval of 1 of user:alice',
  since: atMs(1_000),
  stableVersion: 'v1',
  canaryVersion: 'v2',
  revision: 'r1',
  step: { index: 0, count: 1, startedAt: atMs(0), askedAt: atMs(1_000) },
  plan: {
    steps: [
      {
        weight: 50,
        pauseMs: 0,
        approval: { when: 'before', required: 1, approvers: ['user:alice'], onTimeout: 'hold', allowAuthor: false },
      },
    ],
    gates: [],
    intervalMs: 15_000,
    initialDelayMs: 0,
    settleMs: 2_000,
  },
};

describe('R19, R35: a question that a receiver did not take', () => {
  const ask = (answer: () => Promise<void>) => {
    let status: RolloutStatus = ASKING;
    const [deaf, well] = [receiver('deaf'), receiver('well')];
    deaf.answer = answer;
    const asked = open([deaf.notifier, well.notifier], {
      store: { keys: () => [], get: key => (key === 'weather/a' ? rolloutOf('a', status) : undefined) },
    });
    const say = (name: string): void => {
      const { reason, message } = status;
      asked.outbox.emit(rolloutOf('a', status), { name: `a.${name}`, type: 'Normal', reason, message });
    };
    say('question');
    const set = (next: RolloutStatus): void => {
      status = next;
    };
    return { ...asked, deaf, well, say, set };
  };

  it('is told again every 5 minutes, to that receiver only, with its id, until it is taken', async () => {
    const { deaf, well, count } = ask(fails('refused'));
    await vi.advanceTimersByTimeAsync(60_000);
    expect([deaf.tries, count('deaf dropped')]).toEqual([5, 1]);
    await vi.advanceTimersByTimeAsync(300_000);
    expect([deaf.tries, count('deaf dropped')]).toEqual([10, 2]);
    deaf.answer = async () => {};
    await vi.advanceTimersByTimeAsync(300_000);
    expect(deaf.messages.map(({ id }) => id)).toEqual(['uid-a-a-question']);
    expect(well.messages).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is not told again when nobody is asked it any more', async () => {
    const { deaf, set } = ask(fails('refused'));
    await vi.advanceTimersByTimeAsync(60_000);
    set({ ...ASKING, step: { index: 0, count: 1, startedAt: atMs(0), askedAt: atMs(50_000) } });
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(deaf.tries).toBe(5);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('waits for nothing once another process leads, and is told again when this one does so anew', async () => {
    const { deaf, outbox, say } = ask(fails('refused'));
    await vi.advanceTimersByTimeAsync(60_000);
    outbox.follow(false);
    expect(vi.getTimerCount()).toBe(0);
    deaf.answer = async () => {};
    outbox.follow(true);
    say('question');
    await settle();
    expect(deaf.messages).toHaveLength(1);
  });

  it('is told again when it was the oldest of too many', async () => {
    const { deaf, say, set, count } = ask(fails('unavailable', 600_000));
    await settle();
    set({ ...ASKING, reason: 'Frozen' });
    for (let index = 0; index < 1_001; index += 1) say(`${index}`);
    expect(count('deaf dropped')).toBeGreaterThan(0);
    deaf.answer = async () => {};
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(deaf.messages.filter(({ reason }) => reason === 'WaitingForApproval')).toHaveLength(1);
  });

  it('anything else that was dropped is gone', async () => {
    const all = receiver('all');
    all.answer = fails('refused');
    const { say } = open([all.notifier]);
    say('a', rolloutOf('a', ASKING));
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(all.tries).toBe(5);
  });
});

describe('R35: after a restart', () => {
  const healthy: RolloutStatus = { phase: 'Healthy', reason: 'UpToDate', message: 'v1 is stable', stableVersion: 'v1' };
  const storeOf = (rollouts: readonly StoredRollout[]): OutboxOptions['store'] => ({
    keys: () => rollouts.map(({ name }) => name),
    get: key => rollouts.find(({ name }) => name === key),
  });

  it('tells again what the history knows of the last 10 minutes, oldest first, over all rollouts', async () => {
    vi.setSystemTime(START_MS + 900_000);
    const a = rolloutOf('a', { ...healthy, history: [entry(200_000, 'started', 'old'), entry(400_000, 'started', 'first')] });
    const b = rolloutOf('b', { ...healthy, history: [entry(300_001, 'started', 'just'), entry(800_000, 'started', 'last')] });
    const all = receiver('all');
    open([all.notifier], { store: storeOf([a, b]) });
    await settle();
    const told = all.taken.filter(text => text !== 'v1 is stable');
    expect(told).toEqual(['just', 'first', 'last']);
  });

  it('with the ids that the messages had when they were told first', async () => {
    const rollout = rolloutOf('forecast', healthy);
    const started: RolloutStatus = {
      ...healthy,
      phase: 'Progressing',
      reason: 'Started',
      message: 'starting',
      history: [entry(0, 'started', 'starting')],
    };
    const entered: RolloutStatus = {
      ...started,
      reason: 'StepEntered',
      message: 'step 1/1',
      step: { index: 1, count: 1, startedAt: atMs(2_000) },
    };
    const rolledBack: RolloutStatus = {
      ...started,
      phase: 'RolledBack',
      reason: 'GateFailed',
      message: 'all on v1',
      history: [...(started.history ?? []), entry(9_000, 'rolledBack', 'all on v1')],
    };
    const before = receiver('all');
    const { outbox } = open([before.notifier]);
    const live = [healthy, started, entered, rolledBack];
    live.forEach((status, i) => {
      const [previous] = live.slice(i - 1, i);
      if (previous === undefined) return;
      for (const event of announcements(rollout.uid, previous, status))
        outbox.emit({ ...rollout, status }, { ...event, name: `${rollout.name}.${event.name}` });
    });
    await settle();
    expect(before.messages.map(({ reason }) => reason)).toEqual(['Started', 'StepEntered', 'GateFailed']);
    const ids = before.messages.map(({ id }) => id);

    // crashed in the step, and once more after the way back
    const inStep = receiver('all');
    open([inStep.notifier], { store: storeOf([rolloutOf('forecast', entered)]) });
    const atEnd = receiver('all');
    const { events } = open([atEnd.notifier], { store: storeOf([rolloutOf('forecast', rolledBack)]) });
    await settle();
    expect(inStep.messages.map(({ id }) => id)).toEqual(ids.slice(0, 2));
    expect(atEnd.messages.map(({ id }) => id)).toEqual([ids[0], ids[2]]);
    // the API server knows those that were made before by their names
    expect(events.map(name => `uid-forecast-${name.replace('.', '-')}`)).toEqual([ids[0], ids[2]]);
  });

  it('a rollout at which nothing has happened for long is not mentioned', async () => {
    vi.setSystemTime(START_MS + 700_000);
    const all = receiver('all');
    const old = rolloutOf('a', { ...healthy, history: [entry(99_999, 'promoted', 'v1 is stable')] });
    open([all.notifier], { store: storeOf([old, rolloutOf('b', healthy), rolloutOf('c')]) });
    await settle();
    expect(all.taken).toEqual([]);
  });

  it('R19: a question that is open is told again whatever its age, with its id, once for each process; one that has ended is not', async () => {
    const before = receiver('all');
    const { outbox } = open([before.notifier]);
    for (const event of announcements('uid-a', healthy, ASKING))
      outbox.emit(rolloutOf('a', ASKING), { ...event, name: `a.${event.name}` });
    await settle();
    vi.setSystemTime(START_MS + 3_600_000);
    const later: RolloutStatus = { ...ASKING, reason: 'Frozen', since: atMs(2_000_000) };
    const ended: RolloutStatus = { ...ASKING, phase: 'RollingBack', reason: 'Aborted' };
    const all = receiver('all');
    const store = storeOf([rolloutOf('a', ASKING), rolloutOf('b', later), rolloutOf('c', ended)]);
    const next = open([all.notifier], { store });
    await settle();
    expect(all.messages.map(({ name, reason, at }) => `${name} ${reason} ${at}`)).toEqual([
      `a WaitingForApproval ${atMs(1_000)}`,
      `b WaitingForApproval ${atMs(1_000)}`,
    ]);
    expect(all.messages[0]?.id).toBe(before.messages[0]?.id);
    // Kubernetes keeps its events by itself
    expect(next.events).toEqual([]);
    next.outbox.follow(false);
    next.outbox.follow(true);
    await settle();
    expect(all.messages).toHaveLength(2);
  });

  it('how a request was refused is told again too', async () => {
    const all = receiver('all');
    const lastRequest = { id: 'x', verb: 'promote', outcome: 'refused: stale', at: atMs(-1_000) };
    open([all.notifier], { store: storeOf([rolloutOf('a', { ...healthy, lastRequest })]) });
    await settle();
    expect(all.taken).toEqual(['request promote refused: stale']);
  });

  it('only the leader sends, and what one process has sent it does not send twice', async () => {
    const rollout = rolloutOf('a', { ...healthy, history: [entry(-1_000, 'started', 'started')] });
    const [all, hung] = [receiver('all'), receiver('hung')];
    hung.answer = hangs;
    const { outbox, say } = open([all.notifier, hung.notifier], { store: storeOf([rollout]) });
    await settle();
    const told = [...all.taken];
    expect(told).toContain('started');
    outbox.follow(false);
    expect(outbox.depths()).toEqual({ all: 0, hung: 0 });
    say('by another');
    await vi.advanceTimersByTimeAsync(60_000);
    expect(all.taken).toEqual(told);
    hung.answer = async () => {};
    outbox.follow(true);
    await settle();
    expect(all.taken).toEqual(told);
    expect(hung.taken).toEqual(told);
  });
});

describe('on SIGTERM', () => {
  it('what waits is given, also after the lease', async () => {
    const slow = receiver('slow');
    slow.answer = () => new Promise(resolve => setTimeout(resolve, 100));
    const { outbox, say } = open([slow.notifier]);
    say('a');
    say('b');
    const drained = outbox.drain(1_000);
    outbox.follow(false);
    await vi.advanceTimersByTimeAsync(200);
    await drained;
    expect(slow.taken).toEqual(['a', 'b']);
    say('c');
    await vi.advanceTimersByTimeAsync(1_000);
    expect(slow.taken).toEqual(['a', 'b']);
  });

  it('a receiver that hangs is waited for a moment, one that failed already not at all', async () => {
    const [hung, away] = [receiver('hung'), receiver('away')];
    hung.answer = hangs;
    away.answer = fails('unavailable');
    for (const [broken, expectedMs] of [
      [hung, 1_000],
      [away, 0],
    ] as const) {
      const { outbox, say } = open([broken.notifier]);
      say('a');
      await settle();
      const beforeMs = Date.now();
      const drained = outbox.drain(1_000);
      await vi.advanceTimersByTimeAsync(expectedMs);
      await drained;
      expect(Date.now() - beforeMs).toBe(expectedMs);
    }
    expect(vi.getTimerCount()).toBe(0);
  });

  it('notifiers store what they have to, once, also when the receiver is away, within the time', async () => {
    const away = receiver('away');
    away.answer = fails('unavailable');
    const hung = receiver('hung');
    hung.answer = hangs;
    for (const [broken, isStuck, expectedMs] of [
      [away, false, 0],
      [hung, false, 667],
      [hung, true, 1_000],
    ] as const) {
      const closed: AbortSignal[] = [];
      const close = (signal: AbortSignal) => {
        closed.push(signal);
        return isStuck ? hangs() : Promise.resolve();
      };
      const { outbox, say } = open([{ ...broken.notifier, close }]);
      say('a');
      await settle();
      const beforeMs = Date.now();
      const drained = outbox.drain(1_000);
      await vi.advanceTimersByTimeAsync(expectedMs);
      await drained;
      expect([closed.length, closed[0]?.aborted, Math.abs(Date.now() - beforeMs - expectedMs) <= 1]).toEqual([1, isStuck, true]);
    }
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('R23, R35: a way back', () => {
  it('takes the same rounds and writes in the same order, whether the receivers hang or there are none', async () => {
    const goBack = async (notifiers: readonly Notifier[]) => {
      vi.setSystemTime(START_MS);
      const { world, hands, live } = createFakes();
      const outbox = createOutbox({
        events: hands.events,
        notifiers,
        store: { keys: () => [], get: () => undefined },
        clock: hands.clock,
        logger: quiet,
      });
      outbox.follow(true);
      Object.assign(hands, { events: outbox });
      await live(({ step }) => step?.index === 1);
      world.badPercent = 90;
      await live(({ phase }) => phase === 'RolledBack');
      return { notes: world.notes, endMs: world.nowMs, depths: outbox.depths() };
    };
    const alone = await goBack([]);
    const hung = await goBack([{ name: 'hung', wants: () => true, send: hangs }]);
    expect(alone.notes.indexOf('mesh weather/forecast 0')).toBeGreaterThan(alone.notes.indexOf('mesh weather/forecast 50'));
    expect(hung.notes).toEqual(alone.notes);
    expect(hung.endMs).toBe(alone.endMs);
    expect(hung.depths['hung']).toBeGreaterThan(2);
  });
});
