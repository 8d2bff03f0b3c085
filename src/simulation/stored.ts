/**
 * The value as the API server gives it back: plain JSON without absent fields, and no object of whoever wrote it. What was
 * taken over from `before`, which came from here, is JSON already and stands for itself: most of a status stays as it was.
 */
export const asStored = <T>(value: T, before: T | undefined): T => copyOf(value, before) as T;

const copyOf = (value: unknown, before: unknown): unknown => {
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (typeof value !== 'object' || value === null || value === before) return value;
  if (Array.isArray(value)) {
    const known: readonly unknown[] = Array.isArray(before) ? before : [];
    return value.map((item, index) => copyOf(item, known[index]) ?? null);
  }
  return fieldsOf(value as Fields, typeof before === 'object' && before !== null ? (before as Fields) : {});
};

type Fields = Readonly<Record<string, unknown>>;

const fieldsOf = (fields: Fields, before: Fields): Fields => {
  const copy: Record<string, unknown> = { ...fields };
  for (const name in copy) {
    const value = copy[name];
    if (value === undefined) delete copy[name];
    else if (typeof value !== 'string' && typeof value !== 'boolean') copy[name] = copyOf(value, before[name]);
  }
  return copy;
};
