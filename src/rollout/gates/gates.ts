import { isoMillis } from '../duration.ts';
import { logEvidence } from '../judge/sequentialLimit.ts';
import type { Counts, Measurement } from '../observation.ts';
import { remembered } from '../remembered.ts';
import type { GateSource, GateStatus, PlanGate, Verdict } from '../status.ts';
import { round, shownAgainst } from './gateFigures.ts';
import { judgeAnswer, judgeValue, rowOf } from './plainGates.ts';

/** Data that end longer ago than this are stale: they say nothing about now. */
const STALE_MS = 120_000;

type Judged = Pick<GateStatus, 'verdict' | 'message'> & Partial<GateStatus>;

/**
 * The state of one gate after its latest measurement. `before` is its state as stored: a measurement that is not newer
 * adds nothing to it, and a failure stands until the step begins again. `sinceMs`: from when on data can be expected.
 */
export const judgeGate = (
  gate: PlanGate,
  before: GateStatus | undefined,
  measurement: Measurement | undefined,
  sinceMs: number,
): GateStatus => {
  if (before !== undefined && (before.verdict === 'Fail' || !isNews(before, measurement))) return before;
  if (measurement === undefined)
    return { ...identityOf(gate), verdict: 'Pending', message: `${gate.name} has not been measured in this step` };
  const known = lastJudged.get(measurement);
  if (known?.gate === gate && known.before === before && known.sinceMs === sinceMs) return known.state;
  const state = judgeAnew(gate, before, measurement, sinceMs);
  lastJudged.set(measurement, { gate, before, sinceMs, state });
  return state;
};

/** A measurement is looked at many times before the next one comes; what was made of it with the same state before it stays true. */
const lastJudged = new WeakMap<
  Measurement,
  {
    readonly gate: PlanGate;
    readonly before: GateStatus | undefined;
    readonly sinceMs: number;
    readonly state: GateStatus;
  }
>();

const identityOf = (gate: PlanGate): Pick<GateStatus, 'name' | 'source' | 'alpha'> => ({
  name: gate.name,
  source: sourceName(gate.source),
  ...(gate.alpha === undefined ? {} : { alpha: gate.alpha }),
});

const judgeAnew = (gate: PlanGate, before: GateStatus | undefined, measurement: Measurement, sinceMs: number): GateStatus => {
  const judged = judgeMeasurement(gate, before, measurement);
  const at = isoMillis(measurement.atMs);
  const since = sinceOf(judged.verdict, before, at, sinceMs);
  const state = { at, ...identityOf(gate), ...judged, ...(since === undefined ? {} : { since }) };
  return gate.onNoData === 'fail' && isOverdue(gate, state, measurement.atMs)
    ? {
        ...state,
        verdict: 'Fail',
        message: `${state.message}; no data for ${gate.noDataDeadlineMs / 1000} s counts as failed here`,
      }
    : state;
};

const isNews = (before: GateStatus, measurement: Measurement | undefined): boolean =>
  measurement !== undefined && measurement.atMs > measuredUpToMs(before);

