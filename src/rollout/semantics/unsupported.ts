import type { RolloutSpec, SpecProblem } from '../spec.ts';
import { notYet } from './problem.ts';

export const checkUnsupported = (spec: RolloutSpec): readonly SpecProblem[] => [
  ...notYet('spec.router.gatewayApi', spec.router?.gatewayApi !== undefined, 'use router.istio'),
  ...notYet('spec.router.istio.createMissing', spec.router?.istio?.createMissing === 'all', 'use subset or none'),
];
