import { durationText, isoMillis } from '../duration.ts';
import { baselineEvidence, encodeSums } from '../judge/baseline.ts';
import { isCertified } from '../judge/certify.ts';
import { rankEvidence } from '../judge/rankBet.ts';
import { shareEvidence } from '../judge/shareBaseline.ts';
import type { BaselineSums } from '../observation.ts';
import type { PlanBaseline, PlanGate, Traffic, Verdict } from '../status.ts';
import { causeSentence } from './causes.ts';
import { countText, evidenceOf, evidenceText, isEnough, percentText, ratioText, round, unitOf } from './gateFigures.ts';
import { type CountsMeasurement, hintText, type Judged, shownValue } from './limitGate.ts';
import { isErrorRate } from './source.ts';

/** From this evidence on a version is not proven to be worse, and not free of suspicion either. */
const SUSPICIOUS = 3;

/** Of gates that were compiled without one. */
const DEFAULT_ALPHA = 0.01;

/** What the step says about a comparison. */
export type Comparison = {
  /** Why the two versions cannot be compared in this step; absent: they can. */
  readonly incomparable?: string;
  /** When the step's data begin, in ms. */
  readonly sinceMs: number;
  /** How long the step lasts at least; `null`: until a person promotes. */
  readonly pauseMs: number | null;
};

/** With a larger share of the new version, stable's requests are too few to be compared with, in percent. */
const MOST_COMPARED = 80;

/** Why the new version cannot be compared with stable under this traffic; `undefined` when it can. */
export const incomparable = ({ weight, headerRoutes }: Traffic): string | undefined => {
  if (headerRoutes !== undefined) return 'a header route leads other people to the new version, so there is no comparison';
  if (weight > MOST_COMPARED) return `at ${weight}% too few requests are left to compare with`;
  return undefined;
};

/** The new version against stable, since the first traffic of the attempt (judge: baselines). */
export const judgeBaseline = (
  gate: PlanGate & { readonly baseline: PlanBaseline },
  measurement: CountsMeasurement,
  comparison: Comparison,
): Judged => {
  const { counts, baseline: sums, untilMs } = measurement;
  const logE = sums === undefined ? 0 : baselineEvidence(sums);
  const why = comparison.incomparable ?? missing(gate, measurement, evidenceOf(logE));
  const hasFailed = isEnough(logE, gate.alpha ?? DEFAULT_ALPHA);
  if (why !== undefined && !hasFailed) return { verdict: 'NotApplicable', message: `${gate.name}: ${why}`, ...kept(gate, sums) };
  if (sums === undefined) return { verdict: 'NoData', message: `${gate.name}: nothing to compare yet` };
  const state = stateOf(gate, sums);
  const { evidence, alpha } = state;
  const stable = measurement.stable === undefined ? undefined : shownValue(gate, measurement.stable, measurement.stableValue);
  const figures = {
    samples: counts.total,
    failures: counts.bad,
    until: isoMillis(untilMs),
    baseline: state,
    ...(measurement.stable === undefined ? {} : { stable: measurement.stable }),
    ...(stable === undefined ? {} : { baselineValue: stable }),
  };
  const told = (verdict: Verdict, message: string): Judged => ({ verdict, message, ...figures });
  const sentence = `${gate.name}: ${compared(gate, sums)}`;
  if (hasFailed) return told('Fail', `${sentence}; ${evidenceText(evidence, alpha)}${causeSentence(measurement)}`);
  if (counts.total < gate.minSamples)
    return told(
      'NoData',
      `${gate.name}: ${countText(counts.total)} of ${gate.minSamples} ${unitOf(gate.source)} needed${hintText(measurement)}`,
    );
  if (evidence >= SUSPICIOUS) return told('NoData', `${sentence}; ${suspicionText(evidence, alpha)}`);
  return certified(gate, { sums, measurement, comparison, sentence }, told);
};

type Certifying = {
  readonly sums: BaselineSums;
  readonly measurement: CountsMeasurement;
  readonly comparison: Comparison;
  readonly sentence: string;
};

/** What holds here, and what ends it. */
const suspicionText = (evidence: number, alpha: number): string =>
  `suspicious, ${evidenceText(evidence, alpha)}; more requests decide: passes below ${ratioText(SUSPICIOUS)}`;

const LEAST_UNDECIDED_MS = 300_000;

