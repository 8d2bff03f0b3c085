import { gatesWorstFirst } from '../explain.ts';
import { countText, unitOf } from '../gates/gateFigures.ts';
import type { RolloutSpec } from '../spec.ts';
import type { GateStatus, RolloutStatus, Verdict } from '../status.ts';
import { type Asked, askedOf, inUnit, limitText, unitOfValue } from './limits.ts';

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
  /** `>= 99 %`, `<= 500 ms and <= 1.1 x stable's`. */
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

/** Worst first. Of an attempt that has ended the spec tells the limits that were written there; without it there are none. */
export const gateViews = (status: RolloutStatus, spec?: RolloutSpec): readonly GateView[] =>
  gatesWorstFirst(status.gates ?? []).map(gate => gateView(gate, askedOf(gate, status, spec)));

const gateView = (gate: GateStatus, asked: Asked | undefined): GateView => {
  const { name, source, verdict, value, baselineValue, samples, detects, message, at } = gate;
  const unit = asked === undefined ? '' : unitOfValue(asked.source);
  const limit = asked === undefined ? undefined : limitText(asked);
  return {
    name,
    source,
    verdict,
    ...(value === undefined ? {} : { value: inUnit(value, unit) }),
    ...(baselineValue === undefined ? {} : { baseline: inUnit(baselineValue, unit) }),
    ...(limit === undefined ? {} : { limit }),
    ...(samples === undefined
      ? {}
      : { samples: `${countText(samples)} ${asked === undefined ? 'samples' : unitOf(asked.source)}` }),
    ...(detects === undefined ? {} : { detects }),
    message,
    ...(at === undefined ? {} : { at }),
    figures: {
      ...(value === undefined ? {} : { value }),
      ...(baselineValue === undefined ? {} : { baseline: baselineValue }),
      ...(asked?.min === undefined ? {} : { min: asked.min }),
      ...(asked?.max === undefined ? {} : { max: asked.max }),
    },
  };
};
