import { takesTraffic } from '../mesh/routes.ts';
import type { Plan, PlanGate, PlanStep } from '../status.ts';

const WAY_BACK = 'way back';
/** Name of the step that stands where an edit found the traffic (R11). */
export const EDITED = 'edited';
/** Name of the step in which the newest version takes the place of a failed one (R9). */
export const TAKEOVER = 'takeover';

/**
 * The plan with a step before those of the spec, for traffic that stands already. Steps that are not above it are left
 * out; the last one stays in any case, as it is where the new version bakes. Gates of single steps move with their steps;
 * those of a step at the same weight are measured in the first one. Routes that were taken over at weight 0 are below all.
 * A step at the same weight stays, too, where it asks people something that is not `settled` (places from 0; R19).
 */
export const withFirstStep = (plan: Plan, first: PlanStep, settled: ReadonlySet<number> = NOTHING): Plan => {
  const last = plan.steps.length - 1;
  const isAbove = (step: PlanStep): boolean =>
    step.weight > first.weight || (first.name === TAKEOVER && first.weight === 0 && takesTraffic(step));
  const isAsked = (step: PlanStep, index: number): boolean =>
    step.weight === first.weight && step.approval !== undefined && !settled.has(index);
  const kept = plan.steps.flatMap((step, index) => (isAbove(step) || isAsked(step, index) || index === last ? [index] : []));
  const numberOf = (number: number): readonly number[] => {
    const place = kept.indexOf(number - 1);
    if (place >= 0) return [place + 2];
    return plan.steps[number - 1]?.weight === first.weight ? [1] : [];
  };
  const moved = (gate: PlanGate): readonly PlanGate[] => {
    if (gate.steps === undefined) return [gate];
    const steps = [...new Set(gate.steps.flatMap(numberOf))];
    return steps.length === 0 ? [] : [{ ...gate, steps }];
  };
  return {
    ...plan,
    steps: [
      first,
      ...plan.steps.flatMap((step, index) =>
        kept.includes(index) ? [withDrawnAt(settled.has(index) ? withoutApproval(step) : step, first)] : [],
      ),
    ],
    gates: plan.gates.flatMap(moved),
  };
};

const NOTHING: ReadonlySet<number> = new Set();

const withoutApproval = ({ approval: _, ...step }: PlanStep): PlanStep => step;

/** Who was drawn before, or is drawn where traffic stands now, has a cookie that says so in the steps to come, too. */
const withDrawnAt = (step: PlanStep, { sticky, weight }: PlanStep): PlanStep => {
  if (step.sticky === undefined || sticky?.cookie !== step.sticky.cookie) return step;
  const drawn = new Set([...sticky.drawnAt, weight, ...step.sticky.drawnAt]);
  const drawnAt = [...drawn].filter(at => at < step.weight).sort((a, b) => a - b);
  return { ...step, sticky: { ...step.sticky, drawnAt } };
};

/** R10: straight to 100. Its evidence is that it was stable before; failures that reach no pod are watched for one interval. */
export const wayBackPlan = (plan: Plan): Plan => ({
  ...plan,
  steps: [{ name: WAY_BACK, weight: 100, pauseMs: plan.intervalMs }],
  gates: plan.gates.filter(({ source }) => source.kind === 'unattributed'),
});

/** Is this the short way back to the version that was stable before? */
export const isWayBackPlan = ({ steps }: Plan): boolean => steps.length === 1 && steps[0]?.name === WAY_BACK;
