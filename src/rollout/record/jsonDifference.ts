/** One place at which two values differ; an absent side has nothing there. */
export type Difference = {
  /** Like `decision.status.gates[0].verdict`. */
  readonly path: string;
  readonly recorded?: unknown;
  readonly now?: unknown;
};

/** Where two values differ as JSON sees them: an absent field is one that is `undefined`, and the order of keys says nothing. */
export const differencesOf = (recorded: unknown, now: unknown, path: string): readonly Difference[] => {
  if (Object.is(recorded, now)) return [];
  if (Array.isArray(recorded) && Array.isArray(now)) {
    const length = Math.max(recorded.length, now.length);
    return Array.from({ length }, (_, index) => differencesOf(recorded[index], now[index], `${path}[${index}]`)).flat();
  }
  if (isObject(recorded) && isObject(now)) {
    const keys = [...new Set([...Object.keys(recorded), ...Object.keys(now)])];
    return keys.flatMap(key => differencesOf(recorded[key], now[key], `${path}${step(key)}`));
  }
  return [{ path, ...(recorded === undefined ? {} : { recorded }), ...(now === undefined ? {} : { now }) }];
};

const step = (key: string): string => (/^[A-Za-z_]\w*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`);

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
