/**
 * Would both be the same JSON, whatever the order of their keys? The API server may return another order; absent and
 * undefined fields are the same. What is the same object is not looked into.
 */
export const isSameJson = (a: unknown, b: unknown): boolean => {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) return isSameList(a, b);
  return isSameObject(a as Fields, b as Fields) && isSameObject(b as Fields, a as Fields, 'names only');
};

type Fields = Readonly<Record<string, unknown>>;

const isSameList = (a: unknown, b: unknown): boolean =>
  Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, index) => isSameJson(item, b[index]));

/** Has `b` every field of `a`, with the same value? */
const isSameObject = (a: Fields, b: Fields, only?: 'names only'): boolean => {
  for (const key in a) {
    const value = a[key];
    if (value === undefined) continue;
    if (only === undefined ? !isSameJson(value, b[key]) : b[key] === undefined) return false;
  }
  return true;
};
