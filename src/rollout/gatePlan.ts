import { durationOr } from './duration.ts';
import type { Installation, Normal, Reference } from './observation.ts';
import { gateName } from './semantics.ts';
import type { AnalysisSpec, GateSpec } from './spec.ts';
import type { GateSource, PlanGate, PlanStep } from './status.ts';

const DEFAULT_ALPHA = 0.01;
const DEFAULT_MIN_SAMPLES = 50;
const REFERENCE_MS = 600_000;

type GateContext = {
  readonly installation: Installation;
  readonly reference: Reference | undefined;
  readonly firstStep: PlanStep | undefined;
};

/** The gates of one attempt with all defaults filled in, the built-in one last. */
export const compileGates = (analysis: AnalysisSpec, context: GateContext): readonly PlanGate[] => {
  const chosen = analysis.gates === undefined ? defaultGates(context) : analysis.gates.flatMap(compileGate);
  const gates = [...chosen, ...unattributedGate(context)];
  const sequential = gates.filter(gate => gate.judge === 'sequential').length;
  const alpha = (analysis.alpha ?? DEFAULT_ALPHA) / Math.max(1, sequential);
  return gates.map(gate => (gate.judge === 'sequential' ? { ...gate, alpha } : gate));
};

const COMMON = { onNoData: 'hold', noDataDeadlineMs: 600_000, failureLimit: 1, minSamples: DEFAULT_MIN_SAMPLES } as const;

const compileGate = (gate: GateSpec): readonly PlanGate[] => {
  const source = sourceOf(gate);
  if (source === undefined) return [];
  return [
    {
      name: gateName(gate),
      source,
      judge: source.kind === 'query' ? 'plain' : 'sequential',
      ...(gate.threshold?.min === undefined ? {} : { min: gate.threshold.min }),
      ...(gate.threshold?.max === undefined ? {} : { max: gate.threshold.max }),
      minSamples: gate.minSamples ?? (source.kind === 'query' ? 0 : DEFAULT_MIN_SAMPLES),
      failureLimit: gate.failureLimit ?? COMMON.failureLimit,
      onNoData: gate.onNoData ?? COMMON.onNoData,
      noDataDeadlineMs: durationOr(gate.noDataDeadline, COMMON.noDataDeadlineMs),
    },
  ];
};

const sourceOf = ({ prometheus, zipkin }: GateSpec): GateSource | undefined => {
  if (zipkin) return { kind: 'zipkin', provider: zipkin.provider ?? 'default', percentile: zipkin.percentile };
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

/** Limits from what was normal for stable, never stricter than 99 % and 500 ms. */
const defaultGates = ({ installation, reference, firstStep }: GateContext): readonly PlanGate[] => {
  const measured = reference?.kind === 'measured' ? reference : undefined;
  const prometheus = preferred(installation.prometheus);
  const zipkin = preferred(installation.zipkin);
  const gates: PlanGate[] = [];
  if (prometheus !== undefined) {
    const min = round(Math.min(99, successRate(measured?.prometheus) - 0.5));
    gates.push({
      ...COMMON,
      name: 'success-rate',
      source: { kind: 'prometheus', provider: prometheus, metric: 'success-rate' },
      judge: 'sequential',
      min,
    });
  }
  const bySpans = zipkin !== undefined && (prometheus === undefined || enoughSpans(measured?.zipkin, firstStep));
  const p99Ms = (bySpans ? measured?.zipkin : measured?.prometheus)?.stableP99Ms ?? 0;
  const max = round(Math.max(500, 1.1 * p99Ms));
  if (bySpans)
    gates.push({
      ...COMMON,
      name: 'p99',
      source: { kind: 'zipkin', provider: zipkin, percentile: 99 },
      judge: 'sequential',
      max,
    });
  else if (prometheus !== undefined) {
    gates.push({
      ...COMMON,
      name: 'p99',
      source: { kind: 'prometheus', provider: prometheus, metric: 'latency', percentile: 99 },
      judge: 'sequential',
      max,
    });
  }
  return gates;
};

/** Always on where Prometheus is: requests to the host that reach no pod belong to no version (R25). */
const unattributedGate = ({ installation, reference }: GateContext): readonly PlanGate[] => {
  const provider = preferred(installation.prometheus);
  if (provider === undefined) return [];
  const normal = reference?.kind === 'measured' ? reference.prometheus?.unattributed : undefined;
  const share = normal && normal.total > 0 ? (100 * normal.bad) / normal.total : 0;
  return [
    {
      ...COMMON,
      name: 'unattributed',
      source: { kind: 'unattributed', provider },
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
