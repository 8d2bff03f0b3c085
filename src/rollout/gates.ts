import { isoMillis } from './duration.ts';
import { logEvidence } from './judge/sequentialLimit.ts';
import type { Counts, Measurement } from './observation.ts';
import type { GateSource, GateStatus, PlanGate, Verdict } from './status.ts';

/** Data that end longer ago than this are stale: they say nothing about now. */
const STALE_MS = 120_000;

type Judged = Pick<GateStatus, 'verdict' | 'message'> & Partial<GateStatus>;

/**
 * The state of one gate after its latest measurement. `before` is its state as stored; the same measurement twice gives
 * the same state. `stepStartMs`: since when the gate has been waiting for data.
 */
export const judgeGate = (
  gate: PlanGate,
  before: GateStatus | undefined,
  measurement: Measurement | undefined,
  stepStartMs: number,
): GateStatus => {
  const identity = {
    name: gate.name,
    source: sourceName(gate.source),
    ...(gate.alpha === undefined ? {} : { alpha: gate.alpha }),
  };
  if (measurement === undefined)
    return before ?? { ...identity, verdict: 'Pending', message: `${gate.name} has not been measured in this step` };
  const judged = judgeMeasurement(gate, before, measurement);
  const at = judged.at ?? isoMillis(measurement.atMs);
  const since = sinceOf(judged.verdict, before, at, stepStartMs);
  const state = { ...identity, ...judged, at, ...(since === undefined ? {} : { since }) };
  return gate.onNoData === 'fail' && isOverdue(gate, state, measurement.atMs)
    ? {
        ...state,
        verdict: 'Fail',
        message: `${state.message}; no data for ${gate.noDataDeadlineMs / 1000} s counts as failed here`,
      }
    : state;
};

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

const sinceOf = (verdict: Verdict, before: GateStatus | undefined, at: string, stepStartMs: number): string | undefined => {
  if (verdict === 'NoData')
    return before?.verdict === 'NoData'
      ? before.since
      : before === undefined || before.verdict === 'Pending'
        ? isoMillis(stepStartMs)
        : at;
  if (verdict === 'Error') return before?.verdict === 'Error' ? before.since : at;
  return undefined;
};

const judgeMeasurement = (gate: PlanGate, before: GateStatus | undefined, measurement: Measurement): Judged => {
  switch (measurement.kind) {
    case 'error':
      return { ...evidenceOf(before), verdict: 'Error', message: `${gate.name}: ${measurement.message}` };
    case 'none':
      return { verdict: 'NoData', failures: before?.failures ?? 0, message: `${gate.name}: ${measurement.message}` };
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
  const told = (verdict: Verdict, text: string): Judged => ({ ...figures, verdict, message: text });

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

const isInside = (gate: PlanGate, { bad, total }: Counts): boolean => bad / Math.max(1, total) <= allowedShare(gate) + 1e-9;

const allowedShare = ({ source, min, max }: PlanGate): number => {
  if (source.kind === 'unattributed') return (max ?? 1) / 100;
  if (source.kind === 'zipkin' || (source.kind === 'prometheus' && source.metric === 'latency'))
    return 1 - source.percentile / 100;
  return 1 - (min ?? 99) / 100;
};

const shownValue = (gate: PlanGate, { counts, value }: Extract<Measurement, { kind: 'counts' }>): number | undefined => {
  if (value !== undefined) return round(value);
  if (counts.total === 0) return undefined;
  const bad = (100 * counts.bad) / counts.total;
  if (gate.source.kind === 'unattributed') return round(bad);
  return gate.source.kind === 'prometheus' && gate.source.metric === 'success-rate' ? round(100 - bad) : undefined;
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

/** A webhook judges for itself; more than `failureLimit` bad answers in a row fail (R17). */
const judgeAnswer = (
  gate: PlanGate,
  before: GateStatus | undefined,
  { verdict, value, message }: Extract<Measurement, { kind: 'verdict' }>,
): Judged => {
  const figures = value === undefined ? {} : { value: round(value) };
  const said = message === undefined || message === '' ? '' : `: ${message}`;
  const failed = before?.failures ?? 0;
  if (verdict === 'pass') return { ...figures, failures: 0, verdict: 'Pass', message: `${gate.name} answered pass${said}` };
  if (verdict === 'nodata')
    return { ...figures, failures: failed, verdict: 'NoData', message: `${gate.name} has no data${said}` };
  const failures = failed + 1;
  const counted = `${failures} bad in a row, ${gate.failureLimit} tolerated`;
  return {
    ...figures,
    failures,
    verdict: failures > gate.failureLimit ? 'Fail' : 'Pending',
    message: `${gate.name} answered fail${said}; ${counted}`,
  };
};

/** A plain comparison; more than `failureLimit` bad ones in a row over disjoint windows fail (R17). */
const judgeValue = (
  gate: PlanGate,
  before: GateStatus | undefined,
  measurement: Extract<Measurement, { kind: 'value' }>,
): Judged => {
  const { value, samples, windowMs, atMs } = measurement;
  const figures = { value: round(value), ...(samples === undefined ? {} : { samples }) };
  const before0 = before?.failures ?? 0;
  if (samples !== undefined && samples < gate.minSamples) {
    return {
      ...figures,
      failures: before0,
      verdict: 'NoData',
      message: `${gate.name}: ${samples} of ${gate.minSamples} samples needed`,
    };
  }
  const inside = (gate.min === undefined || value >= gate.min) && (gate.max === undefined || value <= gate.max);
  const bounds = [gate.min === undefined ? '' : `>= ${gate.min}`, gate.max === undefined ? '' : `<= ${gate.max}`]
    .filter(Boolean)
    .join(' and ');
  if (inside) return { ...figures, failures: 0, verdict: 'Pass', message: `${gate.name} ${round(value)} (expected ${bounds})` };

  const countedAt = before0 > 0 && before?.at !== undefined ? Date.parse(before.at) : Number.NEGATIVE_INFINITY;
  const counts = atMs - countedAt >= windowMs;
  const failures = counts ? before0 + 1 : before0;
  const message = `${gate.name} ${round(value)}, expected ${bounds}: ${failures} bad in a row, ${gate.failureLimit} tolerated`;
  return {
    ...figures,
    failures,
    at: isoMillis(counts ? atMs : countedAt),
    verdict: failures > gate.failureLimit ? 'Fail' : 'Pending',
    message,
  };
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
const round = (value: number): number => Math.round(value * 100) / 100;
