import { carriedGates, judgeGate } from '../../../../src/rollout/gates/gates.ts';
import {
  type AnalysisSpec,
  addInterval,
  type BaselineInterval,
  type BaselineSums,
  type Counts,
  dispersionOf,
  type GateStatus,
  type Installation,
  incomparable,
  type Measurement,
  type Normal,
  noSums,
  type PlanGate,
  percentileOf,
  type Reference,
} from '../../../../src/rollout/index.ts';
import { allPass } from '../../../../src/rollout/outcome.ts';
import { compilePlan } from '../../../../src/rollout/plan/plan.ts';
import type { Judge, Judging, Look, Release } from '../rollout.ts';
import { errorsOf, slowerThan, totalOf } from '../sums.ts';
import { EDGES_MS, type Side, type Tick } from '../world.ts';

/** Sluice as it is: its own plan with its own gates, each measurement judged by its own code. */
export const sluice = (name = 'Sluice', analysis?: AnalysisSpec): Judge => ({
  name,
  begin: release => {
    const installation: Installation = { prometheus: ['default'], zipkin: release.hasSpans ? ['default'] : [] };
    const steps = release.steps.map(({ weight, pauseMs }) => ({ setWeight: weight, pause: { duration: `${pauseMs / 1_000}s` } }));
    const spec = { version: 'v2', strategy: { canary: { steps } }, ...(analysis === undefined ? {} : { analysis }) };
    const plan = compilePlan(spec, installation, referenceOf(release));
    const gates = plan.gates.map(gate => createGate(gate));
    let reason = '';
    return {
      steps: plan.steps.map(({ weight, pauseMs }) => ({ weight, pauseMs: pauseMs ?? 0 })),
      look: look => {
        const { weight = 0, pauseMs = 0 } = plan.steps[look.step - 1] ?? {};
        const sinceMs = look.stepSinceMs + plan.initialDelayMs;
        if (!isDue(look, sinceMs, { pauseMs, intervalMs: plan.intervalMs })) return 'stay';
        const why = incomparable({ weight });
        const comparison = { sinceMs, pauseMs, ...(why === undefined ? {} : { incomparable: why }) };
        const states = gates.map(judge => judge(look, comparison));
        const failed = states.find(({ verdict }) => verdict === 'Fail');
        const holds = states.find(({ verdict }) => verdict === 'NoData' || verdict === 'Pending');
        reason = `at ${weight} %: ${(failed ?? holds)?.message}`;
        if (failed !== undefined) return 'back';
        return allPass(states) ? 'go' : 'stay';
      },
      why: () => reason,
    } satisfies Judging;
  },
});

/** Gates are measured on a grid from the moment that their data begin, and at the end of the pause (R2). */
const isDue = (
  { nowMs, stepSinceMs }: Look,
  sinceMs: number,
  { pauseMs, intervalMs }: { readonly pauseMs: number | null; readonly intervalMs: number },
): boolean => {
  const isPauseEnd = pauseMs !== null && nowMs === stepSinceMs + pauseMs && nowMs > sinceMs;
  return isPauseEnd || (nowMs > sinceMs && (nowMs - sinceMs) % intervalMs === 0);
};

type Comparison = Parameters<typeof judgeGate>[3];

/** One gate over the whole release: its limit counts from the step's start, its baseline from the first raise. */
const createGate = (gate: PlanGate): ((look: Look, comparison: Comparison) => GateStatus) => {
  let before: GateStatus | undefined;
  let step = 0;
  let seen = 0;
  let counts: { canary: Counts; stable: Counts } = NOTHING;
  let sums: BaselineSums = noSums(gate);
  return ({ nowMs, step: current, ticks }, comparison) => {
    const { sinceMs } = comparison;
    if (current !== step) {
      step = current;
      [before] = carriedGates(before === undefined ? [] : [before]);
      counts = NOTHING;
    }
    let latestStable: Counts = NOTHING.stable;
    for (; seen < ticks.length; seen++) {
      const tick = ticks[seen];
      // what had not come to light when the step before ended is read by nobody
      if (tick === undefined || tick.fromMs < sinceMs) continue;
      const [canary, stable] = [countsOf(gate, tick, 'canary'), countsOf(gate, tick, 'stable')];
      counts = { canary: plus(counts.canary, canary), stable: plus(counts.stable, stable) };
      latestStable = plus(latestStable, stable);
      if (gate.baseline !== undefined) sums = addInterval(sums, intervalOf(gate, tick), gate);
    }
    const measurement: Measurement = {
      kind: 'counts',
      atMs: nowMs,
      untilMs: Math.max(sinceMs, ticks.at(-1)?.untilMs ?? sinceMs),
      counts: counts.canary,
      stable: counts.stable,
      latestStable,
      ...(gate.baseline === undefined ? {} : { baseline: sums }),
    };
    before = judgeGate(gate, before, measurement, comparison);
    return before;
  };
};

