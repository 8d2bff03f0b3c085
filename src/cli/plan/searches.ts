import {
  addCertified,
  allowedShare,
  type Detectable,
  detectable,
  type Expected,
  isCertified,
  NO_CERTIFY,
  type PlanBaseline,
  type PlanGate,
} from '../../rollout/index.ts';
import { USUAL_ERRORS } from './options.ts';

/** Who gets which share of the requests, 0..1, and what of stable's fails. */
type Flow = { readonly stableShare: number; readonly newShare?: number; readonly stableErrors?: number };

/** It counts failures; all others that count, count what is slow or lost. */
export const isRate = ({ source }: PlanGate): boolean => source.kind === 'prometheus' && source.metric === 'success-rate';

/** It finds nothing at all. */
export const isBlind = ({ share, ratio }: Detectable): boolean => share === undefined && ratio === undefined;

/** One of ten calls of stable is slower than its own 90th percentile. */
const SLOWEST_TENTH = 0.1;

/** What so many samples of the new version mean for both. */
export const expected = (gate: PlanGate, flow: Flow, samples: number): Expected => ({
  samples,
  stableSamples: flow.newShare === undefined ? 0 : (samples * flow.stableShare) / flow.newShare,
  stableShare: stableShareOf(gate, flow),
});

/** Stable's share of bad ones, 0..1. */
export const stableShareOf = (gate: PlanGate, { stableErrors = USUAL_ERRORS }: Flow): number =>
  isRate(gate) ? stableErrors : SLOWEST_TENTH;

const MOST_SAMPLES = 1e10;
const PRECISE = 1.02;

/** After so many samples the gate finds what is `times` as bad as allowed, or as stable; `undefined`: never. */
export const samplesFor = (gate: PlanGate, flow: Flow, times: number): number | undefined => {
  const allowed = Math.min(1, times * allowedShare(gate));
  const isFound = (samples: number): boolean => {
    const { share, ratio } = detectable(gate, expected(gate, flow, samples));
    return (share !== undefined && share <= allowed) || (ratio !== undefined && ratio <= times);
  };
  return smallest(isFound);
};

/** The smallest number of samples with which anything at all is found, even that every request is bad. */
export const samplesForAnything = (gate: PlanGate, flow: Flow): number | undefined =>
  smallest(samples => !isBlind(detectable(gate, expected(gate, flow, samples))));

/** After so many samples a version that is exactly as good as stable is proven to be good enough; `undefined`: never. */
export const samplesForProof = (gate: PlanGate, flow: Flow, certify: NonNullable<PlanBaseline['certify']>): number | undefined =>
  smallest(total => {
    const { stableSamples, stableShare } = expected(gate, flow, total);
    const canary = { bad: total * stableShare, total };
    const stable = { bad: stableSamples * stableShare, total: stableSamples };
    return isCertified(
      addCertified(NO_CERTIFY, { canary, stable }, { ...certify, dispersion: gate.baseline?.dispersion ?? gate.dispersion }),
    );
  });

const smallest = (holds: (samples: number) => boolean): number | undefined => {
  if (!holds(MOST_SAMPLES)) return undefined;
  let [low, high] = [1, MOST_SAMPLES];
  while (high / low > PRECISE) {
    const middle = Math.sqrt(low * high);
    if (holds(middle)) high = middle;
    else low = middle;
  }
  return Math.ceil(high);
};
