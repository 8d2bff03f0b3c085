import { takesCopiesOnly } from '../mesh/routes.ts';
import { compileStrategy } from '../plan/strategy.ts';
import type { AnalysisSpec, BlueGreenSpec, MatchSpec, RolloutSpec, SpecProblem, StepSpec, StrategySpec } from '../spec.ts';
import { checkMatches } from './matches.ts';
import { error, warning } from './problem.ts';
import { checkStickiness } from './stickiness.ts';

/** Routes beside the weight: whom they match, and whether what they show can be told apart (R28). */
export const checkRoutes = ({ strategy, analysis }: RolloutSpec): readonly SpecProblem[] => {
  const { canary, blueGreen, abTest } = strategy;
  return [
    ...(canary?.steps ?? []).flatMap(({ setHeaderRoute }, index) =>
      whom(setHeaderRoute?.match, `${pathOf(index)}.setHeaderRoute`),
    ),
    ...checkMirrors(canary?.steps ?? []),
    ...(canary === undefined ? [] : checkStickiness(canary)),
    ...checkPreview(blueGreen),
    ...checkTracing(strategy, analysis),
    ...(abTest === undefined ? [] : needed(abTest.match, 'spec.strategy.abTest', 'the requests of the experiment')),
  ];
};

const pathOf = (index: number): string => `spec.strategy.canary.steps[${index}]`;

const whom = (match: readonly MatchSpec[] | undefined, path: string): readonly SpecProblem[] =>
  checkMatches(match ?? [], `${path}.match`);

const needed = (match: readonly MatchSpec[] | undefined, path: string, what: string): readonly SpecProblem[] =>
  match === undefined || match.length === 0 ? [error(path, `needs a match that names ${what}`)] : whom(match, path);

const checkPreview = ({ preview }: BlueGreenSpec = {}): readonly SpecProblem[] =>
  preview === undefined ? [] : needed(preview.match, 'spec.strategy.blueGreen.preview', 'the requests that see it');

/** Istio's proxies trace no copies: a gate that waits for spans there waits for ever. */
const checkTracing = (strategy: StrategySpec, analysis: AnalysisSpec | undefined): readonly SpecProblem[] => {
  const step = compileStrategy(strategy).steps.findIndex(takesCopiesOnly) + 1;
  return (analysis?.gates ?? []).flatMap(({ zipkin }, index) =>
    zipkin === undefined || step === 0
      ? []
      : [
          warning(
            `spec.analysis.gates[${index}].zipkin`,
            `has no data in step ${step}, as mirrored copies are not traced: a person has to promote it`,
          ),
        ],
  );
};

/** Copies are counted where real requests are: at a step with both nobody could say whose fault an error is. */
const checkMirrors = (steps: readonly StepSpec[]): readonly SpecProblem[] => {
  let weight = 0;
  let percentage = 0;
  return steps.flatMap(({ setWeight, setMirrorRoute }, index) => {
    weight = setWeight ?? weight;
    percentage = setMirrorRoute === undefined ? percentage : (setMirrorRoute.percentage ?? 0);
    if (weight === 0 || percentage === 0) return [];
    if (setMirrorRoute !== undefined)
      return [
        error(`${pathOf(index)}.setMirrorRoute`, `is not possible at a weight of ${weight}, only at 0`, 'use setMirrorRoute: {}'),
      ];
    if (weight === 100) return [];
    const message = `is ${weight} while a mirror goes on from a step before; both at once cannot be told apart`;
    return [error(`${pathOf(index)}.setWeight`, message, 'end the mirror in this step with setMirrorRoute: {}')];
  });
};
