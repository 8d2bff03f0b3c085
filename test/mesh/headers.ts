import { fields, list, text, texts } from './json.ts';

/** Changes to headers in the order in which they are made; names are lower-case. */
export interface HeaderChange {
  readonly remove: readonly string[];
  readonly set: Readonly<Record<string, string>>;
  readonly add: Readonly<Record<string, string>>;
}

/** Headers by lower-case name, each with its lines. */
export type HeaderLines = Readonly<Record<string, readonly string[]>>;

const lower = (value: unknown): Record<string, string> =>
  Object.fromEntries(Object.entries(texts(value)).map(([name, line]) => [name.toLowerCase(), line]));

function changeOf(headers: unknown, side: 'request' | 'response'): HeaderChange {
  const said = fields(fields(headers)[side]);
  return { remove: list(said['remove']).map(name => text(name).toLowerCase()), set: lower(said['set']), add: lower(said['add']) };
}

/**
 * A destination that is alone has its headers in one list with those of its route: all removals first, then the route's, then its own.
 * Beside others a destination comes first and its route has the last word.
 */
export function changesOf(
  route: unknown,
  destination: unknown,
  isAlone: boolean,
): Record<'request' | 'response', HeaderChange[]> {
  const changes = (side: 'request' | 'response') => {
    const [outer, inner] = [changeOf(fields(route)['headers'], side), changeOf(fields(destination)['headers'], side)];
    if (!isAlone) return [inner, outer];
    const removals = { remove: [...outer.remove, ...inner.remove], set: {}, add: {} };
    return [removals, { ...outer, remove: [] }, { ...inner, remove: [] }];
  };
  return { request: changes('request'), response: changes('response') };
}

/** The headers after the changes. */
export function changed(headers: HeaderLines, changes: readonly HeaderChange[]): HeaderLines {
  const lines: Record<string, readonly string[]> = { ...headers };
  for (const { remove, set, add } of changes) {
    for (const name of remove) delete lines[name];
    for (const [name, line] of Object.entries(set)) lines[name] = [line];
    for (const [name, line] of Object.entries(add)) lines[name] = [...(lines[name] ?? []), line];
  }
  return lines;
}
