import { describe, expect, it } from 'vitest';
import { closedAt } from '../../src/rollout/forward/windows.ts';
import { checkSpec, type WindowSpec } from '../../src/rollout/index.ts';
import { START_MS, type World } from '../../src/simulation/world.ts';
import { check, HALF, MINUTE, mark, restingWorld, SECOND, specOf, worldInProgress } from './check.ts';
import { watchLaws } from './laws.ts';

const HOUR = 60 * MINUTE;
const at = (text: string): number => Date.parse(text);
const until = (windows: readonly WindowSpec[], text: string): string | undefined => {
  const closed = closedAt(windows, at(text));
  return closed && (closed.untilMs === undefined ? 'never' : new Date(closed.untilMs).toISOString().slice(0, 16));
};
const berlin = (deny: string): readonly WindowSpec[] => [{ deny, timezone: 'Europe/Berlin' }];
const utc = (deny: string): readonly WindowSpec[] => [{ deny }];

describe('when nothing moves forward', () => {
  it.each<[string, readonly WindowSpec[], string, string | undefined]>([
    ['no windows', [], '2026-11-21T14:00Z', undefined],
    ['Friday evening in Berlin, summer', berlin('* 18-23 * * 5'), '2026-07-03T16:00Z', '2026-07-03T22:00'],
    ['a minute before', berlin('* 18-23 * * 5'), '2026-07-03T15:59Z', undefined],
    ['Friday evening in Berlin, winter', berlin('* 18-23 * * 5'), '2026-11-20T17:30Z', '2026-11-20T23:00'],
    ['a day by its name', utc('* * * * SAT,sun'), '2026-11-21T14:00Z', '2026-11-23T00:00'],
    ['Sunday as 7', utc('* * * * 6-7'), '2026-11-21T14:00Z', '2026-11-23T00:00'],
    ['months by name', utc('* * 20-31 nov-dec *'), '2026-11-21T14:00Z', '2026-12-01T00:00'],
    ['steps of minutes', utc('*/2 * * * *'), '2026-11-21T14:00:30Z', '2026-11-21T14:01'],
    ['a step from a minute on', utc('30/15 * * * *'), '2026-11-21T14:45:59Z', '2026-11-21T14:46'],
    ['either the 1st or a Monday, as cron has it', utc('* * 1 * 1'), '2026-11-23T10:00Z', '2026-11-24T00:00'],
    ['only office hours', [{ allow: '* 9-16 * * 1-5', timezone: 'Europe/Berlin' }], '2026-11-21T14:00Z', '2026-11-23T08:00'],
    ['two allowed times', [{ allow: '* 9 * * *' }, { allow: '* 20 * * *' }], '2026-11-21T14:00Z', '2026-11-21T20:00'],
    ['deny wins over allow', [{ allow: '* 14-15 * * *' }, { deny: '* 14 * * *' }], '2026-11-21T14:00Z', '2026-11-21T15:00'],
    ['always', utc('* * * * *'), '2026-11-21T14:00Z', 'never'],
    ['a month away', [{ allow: '* * 1 1 *' }], '2026-11-21T14:00Z', 'never'],
    ['thirteen days away', [{ allow: '* * 4 12 *' }], '2026-11-21T14:00Z', '2026-12-04T00:00'],
    [
      '45 minutes beside the hour',
      [{ deny: '* 20-23 * * *', timezone: 'Asia/Kathmandu' }],
      '2026-11-21T14:20Z',
      '2026-11-21T18:15',
    ],
    ['and a minute before that begins', [{ deny: '* 20-23 * * *', timezone: 'Asia/Kathmandu' }], '2026-11-21T14:14Z', undefined],
  ])('R20: %s', (_, windows, now, expected) => {
    expect(until(windows, now)).toBe(expected);
  });

  it.each<[string, readonly WindowSpec[], string, string | undefined]>([
    [
      'Berlin, the hour that is missing: until 3:00, which is an hour after 1:59',
      berlin('* 0-2 29 3 *'),
      '2026-03-28T23:00Z',
      '2026-03-29T01:00',
    ],
    ['Berlin, a window within the missing hour never comes', berlin('30 2 29 3 *'), '2026-03-29T01:30Z', undefined],
    ['Berlin, the hour that comes twice is closed twice', berlin('* 2 25 10 *'), '2026-10-25T00:00Z', '2026-10-25T02:00'],
    ['Berlin, a day of 25 hours', berlin('* * 25 10 *'), '2026-10-24T22:00Z', '2026-10-25T23:00'],
    [
      'New York, a day of 23 hours',
      [{ deny: '* * 8 3 *', timezone: 'America/New_York' }],
      '2026-03-08T05:00Z',
      '2026-03-09T04:00',
    ],
    [
      'New York, the hour that comes twice',
      [{ deny: '* 1 1 11 *', timezone: 'America/New_York' }],
      '2026-11-01T05:00Z',
      '2026-11-01T07:00',
    ],
    [
      'Chatham, 45 minutes and a change',
      [{ deny: '* * 27 9 *', timezone: 'Pacific/Chatham' }],
      '2026-09-26T11:15Z',
      '2026-09-27T10:15',
    ],
  ])('R20: clocks change: %s', (_, windows, now, expected) => {
    expect(until(windows, now)).toBe(expected);
  });

  it('R20: the walk through time agrees with asking the zone for every minute', () => {
    const format = new Intl.DateTimeFormat('en-GB', {
      timeZone: 'America/New_York',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    });
    const windows = [{ deny: '0-29 1-3 * * *', timezone: 'America/New_York' }];
    for (const day of ['2026-03-08', '2026-11-01']) {
      for (let minute = 0; minute < 1_440; minute++) {
        const ms = at(`${day}T00:00Z`) + minute * MINUTE;
        const [hour = 0, past = 0] = format.format(ms).split(':').map(Number);
        expect(closedAt(windows, ms) !== undefined, new Date(ms).toISOString()).toBe(hour >= 1 && hour <= 3 && past < 30);
      }
    }
  });

  it('R20: looking fourteen days ahead is cheap', () => {
    const began = performance.now();
    for (let i = 0; i < 20; i++)
      closedAt([{ deny: '* * * * *', timezone: 'Europe/Berlin' }, { deny: '* 3 * * *' }], START_MS + i);
    expect((performance.now() - began) / 20).toBeLessThan(100);
  });

  it.each<[WindowSpec, string, RegExp]>([
    [{}, 'spec.windows[0]', /neither deny nor allow/],
    [{ deny: '* * * * *', allow: '* * * * *' }, 'spec.windows[0]', /both/],
    [{ deny: '* * * *' }, 'spec.windows[0].deny', /4 fields, expected five/],
    [{ allow: '60 * * * *' }, 'spec.windows[0].allow', /minute is 60, expected numbers from 0 to 59/],
    [{ deny: '* 22-6 * * *' }, 'spec.windows[0].deny', /hour is 22-6/],
    [{ deny: '* * * * mon-fry' }, 'spec.windows[0].deny', /day of week is mon-fry/],
    [{ deny: '*/0 * * * *' }, 'spec.windows[0].deny', /minute/],
    [{ deny: '* * 0 * *' }, 'spec.windows[0].deny', /day of month is 0/],
    [{ deny: '1,,2 * * * *' }, 'spec.windows[0].deny', /minute/],
    [{ deny: '* * * * *', timezone: 'Europe/Berlim' }, 'spec.windows[0].timezone', /Europe\/Berlim/],
  ])('R12, R20: %j is refused, with its place', (window, path, message) => {
    const [problem] = checkSpec(specOf(HALF, { windows: [window] }));
    expect(problem).toMatchObject({ path, severity: 'error' });
    expect(problem?.message).toMatch(message);
  });
});

