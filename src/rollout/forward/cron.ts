/** The minutes that five cron fields name: minute, hour, day of month, month, day of week. */
export type CronMinutes = {
  readonly minutes: ReadonlySet<number>;
  readonly hours: ReadonlySet<number>;
  readonly days: ReadonlySet<number>;
  readonly months: ReadonlySet<number>;
  /** 0 is Sunday. */
  readonly weekdays: ReadonlySet<number>;
  /** Days of month and of week are both limited: either of them is enough, as cron has it. */
  readonly isEither: boolean;
};

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

type Field = { readonly name: string; readonly least: number; readonly most: number; readonly names?: readonly string[] };

const FIELDS = [
  { name: 'minute', least: 0, most: 59 },
  { name: 'hour', least: 0, most: 23 },
  { name: 'day of month', least: 1, most: 31 },
  { name: 'month', least: 1, most: 12, names: MONTHS },
  { name: 'day of week', least: 0, most: 7, names: WEEKDAYS },
] as const satisfies readonly Field[];

/** Reads five cron fields with lists, ranges, steps and names; a text that is none gives what is wrong with it. */
export const parseCron = (text: string): CronMinutes | { readonly problem: string } => {
  const parts = text.trim().split(/\s+/);
  if (parts.length !== FIELDS.length) {
    return { problem: `has ${parts.length} fields, expected five: minute, hour, day of month, month, day of week` };
  }
  const sets: ReadonlySet<number>[] = [];
  for (const [index, field] of FIELDS.entries()) {
    const found = parseField(parts[index] ?? '', field);
    if ('problem' in found) return found;
    sets.push(found.values);
  }
  const [minutes = NONE, hours = NONE, days = NONE, months = NONE, sevenDays = NONE] = sets;
  const weekdays = new Set([...sevenDays].map(day => day % 7));
  const isEither = !parts[2]?.startsWith('*') && !parts[4]?.startsWith('*');
  return { minutes, hours, days, months, weekdays, isEither };
};

const NONE: ReadonlySet<number> = new Set();

const parseField = (text: string, field: Field): { readonly values: ReadonlySet<number> } | { readonly problem: string } => {
  const values = new Set<number>();
  const problem = `${field.name} is ${text}, expected numbers from ${field.least} to ${field.most}${field.names ? ' or names' : ''} like *, 5, 1-5, */15 or 1,3`;
  for (const item of text.split(',')) {
    const [, range = '', by] = /^([^/]+)(?:\/(\d+))?$/.exec(item) ?? [];
    const [from, to] = boundsOf(range, field, by !== undefined);
    const step = Number(by ?? 1);
    if (from === undefined || to === undefined || step < 1 || from > to) return { problem };
    for (let value = from; value <= to; value += step) values.add(value);
  }
  return { values };
};

const boundsOf = (range: string, field: Field, hasStep: boolean): readonly [number | undefined, number | undefined] => {
  if (range === '*') return [field.least, field.most];
  const [first = '', second, ...rest] = range.split('-');
  if (rest.length > 0) return [undefined, undefined];
  const from = numberOf(first, field);
  if (second !== undefined) return [from, numberOf(second, field)];
  return [from, hasStep ? field.most : from];
};

const numberOf = (text: string, { least, most, names }: Field): number | undefined => {
  const named = names?.indexOf(text.toLowerCase()) ?? -1;
  if (named >= 0) return named + least;
  if (!/^\d{1,2}$/.test(text)) return undefined;
  const value = Number(text);
  return value >= least && value <= most ? value : undefined;
};
