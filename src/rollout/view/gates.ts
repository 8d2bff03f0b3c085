import { gatesWorstFirst } from '../explain.ts';
import { countText, round, unitOf } from '../gates/gateFigures.ts';
import type { GateStatus, PlanGate, RolloutStatus, Verdict } from '../status.ts';

/** One gate for people; what is a number in the status stands here with its unit. */
export type GateView = {
  readonly name: string;
  /** Where its numbers come from: `prometheus/default`. */
  readonly source: string;
  readonly verdict: Verdict;
  /** Of the new version: `99.7 %`, `212 ms`. */
  readonly value?: string;
  /** Of the stable version, in the same unit. */
  readonly baseline?: string;
  /** `>= 99 %`, `<= 500 ms`. */
  readonly limit?: string;
  /** `384 spans`. */
  readonly samples?: string;
  /** What can be found at the current request rate, and how long that takes. */
  readonly detects?: string;
  /** The sentence of the status. */
  readonly message: string;
  /** When it was measured, RFC 3339. */
  readonly at?: string;
  /** For charts: the same as numbers, in percent or ms. */
  readonly figures: { readonly value?: number; readonly baseline?: number; readonly min?: number; readonly max?: number };
};

export const gateViews = ({ gates = [], plan }: RolloutStatus): readonly GateView[] =>
  gatesWorstFirst(gates).map(gate =>
    gateView(
      gate,
      plan?.gates.find(({ name }) => name === gate.name),
    ),
  );

const gateView = (gate: GateStatus, planned: PlanGate | undefined): GateView => {
  const { name, source, verdict, value, baselineValue, samples, detects, message, at } = gate;
  const unit = planned === undefined ? '' : unitText(planned);
  const limit = planned === undefined ? undefined : limitText(planned, unit);
  return {
    name,
    source,
    verdict,
    ...(value === undefined ? {} : { value: `${round(value)}${unit}` }),
    ...(baselineValue === undefined ? {} : { baseline: `${round(baselineValue)}${unit}` }),
    ...(limit === undefined ? {} : { limit }),
    ...(samples === undefined
      ? {}
      : { samples: `${countText(samples)} ${planned === undefined ? 'samples' : unitOf(planned.source)}` }),
    ...(detects === undefined ? {} : { detects }),
    message,
    ...(at === undefined ? {} : { at }),
    figures: {
      ...(value === undefined ? {} : { value }),
      ...(baselineValue === undefined ? {} : { baseline: baselineValue }),
      ...(planned?.min === undefined ? {} : { min: planned.min }),
      ...(planned?.max === undefined ? {} : { max: planned.max }),
    },
  };
};

const unitText = ({ source }: PlanGate): string => {
  if (source.kind === 'zipkin' || (source.kind === 'prometheus' && source.metric === 'latency')) return ' ms';
  return source.kind === 'prometheus' || source.kind === 'unattributed' ? ' %' : '';
};

const limitText = ({ min, max }: PlanGate, unit: string): string | undefined => {
  const bounds = [
    ...(min === undefined ? [] : [`>= ${round(min)}${unit}`]),
    ...(max === undefined ? [] : [`<= ${round(max)}${unit}`]),
  ];
  return bounds.length === 0 ? undefined : bounds.join(' and ');
};
