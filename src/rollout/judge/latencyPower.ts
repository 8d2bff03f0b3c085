import { inNineOfTen, type Moments, smallest } from './nineOfTen.ts';
import { MOST_PER_CALL, STAKES } from './rankBet.ts';

type Latency = {
  /** How many times as long as stable's the durations of the new version are. */
  readonly ratio: number;
  readonly tolerance: number;
  /** Stable's 90th and 99th percentile in ms. */
  readonly edgesMs: readonly number[];
  /** Stable calls for each new one. */
  readonly stablePerNew: number;
  readonly alpha: number;
  readonly dispersion: number;
};

/** Distance of the 90th and the 99th percentile of a normal distribution, in deviations. */
const P90_TO_P99 = 2.3263 - 1.2816;
const MOST_SPANS = 1e9;

/**
 * After so many spans the new version's latency baseline has found durations that are `ratio` times as long throughout, in
 * about 9 cases of 10; `undefined`: never, or not known.
 *
 * Takes durations to be log-normal, as wide as the two percentiles say, and counts on the rank bet alone, which is one of
 * the tests that are averaged. What is slow in the tail only is found by the slow shares, which detectableRatio tells about.
 */
export const spansToDetect = (latency: Latency): number | undefined => {
  const { ratio, tolerance, edgesMs, stablePerNew, alpha, dispersion: phi } = latency;
  const [p90 = Number.NaN, p99 = Number.NaN] = edgesMs;
  const sigma = Math.log(p99 / p90) / P90_TO_P99;
  const shift = Math.log(ratio / tolerance) / sigma;
  if (!(sigma > 0 && shift > 0 && stablePerNew > 0)) return undefined;
  const bets = betMoments(shift, Math.max(1, Math.min(MOST_PER_CALL, Math.floor(stablePerNew))));
  const paired = Math.min(1, stablePerNew);
  const enough = Math.log((1 + edgesMs.length) / alpha);
  const isFound = (spans: number): boolean => {
    const bet = (spans * paired) / phi;
    return inNineOfTen(bets.map(({ mean, variance }) => ({ mean: mean * bet, variance: variance * bet }))) >= enough;
  };
  const spans = smallest(1, MOST_SPANS, isFound);
  return spans === undefined ? undefined : Math.ceil(spans);
};

/** What one new call adds to the logarithm of each stake, when it is `shift` deviations slower than its `size` stable calls. */
const betMoments = (shift: number, size: number): readonly Moments[] => {
  const chances = rankChances(shift, size);
  return STAKES.map(stake => {
    const logs = chances.map((_, faster) => Math.log1p(stake * (faster / size - 0.5)));
    const mean = chances.reduce((sum, chance, faster) => sum + chance * (logs[faster] ?? 0), 0);
    const square = chances.reduce((sum, chance, faster) => sum + chance * (logs[faster] ?? 0) ** 2, 0);
    return { mean, variance: square - mean ** 2 };
  });
};

/** Chance that 0, 1, ... `size` of the stable calls are faster: a binomial one, averaged over where the new call lies. */
const rankChances = (shift: number, size: number): readonly number[] => {
  const chances = Array.from({ length: size + 1 }, () => 0);
  const [width, steps] = [12, 400];
  let below = 0;
  for (let step = 0; step < steps; step++) {
    const x = -width / 2 + ((step + 0.5) * width) / steps;
    const slice = density(x) * (width / steps);
    below += slice;
    const F = Math.min(1, below - slice / 2);
    const weight = (density(x - shift) * width) / steps;
    let ways = 1;
    for (let faster = 0; faster <= size; faster++) {
      chances[faster] = (chances[faster] ?? 0) + weight * ways * F ** faster * (1 - F) ** (size - faster);
      ways *= (size - faster) / (faster + 1);
    }
  }
  return withRest(chances);
};

const density = (x: number): number => Math.exp(-(x ** 2) / 2) / Math.sqrt(2 * Math.PI);

/** What a shift beyond the range of the integral has left out is slower than all stable calls. */
const withRest = (chances: readonly number[]): readonly number[] => {
  const rest = 1 - chances.reduce((sum, chance) => sum + chance, 0);
  return chances.map((chance, faster) => (faster === chances.length - 1 ? Math.max(0, chance + rest) : chance));
};
