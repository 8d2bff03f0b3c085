import { canonical } from '../canonical.ts';
import { digest } from '../digest.ts';
import { durationOr } from '../duration.ts';
import type { Installation, Reference } from '../observation.ts';
import { remembered } from '../remembered.ts';
import type { RolloutSpec } from '../spec.ts';
import type { Plan } from '../status.ts';
import { analysisOf } from './analysis.ts';
import { compileGates } from './gatePlan.ts';
import { compileStrategy } from './strategy.ts';

/**
 * Compiles a strategy to steps and gates with all defaults filled in; an attempt keeps the result until it ends.
 * `reference` says what was normal before the first raise: default limits come from it.
 */
export const compilePlan = (spec: RolloutSpec, installation: Installation, reference: Reference | undefined): Plan => {
  const strategy = compileStrategy(spec.strategy);
  const gates = compileGates(spec, { installation, reference, firstStep: strategy.steps[0] });
  const { interval, initialDelay } = analysisOf(spec, installation);
  return {
    ...strategy,
    gates,
    intervalMs: durationOr(interval, 15_000),
    initialDelayMs: durationOr(initialDelay, 0),
    settleMs: durationOr(spec.router?.istio?.settle, 2_000),
  };
};

/**
 * Names the steps, approvals and gates as a person wrote them, so that an edit can be told from a restart. What the
 * configuration adds to them is not an edit of anybody's.
 */
export const planHash = remembered(({ strategy, analysis }: RolloutSpec): string =>
  digest(JSON.stringify(canonical([strategy, analysis ?? null]))),
);
