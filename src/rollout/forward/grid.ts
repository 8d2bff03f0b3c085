import type { Action } from '../action.ts';
import { setForwardMs } from '../clock.ts';
import { incomparable } from '../gates/baselineGate.ts';
import { measuredUpToMs } from '../gates/gates.ts';
import { SAFE, takesCopiesOnly } from '../mesh/routes.ts';
import { gatesOfStep } from '../plan/gatePlan.ts';
import { remembered } from '../remembered.ts';
import { type Attempt, stepKey } from '../situation.ts';
import type { PlanGate, StepStatus } from '../status.ts';

/** Intervals that nobody measured are read afterwards from the provider's history, up to this age (R2). */
const HISTORY_MS = 600_000;

/** When the step began, in ms; the same step is asked many times in each decision. */
const startOf = remembered(({ startedAt }: StepStatus): number => Date.parse(startedAt ?? ''));

/** When the step's pause ends, in ms; never, when it lasts until a person promotes. */
export const pauseEndMs = ({ step, planStep, observation }: Attempt): number => {
  if (planStep?.pauseMs === null) return Number.POSITIVE_INFINITY;
  const startedMs = startOf(step);
  return startedMs + (planStep?.pauseMs ?? 0) + setForwardMs(startedMs, observation);
};

/** The measurements of a step sit on a grid: startedAt + initialDelay + k * interval for k >= 1, and the pause's end. */
const gridPoint = (attempt: Attempt, pick: 'latest' | { readonly afterMs: number }): number => {
  const { step, plan, nowMs } = attempt;
  const originMs = startOf(step) + plan.initialDelayMs;
  const pauseEnd = pauseEndMs(attempt);
  // A pause that is over before data count ends unmeasured; the first point of the grid takes its place.
  const endMs = pauseEnd > originMs ? pauseEnd : Number.POSITIVE_INFINITY;
  if (pick === 'latest') {
    const k = Math.floor((nowMs - originMs) / plan.intervalMs);
    return Math.max(
      k >= 1 ? originMs + k * plan.intervalMs : Number.NEGATIVE_INFINITY,
      endMs <= nowMs ? endMs : Number.NEGATIVE_INFINITY,
    );
  }
  const k = Math.max(1, Math.floor((pick.afterMs - originMs) / plan.intervalMs) + 1);
  return Math.min(originMs + k * plan.intervalMs, endMs > pick.afterMs ? endMs : Number.POSITIVE_INFINITY);
};

export const nextGridPointMs = (attempt: Attempt): number => gridPoint(attempt, { afterMs: attempt.nowMs });

/** The measurements that are due and not taken, earliest first, one entry for each moment. */
export const dueMeasures = (attempt: Attempt): readonly Action[] => {
  if (!attempt.hasTraffic) return [];
  const byMoment = new Map<number, string[]>();
  for (const gate of armedGates(attempt)) {
    const atMs = dueAt(attempt, gate);
    if (atMs !== undefined) byMoment.set(atMs, [...(byMoment.get(atMs) ?? []), gate.name]);
  }
  const step = stepKey(attempt.status);
  const sinceMs = startOf(attempt.step) + attempt.plan.initialDelayMs;
  const traffic = attempt.status.traffic ?? SAFE;
  const compares = incomparable(traffic) === undefined;
  const copies = takesCopiesOnly(traffic) ? { copies: true as const } : {};
  return [...byMoment]
    .sort(([a], [b]) => a - b)
    .map(([atMs, gates]) => ({ kind: 'measure', step, sinceMs, atMs, gates, compares, ...copies }));
};

/** The gates of this step; one that has failed is not asked again before the step begins anew. */
const armedGates = ({ plan, step, gates }: Attempt): readonly PlanGate[] => {
  const failed = gates.filter(({ verdict }) => verdict === 'Fail').map(({ name }) => name);
  return gatesOfStep(plan, step.index).filter(({ name }) => !failed.includes(name));
};

/** Counts are cumulative, so the latest point is enough; a query tells of one moment, so missed points are made up for. */
const dueAt = (attempt: Attempt, gate: PlanGate): number | undefined => {
  const latest = gridPoint(attempt, 'latest');
  const measuredMs = measuredAt(attempt, gate.name);
  if (latest === Number.NEGATIVE_INFINITY || measuredMs >= latest) return undefined;
  if (gate.judge !== 'plain' || gate.source.kind === 'webhook') return latest;
  const startMs = startOf(attempt.step) + attempt.plan.initialDelayMs;
  const next = gridPoint(attempt, { afterMs: Math.max(measuredMs, startMs, attempt.nowMs - HISTORY_MS) });
  return Math.min(next, latest);
};

/** How long a provider may take to answer, at most. */
const ANSWER_MS = 60_000;

/**
 * Has every gate been measured from the end of the pause on, and lately? Where a provider takes longer to answer than an
 * interval, the next moment has come whenever an answer does; waiting for that one as well would never end.
 */
export const isMeasuredToMove = (attempt: Attempt): boolean => {
  const { plan, step, nowMs } = attempt;
  const endMs = step.promotedBy === undefined ? pauseEndMs(attempt) : Number.NEGATIVE_INFINITY;
  const sinceMs = Math.max(endMs, nowMs - plan.intervalMs - ANSWER_MS);
  return gatesOfStep(plan, step.index).every(({ name }) => measuredAt(attempt, name) >= sinceMs);
};

/** Up to when a gate was measured in this step, by this process or by one before it (R2: each moment is taken once). */
const measuredAt = ({ gates }: Attempt, name: string): number => {
  const gate = gates.find(known => known.name === name);
  return gate === undefined ? Number.NEGATIVE_INFINITY : measuredUpToMs(gate);
};
