import { detectsSentence, type GateStatus } from '../../rollout/index.ts';
import type { JudgedGate } from './progress.ts';

/**
 * By gate: how bad a version would have had to be, to be found in this time, which is so long in ms. Nothing for gates that
 * have found something, or have no evidence to find anything with.
 */
export const detectsOf = (gates: readonly JudgedGate[], lengthMs: number): Readonly<Record<string, string>> =>
  Object.fromEntries(
    gates.flatMap(({ plan, state }) => {
      const expected = countedIn(state);
      if (plan.judge === 'plain' || state.verdict === 'Fail' || expected.samples === 0) return [];
      return [[plan.name, detectsSentence(plan, expected, lengthMs)] as const];
    }),
  );

const countedIn = ({ samples = 0, baseline }: GateStatus): Parameters<typeof detectsSentence>[1] => {
  const { stableSamples = 0, stableFailures = 0 } = baseline ?? {};
  const stableShare = stableFailures / Math.max(1, stableSamples);
  return { samples: baseline?.samples ?? samples, stableSamples, stableShare };
};
