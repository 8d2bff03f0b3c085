import { isoSeconds } from '../duration.ts';
import { remembered } from '../remembered.ts';
import type { WindowSpec } from '../spec.ts';
import { type CronMinutes, parseCron } from './cron.ts';
import { createOffsets, isTimeZone } from './zone.ts';

const MINUTE_MS = 60_000;
const SEARCHED_DAYS = 14;
const DAY_MS = 86_400_000;
const SEARCHED_MS = SEARCHED_DAYS * DAY_MS;
const DEFAULT_ZONE = 'UTC';

/** A time in which nothing moves forward. */
type ClosedTime = {
  /** What closes it, for people: `deny '* 18-23 * * 5' (Europe/Berlin)`. */
  readonly because: string;
  /** The first moment in which it may go on; absent when there is none within 14 days. */
  readonly untilMs?: number;
  /** When to look again: nobody else might. */
  readonly againMs: number;
  /** The same for people: `until 2026-11-21T23:00:00Z`. */
  readonly until: string;
};

type Window = { readonly kind: 'deny' | 'allow'; readonly text: string; readonly zone: string; readonly cron: CronMinutes };

/**
 * R20: may anything move forward at this moment? Within a minute of a `deny` nothing does; where there is an `allow`,
 * only its minutes are open. `undefined`: open. Items that contradict themselves are left out; the semantics refuse them.
 */
export const closedAt = (specs: readonly WindowSpec[] | undefined, nowMs: number): ClosedTime | undefined => {
  if (specs === undefined || specs.length === 0) return undefined;
  const calendar = calendarOf(specs);
  const minuteMs = Math.floor(nowMs / MINUTE_MS) * MINUTE_MS;
  if (calendar.isOpen(minuteMs)) return undefined;
  const because = calendar.reasonAt(minuteMs);
  const untilMs = calendar.opensAfter(minuteMs);
  if (untilMs === undefined) return { because, againMs: minuteMs + DAY_MS, until: `for the next ${SEARCHED_DAYS} days at least` };
  return { because, untilMs, againMs: untilMs, until: `until ${isoSeconds(untilMs)}` };
};

/** What is wrong with one item, or `undefined`. */
export const problemOfWindow = ({ deny, allow, timezone }: WindowSpec): { field: string; message: string } | undefined => {
  if ((deny === undefined) === (allow === undefined)) {
    const given = deny === undefined ? 'has neither deny nor allow' : 'has both deny and allow';
    return { field: '', message: `${given}, expected exactly one of them` };
  }
  const cron = parseCron(deny ?? allow ?? '');
  if ('problem' in cron) return { field: deny === undefined ? '.allow' : '.deny', message: cron.problem };
  if (timezone === undefined || isTimeZone(timezone)) return undefined;
  return { field: '.timezone', message: `is ${timezone}, expected a name of the IANA time zone database such as Europe/Berlin` };
};

const readWindow = (spec: WindowSpec): readonly Window[] => {
  const cron = parseCron(spec.deny ?? spec.allow ?? '');
  if ('problem' in cron || problemOfWindow(spec) !== undefined) return [];
  const kind = spec.deny === undefined ? 'allow' : 'deny';
  return [{ kind, text: spec.deny ?? spec.allow ?? '', zone: spec.timezone ?? DEFAULT_ZONE, cron }];
};

type Calendar = {
  readonly isOpen: (minuteMs: number) => boolean;
  /** The first open minute after a closed one, within 14 days. */
  readonly opensAfter: (minuteMs: number) => number | undefined;
  readonly reasonAt: (minuteMs: number) => string;
};

/** Goes through time minute by minute, and each minute once: closed times are long, and asked about at every decision. */
const createCalendar = (windows: readonly Window[]): Calendar => {
  const offsets = new Map(windows.map(({ zone }) => [zone, createOffsets(zone)]));
  const isIn = ({ zone, cron }: Window, ms: number): boolean => matches(cron, ms + (offsets.get(zone)?.(ms) ?? 0));
  const denied = windows.filter(({ kind }) => kind === 'deny');
  const allowed = windows.filter(({ kind }) => kind === 'allow');
  const isFree = (ms: number): boolean =>
    !denied.some(window => isIn(window, ms)) && (allowed.length === 0 || allowed.some(window => isIn(window, ms)));
  // Every minute from the first of these up to the second is known to be closed.
  let fromMs = 0;
  let toMs = 0;
  const isKnown = (ms: number): boolean => ms >= fromMs && ms < toMs;
  return {
    isOpen: ms => !isKnown(ms) && isFree(ms),
    opensAfter: minuteMs => {
      const lastMs = minuteMs + SEARCHED_MS;
      if (!isKnown(minuteMs)) {
        fromMs = minuteMs;
        toMs = minuteMs + MINUTE_MS;
      }
      while (toMs <= lastMs && !isFree(toMs)) toMs += MINUTE_MS;
      return toMs <= lastMs ? toMs : undefined;
    },
    reasonAt: ms => {
      const denying = denied.filter(window => isIn(window, ms));
      const named = denying.length > 0 ? denying : allowed;
      return named.map(({ kind, text, zone }) => `${kind} '${text}' (${zone})`).join(', ');
    },
  };
};

const calendarOf = remembered((specs: readonly WindowSpec[]) => createCalendar(specs.flatMap(readWindow)));

/** The clock on the wall, written as if it were UTC. */
const matches = ({ minutes, hours, days, months, weekdays, isEither }: CronMinutes, wallMs: number): boolean => {
  const wall = new Date(wallMs);
  if (!minutes.has(wall.getUTCMinutes()) || !hours.has(wall.getUTCHours()) || !months.has(wall.getUTCMonth() + 1)) return false;
  const isDay = days.has(wall.getUTCDate());
  const isWeekday = weekdays.has(wall.getUTCDay());
  return isEither ? isDay || isWeekday : isDay && isWeekday;
};
