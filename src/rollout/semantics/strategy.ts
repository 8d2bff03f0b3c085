import type { RolloutSpec, SpecProblem, StepSpec } from '../spec.ts';
import { error } from './problem.ts';

export const checkStrategy = ({ strategy }: RolloutSpec): readonly SpecProblem[] => {
  const given = Object.entries(strategy).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  if (given.length === 1) return [];
  const found = given.length === 0 ? 'none is given' : `${given.join(' and ')} are given`;
  return [error('spec.strategy', `${found}, expected exactly one of canary, blueGreen, abTest`)];
};

export const checkSteps = (steps: readonly StepSpec[]): readonly SpecProblem[] => {
  const problems: SpecProblem[] = [];
  let highest = 0;
  for (const [index, step] of steps.entries()) {
    const path = `spec.strategy.canary.steps[${index}]`;
    if (step.setWeight !== undefined && step.setWeight < highest) {
      problems.push(
        error(`${path}.setWeight`, `is ${step.setWeight}, expected at least ${highest}: weights of the steps must not decrease`),
      );
    }
    highest = Math.max(highest, step.setWeight ?? 0);
    problems.push();
  }
  return problems;
};
