import type { RouteWeights } from '../observation.ts';

/** Key of `RouteWeights.versions` for destinations to the host that name no subset. */
const UNPINNED = '*';

const weightOf = (weights: RouteWeights, version: string): number =>
  Object.hasOwn(weights.versions, version) ? (weights.versions[version] ?? 0) : 0;

/** When both names are the same version (pinning), all of it is stable. */
const canaryWeightOf = (weights: RouteWeights, stable: string, canary: string): number =>
  stable === canary ? 0 : weightOf(weights, canary);

/**
 * Share of the new version in percent of what stable and new version have together; not rounded. `undefined` when both
 * have nothing. Unpinned traffic belongs to neither of them, foreign traffic does not count.
 */
export function weightPercent(weights: RouteWeights, stable: string, canary: string): number | undefined {
  const stableWeight = weightOf(weights, stable);
  const canaryWeight = canaryWeightOf(weights, stable, canary);
  const ours = stableWeight + canaryWeight;
  return ours === 0 ? undefined : (100 * canaryWeight) / ours;
}

/**
 * Divides `ours`, a whole number of weight units, into whole numbers with the sum `ours`. Rounding never favours the new
 * version: it gets at most `percent`, possibly nothing (R28); only 100 % leaves the stable one nothing.
 */
export function splitWeights(ours: number, percent: number): { readonly stable: number; readonly canary: number } {
  const canary = percent >= 100 ? ours : Math.floor((ours * percent) / 100);
  return { stable: ours - canary, canary };
}

/**
 * Compares the weights with those that a write of `percent` would leave behind (R26, R28). Earlier versions of this Rollout
 * count as ours: they lose what they have at the next write.
 *
 * - `none`: equal, up to common factors (30/30 is 50/50) and up to the rounding that foreign weights force on us. Without
 *   foreign weights we write hundredths and nothing is rounded, so the share must be exact.
 * - `up`: the new version may get more than `percent`. Unpinned traffic goes to pods of any version and counts in full as
 *   possible traffic of the new one, so a route that lost its subsets is put down again unless `percent` is 100.
 *   Weights that are all 0 are refused by the proxies, which go on with whatever they had: also possibly more.
 * - `down`: the new version gets less than `percent`, whatever the unpinned traffic does.
 * - `nothing to share`: foreign destinations have everything. The new version has nothing then, and cannot be given anything.
 */
export function driftOf(
  weights: RouteWeights,
  stable: string,
  canary: string,
  percent: number,
): 'none' | 'up' | 'down' | 'nothing to share' {
  const { least, unpinned, ours, foreign } = shared(weights, stable, canary);
  if (ours === 0) {
    if (foreign > 0) return 'nothing to share';
    return percent < 100 ? 'up' : 'down';
  }
  const intended = foreign > 0 ? splitWeights(ours, percent).canary : (ours * percent) / 100;
  if (least + unpinned > intended) return 'up';
  return least < intended ? 'down' : 'none';
}

/**
 * Would `percent` of what foreign destinations leave round to nothing (R28)? Such a step could be entered, and would then
 * wait for requests that never come.
 */
export function roundsToNothing(
  weights: RouteWeights,
  { stable, canary }: { stable: string; canary: string },
  percent: number,
): boolean {
  const { ours, foreign } = shared(weights, stable, canary);
  return percent > 0 && foreign > 0 && ours > 0 && splitWeights(ours, percent).canary === 0;
}

/** What stable and new share, what of it is unpinned, what the new version has at least, and what is not theirs. */
const shared = (weights: RouteWeights, stable: string, canary: string) => {
  const least = canaryWeightOf(weights, stable, canary);
  const unpinned = stable === UNPINNED || canary === UNPINNED ? 0 : weightOf(weights, UNPINNED);
  const ours = weightOf(weights, stable) + least + unpinned + earlierWeight(weights, stable, canary);
  return { least, unpinned, ours, foreign: weights.foreign + sum(Object.values(weights.versions)) - ours };
};

/** What versions that this Rollout steered before still have; the next write gives it to the two of now (R28). */
const earlierWeight = (weights: RouteWeights, ...now: readonly string[]): number =>
  sum((weights.earlier ?? []).filter(version => !now.includes(version)).map(version => weightOf(weights, version)));

/** Share of earlier versions of this Rollout in percent of what they and stable have together (R9). */
export function earlierPercent(weights: RouteWeights, stable: string): number {
  const earlier = earlierWeight(weights, stable);
  const ours = weightOf(weights, stable) + earlier;
  return ours === 0 ? 0 : (100 * earlier) / ours;
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
