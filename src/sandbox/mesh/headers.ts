import { listOf, objectOf, stringOf, stringsOf } from '../kube/json.ts';

/** Headers by lower-case name; several lines of one are a list. */
export type HeaderLines = { readonly [name: string]: string | string[] };

/** What Istio's Headers.HeaderOperations does; names are lower-case. Removals come first. */
export interface HeaderChange {
  readonly remove: readonly string[];
  readonly set: { readonly [name: string]: string };
  readonly add: { readonly [name: string]: string };
}

const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'transfer-encoding', 'upgrade', 'proxy-connection', 'te', 'trailer']);

/** Headers without those that belong to one connection. A list of one line is that line. */
export function withoutHops(headers: { readonly [name: string]: readonly string[] | undefined }): HeaderLines {
  const kept = Object.entries(headers).filter(([name, lines]) => lines !== undefined && !HOP_BY_HOP.has(name));
  return Object.fromEntries(kept.map(([name, lines = []]) => [name, lines.length === 1 ? (lines[0] ?? '') : [...lines]]));
}

const lower = (value: unknown) =>
  Object.fromEntries(Object.entries(stringsOf(value)).map(([name, line]) => [name.toLowerCase(), line.replaceAll('%%', '%')]));

/** Reads one side of `headers` of a route or a destination. */
export function headerChange(headers: unknown, side: 'request' | 'response'): HeaderChange {
  const said = objectOf(objectOf(headers)[side]);
  return {
    remove: listOf(said['remove']).map(name => (stringOf(name) ?? '').toLowerCase()),
    set: lower(said['set']),
    add: lower(said['add']),
  };
}

/** The headers after the changes. What is added is a line of its own. */
export function changeHeaders(headers: HeaderLines, changes: readonly HeaderChange[]): HeaderLines {
  const out: { [name: string]: string | string[] } = { ...headers };
  for (const { remove, set, add } of changes) {
    for (const name of remove) delete out[name];
    for (const [name, line] of Object.entries(set)) out[name] = line;
    for (const [name, line] of Object.entries(add)) {
      const there = out[name];
      out[name] = there === undefined ? line : [there, line].flat();
    }
  }
  return out;
}
