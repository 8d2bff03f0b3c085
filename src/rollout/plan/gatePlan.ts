import { durationOr } from '../duration.ts';
import { isErrorRate, providerOf } from '../gates/source.ts';
import type { Dispersion, Installation, Normal, Reference } from '../observation.ts';
import type { BaselineSpec, GateSpec, RolloutSpec } from '../spec.ts';
import type { GateSource, Plan, PlanBaseline, PlanGate, PlanStep } from '../status.ts';
import { analysisOf, gateName, wantedGates } from './analysis.ts';
import { withAlpha } from './budget.ts';

const DEFAULT_MIN_SAMPLES = 50;
const REFERENCE_MS = 600_000;
/** Limits of gates that nobody wrote are never stricter than these. */
const DEFAULT_MIN_PERCENT = 99;
const DEFAULT_MAX_MS = 500;
/** How much more stable's errors may vary than independent ones, where it is not known (judge/dispersion.ts). */
const UNKNOWN_DISPERSION = 2;

type GateContext = {
  readonly installation: Installation;
  readonly reference: Reference | undefined;
  readonly steps: readonly PlanStep[];
  /** What all gates together may raise in false alarms. */
  readonly alpha: number;
};

/**
 * The gates of one attempt with all defaults filled in, the built-in one last. The budget of false alarms is shared by
 * all that can raise one, in whichever step.
 */
export const compileGates = (spec: RolloutSpec, context: GateContext): readonly PlanGate[] => {
  const analysis = analysisOf(spec, context.installation);
  const wanted = wantedGates(spec, context.installation).flatMap(({ gate, step }) => compileGate(gate, step, context));
  const chosen = analysis.gates === undefined ? [...defaultGates(context), ...wanted] : wanted;
  const gates = [...inOnePlace(chosen), ...unattributedGate(context)];
  return withAlpha(gates, context.alpha, context.steps.length);
};

/** A gate that stands in several steps is one gate; the semantics have refused two different ones of one name. */
const inOnePlace = (gates: readonly PlanGate[]): readonly PlanGate[] => {
  const byName = new Map<string, PlanGate>();
  for (const gate of gates) {
    const same = byName.get(gate.name);
    const steps = same === undefined ? gate.steps : same.steps && gate.steps && [...same.steps, ...gate.steps];
    const { steps: _, ...rest } = same ?? gate;
    byName.set(gate.name, steps === undefined ? rest : { ...rest, steps });
  }
  return [...byName.values()];
};

/** The gates that are measured and judged in the step with this 1-based number. */
export const gatesOfStep = ({ gates }: Pick<Plan, 'gates'>, step: number): readonly PlanGate[] =>
  gates.filter(({ steps }) => steps === undefined || steps.includes(step));

const COMMON = { onNoData: 'hold', noDataDeadlineMs: 600_000, failureLimit: 1, minSamples: DEFAULT_MIN_SAMPLES } as const;

const compileGate = (gate: GateSpec, step: number | undefined, context: GateContext): readonly PlanGate[] => {
  const source = sourceOf(gate);
  if (source === undefined) return [];
  const isPlain = source.kind === 'query' || source.kind === 'webhook' || gate.judge === 'plain';
  const normal = normalOf(source, context);
  return [
    {
      name: gateName(gate),
      source,
      judge: isPlain ? 'plain' : 'sequential',
      ...(gate.threshold?.min === undefined ? {} : { min: gate.threshold.min }),
      ...(gate.threshold?.max === undefined ? {} : { max: gate.threshold.max }),
      ...(gate.baseline === undefined || isPlain ? {} : { baseline: baselineOf(source, gate.baseline, normal) }),
      ...(isPlain ? {} : dispersionOf(source, normal?.dispersion)),
      minSamples: gate.minSamples ?? (source.kind === 'query' || source.kind === 'webhook' ? 0 : DEFAULT_MIN_SAMPLES),
      failureLimit: gate.failureLimit ?? COMMON.failureLimit,
      onNoData: gate.onNoData ?? COMMON.onNoData,
      noDataDeadlineMs: durationOr(gate.noDataDeadline, COMMON.noDataDeadlineMs),
      ...(gate.onFailure === 'pause' ? { onFailure: gate.onFailure } : {}),
      ...(step === undefined ? {} : { steps: [step] }),
    },
  ];
};

const WEBHOOK_TIMEOUT_MS = 10_000;

/** Where the numbers of a gate come from; `undefined`: the spec does not say, which the semantics refuse. */
export const sourceOf = ({ prometheus, zipkin, webhook }: GateSpec): GateSource | undefined => {
  if (zipkin) return { kind: 'zipkin', provider: zipkin.provider ?? 'default', percentile: zipkin.percentile };
  if (webhook) return { kind: 'webhook', url: webhook.url, timeoutMs: durationOr(webhook.timeout, WEBHOOK_TIMEOUT_MS) };
  if (!prometheus) return undefined;
  const provider = prometheus.provider ?? 'default';
  if (prometheus.metric === 'success-rate') return { kind: 'prometheus', provider, metric: 'success-rate' };
  if (prometheus.metric === 'latency')
    return { kind: 'prometheus', provider, metric: 'latency', percentile: prometheus.percentile ?? 99 };
  return {
    kind: 'query',
    provider,
    query: prometheus.query ?? '',
    ...(prometheus.samples === undefined ? {} : { samples: prometheus.samples }),
    ...(prometheus.window === undefined ? {} : { windowMs: durationOr(prometheus.window, 0) }),
  };
};

