import { round } from '../gates/gateFigures.ts';
import { isErrorRate } from '../gates/source.ts';
import { gateName, wantedGates } from '../plan/analysis.ts';
import { sourceOf } from '../plan/gatePlan.ts';
import type { RolloutSpec } from '../spec.ts';
import type { GateSource, GateStatus, PlanGate, RolloutStatus } from '../status.ts';

/** What a gate was asked for, as far as it is known. */
export type Asked = Pick<PlanGate, 'source' | 'min' | 'max' | 'isDerived'> & {
  readonly baseline?: Pick<NonNullable<PlanGate['baseline']>, 'tolerance'>;
};

/** From the plan; an attempt that has ended has none any more, and then the spec says most of it. */
export const askedOf = (
  gate: Pick<GateStatus, 'name' | 'source'>,
  { plan }: Pick<RolloutStatus, 'plan'>,
  spec: RolloutSpec | undefined,
): Asked | undefined => plan?.gates.find(({ name }) => name === gate.name) ?? (spec && (writtenIn(spec, gate) ?? builtIn(gate)));

const writtenIn = (spec: RolloutSpec, { name }: Pick<GateStatus, 'name'>): Asked | undefined => {
  const gate = wantedGates(spec).find(wanted => gateName(wanted.gate) === name)?.gate;
  const source = gate && sourceOf(gate);
  if (gate === undefined || source === undefined) return undefined;
  const { min, max } = gate.threshold ?? {};
  return { source, ...(min === undefined ? {} : { min }), ...(max === undefined ? {} : { max }) };
};

/** A gate that nobody wrote; its limit came from what was normal then, and is in its sentence only. */
const builtIn = ({ name, source }: Pick<GateStatus, 'name' | 'source'>): Asked | undefined => {
  const [kind, provider = 'default'] = source.split('/');
  if (name === 'unattributed') return { source: { kind: 'unattributed', provider } };
  if (name === 'success-rate') return { source: { kind: 'prometheus', provider, metric: 'success-rate' } };
  if (name !== 'p99') return undefined;
  return kind === 'zipkin'
    ? { source: { kind, provider, percentile: 99 } }
    : { source: { kind: 'prometheus', provider, metric: 'latency', percentile: 99 } };
};

/** `ms`, `%`, or nothing where only the query knows. */
export const unitOfValue = (source: GateSource): string => {
  if (source.kind === 'zipkin' || (source.kind === 'prometheus' && source.metric === 'latency')) return 'ms';
  return source.kind === 'prometheus' || source.kind === 'unattributed' ? '%' : '';
};

/** A number with its unit: `212 ms`. */
export const inUnit = (value: number, unit: string): string => `${round(value)}${unit === '' ? '' : ` ${unit}`}`;

/** `>= 98.9 % (from stable's normal)`, `<= 500 ms and <= 1.1 x stable's`. */
export const limitText = (asked: Asked): string | undefined => {
  const { min, max, isDerived, baseline, source } = asked;
  const unit = unitOfValue(source);
  const origin = isDerived === undefined ? '' : " (from stable's normal)";
  const bounds = [
    ...(min === undefined ? [] : [`>= ${inUnit(min, unit)}${origin}`]),
    ...(max === undefined ? [] : [`<= ${inUnit(max, unit)}${origin}`]),
    ...(baseline === undefined ? [] : [`${isErrorRate(source) ? 'errors ' : ''}<= ${round(baseline.tolerance)} x stable's`]),
  ];
  return bounds.length === 0 ? undefined : bounds.join(' and ');
};
