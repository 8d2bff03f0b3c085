import { isoMillis } from '../duration.ts';
import { logEvidence } from '../judge/sequentialLimit.ts';
import type { Counts, Measurement } from '../observation.ts';
import type { GateStatus, PlanGate, Verdict } from '../status.ts';
import { causeSentence } from './causes.ts';
import {
  countText,
  evidenceOf,
  evidenceText,
  isEnough,
  isPossible,
  percentText,
  round,
  samplingText,
  shownAgainst,
  unitOf,
} from './gateFigures.ts';
import { isErrorRate } from './source.ts';

export type CountsMeasurement = Extract<Measurement, { kind: 'counts' }>;

export type Judged = Pick<GateStatus, 'verdict' | 'message'> & Partial<GateStatus>;

/** A limit that nobody wrote is not broken by a version that is bad so many times as often as stable in the same time. */
const DERIVED_TOLERANCE = 1.5;
/** The same where stable gets no requests any more and is known from before only: rates wander. */
const PAST_TOLERANCE = 3;

/**
 * A limit as a statement about the share of bad samples (judge: sequential limits). `isCompared`: the two versions are
 * compared as well in this step.
 */
export const judgeLimit = (gate: PlanGate, measurement: CountsMeasurement, isCompared = false): Judged => {
  const { counts, stable, untilMs } = measurement;
  const alpha = gate.stepAlpha ?? gate.alpha ?? 0.01;
  const allowed = allowedNow(gate, measurement);
  const logE = logEvidence(counts, allowed, gate.dispersion);
  const evidence = evidenceOf(logE);
  const value = shownValue(gate, counts, measurement.value);
  const figures = {
    samples: counts.total,
    failures: counts.bad,
    evidence,
    alpha,
    until: isoMillis(untilMs),
    ...(value === undefined ? {} : { value }),
    ...(stable === undefined ? {} : { stable }),
  };
  const told = (verdict: Verdict, text: string): Judged => ({ verdict, message: text, ...figures });
  const sentence = describe(gate, measurement, { value, allowed });
  // What both versions suffer from is left to the comparison of the two.
  const isShared = isCompared && allowed > allowedShare(gate) && (stable?.total ?? 0) > 0;
  if (counts.bad > 0 && isEnough(logE, alpha) && !isShared)
    return told('Fail', `${sentence}; ${evidenceText(evidence, alpha)}${causeSentence(measurement)}`);
  if (gate.source.kind === 'unattributed') return judgeUnattributed(told, counts, { sentence, allowed });
  if (counts.total === 0)
    return told('NoData', `${gate.name}: no ${unitOf(gate.source)} of the new version yet${hintText(measurement)}`);
  if (counts.total < gate.minSamples)
    return told('NoData', `${gate.name}: ${countText(counts.total)} of ${gate.minSamples} ${unitOf(gate.source)} needed`);
  if (isStableInTrouble(gate, measurement)) return told('NoData', troubleSentence(gate, measurement.latestStable));
  if (isInside(counts, allowed)) return told('Pass', sentence);
  return told('NoData', `${sentence}; not decided yet, ${evidenceText(evidence, alpha)}`);
};

/** Why there may be no samples, to be put behind the fact. */
export const hintText = ({ hint }: CountsMeasurement): string => (hint === undefined ? '' : `; ${hint}`);

/** Few requests are no reason to hold here: this gate asks whether requests get lost, not whether there are many. */
const judgeUnattributed = (
  told: (verdict: Verdict, text: string) => Judged,
  counts: Counts,
  { sentence, allowed }: { readonly sentence: string; readonly allowed: number },
): Judged => {
  if (counts.total === 0) return told('NotApplicable', 'unattributed: no requests to the host');
  return told(isInside(counts, allowed) || counts.bad < 3 ? 'Pass' : 'NoData', sentence);
};

const isInside = ({ bad, total }: Counts, allowed: number): boolean => bad / Math.max(1, total) <= allowed + 1e-9;

/** The share of bad samples that the limit allows. */
export const allowedShare = ({ source, min, max }: PlanGate): number => {
  if (source.kind === 'unattributed') return (max ?? 1) / 100;
  if (source.kind === 'zipkin' || (source.kind === 'prometheus' && source.metric === 'latency'))
    return 1 - source.percentile / 100;
  return 1 - (min ?? 99) / 100;
};

