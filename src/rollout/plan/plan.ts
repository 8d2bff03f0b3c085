import { canonical } from '../canonical.ts';
import { digest } from '../digest.ts';
import { durationOr } from '../duration.ts';
import type { Installation, Reference } from '../observation.ts';
import { remembered } from '../remembered.ts';
import type { AnalysisSpec, RolloutSpec, StrategySpec } from '../spec.ts';
import type { Plan } from '../status.ts';
import { analysisOf } from './analysis.ts';
import { compileGates } from './gatePlan.ts';
import { compileStrategy } from './strategy.ts';

/** False alarms that one attempt may raise over all its gates, if the spec does not say. */
const DEFAULT_ALPHA = 0.01;
/** The part of them that is kept for gates that are edited while the attempt lasts. */
const RESERVED = 0.1;

/**
 * Compiles a strategy to steps and gates with all defaults filled in; an attempt keeps the result until it ends.
 * `reference` says what was normal before the first raise: default limits come from it.
 */
export const compilePlan = (spec: RolloutSpec, installation: Installation, reference: Reference | undefined): Plan => {
  const strategy = compileStrategy(spec.strategy);
  const { interval, initialDelay, alpha = DEFAULT_ALPHA } = analysisOf(spec, installation);
  const reserveAlpha = RESERVED * alpha;
  const gates = compileGates(spec, { installation, reference, steps: strategy.steps, alpha: alpha - reserveAlpha });
  return {
    ...strategy,
    gates,
    reserveAlpha,
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
  digest(`[${textOf(strategy)},${analysis ? textOf(analysis) : null}]`),
);

/** Most commits change neither of both. */
const textOf = remembered((part: StrategySpec | AnalysisSpec): string => JSON.stringify(canonical(part)));
