import { clockTime } from './duration.ts';
import type { Attempt } from './situation.ts';
import type { GateStatus } from './status.ts';

/** Where an attempt stands: `step 2/3 at 50%`. */
export const place = ({ step, weight, target }: Attempt): string =>
  step.index === 0 ? `starting ${target.canary} at 0%` : `step ${step.index}/${step.count} at ${weight}%`;

/** The gates in one sentence: what is wrong or missing first, else the one that people care for most. */
export const gatesSentence = (gates: readonly GateStatus[]): string => {
  if (gates.every(({ verdict }) => verdict === 'Pending')) return 'gates have not been measured yet';
  const open = gates.filter(({ verdict }) => verdict !== 'Pass' && verdict !== 'NotApplicable');
  if (open.length > 0) return worst(open).message;
  const measured = gates.filter(({ name, verdict }) => verdict === 'Pass' && name !== 'unattributed');
  return measured.at(-1)?.message ?? 'no gate but readiness';
};

const ORDER = ['Fail', 'Error', 'NoData', 'Pending'];

const worst = (gates: readonly GateStatus[]): { message: string } =>
  [...gates].sort((a, b) => ORDER.indexOf(a.verdict) - ORDER.indexOf(b.verdict))[0] ?? { message: '' };

export const nextStepAt = (ms: number, isLast: boolean): string => `${isLast ? 'promoted' : 'next step'} at ${clockTime(ms)}`;

/** A weak new version is said, and does not hold (capacity: warn). */
export const capacityWarning = ({ canaryPods, stablePods, target }: Attempt, weightPercent: number): string => {
  const needed = Math.ceil((weightPercent / 100) * stablePods.ready);
  return canaryPods.ready >= needed
    ? ''
    : `; ${target.canary} has ${canaryPods.ready} ready pods where ${target.stable} has ${stablePods.ready}, ${needed} would fit ${weightPercent}%`;
};
