import { providerKey } from '../gates/source.ts';
import type { Installation, Reference } from '../observation.ts';
import { wantedGates } from '../plan/analysis.ts';
import { preferred } from '../plan/gatePlan.ts';
import type { Situation } from '../situation.ts';
import type { RolloutSpec } from '../spec.ts';

const REFERENCE_FRESH_MS = 60_000;
/** A measurement of what is normal that failed is repeated after this. */
export const REFERENCE_RETRY_MS = 5_000;

/** The providers that have yet to tell what is normal: default limits, baselines and the built-in gate come from it. */
export const missingReference = (situation: Situation, stable: string): { readonly providers: readonly string[] } | undefined => {
  const { reference } = situation.observation;
  const providers = referenceProviders(situation.rollout.spec, situation.observation.installation);
  const known =
    reference?.kind === 'measured' &&
    reference.stableVersion === stable &&
    situation.nowMs - reference.atMs <= REFERENCE_FRESH_MS &&
    providers.every(key => Object.hasOwn(reference.normal, key));
  return known || providers.length === 0 ? undefined : { providers };
};

/** The providers, like `prometheus/default`, that are asked what is normal before an attempt of this spec. */
export const referenceProviders = (spec: RolloutSpec, installation: Installation): readonly string[] => {
  const { prometheus, zipkin } = installation;
  const compared = wantedGates(spec, installation).flatMap(({ gate }) => {
    if (gate.baseline === undefined) return [];
    if (gate.zipkin)
      return zipkin.includes(gate.zipkin.provider ?? 'default') ? [providerKey('zipkin', gate.zipkin.provider)] : [];
    if (gate.prometheus?.metric === undefined || !prometheus.includes(gate.prometheus.provider ?? 'default')) return [];
    return [providerKey('prometheus', gate.prometheus.provider)];
  });
  const hasDefaults = spec.analysis?.gates === undefined && installation.analysis?.gates === undefined;
  const general = [
    ...(prometheus.length === 0 ? [] : [providerKey('prometheus', preferred(prometheus))]),
    ...(zipkin.length === 0 || !hasDefaults ? [] : [providerKey('zipkin', preferred(zipkin))]),
  ];
  return [...new Set([...general, ...compared])];
};

/** What was normal, if it is known. */
export const freshReference = ({ observation: { reference } }: Situation): Reference | undefined =>
  reference?.kind === 'measured' ? reference : undefined;