const NOTHING = { canary: { bad: 0, total: 0 }, stable: { bad: 0, total: 0 } };
const plus = (a: Counts, b: Counts): Counts => ({ bad: a.bad + b.bad, total: a.total + b.total });

/** What a gate's limit is about. */
const countsOf = ({ source, max, baseline }: PlanGate, tick: Tick, version: 'canary' | 'stable'): Counts => {
  const side = tick[version];
  const limitMs = max ?? baseline?.limit ?? 0;
  if (source.kind === 'zipkin') return slowCalls(side, limitMs);
  if (source.kind === 'unattributed') return { bad: 0, total: tick.canary.requests + tick.stable.requests };
  return source.kind === 'prometheus' && source.metric === 'latency' ? slowerThan(side, limitMs) : errorsOf(side);
};

const intervalOf = ({ source, baseline }: PlanGate, { canary, stable }: Tick): BaselineInterval => {
  const { edgesMs = [], tolerance = 1 } = baseline ?? {};
  if (source.kind === 'zipkin')
    return {
      shares: edgesMs.map(edgeMs => ({ canary: slowCalls(canary, edgeMs * tolerance), stable: slowCalls(stable, edgeMs) })),
      calls: { canary: canary.calls, stable: stable.calls },
    };
  if (source.kind === 'prometheus' && source.metric === 'latency')
    return { shares: edgesMs.map(edgeMs => ({ canary: slowerThan(canary, edgeMs), stable: slowerThan(stable, edgeMs) })) };
  return { shares: [{ canary: errorsOf(canary), stable: errorsOf(stable) }] };
};

const slowCalls = ({ calls }: Side, edgeMs: number): Counts => ({
  bad: calls.filter(([, durationMs]) => durationMs > edgeMs).length,
  total: calls.length,
});

/** The ten minutes before the first raise, and how far errors of the forty before came in bursts. */
const referenceOf = ({ past, blocks, hasSpans }: Release): Reference => {
  const stable = totalOf(past, 'stable');
  const durations = EDGES_MS.map((edgeMs, i) => [edgeMs, stable.buckets[i] ?? 0] as const);
  const errors = dispersionOf(blocks());
  const p90Ms = percentileOf(durations, 90);
  const slow = p90Ms === undefined ? undefined : dispersionOf(blocks(p90Ms));
  const spans = past.flatMap(tick => tick.stable.calls.map(([, durationMs]) => [durationMs, 1] as const));
  return {
    kind: 'measured',
    atMs: 0,
    stableVersion: 'v1',
    normal: {
      'prometheus/default': {
        stable: errorsOf(stable),
        unattributed: { bad: 0, total: stable.requests },
        ...percentilesOf(durations),
        dispersion: {
          errors: errors.value,
          within: { errors: errors.within, ...(slow === undefined ? {} : { slow: slow.within }) },
          pods: errors.pods,
          minutes: errors.minutes,
          ...(slow === undefined ? {} : { slow: slow.value }),
        },
      },
      ...(hasSpans
        ? { 'zipkin/default': { stable: { bad: 0, total: spans.length }, unattributed: NOTHING.stable, ...percentilesOf(spans) } }
        : {}),
    },
  };
};

const percentilesOf = (durations: readonly (readonly [number, number])[]): Pick<Normal, 'stableP90Ms' | 'stableP99Ms'> => {
  const [p90, p99] = [percentileOf(durations, 90), percentileOf(durations, 99)];
  return { ...(p90 === undefined ? {} : { stableP90Ms: p90 }), ...(p99 === undefined ? {} : { stableP99Ms: p99 }) };
};
