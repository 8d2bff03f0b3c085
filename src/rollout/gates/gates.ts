import { isoMillis } from '../duration.ts';
import type { Measurement } from '../observation.ts';
import { remembered } from '../remembered.ts';
import type { BaselineStatus, GateSource, GateStatus, PlanGate, Verdict } from '../status.ts';
import { besides, type Comparison, judgeBaseline } from './baselineGate.ts';
import { detectsSentence } from './detects.ts';
import { isPossible, MOST_SHOWN } from './gateFigures.ts';
import { type CountsMeasurement, type Judged, judgeLimit } from './limitGate.ts';
import { judgeAnswer, judgeValue, rowOf } from './plainGates.ts';
import { isErrorRate, providerOf } from './source.ts';

/** Data that end longer ago than this are stale: they say nothing about now. */
const STALE_MS = 120_000;

/**
 * The state of one gate after its latest measurement. `before` is its state as stored: a measurement that is not newer
 * adds nothing to it, and a failure stands until the step begins again.
 */
export const judgeGate = (
  gate: PlanGate,
  before: GateStatus | undefined,
  measurement: Measurement | undefined,
  comparison: Comparison,
): GateStatus => {
  if (before !== undefined && (before.verdict === 'Fail' || !isNews(before, measurement))) return before;
  if (measurement === undefined) return { ...identityOf(gate), verdict: 'Pending', message: unmeasured(gate.name) };
  const known = lastJudged.get(measurement);
  if (known?.gate === gate && known.before === before && isSame(known.comparison, comparison)) return known.state;
  const state = judgeAnew(gate, before, measurement, comparison);
  lastJudged.set(measurement, { gate, before, comparison, state });
  return state;
};

/** A measurement is looked at many times before the next one comes; what was made of it with the same state before it stays true. */
const lastJudged = new WeakMap<
  Measurement,
  {
    readonly gate: PlanGate;
    readonly before: GateStatus | undefined;
    readonly comparison: Comparison;
    readonly state: GateStatus;
  }
>();

const isSame = (a: Comparison, b: Comparison): boolean =>
  a.sinceMs === b.sinceMs && a.incomparable === b.incomparable && a.pauseMs === b.pauseMs;

const identityOf = (gate: PlanGate): Pick<GateStatus, 'name' | 'source' | 'alpha'> => ({
  name: gate.name,
  source: sourceName(gate.source),
  ...(gate.alpha === undefined ? {} : { alpha: gate.alpha }),
});

const judgeAnew = (
  gate: PlanGate,
  before: GateStatus | undefined,
  measurement: Measurement,
  comparison: Comparison,
): GateStatus => {
  const judged = judgeMeasurement(gate, before, measurement, comparison);
  const at = isoMillis(measurement.atMs);
  const since = sinceOf(judged.verdict, before, at, comparison.sinceMs);
  const state = { at, ...identityOf(gate), ...judged, ...(since === undefined ? {} : { since }) };
  return gate.onNoData === 'fail' && isOverdue(gate, state, measurement.atMs)
    ? {
        ...state,
        verdict: 'Fail',
        message: `${state.message}; ${overdueText(gate, state)}`,
      }
    : state;
};

const isNews = (before: GateStatus, measurement: Measurement | undefined): boolean =>
  measurement !== undefined && measurement.atMs > measuredUpToMs(before);

/** When a gate was measured last, in ms; minus infinity when it never was. */
export const measuredUpToMs = remembered(({ at }: GateStatus): number =>
  at === undefined ? Number.NEGATIVE_INFINITY : Date.parse(at),
);

/** Nothing to judge, or nothing that decides: both are for `onNoData` to say (R15). */
const overdueText = ({ noDataDeadlineMs, minSamples }: PlanGate, { samples = 0 }: GateStatus): string => {
  const seconds = noDataDeadlineMs / 1000;
  return samples > 0 && samples >= minSamples
    ? `undecided for ${seconds} s, which counts as failed here`
    : `no data for ${seconds} s counts as failed here`;
};

