import { durationText } from '../duration.ts';
import { shareTolerance } from '../judge/baseline.ts';
import { detectableRatio, detectableShare } from '../judge/power.ts';
import type { PlanGate } from '../status.ts';
import { round, unitOf } from './gateFigures.ts';
import { allowedShare } from './limitGate.ts';
import { isErrorRate } from './source.ts';

/** What is expected to be measured in some time. */
export type Expected = {
  /** Of the new version. */
  readonly samples: number;
  readonly stableSamples: number;
  /** Stable's share of bad ones, 0..1: errors, or those slower than its own p90. */
  readonly stableShare: number;
};

/** What a gate finds in 9 cases of 10; absent: nothing, or it has no such test. */
export type Detectable = {
  /** From this share of bad ones on, 0..1, the limit is found to be broken. */
  readonly share?: number;
  /** From so many times stable's share on, the new version is found to be worse. */
  readonly ratio?: number;
};

const MOST_KNOWN = 1_000;
const known = new Map<string, Detectable>();

/** What this gate can find among so many samples (judge/power.ts); worked out once for the same question. */
export const detectable = (gate: PlanGate, expected: Expected): Detectable => {
  const { source, alpha, stepAlpha, dispersion, min, max, baseline } = gate;
  const key = JSON.stringify([
    source,
    alpha,
    stepAlpha,
    dispersion,
    min,
    max,
    baseline?.tolerance,
    baseline?.dispersion,
    baseline?.edgesMs?.length,
    expected,
  ]);
  const before = known.get(key);
  if (before !== undefined) return before;
  if (known.size >= MOST_KNOWN) known.clear();
  const found = workOut(gate, expected);
  known.set(key, found);
  return found;
};

const workOut = (gate: PlanGate, { samples, stableSamples, stableShare }: Expected): Detectable => {
  const { alpha = 0.01, stepAlpha = alpha, dispersion = 1, min, max, baseline } = gate;
  const hasLimit = gate.source.kind === 'unattributed' || min !== undefined || max !== undefined;
  const share = hasLimit ? detectableShare({ p0: allowedShare(gate), alpha: stepAlpha, dispersion, samples }) : undefined;
  const ratio =
    baseline === undefined
      ? undefined
      : detectableRatio({
          baseShare: stableShare,
          canary: samples,
          stable: stableSamples,
          tolerance: shareTolerance(gate, baseline.tolerance),
          alpha: alpha / testsOf(gate),
          dispersion: baseline.dispersion ?? dispersion,
        });
  return { ...(share === undefined ? {} : { share }), ...(ratio === undefined ? {} : { ratio }) };
};

/** The comparison is the mean of so many tests; one of them alone has to bring so many times as much evidence. */
const testsOf = ({ source, baseline }: PlanGate): number =>
  isErrorRate(source) ? 1 : (baseline?.edgesMs ?? [0, 0]).length + (source.kind === 'zipkin' ? 1 : 0);

const ratioSentence = ({ source }: PlanGate, ratio: number): string =>
  isErrorRate(source) ? `from ${ratio} times stable's on` : `from ${ratio} times as many slower than stable's p90 on`;

/** `finds errors from 1.8 % on, or from 3.2 times stable's on, in 5m at 12 requests/s of the new version`. */
export const detectsSentence = (gate: PlanGate, expected: Expected, durationMs: number): string => {
  const { share, ratio } = detectable(gate, expected);
  const what = isErrorRate(gate.source) ? 'errors' : gate.source.kind === 'unattributed' ? 'lost requests' : 'slow ones';
  const parts = [
    ...(share === undefined ? [] : [`from ${round(100 * share)} % on`]),
    ...(ratio === undefined ? [] : [ratioSentence(gate, Number(ratio.toPrecision(3)))]),
  ];
  const perSecond = expected.samples / (durationMs / 1_000);
  const rate =
    perSecond >= 1 ? `${round(perSecond)} ${unitOf(gate.source)}/s` : `${round(perSecond * 60)} ${unitOf(gate.source)}/min`;
  const whose = gate.source.kind === 'unattributed' ? 'to the host' : 'of the new version';
  const when = `in ${durationText(durationMs)} at ${rate} ${whose}`;
  return parts.length === 0 ? `finds nothing ${when}` : `finds ${what} ${parts.join(', or ')}, ${when}`;
};
