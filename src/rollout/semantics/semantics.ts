import type { Installation } from '../observation.ts';
import type { RolloutSpec, SpecProblem } from '../spec.ts';
import { checkApprovals, checkNotify } from './approvals.ts';
import { checkGates } from './gates.ts';
import { checkRoutes } from './routes.ts';
import { checkSize } from './size.ts';
import { checkSteps, checkStrategy } from './strategy.ts';
import { checkTimes } from './times.ts';
import { checkUnsupported } from './unsupported.ts';

/** Checks what a spec means. Without an installation the names of providers and of channels are not checked. */
export const checkSpec = (spec: RolloutSpec, installation?: Installation): readonly SpecProblem[] => [
  ...checkStrategy(spec),
  ...checkSteps(spec.strategy.canary?.steps ?? []),
  ...checkRoutes(spec),
  ...checkApprovals(spec, installation),
  ...checkNotify(spec, installation),
  ...checkGates(spec, installation),
  ...checkTimes(spec),
  ...checkUnsupported(spec),
  ...checkSize(spec),
];
