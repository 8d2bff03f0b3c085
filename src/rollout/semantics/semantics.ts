import type { Installation } from '../observation.ts';
import type { RolloutSpec, SpecProblem } from '../spec.ts';
import { checkApprovals } from './approvals.ts';
import { checkGates } from './gates.ts';
import { checkRoutes } from './routes.ts';
import { checkSize } from './size.ts';
import { checkSteps, checkStrategy } from './strategy.ts';
import { checkTimes } from './times.ts';
import { checkUnsupported } from './unsupported.ts';

/** What an installation can do at all, whatever its settings. */
type Offers = Pick<Installation, 'approvals'>;

/**
 * Checks what a spec means. Without an installation the names of providers are not checked; what the channels of people
 * can do is, since that is no setting of anybody's.
 */
export const checkSpec = (
  spec: RolloutSpec,
  installation?: Installation,
  { approvals = false }: Offers = installation ?? {},
): readonly SpecProblem[] => [
  ...checkStrategy(spec),
  ...checkSteps(spec.strategy.canary?.steps ?? []),
  ...checkRoutes(spec),
  ...checkApprovals(spec, approvals),
  ...checkGates(spec, installation),
  ...checkTimes(spec),
  ...checkUnsupported(spec),
  ...checkSize(spec),
];
