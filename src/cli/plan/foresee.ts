import {
  compilePlan,
  gatesOfStep,
  type Installation,
  incomparable,
  type Normal,
  type Plan,
  type PlanStep,
  type Reference,
  type RolloutSpec,
  referenceProviders,
  takesCopiesOnly,
} from '../../rollout/index.ts';
import { type ForeseenGate, foreseeGate, type StepTraffic } from './foreseeGate.ts';
import { type Assumed, USUAL_ERRORS } from './options.ts';

/** One step as it is foreseen. */
export type ForeseenStep = {
  readonly step: PlanStep;
  /** 1-based. */
  readonly number: number;
  /** Shortest stay in ms, the first measurement and enough samples included; without people, who may come earlier or later. */
  readonly lastsMs: number;
  /** Requests to the new version per second; absent: not known. */
  readonly newPerSecond?: number;
  readonly gates: readonly ForeseenGate[];
};

export type ForeseenPlan = {
  readonly plan: Plan;
  readonly steps: readonly ForeseenStep[];
  /** From the first write to the end, in ms; waiting for people and windows comes on top. */
  readonly earliestMs: number;
};

/** What happens if everything goes well, and what each gate could find meanwhile. */
export const foresee = (spec: RolloutSpec, installation: Installation, assumed: Assumed): ForeseenPlan => {
  const plan = compilePlan(spec, installation, assumed.reference ?? referenceOf(spec, installation, assumed));
  const proven = new Set<string>();
  const steps = plan.steps.map((step, index) => {
    const foreseen = foreseeStep(plan, { step, number: index + 1 }, { ...assumed, proven: new Set(proven) });
    for (const { gate, provenMs } of foreseen.gates) if (provenMs !== undefined) proven.add(gate.name);
    return foreseen;
  });
  return { plan, steps, earliestMs: steps.reduce((sum, { lastsMs }) => sum + lastsMs, plan.settleMs) };
};

const REFERENCE_S = 600;
/** Any number does where only shares count. */
const MANY = 1e6;

/** What would be measured before the first raise; `undefined` when nothing is known of it. */
const referenceOf = (spec: RolloutSpec, installation: Installation, assumed: Assumed): Reference | undefined => {
  const { perSecond, stableErrors = USUAL_ERRORS, sampling } = assumed;
  if (perSecond === undefined && assumed.stableErrors === undefined) return undefined;
  const requests = perSecond === undefined ? MANY : perSecond * REFERENCE_S;
  const normal = (total: number): Normal => ({
    stable: { bad: total * stableErrors, total },
    unattributed: { bad: 0, total },
  });
  const known = referenceProviders(spec, installation).map(
    provider => [provider, normal(provider.startsWith('zipkin/') ? requests * sampling : requests)] as const,
  );
  return { kind: 'measured', atMs: 0, stableVersion: spec.initialVersion ?? '', normal: Object.fromEntries(known) };
};

/** Plain gates look at this much at least (controller/plainReadings.ts). */
const PLAIN_WINDOW_MS = 60_000;

const foreseeStep = (
  plan: Plan,
  { step, number }: { readonly step: PlanStep; readonly number: number },
  assumed: Assumed & { readonly proven: ReadonlySet<string> },
): ForeseenStep => {
  const traffic = trafficOf(step, assumed);
  const planned = gatesOfStep(plan, number);
  const firstMs = planned.length === 0 || !hasTraffic(step) ? 0 : plan.initialDelayMs + plan.intervalMs;
  const windowMs = Math.max(plan.intervalMs, PLAIN_WINDOW_MS);
  const gates = planned.map(gate => foreseeGate(gate, { ...traffic, ...assumed, pauseMs: step.pauseMs, firstMs, windowMs }));
  const waits = gates.map(({ enoughMs = 0 }) => onGrid(enoughMs, { ...plan, pauseMs: step.pauseMs ?? 0 }));
  return {
    step,
    number,
    lastsMs: Math.max(step.pauseMs ?? 0, firstMs, ...waits),
    ...(traffic.newPerSecond === undefined ? {} : { newPerSecond: traffic.newPerSecond }),
    gates,
  };
};

/** Gates are measured on a grid, and once more at the end of the pause. */
const onGrid = (
  afterMs: number,
  { initialDelayMs, intervalMs, pauseMs }: Pick<Plan, 'initialDelayMs' | 'intervalMs'> & { readonly pauseMs: number },
): number =>
  afterMs <= pauseMs || afterMs === Number.POSITIVE_INFINITY
    ? 0
    : initialDelayMs + intervalMs * Math.max(1, Math.ceil((afterMs - initialDelayMs) / intervalMs));

const hasTraffic = ({ weight, headerRoutes, mirror }: PlanStep): boolean =>
  weight > 0 || headerRoutes !== undefined || mirror !== undefined;

/** Who gets how much. How many requests match a header route, nobody has told. */
const trafficOf = (step: PlanStep, { perSecond }: Assumed): StepTraffic => {
  const { weight, headerRoutes, mirror } = step;
  const why = incomparable(step);
  const share = headerRoutes === undefined ? Math.max(weight, mirror?.percentage ?? 0) / 100 : undefined;
  return {
    hasTraffic: hasTraffic(step),
    stableShare: 1 - weight / 100,
    ...(share === undefined ? {} : { newShare: share }),
    ...(share === undefined || perSecond === undefined ? {} : { newPerSecond: share * perSecond }),
    ...(takesCopiesOnly(step) ? { copies: true } : {}),
    ...(why === undefined ? {} : { incomparable: why }),
  };
};
