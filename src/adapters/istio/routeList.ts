import { commonEnds, difference } from './difference.ts';
import { pointer, testOf } from './jsonPatch.ts';
import type { Fields, JsonPatchOperation } from './resource.ts';
import type { HttpRoute } from './virtualService.ts';

/** A steered route as it is to stand, and those of ours directly before it. */
export type Wanted = { readonly fields: Fields; readonly before: readonly Fields[] };

type RouteListEdit = {
  /** What the edits rely on. */
  readonly tests: readonly JsonPatchOperation[];
  readonly edits: readonly JsonPatchOperation[];
  /** `spec.http` as it is then. */
  readonly http: readonly unknown[];
};

/** An entry of the new list: one that was there (maybe edited in its place), or a new one. */
type Item = { readonly value: unknown; readonly old?: number };

const HTTP = ['spec', 'http'] as const;

/**
 * Brings `spec.http` to what is wanted: `wanted` by the index of the steered route, all routes of ours that are not wanted
 * removed, everything else as it is. First entries are edited or replaced where they stand, then ours are removed from the
 * last to the first, then new ones inserted from the first to the last, so that each index is right when it is used.
 */
export function editRouteList(
  http: readonly unknown[],
  ours: readonly HttpRoute[],
  wanted: ReadonlyMap<number, Wanted>,
): RouteListEdit {
  const own = new Set(ours.map(({ index }) => index));
  const items: Item[] = http.flatMap((entry, index): readonly Item[] => {
    if (own.has(index)) return [];
    const change = wanted.get(index);
    if (change === undefined) return [{ value: entry, old: index }];
    return [...place(http, runBefore(index, own), change.before), { value: change.fields, old: index }];
  });
  const kept = new Set(items.flatMap(({ old }) => old ?? []));
  const changes = items.flatMap(({ value, old }) => {
    if (old === undefined) return [];
    return own.has(old) ? replacement(http[old], value, old) : difference(http[old], value, [...HTTP, old]);
  });
  const removed = ours.filter(({ index }) => !kept.has(index)).reverse();
  const touched = ours.filter(
    ({ index }) => !kept.has(index) || items.some(({ old, value }) => old === index && value !== http[old]),
  );
  return {
    tests: [
      ...changes.filter(({ op }) => op === 'test'),
      ...touched.flatMap(({ index, name }) => testOf(pointer(...HTTP, index, 'name'), name)),
    ],
    edits: [
      ...changes.filter(({ op }) => op !== 'test'),
      ...removed.map(({ index }) => ({ op: 'remove' as const, path: pointer(...HTTP, index) })),
      ...items.flatMap(({ value, old }, index) =>
        old === undefined ? [{ op: 'add' as const, path: pointer(...HTTP, index), value }] : [],
      ),
    ],
    http: items.map(({ value }) => value),
  };
}

/** Routes of ours directly before this one. */
function runBefore(index: number, own: ReadonlySet<number>): readonly number[] {
  const run: number[] = [];
  for (let before = index - 1; own.has(before); before -= 1) run.unshift(before);
  return run;
}

/** Gives wanted routes the places of those that stand there already: equal ones stay, others are replaced. */
function place(http: readonly unknown[], run: readonly number[], wanted: readonly Fields[]): readonly Item[] {
  const standing = run.map(index => http[index]);
  const { start, oldEnd, newEnd } = commonEnds(standing, wanted);
  return wanted.map((value, index): Item => {
    const old = index < start ? index : index >= newEnd ? index - newEnd + oldEnd : index < oldEnd ? index : undefined;
    const place = old === undefined ? undefined : run[old];
    if (place === undefined) return { value };
    return { value: index < start || index >= newEnd ? http[place] : value, old: place };
  });
}

const replacement = (before: unknown, value: unknown, index: number): readonly JsonPatchOperation[] =>
  before === value ? [] : [{ op: 'replace', path: pointer(...HTTP, index), value }];