/** With `certify`, not being bad is not enough: the version has to be proven good, or time decides. */
const certified = (
  { baseline: { certify } }: PlanGate & { readonly baseline: PlanBaseline },
  { sums, measurement, comparison, sentence }: Certifying,
  told: (verdict: Verdict, message: string) => Judged,
): Judged => {
  if (certify === undefined || (sums.certify !== undefined && isCertified(sums.certify))) return told('Pass', sentence);
  const afterMs = certify.undecidedAfterMs ?? Math.max(LEAST_UNDECIDED_MS, comparison.pauseMs ?? 0);
  const none = `no proof yet that it fails less than ${certify.ratio} times as often as stable, or less than ${certify.floor} %`;
  if (certify.onUndecided === 'hold') return told('NoData', `${sentence}; ${none}; more requests decide`);
  const isOver = measurement.atMs - comparison.sinceMs >= afterMs;
  return isOver
    ? told('Pass', `${sentence}; ${none}, and ${durationText(afterMs)} are over`)
    : told('NoData', `${sentence}; ${none}; passes without it ${durationText(afterMs)} after the step began`);
};

/** Too little of stable to compare with, although there is enough of the new version to judge; what is suspicious stays so. */
const missing = (gate: PlanGate, { counts, stable, baseline: sums }: CountsMeasurement, evidence: number): string | undefined => {
  const isBuckets = gate.source.kind === 'prometheus' && !isErrorRate(gate.source);
  if (isBuckets && gate.baseline?.edgesMs === undefined) return "stable's latency before the first raise is not known";
  const ofStable = (stable ?? sums?.stable)?.total ?? 0;
  const isTooLittle = ofStable === 0 || (ofStable < gate.minSamples && evidence < SUSPICIOUS);
  if (counts.total < gate.minSamples || !isTooLittle) return undefined;
  return `${ofStable === 0 ? 'no' : `only ${countText(ofStable)}`} ${unitOf(gate.source)} of stable to compare with`;
};

const kept = (gate: PlanGate, sums: BaselineSums | undefined): Partial<Judged> =>
  sums === undefined ? {} : { baseline: stateOf(gate, sums) };

const stateOf = (gate: PlanGate, sums: BaselineSums): NonNullable<Judged['baseline']> => ({
  samples: sums.canary.total,
  failures: sums.canary.bad,
  stableSamples: sums.stable.total,
  stableFailures: sums.stable.bad,
  evidence: evidenceOf(baselineEvidence(sums)),
  alpha: gate.alpha ?? DEFAULT_ALPHA,
  sums: encodeSums(sums),
});

/** Ranks are told only when they say something, as a logarithm. */
const SLIGHT = 1;

/** `new version fails 2.1 % of 1,840 requests, stable 0.2 % of 16,400`. */
const compared = ({ source, baseline }: PlanGate, { canary, stable, shares, ranks }: BaselineSums): string => {
  const unit = unitOf(source);
  if (isErrorRate(source))
    return `new version fails ${percentText(canary)} of ${countText(canary.total)} ${unit}, stable ${percentText(stable)} of ${countText(stable.total)}`;
  if (ranks !== undefined && rankEvidence(ranks) > Math.max(SLIGHT, ...shares.map(shareEvidence)))
    return `${countText(canary.total)} ${unit} of the new version take longer than those of stable at the same moments, ${countText(stable.total)} in all`;
  const [edgeMs] = baseline?.edgesMs ?? [];
  if (edgeMs === undefined)
    return `${countText(canary.total)} ${unit} of the new version against ${countText(stable.total)} of stable`;
  const by = Math.round(100 * ((baseline?.tolerance ?? 1) - 1));
  const allowance = by > 0 ? ` (${by} % tolerated)` : '';
  return `${percentText(canary)} of ${countText(canary.total)} ${unit} of the new version are slower than stable's p90 of ${round(edgeMs)} ms${allowance}, ${percentText(stable)} of ${countText(stable.total)} of stable`;
};

/** What a passed comparison adds to the sentence of a passed limit. */
export const besides = ({ baseline, baselineValue }: Judged, gate: PlanGate): string => {
  if (baselineValue !== undefined) return `, stable ${baselineValue} ${isErrorRate(gate.source) ? '%' : 'ms'}`;
  return baseline === undefined ? '' : `, evidence against stable ${ratioText(baseline.evidence)}`;
};
