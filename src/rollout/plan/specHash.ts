import { canonical } from '../canonical.ts';
import { digest } from '../digest.ts';
import type { Rollout } from '../observation.ts';
import { remembered } from '../remembered.ts';
import type { RolloutSpec } from '../spec.ts';

/** Names what an attempt steers, as a person wrote it: host, version label and the objects of the router (R11). */
export const targetHash = ({ spec, name }: Rollout): string =>
  digest(`[${JSON.stringify(spec.host ?? name)},${JSON.stringify(spec.versionLabel ?? 'version')},${routerText(spec)}]`);

const routerText = remembered(({ router }: RolloutSpec): string => {
  const { virtualServices, routes, destinationRule } = router?.istio ?? {};
  return JSON.stringify(canonical({ virtualServices, routes, destinationRule, gatewayApi: router?.gatewayApi }));
});

/** Names the gates as a person wrote them; leaving them out is a choice too. */
export const gatesHash = remembered(({ analysis }: RolloutSpec): string =>
  digest(JSON.stringify(canonical(analysis?.gates ?? null))),
);
