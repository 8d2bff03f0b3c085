import type { Installation } from './observation.ts';
import { checkApprovals } from './semantics/approvals.ts';
import { checkGates } from './semantics/gates.ts';
import { checkRoutes } from './semantics/routes.ts';
import { checkSteps, checkStrategy } from './semantics/strategy.ts';
import { checkTimes } from './semantics/times.ts';
import { checkUnsupported } from './semantics/unsupported.ts';
import type { RolloutSpec, SpecProblem } from './spec.ts';

/** What an installation can do at all, whatever its settings. */
type Offers = Pick<Installation, 'routes' | 'approvals'>;

/**
 * Checks what a spec means. Without an installation the names of providers are not checked; what a router and the channels
 * of people can do is, since that is no setting of anybody's.
 */
export const checkSpec = (
  spec: RolloutSpec,
  installation?: Installation,
  { routes = [], approvals = false }: Offers = installation ?? {},
): readonly SpecProblem[] => [
  ...checkStrategy(spec),
  ...checkSteps(spec.strategy.canary?.steps ?? []),
  ...checkRoutes(spec, routes),
  ...checkApprovals(spec, approvals),
  ...checkGates(spec, installation),
  ...checkTimes(spec),
  ...checkUnsupported(spec),
];
