const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

const formats = new Map<string, Intl.DateTimeFormat>();

/** Making a format costs far more than using it, so each zone has one. Throws RangeError for a zone that is unknown. */
const formatOf = (zone: string): Intl.DateTimeFormat => {
  const known = formats.get(zone);
  if (known !== undefined) return known;
  const fields = { year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric' } as const;
  const made = new Intl.DateTimeFormat('en-US', { ...fields, timeZone: zone, hourCycle: 'h23', calendar: 'gregory' });
  formats.set(zone, made);
  return made;
};

export const isTimeZone = (zone: string): boolean => {
  try {
    formatOf(zone);
    return true;
  } catch {
    return false;
  }
};

/** What has to be added to a moment to get the clock on the wall, in ms; a moment at a whole minute. */
const offsetAt = (zone: string, ms: number): number => {
  const parts = formatOf(zone).formatToParts(ms);
  const part = (type: string): number => Number(parts.find(found => found.type === type)?.value);
  return Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute')) - ms;
};

/**
 * Offsets of a zone for a walk through time, minute by minute. Clocks change rarely, so the zone is asked once a day, and
 * some ten times more on a day on which they do.
 */
export const createOffsets = (zone: string): ((ms: number) => number) => {
  let startMs = 0;
  let endMs = 0;
  let offset = 0;
  return ms => {
    if (ms >= startMs && ms < endMs) return offset;
    startMs = ms;
    offset = offsetAt(zone, ms);
    endMs = sameUntil(zone, ms, offset);
    return offset;
  };
};

/** The end of the time, at most a day, in which the offset stays as it is. */
const sameUntil = (zone: string, ms: number, offset: number): number => {
  let same = ms;
  let changed = ms + DAY_MS;
  if (offsetAt(zone, changed) === offset) return changed;
  while (changed - same > MINUTE_MS) {
    const middle = same + Math.floor((changed - same) / 2 / MINUTE_MS) * MINUTE_MS;
    if (offsetAt(zone, middle) === offset) same = middle;
    else changed = middle;
  }
  return changed;
};
