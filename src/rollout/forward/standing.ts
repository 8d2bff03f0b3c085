import { canonical } from '../canonical.ts';
import { digest } from '../digest.ts';
import { isSameTraffic, routesOf, SAFE } from '../mesh/routes.ts';
import type { Attempt } from '../situation.ts';
import { EDITED } from '../start/firstStep.ts';
import type { Plan, PlanStep } from '../status.ts';

/** A step where an edit found the traffic, and what the new plan need not ask people any more. */
export type Standing = {
  readonly first: PlanStep;
  /** Places in the new plan, counted from 0, of steps whose approval was given or is asked in `first`. */
  readonly settled: ReadonlySet<number>;
  /** Digests of the approvals at this weight that were given in this attempt. */
  readonly given: readonly string[];
};

/**
 * What stands now as a step; it lasts at least one interval, and as long as the new plan wants to stay at this weight. An
 * approval at this weight that nobody gave is asked, in this step or in one of its own after it (R11, R19).
 */
export const standing = (attempt: Attempt, compiled: Plan): Standing => {
  const { weight, status } = attempt;
  const given = givenHere(attempt);
  const open = openHere(compiled.steps, weight, given);
  const same = compiled.steps.slice(0, -1).flatMap((step, place) => (step.weight === weight ? [place] : []));
  const next = open[0];
  const own = next !== undefined && same.includes(next) ? compiled.steps[next] : undefined;
  const isAskedHere = own?.approval?.when === 'after' && isSameTraffic(own, status.traffic ?? SAFE);
  const later = isAskedHere ? open.slice(1) : open;
  const pauses = same.filter(place => !later.includes(place)).map(place => compiled.steps[place]?.pauseMs);
  const timed = pauses.filter(pauseMs => typeof pauseMs === 'number');
  const first: PlanStep = {
    name: EDITED,
    weight,
    pauseMs: timed.length < pauses.length ? null : Math.max(compiled.intervalMs, ...timed),
    ...(isAskedHere && own.approval !== undefined ? { approval: own.approval } : {}),
    ...routesOf(status.traffic ?? {}),
  };
  const settled = compiled.steps.flatMap((step, place) => (step.weight <= weight && !later.includes(place) ? [place] : []));
  return { first, settled: new Set(settled), given };
};

/** What people agreed to, as it was written; how long the step lasts, and what it is called, is no part of that. */
const nameOf = ({ weight, headerRoutes, mirror, approval }: PlanStep): string =>
  digest(JSON.stringify(canonical({ weight, headerRoutes, mirror, approval })));

/** A step was entered, and left, with the approvals that it asks for; what is not moved on yet is asked anew. */
const givenHere = ({ plan, step: { index }, weight }: Attempt): readonly string[] => {
  const passed = plan.steps.flatMap((step, place) => {
    const until = step.approval?.when === 'before' ? index : index - 1;
    return step.approval !== undefined && step.weight === weight && place < until ? [nameOf(step)] : [];
  });
  return plan.steps[0]?.name === EDITED && plan.steps[0].weight === weight ? [...(plan.given ?? []), ...passed] : passed;
};

/** Places of the steps at this weight whose approval nobody gave; of two that are the same, each wants its own. */
const openHere = (steps: readonly PlanStep[], weight: number, given: readonly string[]): readonly number[] => {
  const left = [...given];
  return steps.flatMap((step, place) => {
    if (step.approval === undefined || step.weight !== weight) return [];
    const at = left.indexOf(nameOf(step));
    if (at < 0) return [place];
    left.splice(at, 1);
    return [];
  });
};
