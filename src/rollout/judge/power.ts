import type { Counts } from '../observation.ts';
import { inNineOfTen, smallest } from './nineOfTen.ts';
import { limitLogRatios, RATIOS } from './sequentialLimit.ts';

const MOST_SAMPLES = 1e12;

/** A limit of p0 (0..1); counts vary `dispersion` times as much as independent ones. */
type Limit = { readonly p0: number; readonly alpha: number; readonly dispersion: number };

const isRejected = ({ p0, alpha, dispersion: phi }: Limit, p1: number, total: number): boolean => {
  const logs = limitLogRatios(p0).map(({ ofBad, ofGood }) => ({
    mean: (total * (p1 * ofBad + (1 - p1) * ofGood)) / phi,
    variance: (total * p1 * (1 - p1) * (ofBad - ofGood) ** 2) / phi,
  }));
  return inNineOfTen(logs) >= Math.log(1 / alpha);
};

/**
 * The smallest true share of bad ones (0..1) that a limit of p0 rejects within so many samples in 9 cases of 10;
 * `undefined` when it rejects nothing so soon.
 */
export const detectableShare = (limit: Limit & { readonly samples: number }): number | undefined => {
  if (!(limit.samples > 0)) return undefined;
  return limit.p0 > 0 ? smallest(limit.p0, 1, p1 => isRejected(limit, p1, limit.samples)) : 1 - 0.1 ** (1 / limit.samples);
};

/** After so many samples a limit of p0 has rejected a true share p1 in 9 cases of 10; `undefined`: never. */
export const samplesToReject = (limit: Limit & { readonly p1: number }): number | undefined => {
  if (limit.p0 <= 0) return limit.p1 > 0 ? Math.ceil(Math.log(0.1) / Math.log1p(-Math.min(limit.p1, 0.9))) : undefined;
  const samples = smallest(1, MOST_SAMPLES, total => isRejected(limit, limit.p1, total));
  return samples === undefined ? undefined : Math.ceil(samples);
};

type Pair = {
  /** Stable's share of bad ones, 0..1. */
  readonly baseShare: number;
  readonly canary: Counts['total'];
  readonly stable: Counts['total'];
  readonly tolerance: number;
  readonly alpha: number;
  readonly dispersion: number;
};

const MOST_TIMES = 1e6;

/**
 * The smallest multiple of stable's share that a baseline finds with so many requests of both, in 9 cases of 10;
 * `undefined` when it finds nothing.
 */
export const detectableRatio = ({ baseShare, canary, stable, tolerance, alpha, dispersion: phi }: Pair): number | undefined => {
  if (!(baseShare > 0 && canary > 0 && stable > 0)) return undefined;
  const p0 = (tolerance * canary) / (tolerance * canary + stable);
  return smallest(1, Math.min(MOST_TIMES, 1 / baseShare), times => {
    const bad = { canary: canary * baseShare * times, stable: stable * baseShare };
    const logs = RATIOS.map(ratio => {
      const ofStable = -Math.log1p(p0 * (ratio - 1));
      const ofCanary = Math.log(ratio) + ofStable;
      return {
        mean: (bad.canary * ofCanary + bad.stable * ofStable) / phi,
        variance: (bad.canary * ofCanary ** 2 + bad.stable * ofStable ** 2) / phi,
      };
    });
    return inNineOfTen(logs) >= Math.log(1 / alpha);
  });
};

export { spansToDetect } from './latencyPower.ts';
