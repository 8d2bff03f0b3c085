import { isDeepStrictEqual } from 'node:util';
import { pointer, testOf } from './jsonPatch.ts';
import { type Fields, isFields, type JsonPatchOperation } from './resource.ts';

type Path = readonly (string | number)[];

/**
 * Operations that turn one value into the other and touch nothing that is equal in both, each `replace` and `remove` with
 * a test of what was there. Empty when they are equal, whatever the order of their keys.
 */
export function difference(before: unknown, after: unknown, at: Path): readonly JsonPatchOperation[] {
  if (isDeepStrictEqual(before, after)) return [];
  if (isFields(before) && isFields(after)) return differenceOfFields(before, after, at);
  if (Array.isArray(before) && Array.isArray(after)) return differenceOfLists(before, after, at);
  return [...testOf(pointer(...at), before), { op: 'replace', path: pointer(...at), value: after }];
}

const removal = (value: unknown, at: Path): readonly JsonPatchOperation[] => [
  ...testOf(pointer(...at), value),
  { op: 'remove', path: pointer(...at) },
];

function differenceOfFields(before: Fields, after: Fields, at: Path): readonly JsonPatchOperation[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].flatMap(key => {
    const [old, now] = [before[key], after[key]];
    if (old === undefined) return now === undefined ? [] : [{ op: 'add' as const, path: pointer(...at, key), value: now }];
    return now === undefined ? removal(old, [...at, key]) : difference(old, now, [...at, key]);
  });
}

/** Equal items at both ends stay; of the rest each is edited in its place, and what is left over is removed or added. */
function differenceOfLists(before: readonly unknown[], after: readonly unknown[], at: Path): readonly JsonPatchOperation[] {
  const { start, oldEnd, newEnd } = commonEnds(before, after);
  const pairs = Math.min(oldEnd, newEnd) - start;
  const edits = Array.from({ length: pairs }, (_, offset) => start + offset).flatMap(index =>
    difference(before[index], after[index], [...at, index]),
  );
  const removals = before
    .slice(start + pairs, oldEnd)
    .flatMap((item, offset) => [removal(item, [...at, start + pairs + offset])])
    .reverse();
  const additions = after.slice(start + pairs, newEnd).map((value, offset) => {
    const index = start + pairs + offset;
    return { op: 'add' as const, path: pointer(...at, index < before.length + offset ? index : '-'), value };
  });
  return [...edits, ...removals.flat(), ...additions];
}

/** Where the part begins, and ends in either list, that is not the same at the beginning and at the end of both. */
export function commonEnds(
  before: readonly unknown[],
  after: readonly unknown[],
): { readonly start: number; readonly oldEnd: number; readonly newEnd: number } {
  const shorter = Math.min(before.length, after.length);
  let start = 0;
  while (start < shorter && isDeepStrictEqual(before[start], after[start])) start += 1;
  let end = 0;
  while (end < shorter - start && isDeepStrictEqual(before.at(-1 - end), after.at(-1 - end))) end += 1;
  return { start, oldEnd: before.length - end, newEnd: after.length - end };
}
