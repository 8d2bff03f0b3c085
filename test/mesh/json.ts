/** An object out of YAML or JSON whose members are not known. */
export type Fields = { readonly [field: string]: unknown };

/** The object, or an empty one when it is none. */
export const fields = (value: unknown): Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};

export const isPresent = (value: unknown): boolean => value !== undefined && value !== null;

export const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

export const text = (value: unknown): string => (typeof value === 'string' ? value : '');

export const numeric = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined);

/** The members of an object that are strings. */
export const texts = (value: unknown): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(fields(value)).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
