import { digest } from './digest.ts';
import { durationOr } from './duration.ts';
import { compileGates } from './gatePlan.ts';
import type { Installation, Reference } from './observation.ts';
import type { RolloutSpec } from './spec.ts';
import type { Plan } from './status.ts';
import { compileSteps } from './strategy.ts';

/**
 * Compiles a strategy to steps and gates with all defaults filled in; an attempt keeps the result until it ends.
 * `reference` says what was normal before the first raise: default limits come from it.
 */
export const compilePlan = (spec: RolloutSpec, installation: Installation, reference: Reference | undefined): Plan => {
  const steps = compileSteps(spec.strategy.canary ?? { steps: [] });
  const gates = compileGates(spec.analysis ?? {}, { installation, reference, firstStep: steps[0] });
  return {
    steps,
    gates,
    intervalMs: durationOr(spec.analysis?.interval, 15_000),
    initialDelayMs: durationOr(spec.analysis?.initialDelay, 0),
    settleMs: durationOr(spec.router?.istio?.settle, 2_000),
  };
};

/** Names the steps and gates as a person wrote them, so that an edit can be told from a restart. */
export const planHash = (spec: RolloutSpec): string => digest(JSON.stringify([spec.strategy, spec.analysis ?? null]));
