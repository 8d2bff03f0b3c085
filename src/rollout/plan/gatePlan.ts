import { durationOr } from '../duration.ts';
import type { Installation, Normal, Reference } from '../observation.ts';
import type { GateSpec, RolloutSpec } from '../spec.ts';
import type { GateSource, Plan, PlanGate, PlanStep } from '../status.ts';
import { analysisOf, gateName, wantedGates } from './analysis.ts';

const DEFAULT_ALPHA = 0.01;
const DEFAULT_MIN_SAMPLES = 50;
const REFERENCE_MS = 600_000;

type GateContext = {
  readonly installation: Installation;
  readonly reference: Reference | undefined;
  readonly firstStep: PlanStep | undefined;
};

/**
 * The gates of one attempt with all defaults filled in, the built-in one last. The budget of false alarms is shared by
 * all that can raise one, in whichever step.
 */
export const compileGates = (spec: RolloutSpec, context: GateContext): readonly PlanGate[] => {
  const analysis = analysisOf(spec, context.installation);
  const wanted = wantedGates(spec, context.installation).flatMap(({ gate, step }) => compileGate(gate, step));
  const chosen = analysis.gates === undefined ? [...defaultGates(context), ...wanted] : wanted;
  const gates = [...inOnePlace(chosen), ...unattributedGate(context)];
  const sequential = gates.filter(gate => gate.judge === 'sequential').length;
  const alpha = (analysis.alpha ?? DEFAULT_ALPHA) / Math.max(1, sequential);
  return gates.map(gate => (gate.judge === 'sequential' ? { ...gate, alpha } : gate));
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

const compileGate = (gate: GateSpec, step: number | undefined): readonly PlanGate[] => {
  const source = sourceOf(gate);
  if (source === undefined) return [];
  const isPlain = source.kind === 'query' || source.kind === 'webhook';
  return [
    {
      name: gateName(gate),
      source,
      judge: isPlain ? 'plain' : 'sequential',
      ...(gate.threshold?.min === undefined ? {} : { min: gate.threshold.min }),
      ...(gate.threshold?.max === undefined ? {} : { max: gate.threshold.max }),
      minSamples: gate.minSamples ?? (isPlain ? 0 : DEFAULT_MIN_SAMPLES),
      failureLimit: gate.failureLimit ?? COMMON.failureLimit,
      onNoData: gate.onNoData ?? COMMON.onNoData,
      noDataDeadlineMs: durationOr(gate.noDataDeadline, COMMON.noDataDeadlineMs),
      ...(gate.onFailure === 'pause' ? { onFailure: gate.onFailure } : {}),
      ...(step === undefined ? {} : { steps: [step] }),
    },
  ];
};

const WEBHOOK_TIMEOUT_MS = 10_000;

const sourceOf = ({ prometheus, zipkin, webhook }: GateSpec): GateSource | undefined => {
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
