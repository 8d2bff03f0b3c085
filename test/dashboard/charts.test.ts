import { describe, expect, it } from 'vitest';
import type { TimelinePoint } from '../../src/controller/view-ports.ts';
import {
  gateData,
  gateNames,
  gateSentence,
  rangeOf,
  sharesOf,
  together,
  weightData,
  weightSentence,
  withPoint,
} from '../../src/dashboard/charts.js';
import { actionText, marksOf, weightAt } from '../../src/dashboard/marks.js';

const atOf = (second: number): string => new Date(Date.UTC(2026, 10, 21, 14, 0, second)).toISOString();
const secondsOf = (second: number): number => Date.parse(atOf(second)) / 1_000;

const RATE = { name: 'success-rate', verdict: 'Pass', value: 99.9, baseline: 99.8, min: 99, unit: '%' };

const point = (second: number, weight: number, more: Partial<TimelinePoint> = {}): TimelinePoint => ({
  at: atOf(second),
  phase: 'Progressing',
  version: 'v2',
  revision: 'a',
  weight,
  gates: [],
  ...more,
});

const COURSE = [
  { at: atOf(0), phase: 'Healthy', version: 'v1', weight: 100, gates: [] },
  point(10, 0, { step: 0 }),
  point(12, 20, { step: 1, gates: [RATE] }),
  point(40, 50, { step: 2, gates: [{ ...RATE, verdict: 'Fail', value: 90 }] }),
  point(50, 0, { phase: 'RollingBack', step: 2 }),
];

describe('points of the timeline', () => {
  it('grow in the order of time, whatever comes when', () => {
    const grown = [COURSE[3], COURSE[0], COURSE[2], COURSE[2], COURSE[1]].reduce<readonly TimelinePoint[]>(
      (points, next) => (next === undefined ? points : withPoint(points, next)),
      [],
    );
    expect(grown).toEqual(COURSE.slice(0, 4));
    expect(withPoint(grown, { ...point(0, 0), at: 'never' })).toBe(grown);
  });

  it('of two answers are those of both, and a page that is open for days keeps the newest', () => {
    expect(together(COURSE.slice(0, 3), COURSE.slice(2))).toEqual(COURSE);
    const many = Array.from({ length: 2_100 }, (_, second) => point(second, 1));
    expect(together(many, [])).toEqual(many.slice(100));
    expect(withPoint(many, point(3_000, 1))).toHaveLength(2_000);
  });
});

describe('the line of the weight', () => {
  const second = point(60, 0, { phase: 'Progressing', version: 'v3', revision: 'b', step: 0 });
  const promoted = [point(0, 50, { step: 1 }), point(10, 100, { phase: 'Healthy' }), second];

  it('goes on to this moment, and begins with the attempt', () => {
    expect(weightData(COURSE.slice(0, 3), Date.parse(atOf(30)))).toEqual([[0, 10, 12, 30].map(secondsOf), [null, 0, 20, 20]]);
    expect(weightData([], 0)).toEqual([[], []]);
  });

  it('is another one for another version', () => {
    expect(sharesOf(promoted)).toEqual([50, 100, 0]);
    expect(weightData(promoted, 0)[1]).toEqual([50, 100, 100, null, 0]);
    expect(sharesOf([point(0, 100, { phase: 'Healthy', version: 'v1' })])).toEqual([null]);
  });

  it('is told in words', () => {
    expect(weightSentence(COURSE)).toBe('Share of v2 over time: 50 % at most, 0 % now.');
    expect(weightSentence(promoted.slice(0, 2))).toBe('Share of v2 over time: 100 % at most, 100 % now.');
    expect(weightSentence([])).toBe('No version is on its way, and none was since this process knows of it.');
  });

  it('has the decisions on it: steps, ways back, and what the history tells', () => {
    const history = [
      { at: atOf(-600), to: 'v1', action: 'adopted', reason: 'Adopted', message: '' },
      { at: atOf(10), from: 'v1', to: 'v2', action: 'started', reason: 'Started', message: '' },
      { at: atOf(52), from: 'v2', to: 'v1', action: 'rolledBack', reason: 'GateFailed', message: '' },
    ] as const;
    expect(marksOf(history, COURSE).map(({ label, weight, tone }) => [label, weight, tone])).toEqual([
      ['v2 started', 0, 'plain'],
      ['step 1 at 20 %', 20, 'plain'],
      ['step 2 at 50 %', 50, 'plain'],
      ['goes back', 0, 'bad'],
      ['rolled back', 0, 'bad'],
    ]);
    expect([marksOf(history, []), actionText('unheardOf')]).toEqual([[], 'unheardOf']);
  });

  it('begins at what the version begins with, though the point that tells of it is a moment later', () => {
    const points = [point(0, 100, { phase: 'Healthy', version: 'v1' }), point(11, 0, { step: 0 })];
    const started = { at: atOf(10), action: 'started', to: 'v2', reason: 'Started', message: '' } as const;
    expect(marksOf([started], points).map(({ label, weight }) => [label, weight])).toEqual([['v2 started', 0]]);
  });

  it('is not of the stable version while the one that went back waits to be tried again', () => {
    const points = [
      point(0, 50, { step: 1, version: 'v1' }),
      point(10, 100, { phase: 'Healthy', version: 'v1' }),
      point(20, 50, { step: 1 }),
      point(30, 0, { phase: 'RolledBack' }),
      point(40, 100, { phase: 'Pending', version: 'v1' }),
    ];
    expect(sharesOf(points)).toEqual([50, 100, 50, 0, null]);
  });

  it('is looked up at a moment', () => {
    expect([1, 20, 45, 60].map(second => weightAt(COURSE, Date.parse(atOf(second))))).toEqual([null, 20, 50, 0]);
  });
});

describe('the time that charts show', () => {
  const rangeAt = (second: number, isAll: boolean, isInProgress: boolean) =>
    rangeOf(COURSE, { nowMs: Date.parse(atOf(second)), isAll, isInProgress }).map(value => value - secondsOf(0));

  it('is the last attempt, with a little of what was before, up to now', () => {
    expect(rangeAt(60, false, true)).toEqual([6, 60]);
  });

  it('ends soon after an attempt that is over, so that a quiet night presses nothing together', () => {
    expect(rangeAt(50_000, false, false)).toEqual([6, 62]);
    expect(rangeAt(50_000, true, false)).toEqual([0, 65]);
  });

  it('is never nothing', () => {
    expect(rangeOf([], { nowMs: 20_000, isAll: false, isInProgress: false })).toEqual([10, 20]);
  });
});

describe('the chart of a gate', () => {
  it('has one series each for the new version, the stable one, and the limits', () => {
    expect(gateNames(COURSE)).toEqual(['success-rate']);
    expect(gateData(COURSE, 'success-rate')).toEqual({
      unit: '%',
      times: [12, 40].map(secondsOf),
      value: [99.9, 90],
      baseline: [99.8, 99.8],
      min: [99, 99],
      max: [null, null],
      verdicts: ['Pass', 'Fail'],
    });
  });

  it('is told in words', () => {
    expect(gateSentence('success-rate', gateData(COURSE, 'success-rate'))).toBe(
      'success-rate of the new version: 90 % at last; the stable version 99.8 %; the limit is at least 99 %.',
    );
  });
});