const TWO = [
  { setWeight: 20, pause: { duration: '20s' } },
  { setWeight: 50, pause: { duration: '20s' } },
];
/** Denies 14:01 to 14:04 of the day on which worlds begin. */
const SOON: readonly WindowSpec[] = [{ deny: '1-4 14 21 11 *' }];
const weights = (world: World): readonly number[] => world.meshWrites.map(({ weight }) => weight);

describe('windows', () => {
  it('R20: a step is not left within a window, and is right after it; its clock ran on', () => {
    const world = restingWorld({ spec: specOf(TWO, { windows: SOON }), onDecision: watchLaws() });
    world.run(40 * SECOND).setPods('v2', 3);
    world.commit({ version: 'v2' });
    check(world.run(2 * MINUTE), {
      phase: 'Paused',
      reason: 'WaitingForWindow',
      step: 1,
      mesh: [20],
      waitingFor: 'window',
      message: /step 1\/3 at 20%: nothing moves forward until 2026-11-21T14:05:00Z.*deny '1-4 14 21 11 \*' \(UTC\)/,
    });
    expect(world.status?.waitingFor?.until).toBe('2026-11-21T14:05:00Z');
    check(world.run(4 * MINUTE), { phase: 'Healthy', stable: 'v2' });
    expect(weights(world)).toEqual([20, 50, 100]);
    const raised = world.meshWrites[1]?.atMs ?? 0;
    expect(raised - (START_MS + 5 * MINUTE)).toBeGreaterThanOrEqual(0);
    expect(raised - (START_MS + 5 * MINUTE)).toBeLessThan(2 * SECOND);
  });

  it('R20: nothing starts within a window, and the message says until when', () => {
    const world = restingWorld({ spec: specOf(TWO, { windows: SOON }), onDecision: watchLaws() });
    world.run(70 * SECOND).setPods('v2', 3);
    world.commit({ version: 'v2' });
    check(world.run(MINUTE), {
      phase: 'Pending',
      reason: 'WaitingForWindow',
      waitingFor: 'window',
      mesh: [0],
      message: /nothing starts until 2026-11-21T14:05:00Z/,
    });
    const before = mark(world);
    check(world.run(MINUTE), { writes: { status: 0, mesh: 0 } }, before);
    check(world.run(2 * MINUTE), { phase: 'Progressing', step: 1, mesh: [20] });
  });

  it('R20, R9: a newer version within a window: all traffic back at once, and the newest starts afterwards', () => {
    const world = restingWorld({ spec: specOf(TWO, { windows: SOON }), onDecision: watchLaws() });
    world.run(40 * SECOND).setPods('v2', 3);
    world.commit({ version: 'v2' });
    world.run(MINUTE).setPods('v3', 3);
    world.commit({ version: 'v3' });
    check(world.run(5 * SECOND), { phase: 'Pending', reason: 'WaitingForWindow', mesh: [0] });
    expect(weights(world)).toEqual([20, 0]);
    check(world.run(6 * MINUTE), { phase: 'Healthy', stable: 'v3' });
  });

  it('R20: what protects goes on within a window', () => {
    const world = restingWorld({
      spec: specOf(TWO, { windows: SOON }),
      onDecision: watchLaws(),
      truth: { errors: (version, ms) => (version === 'v2' && ms > START_MS + 90 * SECOND ? 0.5 : 0) },
    });
    world.run(40 * SECOND).setPods('v2', 3);
    world.commit({ version: 'v2' });
    check(world.run(2 * MINUTE), { phase: 'RolledBack', reason: 'GateFailed', mesh: [0] });
  });

  it('R20, R22: a promote within a window is refused and said', () => {
    const world = restingWorld({ spec: specOf(TWO, { windows: SOON }), onDecision: watchLaws() });
    world.run(40 * SECOND).setPods('v2', 3);
    world.commit({ version: 'v2' });
    world.run(MINUTE);
    world.ask({ verb: 'promote', revision: world.status?.revision, step: 1 });
    check(world.run(5 * SECOND), { step: 1, mesh: [20] });
    expect(world.status?.lastRequest?.outcome).toMatch(/^refused: .*spec.windows/);
  });

  it('R20, R4: a process that dies within a window, and a clock that jumps, move nothing early', () => {
    const world = restingWorld({ spec: specOf(TWO, { windows: SOON }), onDecision: watchLaws() });
    world.run(40 * SECOND).setPods('v2', 3);
    world.commit({ version: 'v2' });
    world.run(40 * SECOND);
    for (let i = 0; i < 10; i++) {
      world.crash();
      world.run(7 * SECOND);
    }
    check(world, { step: 1, mesh: [20] });
    world.jumpClock(-HOUR);
    world.crash();
    world.run(2 * MINUTE);
    expect(weights(world)).toEqual([20]);
    world.jumpClock(HOUR);
    world.crash();
    check(world.run(5 * MINUTE), { phase: 'Healthy' });
    expect(weights(world)).toEqual([20, 50, 100]);
  });

  it('R20, R10: the way back to the version that was stable before is no forward movement', () => {
    const world = worldInProgress({ onDecision: watchLaws() }).run(50 * SECOND);
    check(world, { phase: 'Healthy', stable: 'v2' });
    world.freeze = { by: 'ann', since: '2026-11-21T14:00:00Z' };
    world.commit({ version: 'v1', windows: [{ deny: '* * * * *' }] });
    check(world.run(2 * MINUTE), { phase: 'Healthy', stable: 'v1' });
  });

  it('R12, R20: a window that cannot be read stops forward movement', () => {
    const world = worldInProgress();
    world.commit({ windows: [{ deny: 'never' }] });
    check(world.run(MINUTE), { phase: 'Invalid', step: 1, mesh: [50], message: /spec\.windows\[0\]\.deny/ });
  });
});

