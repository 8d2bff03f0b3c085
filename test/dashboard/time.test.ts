import { describe, expect, it } from 'vitest';
import { ageText, clockText, countdownText, exactText, nowMs, setServerTime } from '../../src/dashboard/time.js';

const AT = '2026-11-21T14:03:10Z';
const AT_MS = Date.parse(AT);
const [SECOND, MINUTE, HOUR, DAY] = [1_000, 60_000, 3_600_000, 86_400_000];

describe('an age', () => {
  it.each([
    [0, '0s'],
    [59 * SECOND + 999, '59s'],
    [MINUTE, '1m'],
    [59 * MINUTE + 59 * SECOND, '59m'],
    [3 * HOUR + 12 * MINUTE, '3h 12m'],
    [DAY, '1d 0h'],
    [12 * DAY + 5 * HOUR, '12d'],
    [-5 * SECOND, '0s'],
  ])('of %i ms is %s', (ms, text) => {
    expect(ageText(AT, AT_MS + ms)).toBe(text);
  });
});

describe('R36: a countdown', () => {
  it.each([
    [45 * SECOND, 'in 45s'],
    // the last second is still one
    [1, 'in 1s'],
    [4 * MINUTE + 5 * SECOND, 'in 4m 05s'],
    [59 * SECOND + 1, 'in 1m 00s'],
    [3 * HOUR + 12 * MINUTE, 'in 3h 12m'],
    [2 * DAY + 4 * HOUR, 'in 2d 4h'],
    [0, 'due'],
    [-HOUR, 'due'],
  ])('with %i ms left says %s', (ms, text) => {
    expect(countdownText(AT, AT_MS - ms)).toBe(text);
  });
});

describe('a time of day', () => {
  it('is that of the reader, with the date on another day than today', () => {
    expect(clockText(AT, AT_MS + HOUR, 'Europe/Berlin')).toBe('15:03:10');
    expect(clockText(AT, AT_MS + DAY, 'Europe/Berlin')).toBe('2026-11-21 15:03');
    // it is tomorrow already where the reader is
    expect(clockText('2026-11-21T23:30:00Z', AT_MS, 'Europe/Berlin')).toBe('2026-11-22 00:30');
  });

  it('is told exactly, here and in UTC', () => {
    expect(exactText(AT, 'Asia/Tokyo')).toBe('2026-11-21 23:03:10 here, 2026-11-21 14:03:10 UTC');
  });

  it('is nothing when it is no time', () => {
    const texts = [ageText('soon', AT_MS), countdownText('', AT_MS), clockText('soon', AT_MS), exactText('soon')];
    expect(texts).toEqual(['', '', '', '']);
  });
});

describe('the clock of the server', () => {
  it('is followed when this one is wrong, and not for less than what a header rounds away', () => {
    setServerTime(new Date(Date.now() + 10 * MINUTE).toUTCString());
    expect(Math.abs(nowMs() - Date.now() - 10 * MINUTE)).toBeLessThanOrEqual(2 * SECOND);
    setServerTime(new Date(Date.now() - SECOND).toUTCString());
    expect(Math.abs(nowMs() - Date.now())).toBeLessThan(100);
    setServerTime(null);
    expect(Math.abs(nowMs() - Date.now())).toBeLessThan(100);
  });
});
