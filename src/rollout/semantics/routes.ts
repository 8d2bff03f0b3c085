import type { Installation } from '../observation.ts';
import type { RolloutSpec, SpecProblem, StepSpec } from '../spec.ts';
import { error, notYet } from './problem.ts';

/** Header and mirror routes: whether the router can do them, and whether what they show can be told apart (R28). */
export const checkRoutes = ({ strategy }: RolloutSpec, routes: NonNullable<Installation['routes']>): readonly SpecProblem[] => {
  const { canary, blueGreen, abTest } = strategy;
  const lacks = (kind: 'header' | 'mirror'): boolean => !routes.includes(kind);
  const header = (path: string, isSet: boolean, without: string) => notYet(path, isSet && lacks('header'), without);
  const mirror = (path: string, isSet: boolean, without: string) => notYet(path, isSet && lacks('mirror'), without);
  return [
    ...(canary?.steps ?? []).flatMap((step, index) => [
      ...header(`${pathOf(index)}.setHeaderRoute`, step.setHeaderRoute !== undefined, 'use setWeight'),
      ...mirror(`${pathOf(index)}.setMirrorRoute`, step.setMirrorRoute !== undefined, 'use setWeight'),
    ]),
    ...checkMirrors(canary?.steps ?? []),
    ...header('spec.strategy.blueGreen', blueGreen !== undefined, 'use canary'),
    ...(lacks('header') ? [] : mirror('spec.strategy.blueGreen.mirror', blueGreen?.mirror !== undefined, 'leave it out')),
    ...header('spec.strategy.abTest', abTest !== undefined, 'use canary'),
  ];
};

const pathOf = (index: number): string => `spec.strategy.canary.steps[${index}]`;

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
