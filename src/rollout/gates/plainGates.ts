import { isoMillis } from '../duration.ts';
import type { Measurement } from '../observation.ts';
import type { GateStatus, PlanGate, Verdict } from '../status.ts';
import { round, shownAgainst } from './gateFigures.ts';

type Judged = Pick<GateStatus, 'verdict' | 'message'> & Partial<GateStatus>;

/** The row of bad measurements so far, and up to when the last of them counted. */
export const rowOf = (before: GateStatus | undefined): Partial<GateStatus> => ({
  failures: before?.failures ?? 0,
  ...(before?.until === undefined ? {} : { until: before.until }),
});

/** A webhook judges for itself; more than `failureLimit` bad answers in a row fail (R17). */
export const judgeAnswer = (
  gate: PlanGate,
  before: GateStatus | undefined,
  { verdict, value, message }: Extract<Measurement, { kind: 'verdict' }>,
): Judged => {
  const figures = value === undefined || !Number.isFinite(value) ? {} : { value: round(value) };
  const said = message === undefined || message === '' ? '' : `: ${message}`;
  if (verdict === 'pass') return { ...figures, failures: 0, verdict: 'Pass', message: `${gate.name} answered pass${said}` };
  if (verdict === 'nodata')
    return { ...figures, ...rowOf(before), verdict: 'NoData', message: `${gate.name} has no data${said}` };
  const failures = (before?.failures ?? 0) + 1;
  return {
    ...figures,
    failures,
    verdict: afterFailures(gate, failures),
    message: `${gate.name} answered fail${said}; ${row(gate, failures)}`,
  };
};

/** A plain comparison; more than `failureLimit` bad ones in a row over disjoint windows fail (R17). */
export const judgeValue = (
  gate: PlanGate,
  before: GateStatus | undefined,
  measurement: Extract<Measurement, { kind: 'value' }>,
): Judged => {
  const { value, windowMs, atMs } = measurement;
  const samples = Number.isFinite(measurement.samples) ? measurement.samples : undefined;
  const counted = samples === undefined ? {} : { samples };
  const missing = (message: string): Judged => ({ ...counted, ...rowOf(before), verdict: 'NoData', message });
  if (!Number.isFinite(value)) return missing(`${gate.name}: the value is ${value}, which says nothing`);
  if (gate.minSamples > 0 && (samples === undefined || samples < gate.minSamples))
    return missing(`${gate.name}: ${samples ?? 'an unknown number'} of ${gate.minSamples} samples needed`);

  const shown = shownAgainst(gate, value);
  const figures = { ...counted, value: shown };
  const bounds = boundsOf(gate);
  const inside = (gate.min === undefined || value >= gate.min) && (gate.max === undefined || value <= gate.max);
  if (inside) return { ...figures, failures: 0, verdict: 'Pass', message: `${gate.name} ${shown} (expected ${bounds})` };
  const countedMs = before?.failures && before.until !== undefined ? Date.parse(before.until) : Number.NEGATIVE_INFINITY;
  const isDisjoint = atMs - windowMs >= countedMs;
  const failures = (before?.failures ?? 0) + (isDisjoint ? 1 : 0);
  return {
    ...figures,
    failures,
    until: isoMillis(isDisjoint ? atMs : countedMs),
    verdict: afterFailures(gate, failures),
    message: `${gate.name} ${shown}, expected ${bounds}: ${row(gate, failures)}`,
  };
};

const afterFailures = ({ failureLimit }: PlanGate, failures: number): Verdict => (failures > failureLimit ? 'Fail' : 'Pending');

const row = ({ failureLimit }: PlanGate, failures: number): string => `${failures} bad in a row, ${failureLimit} tolerated`;

const boundsOf = ({ min, max }: PlanGate): string =>
  [min === undefined ? '' : `>= ${min}`, max === undefined ? '' : `<= ${max}`].filter(Boolean).join(' and ');
