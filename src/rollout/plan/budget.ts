import type { PlanGate } from '../status.ts';

/**
 * A gate that compares holds two tests: the comparison, and its limit, or what was normal for stable where there is nobody
 * to compare with. Each can raise a false alarm of its own.
 */
const testsOf = ({ baseline }: PlanGate): number => (baseline === undefined ? 1 : 2);

/** The plan stands in the status, where people read it. */
const sixDigits = (value: number): number => Number(value.toPrecision(6));

/**
 * Shares the attempt's budget of false alarms out, equally over all sequential tests (union bound). A limit counts anew in
 * each step, so its part is divided over the steps once more; a baseline is one test from the first step to the last.
 */
export const withAlpha = (gates: readonly PlanGate[], alpha: number, steps: number): readonly PlanGate[] => {
  const tests = gates.filter(({ judge }) => judge === 'sequential').reduce((sum, gate) => sum + testsOf(gate), 0);
  return gates.map(gate => {
    if (gate.judge !== 'sequential') return gate;
    const own = sixDigits(alpha / Math.max(1, tests));
    const times = gate.steps?.length ?? steps;
    return { ...gate, alpha: own, ...(times > 1 ? { stepAlpha: sixDigits(own / times) } : {}) };
  });
};
