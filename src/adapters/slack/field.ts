/** A field of something that came from outside; nothing that is inherited. */
export const fieldOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as { readonly [field: string]: unknown })[name]
    : undefined;

/** The same, if it is a text with something in it. */
export const textOf = (value: unknown, name: string): string | undefined => {
  const field = fieldOf(value, name);
  return typeof field === 'string' && field !== '' ? field : undefined;
};
