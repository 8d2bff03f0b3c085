import type { Commit, Objects } from './objects.ts';

/** Commits that lead to one commit and not to another, the newest first. */
export type Range = {
  readonly commits: readonly Commit[];
  /** Whether commits of the range are missing: the clone ends before, or the limit was reached. */
  readonly isCut: boolean;
  /** Whether older commits, which this clone does not have, may change the answer. */
  readonly wantsMore: boolean;
};

type RangeOptions = {
  readonly tip: string;
  /** All that led to it is left out. */
  readonly without?: string | undefined;
  /** Commits before which there is nothing to look for. */
  readonly isEnd?: (commit: Commit) => Promise<boolean>;
  readonly limit: number;
  readonly signal: AbortSignal;
};

type Walk = {
  readonly sides: Map<string, 'in' | 'out'>;
  /** By time, the newest last. */
  readonly queue: Commit[];
  readonly inRange: Map<string, Commit>;
};

/**
 * Walks from both commits at once, the newest commit first, until nothing of the range is left to look at. A clock that goes
 * wrong can only bring commits that do not belong to the range, never leave one out.
 */
export async function rangeOf(objects: Objects, options: RangeOptions): Promise<Range> {
  const { tip, without, isEnd, limit, signal } = options;
  const walk: Walk = { sides: new Map(), queue: [], inRange: new Map() };
  const start = without === undefined ? undefined : await objects.commit(without);
  if (start !== undefined) reach(walk, start, 'out');
  let isCut = !(await reachAll(objects, walk, [tip], 'in'));
  let isOtherCut = false;
  for (let looked = 0; walk.queue.some(({ oid }) => walk.sides.get(oid) === 'in'); looked += 1) {
    signal.throwIfAborted();
    if (looked === limit) return { ...found(walk), isCut: true, wantsMore: false };
    const commit = walk.queue.pop();
    if (commit === undefined) break;
    const side = walk.sides.get(commit.oid) ?? 'in';
    if (side === 'in') walk.inRange.set(commit.oid, commit);
    if (side === 'in' && (await isEnd?.(commit)) === true) continue;
    const isWhole = commit.parents !== undefined && (await reachAll(objects, walk, commit.parents, side));
    if (side === 'in') isCut ||= !isWhole;
    else isOtherCut ||= !isWhole;
  }
  const range = found(walk);
  return { ...range, isCut, wantsMore: isCut || (isOtherCut && !areAllLater(range.commits, without)) };
}

/** What was built on the commit that is left out did not lead to it; of all else that is not sure where the clone ends. */
function areAllLater(commits: readonly Commit[], without: string | undefined): boolean {
  const later = new Set([without]);
  for (const { oid, parents } of commits.toReversed()) if (parents?.some(parent => later.has(parent))) later.add(oid);
  return commits.every(({ oid }) => later.has(oid));
}

async function reachAll(objects: Objects, walk: Walk, oids: readonly string[], side: 'in' | 'out'): Promise<boolean> {
  let isWhole = true;
  for (const oid of oids) {
    const commit = await objects.commit(oid);
    if (commit === undefined) isWhole = false;
    else reach(walk, commit, side);
  }
  return isWhole;
}

/** What is left out is so for good, and so is what led to it, also when it was looked at before. */
function reach({ sides, queue }: Walk, commit: Commit, side: 'in' | 'out'): void {
  const before = sides.get(commit.oid);
  if (before === side || before === 'out') return;
  sides.set(commit.oid, side);
  let place = queue.length;
  while (place > 0 && (queue[place - 1]?.atS ?? 0) > commit.atS) place -= 1;
  queue.splice(place, 0, commit);
}

function found({ inRange, sides }: Walk): Pick<Range, 'commits'> {
  return { commits: [...inRange.values()].filter(({ oid }) => sides.get(oid) === 'in') };
}
