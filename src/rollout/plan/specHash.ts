import { canonical } from '../canonical.ts';
import { digest } from '../digest.ts';
import type { Rollout } from '../observation.ts';
import { remembered } from '../remembered.ts';
import type { RolloutSpec } from '../spec.ts';

/** Names what an attempt steers, as a person wrote it: host, version label and the objects of the router (R11). */
export const targetHash = ({ spec, name }: Rollout): string => {
  const known = hashesByName(spec);
  const hash = known.get(name) ?? targetHashOf(spec, name);
  known.set(name, hash);
  return hash;
};

/** Every decision asks, and a spec belongs to one Rollout. */
const hashesByName = remembered((_spec: RolloutSpec) => new Map<string, string>());

const targetHashOf = ({ host, versionLabel, router }: RolloutSpec, name: string): string => {
  const { virtualServices, routes, destinationRule } = router?.istio ?? {};
  const written = canonical({ virtualServices, routes, destinationRule, gatewayApi: router?.gatewayApi });
  return digest(JSON.stringify([host ?? name, versionLabel ?? 'version', written]));
};

/** Names the gates as a person wrote them; leaving them out is a choice too. */
export const gatesHash = remembered(({ analysis }: RolloutSpec): string =>
  digest(JSON.stringify(canonical(analysis?.gates ?? null))),
);
