/**
 * Would both be the same JSON, whatever the order of their keys? The API server may return another order; absent and
 * undefined fields are the same. What is the same object is not looked into, nor are the fields of `but`, which only the
 * outermost objects may have.
 */
export const isSameJson = (a: unknown, b: unknown, but?: ReadonlySet<string>): boolean => {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) return isSameList(a, b);
  return hasFieldsOf(a as Fields, b as Fields, but) && hasNamesOf(b as Fields, a as Fields, but);
};

type Fields = Readonly<Record<string, unknown>>;

const isSameList = (a: unknown, b: unknown): boolean =>
  Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, index) => isSameJson(item, b[index]));

/** Has `b` every field of `a`, with the same value? */
const hasFieldsOf = (a: Fields, b: Fields, but: ReadonlySet<string> | undefined): boolean => {
  for (const key in a) if (but?.has(key) !== true && !isSameJson(a[key], b[key])) return false;
  return true;
};

const hasNamesOf = (a: Fields, b: Fields, but: ReadonlySet<string> | undefined): boolean => {
  for (const key in a) if (b[key] === undefined && a[key] !== undefined && but?.has(key) !== true) return false;
  return true;
};
