import { describe, expect, it } from 'vitest';
import * as lines from '../../src/dashboard/lines.js';
import { ATTENTION as CORE_ATTENTION, type RolloutLine } from '../../src/rollout/index.ts';

const lineWith = (part: Partial<RolloutLine>): RolloutLine => ({
  namespace: 'weather',
  name: 'forecast',
  phase: 'Progressing',
  reason: 'StepEntered',
  title: 'step entered',
  message: 'step 2/3 at 50%',
  attention: 'moves',
  ...part,
});
const BROKEN = lineWith({ phase: 'RolledBack', reason: 'GateFailed', title: 'rolled back: a gate failed', attention: 'broken' });

describe('the order of the list', () => {
  it('is that of the core, the most urgent first, then by name', () => {
    expect(lines.ATTENTION).toEqual(CORE_ATTENTION);
    const sorted = [
      lineWith({ name: 'b', attention: 'fine' }),
      lineWith({ name: 'a', attention: 'moves' }),
      lineWith({ name: 'b', attention: 'broken' }),
      lineWith({ namespace: 'bookinfo', name: 'z', attention: 'fine' }),
      lineWith({ name: 'a', attention: 'broken' }),
    ].sort(lines.compareLines);
    expect(sorted.map(({ namespace, name, attention }) => `${attention} ${namespace}/${name}`)).toEqual([
      'broken weather/a',
      'broken weather/b',
      'moves weather/a',
      'fine bookinfo/z',
      'fine weather/b',
    ]);
  });

  it.each([
    [
      [0, 1, 2, 3],
      [0, 1, 2, 3],
    ],
    // the last one has come first: it alone moves
    [
      [3, 0, 1, 2],
      [1, 2, 3],
    ],
    // the first one has gone last
    [
      [1, 2, 3, 0],
      [0, 1, 2],
    ],
    [[2, 1, 0], [2]],
    [[], []],
  ])('changes by moving as few rows as there are: of %j stay the places %j', (numbers, kept) => {
    expect([...lines.longestRising(numbers)].sort()).toEqual(kept);
  });
});

describe('a filter', () => {
  it.each([
    [
      '?name=fore&namespace=weather&phase=RolledBack&attention=broken',
      { name: 'fore', namespace: 'weather', phase: 'RolledBack', attention: 'broken' },
    ],
    ['?name=a%26b', { name: 'a&b', namespace: '', phase: '', attention: '' }],
    ['', { name: '', namespace: '', phase: '', attention: '' }],
  ] as const)('stands in the address: %s', (query, filter) => {
    expect([lines.filterOf(query), lines.queryOf(filter)]).toEqual([filter, query]);
  });

  it('leaves out what nobody knows', () => {
    expect(lines.filterOf('?phase=Dancing&attention=none&more=1')).toEqual(lines.NO_FILTER);
  });

  it.each([
    [{ name: 'FORE' }, true],
    [{ name: ' weather/fore ' }, true],
    [{ name: 'review' }, false],
    [{ namespace: 'weather' }, true],
    [{ namespace: 'wea' }, false],
    [{ phase: 'Progressing' }, true],
    [{ phase: 'Healthy' }, false],
    [{ attention: 'broken' }, false],
    [{ name: 'fore', namespace: 'weather', phase: 'Progressing', attention: 'moves' }, true],
    [{}, true],
  ] as const)('%j lets weather/forecast through: %s', (part, isShown) => {
    expect(lines.isShown(lineWith({}), { ...lines.NO_FILTER, ...part })).toBe(isShown);
  });
});

describe('the counters', () => {
  it('say how many there are of each, and the tab how many need attention', () => {
    const counts = lines.countsOf([
      BROKEN,
      BROKEN,
      BROKEN,
      lineWith({ attention: 'asks' }),
      lineWith({}),
      lineWith({ attention: 'fine' }),
    ]);
    expect(lines.ATTENTION.map(attention => lines.countText(attention, counts[attention] ?? 0))).toEqual([
      '3 broken',
      '1 asks',
      '0 troubled',
      '1 moving',
      '0 waiting',
      '1 fine',
    ]);
    expect(lines.titleOf(counts)).toBe('(4) Rollouts');
    expect(lines.titleOf(lines.countsOf([lineWith({})]))).toBe('Rollouts');
  });
});

describe('what a screen reader is told', () => {
  it('is a rollout that has come to need attention', () => {
    expect(lines.newsOf(lineWith({}), BROKEN)).toBe('weather/forecast: RolledBack, rolled back: a gate failed.');
  });

  it('is no tick, no good news and nothing of the first look', () => {
    expect(lines.newsOf(undefined, BROKEN)).toBeUndefined();
    expect(lines.newsOf(BROKEN, { ...BROKEN, message: 'another number' })).toBeUndefined();
    expect(lines.newsOf(BROKEN, lineWith({}))).toBeUndefined();
  });

  it('is a number when there is too much of it', () => {
    expect(lines.newsText(['a.', 'b.'])).toBe('a. b.');
    expect(lines.newsText(['a.', 'b.', 'c.', 'd.'])).toBe('4 rollouts need attention.');
  });
});

describe('a row', () => {
  it.each([
    [{ stable: 'v1', version: 'v2' }, 'v1 → v2'],
    [{ stable: 'v1', version: 'v2', phase: 'RolledBack' }, 'v1 ← v2'],
    [{ stable: 'v2', version: 'v2', phase: 'Healthy' }, 'v2'],
    [{ version: 'v2' }, 'v2'],
    [{}, ''],
  ] as const)('of %j shows the versions %s', (part, text) => {
    expect(lines.versionsOf(lineWith(part))).toBe(text);
  });

  it.each([
    ['50%', 50],
    ['0%', 0],
    ['250%', 100],
    [undefined, undefined],
  ])('with the weight %s has a bar of %s', (weight, share) => {
    expect(lines.weightOf(lineWith(weight === undefined ? {} : { weight }))).toBe(share);
  });

  it('says the cause beside the phase, and nothing twice', () => {
    expect(lines.causeOf(BROKEN)).toBe('a gate failed');
    expect(lines.causeOf(lineWith({ phase: 'Paused', title: 'paused' }))).toBe('');
    expect(lines.causeOf(lineWith({}))).toBe('step entered');
  });
});
