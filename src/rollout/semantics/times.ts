import { durationOr } from '../duration.ts';
import { problemOfWindow } from '../forward/windows.ts';
import type { AnalysisSpec, RolloutSpec, SpecProblem } from '../spec.ts';
import { error } from './problem.ts';

export const checkTimes = ({ analysis, windows = [] }: RolloutSpec): readonly SpecProblem[] => [
  ...checkInterval(analysis),
  ...windows.flatMap((window, index) => {
    const problem = problemOfWindow(window);
    return problem === undefined ? [] : [error(`spec.windows[${index}]${problem.field}`, problem.message)];
  }),
];

const checkInterval = (analysis: AnalysisSpec | undefined): readonly SpecProblem[] => {
  if (durationOr(analysis?.interval, 15_000) >= 1_000) return [];
  return [error('spec.analysis.interval', `is ${analysis?.interval}, expected 1s or longer`)];
};
