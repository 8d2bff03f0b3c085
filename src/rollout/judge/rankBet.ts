import { logMeanExp, storable } from './logSums.ts';

/** One call of which the duration is known. */
export type Call = readonly [atMs: number, durationMs: number];

/** Stakes: the share of the capital that is bet on "the next one is slow", from timid to bold. */
export const STAKES: readonly number[] = Array.from({ length: 18 }, (_, i) => (i + 1) / 10);

/** Logarithms of the capital of each stake before the first bet. */
export const NO_RANKS: readonly number[] = STAKES.map(() => 0);

/** More stable calls than this for one new call tell hardly anything more. */
export const MOST_PER_CALL = 9;

/** Calls of both versions that are compared among themselves: enough to lose few, and too few for the times to change. */
const CALLS_PER_CELL = 100;

/**
 * For each new call that could be paired: the share u (0..1) of its own block of stable calls that were faster, ties half.
 * Durations of the new version are divided by `tolerance` first. Both lists ascend by start.
 *
 * The calls of both, in the order of their starts, are cut into cells. How many stable calls of its cell go to one new call
 * is a matter of counts, fixed before any duration is looked at; the blocks are disjoint and spread over the cell. Calls that
 * are left over are dropped by count, never by duration. So, if both versions are alike, u is 1/2 on average, whatever the
 * durations are and however they, or the weights, move with time.
 */
export const ranksOf = (canary: readonly Call[], stable: readonly Call[], tolerance: number): readonly number[] => {
  const ranks: number[] = [];
  let [c, s] = [0, 0];
  while (c < canary.length && s < stable.length) {
    const [fromC, fromS] = [c, s];
    while (c - fromC + s - fromS < CALLS_PER_CELL && (c < canary.length || s < stable.length)) {
      if (startOf(canary, c) < startOf(stable, s)) c++;
      else s++;
    }
    addCell(ranks, canary.slice(fromC, c), stable.slice(fromS, s), tolerance);
  }
  return ranks;
};

const startOf = (calls: readonly Call[], i: number): number => calls[i]?.[0] ?? Number.POSITIVE_INFINITY;

const addCell = (ranks: number[], canary: readonly Call[], stable: readonly Call[], tolerance: number): void => {
  const paired = Math.min(canary.length, stable.length);
  const size = Math.min(MOST_PER_CALL, Math.floor(stable.length / paired));
  for (let i = 0; i < paired; i++) {
    const durationMs = (canary[Math.floor((i * canary.length) / paired)]?.[1] ?? 0) / tolerance;
    const first = Math.floor((i * stable.length) / paired);
    ranks.push(shareFaster(durationMs, stable, { first, size }));
  }
};

type Block = { readonly first: number; readonly size: number };

const shareFaster = (durationMs: number, stable: readonly Call[], { first, size }: Block): number => {
  let faster = 0;
  for (let i = first; i < first + size; i++) {
    const ofStable = stable[i]?.[1] ?? 0;
    if (ofStable < durationMs) faster += 1;
    else if (ofStable === durationMs) faster += 0.5;
  }
  return faster / size;
};

/**
 * Plays the bets of one interval: the capital of each stake is multiplied by 1 + stake (u - 1/2), which is 1 on average when
 * the new version is as fast as stable, and less when it is faster. A test by betting on conformal p-values (Vovk, Nouretdinov
 * & Gammerman 2003; Shafer 2021); the bound is Ville's (1939). `dispersion` divides the logarithms.
 */
export const addRanks = (sums: readonly number[], ranks: readonly number[], dispersion = 1): readonly number[] => {
  const times = new Map<number, number>();
  for (const u of ranks) if (u >= 0 && u <= 1) times.set(u, (times.get(u) ?? 0) + 1);
  if (times.size === 0) return sums;
  const phi = Math.max(dispersion || 1, 1);
  const won = STAKES.map(() => 0);
  for (const [u, count] of times) {
    for (let i = 0; i < won.length; i++) won[i] = (won[i] ?? 0) + count * Math.log1p((STAKES[i] ?? 0) * (u - 0.5));
  }
  return sums.map((sum, i) => storable(sum + (won[i] ?? 0) / phi));
};

/** ln E: the mean over the stakes. */
export const rankEvidence = (sums: readonly number[]): number => logMeanExp(sums);