describe('a freeze of the installation', () => {
  const ann = { by: 'ann', since: '2026-11-21T14:00:10Z', reason: 'release of the shop' };

  it('R20: nothing moves forward, what protects goes on, and it goes on by itself afterwards', () => {
    const world = worldInProgress({ onDecision: watchLaws() });
    world.freeze = ann;
    check(world.run(2 * MINUTE), {
      phase: 'Paused',
      reason: 'Frozen',
      step: 1,
      mesh: [50],
      waitingFor: 'person',
      message: /stopped since 2026-11-21T14:00:10Z by ann: release of the shop; goes on by itself after sluice freeze --off/,
    });
    world.ask({ verb: 'promote', revision: world.status?.revision, step: 1 });
    world.run(SECOND);
    expect(world.status?.lastRequest?.outcome).toMatch(/^refused: .*ann/);
    world.freeze = undefined;
    check(world.run(MINUTE), { phase: 'Healthy', stable: 'v2' });
  });

  it('R20: nothing starts, gates and people still put everything back', () => {
    const idle = restingWorld({ onDecision: watchLaws() });
    idle.freeze = ann;
    idle.setPods('v2', 3);
    idle.commit({ version: 'v2' });
    check(idle.run(MINUTE), { phase: 'Pending', reason: 'Frozen', mesh: [0], writes: { mesh: 0 } });
    const bad = worldInProgress({
      truth: { errors: (version, ms) => (version === 'v2' && ms > START_MS + 30 * SECOND ? 0.5 : 0) },
    });
    bad.freeze = ann;
    check(bad.run(2 * MINUTE), { phase: 'RolledBack', reason: 'GateFailed', mesh: [0] });
    const aborted = worldInProgress();
    aborted.freeze = ann;
    aborted.ask({ verb: 'abort' });
    check(aborted.run(MINUTE), { phase: 'RolledBack', reason: 'Aborted', mesh: [0] });
  });

  it('R20, R5: while it lasts nothing is written again and again', () => {
    const world = worldInProgress();
    world.freeze = ann;
    world.run(30 * SECOND);
    const before = mark(world);
    check(world.run(50 * SECOND), { writes: { mesh: 0, status: 1 } }, before);
  });
});