/** The first gate that failed, among those that put all traffic back, or among those that pause. */
export const failedGate = (
  gates: readonly GateStatus[],
  plan: readonly PlanGate[],
  onFailure: 'rollback' | 'pause',
): GateStatus | undefined =>
  gates.find(({ name, verdict }) => {
    const does = plan.find(gate => gate.name === name)?.onFailure ?? 'rollback';
    return verdict === 'Fail' && does === onFailure;
  });

/** A step that sends no traffic to the new version has nothing to judge: the gate blocks nothing there. */
export const withoutTraffic = (gate: PlanGate, before: GateStatus | undefined): GateStatus => ({
  name: gate.name,
  source: sourceName(gate.source),
  verdict: 'NotApplicable',
  ...(before?.baseline === undefined ? {} : { baseline: before.baseline }),
  message: `${gate.name}: the new version gets no traffic in this step`,
});

/** Has this gate been without data for longer than its deadline? */
export const isOverdue = (gate: PlanGate, state: GateStatus, nowMs: number): boolean =>
  state.verdict === 'NoData' && state.since !== undefined && nowMs - Date.parse(state.since) >= gate.noDataDeadlineMs;

const sinceOf = (verdict: Verdict, before: GateStatus | undefined, at: string, sinceMs: number): string | undefined => {
  if (verdict === 'NoData') {
    if (before?.verdict === 'NoData') return before.since;
    return before?.at === undefined ? isoMillis(sinceMs) : at;
  }
  if (verdict === 'Error') return before?.verdict === 'Error' ? before.since : at;
  return undefined;
};

const judgeMeasurement = (
  gate: PlanGate,
  before: GateStatus | undefined,
  measurement: Measurement,
  comparison: Comparison,
): Judged => {
  switch (measurement.kind) {
    case 'error':
      return { ...lastKnown(before), verdict: 'Error', message: `${gate.name}: ${measurement.message}` };
    case 'none':
      return { ...rowOf(before), verdict: 'NoData', message: `${gate.name}: ${measurement.message}` };
    case 'counts':
      return { ...judgeCounts(gate, before, measurement, comparison), ...foreseen(gate, before, measurement, comparison) };
    case 'value':
      return judgeValue(gate, before, measurement);
    case 'verdict':
      return judgeAnswer(gate, before, measurement);
  }
};

/** What was known before a provider went away is kept for the record, and for the baseline to go on from. */
const lastKnown = (before: GateStatus | undefined): Partial<GateStatus> => {
  const { samples, failures, evidence, until, value, stable, baseline, baselineValue } = before ?? {};
  const fields = { samples, failures, evidence, until, value, stable, baseline, baselineValue };
  return Object.fromEntries(Object.entries(fields).filter(([, known]) => known !== undefined));
};

/** Limit and baseline of one gate: it fails if one fails, and passes if all that apply pass. */
const judgeCounts = (
  gate: PlanGate,
  before: GateStatus | undefined,
  measurement: CountsMeasurement,
  comparison: Comparison,
): Judged => {
  const { counts, untilMs, atMs } = measurement;
  if (!isPossible(counts))
    return {
      ...lastKnown(before),
      verdict: 'NoData',
      message: `${gate.name}: ${counts.bad} bad of ${counts.total}, which says nothing`,
    };
  const { baseline } = gate;
  const compared = baseline === undefined ? undefined : judgeBaseline({ ...gate, baseline }, measurement, comparison);
  const isCompared = compared !== undefined && compared.verdict !== 'NotApplicable';
  const limited = hasLimit(gate) ? judgeLimit(gate, measurement, isCompared) : judgeInstead(gate, measurement, compared);
  const judged = together(gate, limited, compared);
  const isStale = atMs - untilMs > STALE_MS && counts.total > 0 && gate.source.kind !== 'unattributed';
  const lack = isStale ? `data end at ${isoMillis(untilMs)}` : measurement.missing;
  return lack !== undefined && judged.verdict !== 'Fail'
    ? { ...judged, verdict: 'NoData', message: `${gate.name}: ${lack}` }
    : judged;
};

