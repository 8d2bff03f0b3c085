import type { MeshChecker } from '../../../controller/ports.ts';
import type { MeshFinding, Rollout, Target } from '../../../rollout/index.ts';
import { inOrder } from './checks.ts';
import { checkCompanions } from './companions.ts';
import { checkDestinations } from './destinations.ts';
import { checkEntrances } from './entrances.ts';
import { type Ground, groundOf } from './ground.ts';
import { checkMutualTls } from './mutualTls.ts';
import { checkPorts } from './ports.ts';
import { checkProxies } from './proxies.ts';
import { checkReach } from './reach.ts';
import { checkVisibility } from './visibility.ts';
import type { MeshWorld } from './world.ts';

const CHECKS: readonly ((ground: Ground) => readonly MeshFinding[])[] = [
  checkDestinations,
  checkPorts,
  checkEntrances,
  checkReach,
  checkMutualTls,
  checkProxies,
  checkVisibility,
  checkCompanions,
];

/** Everything that is found for moving traffic between the two versions of a target, errors first. */
export const checkMesh = (world: MeshWorld, rollout: Rollout, target: Target): readonly MeshFinding[] => {
  const ground = groundOf(world, rollout, target);
  return inOrder(CHECKS.flatMap(check => check(ground)));
};

type Known = {
  readonly version: number;
  readonly target: Target;
  readonly plan: unknown;
  readonly spec: Rollout['spec'];
  readonly findings: readonly MeshFinding[];
};

const MOST_KNOWN = 5_000;

/** Checks anew only when something has changed: `version` is another number after each change of the world. */
export const createMeshChecker = (world: MeshWorld, version: () => number): MeshChecker => {
  const known = new Map<string, Known>();
  return {
    check: (rollout, target) => {
      const now = { version: version(), target, plan: rollout.status?.plan, spec: rollout.spec };
      const before = known.get(rollout.uid);
      if (before?.version === now.version && before.target === target && before.plan === now.plan && before.spec === now.spec) {
        return before.findings;
      }
      const findings = checkMesh(world, rollout, target);
      if (known.size >= MOST_KNOWN) known.clear();
      known.set(rollout.uid, { ...now, findings });
      return findings;
    },
  };
};
