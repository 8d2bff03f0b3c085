import type { PlanGate } from '../status.ts';

/** A gate may hold two tests: its limit, and its comparison with stable. Each can raise a false alarm of its own. */
const testsOf = ({ source, min, max, baseline }: PlanGate): number => {
  const hasLimit = source.kind === 'unattributed' || min !== undefined || max !== undefined;
  return (hasLimit ? 1 : 0) + (baseline === undefined ? 0 : 1);
};

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