/** When a gate was measured last, in ms; minus infinity when it never was. */
export const measuredUpToMs = remembered(({ at }: GateStatus): number =>
  at === undefined ? Number.NEGATIVE_INFINITY : Date.parse(at),
);

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
export const withoutTraffic = (gate: PlanGate): GateStatus => ({
  name: gate.name,
  source: sourceName(gate.source),
  verdict: 'NotApplicable',
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

const judgeMeasurement = (gate: PlanGate, before: GateStatus | undefined, measurement: Measurement): Judged => {
  switch (measurement.kind) {
    case 'error':
      return { ...evidenceOf(before), verdict: 'Error', message: `${gate.name}: ${measurement.message}` };
    case 'none':
      return { ...rowOf(before), verdict: 'NoData', message: `${gate.name}: ${measurement.message}` };
    case 'counts':
      return judgeCounts(gate, measurement);
    case 'value':
      return judgeValue(gate, before, measurement);
    case 'verdict':
      return judgeAnswer(gate, before, measurement);
  }
};

/** What was known before a provider went away is kept for the record. */
const evidenceOf = (before: GateStatus | undefined): Partial<GateStatus> => {
  const { samples, failures, evidence, until, value } = before ?? {};
  return Object.fromEntries(Object.entries({ samples, failures, evidence, until, value }).filter(([, v]) => v !== undefined));
};

/** A limit as a statement about the share of bad samples (judge: sequential limits). */
const judgeCounts = (gate: PlanGate, measurement: Extract<Measurement, { kind: 'counts' }>): Judged => {
  const { counts, untilMs, atMs } = measurement;
  if (!isPossible(counts))
    return { verdict: 'NoData', message: `${gate.name}: ${counts.bad} bad of ${counts.total}, which says nothing` };
  const allowed = allowedShare(gate);
  const logE = logEvidence(counts, allowed);
  const evidence = Math.min(1e9, Math.round(Math.exp(Math.min(logE, 30)) * 100) / 100);
  const value = shownValue(gate, measurement);
  const figures = {
    samples: counts.total,
    failures: counts.bad,
    evidence,
    until: isoMillis(untilMs),
    ...(value === undefined ? {} : { value }),
  };
  const told = (verdict: Verdict, text: string): Judged => ({ verdict, message: text, ...figures });

  const limit = 1 / (gate.alpha ?? 0.01);
  if (counts.bad > 0 && evidence >= limit)
    return told('Fail', `${describe(gate, counts, value)}; evidence ${ratio(evidence)}, limit ${ratio(limit)}`);
  if (gate.source.kind === 'unattributed') return judgeUnattributed(told, gate, counts);
  if (counts.total === 0) return told('NoData', `${gate.name}: no ${unit(gate)} of the new version yet`);
  if (atMs - untilMs > STALE_MS) return told('NoData', `${gate.name}: data end at ${isoMillis(untilMs)}`);
  if (counts.total < gate.minSamples)
    return told('NoData', `${gate.name}: ${counts.total} of ${gate.minSamples} ${unit(gate)} needed`);
  if (isInside(gate, counts)) return told('Pass', describe(gate, counts, value));
  return told('NoData', `${describe(gate, counts, value)}; not decided yet, evidence ${ratio(evidence)}, limit ${ratio(limit)}`);
};

/** Few requests are no reason to hold here: this gate asks whether requests get lost, not whether there are many. */
const judgeUnattributed = (told: (verdict: Verdict, text: string) => Judged, gate: PlanGate, counts: Counts): Judged => {
  if (counts.total === 0) return told('NotApplicable', 'unattributed: no requests to the host');
  const inside = isInside(gate, counts) || counts.bad < 3;
  return told(inside ? 'Pass' : 'NoData', describe(gate, counts, undefined));
};

const isPossible = ({ bad, total }: Counts): boolean => Number.isFinite(total) && bad >= 0 && bad <= total;

const isInside = (gate: PlanGate, { bad, total }: Counts): boolean => bad / Math.max(1, total) <= allowedShare(gate) + 1e-9;

const allowedShare = ({ source, min, max }: PlanGate): number => {
  if (source.kind === 'unattributed') return (max ?? 1) / 100;
  if (source.kind === 'zipkin' || (source.kind === 'prometheus' && source.metric === 'latency'))
    return 1 - source.percentile / 100;
  return 1 - (min ?? 99) / 100;
};

const shownValue = (gate: PlanGate, { counts, value }: Extract<Measurement, { kind: 'counts' }>): number | undefined => {
  if (value !== undefined && Number.isFinite(value)) return shownAgainst(gate, value);
  if (counts.total === 0) return undefined;
  const bad = (100 * counts.bad) / counts.total;
  if (gate.source.kind === 'unattributed') return shownAgainst(gate, bad);
  const isRate = gate.source.kind === 'prometheus' && gate.source.metric === 'success-rate';
  return isRate ? shownAgainst(gate, 100 - bad) : undefined;
};

/** A measurement against its limit in one sentence with numbers. */
const describe = (gate: PlanGate, counts: Counts, value: number | undefined): string => {
  const { source, min, max } = gate;
  const inside = isInside(gate, counts);
  if (source.kind === 'unattributed') {
    return `unattributed: ${counts.bad} of ${counts.total} requests reached no pod (${percent(counts)}), ${max} % allowed`;
  }
  if (source.kind === 'prometheus' && source.metric === 'success-rate') {
    return `${gate.name} ${value ?? 100} % ${inside ? '>=' : '<'} ${min} % on ${counts.total} requests`;
  }
  const name = 'percentile' in source ? `p${source.percentile}` : gate.name;
  if (inside && value !== undefined && value <= (max ?? 0))
    return `${name} ${value} ms <= ${max} ms on ${counts.total} ${unit(gate)}`;
  const shown = value !== undefined && value > (max ?? 0) ? `${value} ms > ${max} ms, ` : '';
  return `${name} ${shown}${counts.bad} of ${counts.total} ${unit(gate)} slower than ${max} ms (${percent(counts)}), ${round(100 * allowedShare(gate))} % allowed`;
};

const sourceName = (source: GateSource): string => {
  if (source.kind === 'webhook') return `webhook/${source.url.split('/')[2] ?? ''}`;
  return `${source.kind === 'zipkin' ? 'zipkin' : 'prometheus'}/${source.provider}`;
};
const unit = ({ source }: PlanGate): string => (source.kind === 'zipkin' ? 'spans' : 'requests');
const percent = ({ bad, total }: Counts): string => `${round((100 * bad) / Math.max(1, total))} %`;
const ratio = (evidence: number): string => {
  if (evidence >= 1e6) return 'over 1,000,000:1';
  return `${evidence >= 10 ? Math.round(evidence) : round(evidence)}:1`;
};