const normalOf = (source: GateSource, { reference }: GateContext): Normal | undefined => {
  if (source.kind === 'webhook' || reference?.kind !== 'measured') return undefined;
  const key = providerOf(source);
  return Object.hasOwn(reference.normal, key) ? reference.normal[key] : undefined;
};

/** Stable's errors of the time before tell how far errors come in bursts; spans do not tell it, as they know no pods. */
const dispersionOf = (source: GateSource, phi: Dispersion['within'] | undefined): Pick<PlanGate, 'dispersion'> => {
  if (source.kind === 'zipkin') return {};
  const known = source.kind === 'prometheus' && !isErrorRate(source) ? phi?.slow : phi?.errors;
  return { dispersion: round(known ?? UNKNOWN_DISPERSION) };
};

const ERROR_TOLERANCE = 1.5;
const LATENCY_TOLERANCE = 1.1;
const CERTIFY = { ratio: 3, floor: 0.5 };

const baselineOf = (source: GateSource, spec: BaselineSpec, normal: Normal | undefined): PlanBaseline => {
  const { certify } = spec;
  if (!isErrorRate(source)) {
    const edges = [normal?.stableP90Ms, normal?.stableP99Ms].filter(edge => edge !== undefined);
    const edgesMs = [...new Set(edges.map(round))];
    const tolerance = spec.tolerance ?? LATENCY_TOLERANCE;
    return {
      tolerance,
      ...(edgesMs.length === 0 ? {} : { edgesMs }),
      ...dispersionOf(source, normal?.dispersion?.within),
      limit: defaultMax(normal, tolerance),
    };
  }
  return {
    tolerance: spec.tolerance ?? ERROR_TOLERANCE,
    ...dispersionOf(source, normal?.dispersion?.within),
    limit: round(Math.min(DEFAULT_MIN_PERCENT, successRate(normal))),
    ...(certify === undefined
      ? {}
      : {
          certify: {
            ratio: certify.ratio ?? CERTIFY.ratio,
            floor: certify.floor ?? CERTIFY.floor,
            ...(spec.undecidedAfter === undefined ? {} : { undecidedAfterMs: durationOr(spec.undecidedAfter, 0) }),
            onUndecided: spec.onUndecided ?? 'hold',
          },
        }),
  };
};

/** Limits from what was normal for stable, never stricter than 99 % and 500 ms; and a comparison with stable. */
const defaultGates = (context: GateContext): readonly PlanGate[] => {
  const { installation } = context;
  const prometheus = preferred(installation.prometheus);
  const sources = [
    ...(prometheus === undefined
      ? []
      : [{ kind: 'prometheus', provider: prometheus, metric: 'success-rate' } as const satisfies GateSource]),
    ...latencySource(context),
  ];
  return sources.map(source => {
    const normal = normalOf(source, context);
    const limit = isErrorRate(source)
      ? { min: round(Math.min(DEFAULT_MIN_PERCENT, successRate(normal) - 0.5)) }
      : { max: defaultMax(normal, LATENCY_TOLERANCE) };
    return {
      ...COMMON,
      name: isErrorRate(source) ? 'success-rate' : 'p99',
      source,
      judge: 'sequential',
      ...limit,
      isDerived: true,
      baseline: baselineOf(source, {}, normal),
      ...dispersionOf(source, normal?.dispersion),
    };
  });
};

const defaultMax = (normal: Normal | undefined, tolerance: number): number =>
  round(Math.max(DEFAULT_MAX_MS, tolerance * (normal?.stableP99Ms ?? 0)));

/** Spans where there are enough of them, as they also see requests that reached no pod; else Prometheus' buckets. */
const latencySource = (context: GateContext): readonly GateSource[] => {
  const prometheus = preferred(context.installation.prometheus);
  const zipkin = preferred(context.installation.zipkin);
  if (zipkin !== undefined) {
    const source = { kind: 'zipkin', provider: zipkin, percentile: 99 } as const;
    if (prometheus === undefined || enoughSpans(normalOf(source, context), context.steps[0])) return [source];
  }
  return prometheus === undefined ? [] : [{ kind: 'prometheus', provider: prometheus, metric: 'latency', percentile: 99 }];
};

/** Always on where Prometheus is: requests to the host that reach no pod belong to no version (R25). */
const unattributedGate = (context: GateContext): readonly PlanGate[] => {
  const provider = preferred(context.installation.prometheus);
  if (provider === undefined) return [];
  const source = { kind: 'unattributed', provider } as const;
  const normal = normalOf(source, context)?.unattributed;
  const share = normal && normal.total > 0 ? (100 * normal.bad) / normal.total : 0;
  return [
    {
      ...COMMON,
      name: 'unattributed',
      source,
      judge: 'sequential',
      max: round(Math.min(100, Math.max(1, 2 * share))),
    },
  ];
};

/** The provider that is meant when a spec names none. */
export const preferred = (names: readonly string[]): string | undefined => (names.includes('default') ? 'default' : names[0]);

const successRate = (normal: Normal | undefined): number =>
  normal && normal.stable.total > 0 ? 100 * (1 - normal.stable.bad / normal.stable.total) : 100;

/** Spans expected for the new version in its first step: at least a hundred make a p99 worth asking for. */
const enoughSpans = (normal: Normal | undefined, step: PlanStep | undefined): boolean => {
  if (!normal || !step) return false;
  const pauseMs = step.pauseMs ?? REFERENCE_MS;
  return normal.stable.total * (step.weight / 100) * (pauseMs / REFERENCE_MS) >= 100;
};

const round = (value: number): number => Math.round(value * 1_000) / 1_000;
