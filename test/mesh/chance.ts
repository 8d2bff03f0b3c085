// Bounds for counts of random events, so wide that a right program fails once in a thousand million times.
const FALSE_ALARM = 1e-9;

/** How much more is to be learned from a share than was expected (Kullback-Leibler, in nats). */
function divergence(seen: number, expected: number): number {
  const part = (a: number, b: number) => (a === 0 ? 0 : a * Math.log(a / b));
  return part(seen, expected) + part(1 - seen, 1 - expected);
}

/**
 * Whether so many hits in so many independent tries fit the share. Chernoff's bound: a count as far off or farther comes with a
 * probability of at most 2 exp(-tries x divergence), and that must not be below 1e-9. Shares of 0 and 1 are exact.
 */
export function fitsShare(hits: number, tries: number, share: number): boolean {
  if (share <= 0 || share >= 1) return hits === Math.round(share * tries);
  return 2 * Math.exp(-tries * divergence(hits / tries, share)) > FALSE_ALARM;
}