/** While stable itself breaks a limit that came from its own past, the limit goes up with it; a few samples do not say so. */
const allowedNow = (gate: PlanGate, measurement: CountsMeasurement): number => {
  const allowed = allowedShare(gate);
  const stable = gate.isDerived === undefined ? undefined : stableNow(gate, measurement);
  const tolerance = (measurement.stable?.total ?? 0) > 0 ? DERIVED_TOLERANCE : PAST_TOLERANCE;
  return stable === undefined || !isPossible(stable) || stable.total < Math.max(1, gate.minSamples)
    ? allowed
    : Math.min(1, Math.max(allowed, (tolerance * stable.bad) / stable.total));
};

/** Stable in this step; where it has no traffic any more, its errors since the first traffic of the attempt. */
const stableNow = ({ source }: PlanGate, { stable, baseline }: CountsMeasurement): Counts | undefined =>
  (stable === undefined || stable.total === 0) && isErrorRate(source) ? baseline?.stable : stable;

/** Evidence from which on stable is taken to break the limit in the latest reading. */
const IN_TROUBLE = 20;

/** Nothing is raised in the middle of an incident: at the next weight there may be nobody left to compare with. */
const isStableInTrouble = (gate: PlanGate, { latestStable }: CountsMeasurement): boolean =>
  gate.isDerived !== undefined &&
  latestStable !== undefined &&
  isPossible(latestStable) &&
  logEvidence(latestStable, allowedShare(gate)) >= Math.log(IN_TROUBLE);

const troubleSentence = ({ name, source, min, max }: PlanGate, latest: Counts = { bad: 0, total: 0 }): string => {
  const what = isErrorRate(source) ? `fails ${percentText(latest)}` : `is slower than ${max} ms in ${percentText(latest)}`;
  const limit = isErrorRate(source) ? ` (limit ${min} %)` : '';
  return `${name}: stable itself ${what} of its latest ${countText(latest.total)} ${unitOf(source)}${limit}; waits until that is over`;
};

/** The figure that people know the gate by, in its unit. */
export const shownValue = (gate: PlanGate, counts: Counts, value: number | undefined): number | undefined => {
  if (value !== undefined && Number.isFinite(value)) return shownAgainst(gate, value);
  if (counts.total === 0) return undefined;
  const bad = (100 * counts.bad) / counts.total;
  if (gate.source.kind === 'unattributed') return shownAgainst(gate, bad);
  return isErrorRate(gate.source) ? shownAgainst(gate, 100 - bad) : undefined;
};

type Figures = { readonly value: number | undefined; readonly allowed: number };

/** A measurement against its limit in one sentence with numbers. */
const describe = (gate: PlanGate, { counts, sampling }: CountsMeasurement, { value, allowed }: Figures): string => {
  const { source, min, max } = gate;
  const inside = isInside(counts, allowed);
  const samples = `${countText(counts.total)} ${unitOf(source)}${samplingText(sampling)}`;
  if (source.kind === 'unattributed') {
    return `unattributed: ${countText(counts.bad)} of ${samples} reached no pod (${percentText(counts)}), ${max} % allowed`;
  }
  const isRaised = allowed > allowedShare(gate);
  if (isErrorRate(source)) {
    if (isRaised && (value ?? 100) < (min ?? 0)) {
      const least = shownAgainst(gate, 100 * (1 - allowed));
      return `${gate.name} ${value} % on ${samples}, ${inside ? '>=' : '<'} ${least} %, as stable itself is below ${min} %`;
    }
    return `${gate.name} ${value ?? 100} % ${inside ? '>=' : '<'} ${min} % on ${samples}`;
  }
  const name = 'percentile' in source ? `p${source.percentile}` : gate.name;
  if (inside && value !== undefined && value <= (max ?? 0)) return `${name} ${value} ms <= ${max} ms on ${samples}`;
  const shown = value !== undefined && value > (max ?? 0) ? `${value} ms > ${max} ms, ` : '';
  const why = isRaised ? ', as stable itself is slow' : '';
  return `${name} ${shown}${countText(counts.bad)} of ${samples} slower than ${max} ms (${percentText(counts)}), ${round(100 * allowed)} % allowed${why}`;
};
