/** Keys and indices from the root of a document. */
export type Path = readonly (string | number)[];

/** A path as people write it: `spec.strategy.canary.steps[0].setWeight`. */
export const formatPath = (path: Path): string => {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else if (/^[\w-]+$/.test(part)) text += text === '' ? part : `.${part}`;
    else text += `[${JSON.stringify(part)}]`;
  }
  return text;
};

/** The path that a text written by {@link formatPath} stands for. */
export const parsePath = (text: string): Path => {
  const path: (string | number)[] = [];
  for (const [, index, quoted, name] of text.matchAll(/\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]|([^.[\]]+)/g)) {
    if (index !== undefined) path.push(Number(index));
    else path.push(quoted === undefined ? (name ?? '') : String(JSON.parse(quoted)));
  }
  return path;
};

/** What stands at the path; `undefined`: nothing. */
export const valueAt = (value: unknown, path: Path): unknown => {
  let current = value;
  for (const part of path) {
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, part)) return undefined;
    current = (current as Readonly<Record<string, unknown>>)[part];
  }
  return current;
};

export type Found = { readonly path: Path; readonly content: unknown };

/** All places that a pattern such as `sources[].auth` names, where `[]` stands for each item. */
export const placesOf = (value: unknown, pattern: string): readonly Found[] => walk(value, pattern.split(/\.|(?=\[\])/), []);

function walk(value: unknown, [part, ...rest]: readonly string[], path: Path): readonly Found[] {
  if (part === undefined) return value === undefined ? [] : [{ path, content: value }];
  if (part !== '[]') return walk(valueAt(value, [part]), rest, [...path, part]);
  return Array.isArray(value) ? value.flatMap((item, index) => walk(item, rest, [...path, index])) : [];
}
