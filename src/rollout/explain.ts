import { momentFor } from './duration.ts';
import { routesSentence } from './mesh/routes.ts';
import type { Attempt } from './situation.ts';
import type { Approval, GateStatus } from './status.ts';

/** Where an attempt stands: `step 2/3 at 50%`, `step 1/2 at 0% with a header route`. */
export const place = ({ step, weight, target, status }: Attempt): string =>
  step.index === 0
    ? `starting ${target.canary} at 0%`
    : `step ${step.index}/${step.count} at ${weight}%${routesSentence(status.traffic ?? {})}`;

/** Who answered what: `step 2 was rejected by alice via slack: too many complaints`. */
export const approvalSentence = ({ step, decision, by, via, comment }: Approval): string =>
  `step ${step} was ${decision} by ${by} via ${via}${comment === undefined || comment === '' ? '' : `: ${comment}`}`;

/** The gates in one sentence: what is wrong or missing first, else the one that people care for most. */
export const gatesSentence = (gates: readonly GateStatus[]): string => {
  const isUnknown = gates.length > 0 && gates.every(({ verdict, at }) => verdict === 'Pending' && at === undefined);
  if (isUnknown) return 'gates have not been measured yet';
  const open = gates.filter(({ verdict }) => verdict !== 'Pass' && verdict !== 'NotApplicable');
  if (open.length > 0) return worst(open).message;
  const measured = gates.filter(({ name, verdict }) => verdict === 'Pass' && name !== 'unattributed');
  return measured.at(-1)?.message ?? 'no gate but readiness';
};

const ORDER = ['Fail', 'Error', 'NoData', 'Pending'];

const rank = ({ verdict }: GateStatus): number => (ORDER.includes(verdict) ? ORDER.indexOf(verdict) : ORDER.length);

/** What is wrong, then what is missing, then what passes. */
export const gatesWorstFirst = (gates: readonly GateStatus[]): readonly GateStatus[] =>
  [...gates].sort((a, b) => rank(a) - rank(b));

const worst = (gates: readonly GateStatus[]): { message: string } => gatesWorstFirst(gates)[0] ?? { message: '' };

export const nextStepAt = ({ step, plan, nowMs }: Attempt, ms: number): string =>
  `${step.index === plan.steps.length ? 'promoted' : 'next step'} at ${momentFor(ms, nowMs)}`;

/** `1 ready pod`, `3 ready pods`. */
export const countOf = (count: number, thing: string): string => `${count} ${thing}${count === 1 ? '' : 's'}`;

/** R13: how many more ready pods the new version would need for this share, were it to have as many for it as stable has. */
export const missingPods = ({ canaryPods, stablePods }: Attempt, weightPercent: number): number =>
  Math.max(0, Math.ceil((weightPercent / 100) * stablePods.ready) - canaryPods.ready);

/** A weak new version is said, and does not hold (capacity: warn); so is a stable one that could not take its share back. */
export const capacityWarning = (attempt: Attempt, weightPercent: number): string => {
  const { canaryPods, stablePods, target } = attempt;
  const missing = missingPods(attempt, weightPercent);
  const weak = missing === 0 ? '' : `; ${capacitySentence(attempt, weightPercent)}`;
  const needed = Math.ceil((weightPercent / 100) * canaryPods.ready);
  return stablePods.ready >= needed
    ? weak
    : `${weak}; ${target.stable} has only ${countOf(stablePods.ready, 'ready pod')} left to take ${weightPercent}% back, ${needed} would fit it`;
};

export const capacitySentence = ({ canaryPods, stablePods, target }: Attempt, weightPercent: number): string => {
  const needed = Math.ceil((weightPercent / 100) * stablePods.ready);
  return `${target.canary} has ${countOf(canaryPods.ready, 'ready pod')} where ${target.stable} has ${stablePods.ready}, ${needed} would fit ${weightPercent}%`;
};