/** What is foreseen is no more exact than that, and the same for most rollouts of a service. */
const twoDigits = (value: number): number => Number(value.toPrecision(2));

/** Steps that last until a person promotes are foreseen for this long. */
const OPEN_MS = 600_000;

/** What this step can find, from its first sufficient measurement on; the request rate is taken from there. */
const foreseen = (
  gate: PlanGate,
  before: GateStatus | undefined,
  { counts, baseline, untilMs }: CountsMeasurement,
  { sinceMs, pauseMs }: Comparison,
): Pick<GateStatus, 'detects'> => {
  if (before?.detects !== undefined) return { detects: before.detects };
  const elapsedMs = untilMs - sinceMs;
  if (gate.source.kind === 'unattributed' || counts.total < gate.minSamples || elapsedMs <= 0) return {};
  const durationMs = Math.max(pauseMs ?? OPEN_MS, elapsedMs);
  const times = durationMs / elapsedMs;
  const { canary, stable } = baseline ?? { canary: counts, stable: { bad: 0, total: 0 } };
  const expected = {
    samples: twoDigits(counts.total * times),
    stableSamples: twoDigits((stable.total / Math.max(1, canary.total)) * counts.total * times),
    stableShare: twoDigits(stable.total === 0 ? 0 : (stable.bad + 0.5) / (stable.total + 1)),
  };
  return { detects: detectsSentence(gate, expected, durationMs) };
};

const hasLimit = ({ source, min, max }: PlanGate): boolean =>
  source.kind === 'unattributed' || min !== undefined || max !== undefined;

/** Where there is nobody to compare with, what was normal for stable before is the limit. */
const judgeInstead = (gate: PlanGate, measurement: CountsMeasurement, compared: Judged | undefined): Judged | undefined => {
  if (gate.baseline === undefined || compared?.verdict !== 'NotApplicable') return undefined;
  const { limit } = gate.baseline;
  return judgeLimit({ ...gate, ...(isErrorRate(gate.source) ? { min: limit } : { max: limit }) }, measurement);
};

const ORDER: readonly Verdict[] = ['Fail', 'NoData', 'Pass', 'NotApplicable'];

const together = (gate: PlanGate, limited: Judged | undefined, compared: Judged | undefined): Judged => {
  const parts = [limited, compared].filter(part => part !== undefined);
  const [first, ...others] = parts.sort((a, b) => ORDER.indexOf(a.verdict) - ORDER.indexOf(b.verdict));
  if (first === undefined) return { verdict: 'NotApplicable', message: `${gate.name}: nothing to judge` };
  const isBoth = first === limited && first.verdict === 'Pass' && compared?.verdict === 'Pass';
  const message = isBoth ? `${first.message}${besides(compared, gate)}` : first.message;
  return { ...others[0], ...limited, ...compared, ...first, message };
};

const sourceName = (source: GateSource): string => {
  if (source.kind === 'webhook') return `webhook/${source.url.split('/')[2] ?? ''}`;
  return providerOf(source);
};

/** What outlasts a step: baselines go on from the first traffic of an attempt to its last (R17). */
export const carriedGates = (gates: readonly GateStatus[] = []): readonly GateStatus[] =>
  gates.flatMap(({ name, source, baseline }) =>
    baseline === undefined ? [] : [{ name, source, verdict: 'Pending' as const, baseline, message: unmeasured(name) }],
  );

/** A comparison that failed, and that people overruled, begins anew. */
export const withoutOverruled = (gates: readonly GateStatus[] = []): readonly GateStatus[] =>
  gates.filter(({ verdict, baseline }) => verdict !== 'Fail' || baseline === undefined || !isFull(baseline));

const isFull = ({ evidence, alpha }: BaselineStatus): boolean => evidence >= Math.min(MOST_SHOWN, 1 / alpha);

const unmeasured = (name: string): string => `${name} has not been measured in this step`;
