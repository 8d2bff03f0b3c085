import type { Installation } from '../observation.ts';
import type { AnalysisSpec, GateSpec, RolloutSpec } from '../spec.ts';

/** One gate that a spec asks for, with everything that the configuration adds to it. */
export type WantedGate = {
  /** Where it stands in the spec: `spec.analysis.gates[0]`. */
  readonly path: string;
  readonly gate: GateSpec;
  /** 1-based number of the only step in which it is measured; absent: all. */
  readonly step?: number;
  /** It stands in the configuration, at this place; the spec has no gates of its own. */
  readonly configured?: string;
};

/** The analysis of a spec; where it is silent, the configuration says what holds. */
export const analysisOf = ({ analysis }: RolloutSpec, installation?: Installation): AnalysisSpec => ({
  ...given(installation?.analysis ?? {}),
  ...given(analysis ?? {}),
});

/** All gates that are written out for a spec; those that are made up for a spec without any are not among them. */
export const wantedGates = (spec: RolloutSpec, installation?: Installation): readonly WantedGate[] => {
  const isConfigured = spec.analysis?.gates === undefined;
  const always = (analysisOf(spec, installation).gates ?? []).map((gate, index) => ({
    path: isConfigured ? 'spec.analysis.gates' : `spec.analysis.gates[${index}]`,
    gate: filledIn(gate, installation),
    ...(isConfigured ? { configured: `defaults.analysis.gates[${index}]` } : {}),
  }));
  const ofSteps = (spec.strategy.canary?.steps ?? []).flatMap(({ gates = [] }, step) =>
    gates.map((gate, index) => ({
      path: `spec.strategy.canary.steps[${step}].gates[${index}]`,
      gate: filledIn(gate, installation),
      step: step + 1,
    })),
  );
  return [...always, ...ofSteps];
};

/** A gate without a name is called by what it measures. */
export const gateName = (gate: GateSpec): string => {
  if (gate.name !== undefined) return gate.name;
  if (gate.zipkin) return `p${gate.zipkin.percentile}`;
  if (gate.webhook) return 'webhook';
  if (gate.prometheus?.metric === 'latency') return `p${gate.prometheus.percentile ?? 99}`;
  return gate.prometheus?.metric ?? gate.template ?? 'query';
};

/** A gate from a template: what it says itself counts, down to the fields of its objects. Unknown ones stay as they are. */
const filledIn = (gate: GateSpec, installation: Installation | undefined): GateSpec => {
  if (gate.template === undefined || installation === undefined) return gate;
  const template = templateOf(installation, gate.template);
  if (template === undefined) return gate;
  const { template: name, ...own } = gate;
  return { name, ...merged(template, own) };
};

/** The gate template of this name, if the configuration has one. */
export const templateOf = ({ gateTemplates = {} }: Installation, name: string): GateSpec | undefined =>
  Object.hasOwn(gateTemplates, name) ? gateTemplates[name] : undefined;

const merged = (template: GateSpec, own: GateSpec): GateSpec => {
  const base: Readonly<Record<string, unknown>> = given(template);
  const fields = Object.entries(given(own)).map(([field, value]) => {
    const below = base[field];
    return [field, isFields(value) && isFields(below) ? { ...below, ...given(value) } : value];
  });
  return { ...base, ...Object.fromEntries(fields) };
};

const isFields = (value: unknown): value is object => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Without the fields that are there and say nothing. */
const given = <T extends object>(fields: T): T => (!Object.values(fields).includes(undefined) ? fields : without(fields));

const without = <T extends object>(fields: T): T =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
