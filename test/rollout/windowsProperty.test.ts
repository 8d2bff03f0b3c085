import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseCron } from '../../src/rollout/forward/cron.ts';
import { closedAt } from '../../src/rollout/forward/windows.ts';
import type { WindowSpec } from '../../src/rollout/index.ts';
import { FEW_WORLDS } from './property.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** Clocks change within two weeks of each: in Europe, in the United States, in Europe again. */
const STARTS = [Date.UTC(2026, 9, 20), Date.UTC(2027, 2, 8), Date.UTC(2027, 2, 24)];

const specs = fc.array(
  fc
    .record({
      kind: fc.constantFrom('deny' as const, 'deny' as const, 'allow' as const),
      cron: fc.constantFrom(
        '* 18-23 * * 5',
        '* * * * 0,6',
        '0-29 */2 * * *',
        '* 9-17 * * 1-5',
        '* 2 * * *',
        '* * 1-24 * *',
        '* * * * *',
      ),
      timezone: fc.constantFrom(undefined, 'Europe/Berlin', 'America/New_York', 'Asia/Kathmandu'),
    })
    .map(({ kind, cron, timezone }): WindowSpec => ({ [kind]: cron, timezone })),
  { minLength: 1, maxLength: 3 },
);

const wallAt = (ms: number, timeZone: string): { minute: number; hour: number; day: number; month: number; weekday: number } => {
  const format = formats.get(timeZone) ?? new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'short' });
  formats.set(timeZone, format);
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0] = format.format(ms).split(/\D+/).map(Number);
  return { minute, hour, day, month, weekday: new Date(Date.UTC(year, month - 1, day)).getUTCDay() };
};
const formats = new Map<string, Intl.DateTimeFormat>();

/** Asks the time zone at every single minute, and remembers nothing. */
const isIn = ({ deny, allow, timezone = 'UTC' }: WindowSpec, ms: number): boolean => {
  const cron = parseCron(deny ?? allow ?? '');
  if ('problem' in cron) throw new Error(cron.problem);
  const { minute, hour, day, month, weekday } = wallAt(ms, timezone);
  const days = [cron.days.has(day), cron.weekdays.has(weekday)];
  const isDay = cron.isEither ? days.includes(true) : !days.includes(false);
  return cron.minutes.has(minute) && cron.hours.has(hour) && cron.months.has(month) && isDay;
};

const isOpen = (windows: readonly WindowSpec[], ms: number): boolean => {
  const allowed = windows.filter(({ allow }) => allow !== undefined);
  if (windows.some(window => window.deny !== undefined && isIn(window, ms))) return false;
  return allowed.length === 0 || allowed.some(window => isIn(window, ms));
};

const times = fc.record({
  startMs: fc.constantFrom(...STARTS),
  // looks come in any order: the clock may be set back
  laterMinutes: fc.array(fc.nat(20 * 24 * 60), { minLength: 1, maxLength: 6 }),
});

it('R20: what is remembered of a closed time is what a plain search through all minutes would find', () => {
  fc.assert(
    fc.property(specs, times, (windows, { startMs, laterMinutes }) => {
      for (const minutes of laterMinutes) {
        const nowMs = startMs + minutes * MINUTE_MS + 12_345;
        const minuteMs = startMs + minutes * MINUTE_MS;
        const remembered = closedAt(windows, nowMs);
        // an object of its own knows nothing yet
        expect(remembered).toEqual(closedAt([...windows], nowMs));
        expect(remembered === undefined).toBe(isOpen(windows, minuteMs));
        if (remembered === undefined) continue;
        const { untilMs } = remembered;
        if (untilMs !== undefined) expect(isOpen(windows, untilMs)).toBe(true);
        // every hour, and every minute of the last two hours
        const endMs = untilMs ?? minuteMs + 14 * DAY_MS;
        for (let ms = minuteMs; ms < endMs; ms += ms < endMs - 120 * MINUTE_MS ? 31 * MINUTE_MS : MINUTE_MS)
          if (isOpen(windows, ms)) expect.unreachable(`open at ${new Date(ms).toISOString()}, before ${remembered.until}`);
      }
    }),
    { numRuns: Math.ceil(FEW_WORLDS / 4) },
  );
});
