import type { BaselineSums, Counts } from '../observation.ts';
import type { PlanGate } from '../status.ts';
import { decodeLike } from './baselineText.ts';
import { addCertified, NO_CERTIFY } from './certify.ts';
import { logMeanExp } from './logSums.ts';
import { addRanks, type Call, NO_RANKS, rankEvidence, ranksOf } from './rankBet.ts';
import { addShares, makesSense, NO_SHARE, shareEvidence, type TwoSides } from './shareBaseline.ts';

/**
 * What both versions did in one interval. `shares`: one for error rates; for latency one for each frozen edge, in their
 * order, counting the calls that were slower (with spans, those of the new version slower than edge x tolerance). `calls`:
 * spans only, ascending by start. An interval should not reach over a change of weights: while the base rate moves, too,
 * counts from before and after would not be of the same kind.
 */
export type BaselineInterval = {
  readonly shares: readonly TwoSides[];
  readonly calls?: { readonly canary: readonly Call[]; readonly stable: readonly Call[] };
};

type Kind = 'errors' | 'buckets' | 'spans';

const kindOf = ({ source }: Pick<PlanGate, 'source'>): Kind => {
  if (source.kind === 'zipkin') return 'spans';
  return source.kind === 'prometheus' && source.metric === 'latency' ? 'buckets' : 'errors';
};

const NONE: Counts = { bad: 0, total: 0 };

/** Before the first interval. */
export const noSums = (gate: Pick<PlanGate, 'source' | 'baseline'>): BaselineSums => {
  const kind = kindOf(gate);
  return {
    canary: NONE,
    stable: NONE,
    shares: kind === 'errors' ? [NO_SHARE] : (gate.baseline?.edgesMs ?? []).map(() => NO_SHARE),
    ...(kind === 'spans' ? { ranks: NO_RANKS } : {}),
    ...(kind === 'errors' && gate.baseline?.certify !== undefined ? { certify: NO_CERTIFY } : {}),
  };
};

/**
 * The sums with one more interval, which must not overlap those before. Counts of `canary` and `stable`: requests and errors,
 * or calls with a duration and those slower than the first edge.
 */
export const addInterval = (
  sums: BaselineSums,
  interval: BaselineInterval,
  gate: Pick<PlanGate, 'source' | 'baseline' | 'dispersion'>,
): BaselineSums => {
  const { baseline } = gate;
  const dispersion = baseline?.dispersion ?? gate.dispersion ?? 1;
  if (baseline === undefined) return sums;
  const { shares, calls } = interval;
  const counted = shares[0] ?? { canary: callsOnly(calls?.canary), stable: callsOnly(calls?.stable) };
  const isSound = makesSense(counted.canary) && makesSense(counted.stable);
  const howMuch = { tolerance: shareTolerance(gate, baseline.tolerance), dispersion };
  return {
    canary: isSound ? plus(sums.canary, counted.canary) : sums.canary,
    stable: isSound ? plus(sums.stable, counted.stable) : sums.stable,
    shares: sums.shares.map((share, i) => (shares[i] === undefined ? share : addShares(share, shares[i], howMuch))),
    ...(sums.ranks === undefined ? {} : { ranks: addCalls(sums.ranks, calls, { tolerance: baseline.tolerance, dispersion }) }),
    ...(sums.certify === undefined ? {} : { certify: addProof(sums.certify, shares[0], gate) }),
  };
};

const addCalls = (
  ranks: readonly number[],
  calls: BaselineInterval['calls'],
  { tolerance, dispersion }: { readonly tolerance: number; readonly dispersion: number },
): readonly number[] =>
  calls === undefined ? ranks : addRanks(ranks, ranksOf(calls.canary, calls.stable, tolerance), dispersion);

const addProof = (
  sums: NonNullable<BaselineSums['certify']>,
  interval: TwoSides | undefined,
  { baseline, dispersion: ofGate }: Pick<PlanGate, 'baseline' | 'dispersion'>,
) =>
  interval === undefined || baseline?.certify === undefined
    ? sums
    : addCertified(sums, interval, { ...baseline.certify, dispersion: baseline.dispersion ?? ofGate });

const callsOnly = (calls: readonly Call[] = []): Counts => ({ bad: 0, total: calls.length });

const plus = (a: Counts, b: Counts): Counts => ({ bad: Math.round(a.bad + b.bad), total: Math.round(a.total + b.total) });

/**
 * How many times as many bad ones are allowed, when `tolerance` is the setting. Spans were compared with scaled edges
 * already. A bucket's edge cannot be scaled, so its share is: with log-normal durations of sigma 0.6 a time 10 % longer makes
 * 1.31 times as many calls slower than p90 and 1.51 times as many slower than p99; 1.1 to the 4th is 1.46.
 */
export const shareTolerance = (gate: Pick<PlanGate, 'source'>, tolerance: number): number =>
  ({ errors: tolerance, spans: 1, buckets: tolerance ** 4 })[kindOf(gate)];

/** ln E against the new version: the average of all tests of this gate, as an average of e-processes is one again. */
export const baselineEvidence = ({ shares, ranks }: BaselineSums): number => {
  const logs = [...(ranks === undefined ? [] : [rankEvidence(ranks)]), ...shares.map(shareEvidence)];
  return logs.length === 0 ? 0 : logMeanExp(logs);
};

export { encodeSums } from './baselineText.ts';

/** `undefined` for anything that `encodeSums` did not make of the sums of such a gate. */
export const decodeSums = (text: string, gate: Pick<PlanGate, 'source' | 'baseline'>): BaselineSums | undefined =>
  decodeLike(text, noSums(gate));
