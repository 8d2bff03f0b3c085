/** What a record holds under a name that people chose; `constructor` is one, and every object has something of that name. */
export const byName = <V>(record: Readonly<Record<string, V>>, name: string): V | undefined =>
  Object.hasOwn(record, name) ? record[name] : undefined;
