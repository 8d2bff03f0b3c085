/** Number of events when `mean` are expected: the distribution function added up to a uniform number; rounded normal for many. */
export const poisson = (random: () => number, mean: number): number => {
  if (mean > 500) return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal(random)));
  const uniform = random();
  let events = 0;
  let chance = Math.exp(-mean);
  for (let sum = chance; uniform > sum && (events < mean || chance > 1e-18); sum += chance) {
    events++;
    chance *= mean / events;
  }
  return events;
};

/** Standard normal (Box & Muller). */
export const normal = (random: () => number): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());

/** Gamma with mean 1 and variance 1/shape (Marsaglia & Tsang; smaller shapes by a power of a uniform number). */
export const burst = (random: () => number, shape: number): number => {
  if (shape < 1) return ((burst(random, shape + 1) * (shape + 1)) / shape) * (1 - random()) ** (1 / shape);
  const d = shape - 1 / 3;
  for (;;) {
    const x = normal(random);
    const v = (1 + x / Math.sqrt(9 * d)) ** 3;
    if (v > 0 && Math.log(1 - random()) < x ** 2 / 2 + d - d * v + d * Math.log(v)) return (d * v) / shape;
  }
};

/** Share of runs that may be wrong when `alpha` is promised: three deviations more. */
export const atMost = (alpha: number, runs: number): number => alpha + 3 * Math.sqrt((alpha * (1 - alpha)) / runs);
