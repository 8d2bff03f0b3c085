import type { Reference } from '../observation.ts';
import { preferred } from '../plan/gatePlan.ts';
import type { Situation } from '../situation.ts';

const REFERENCE_FRESH_MS = 60_000;
/** A measurement of what is normal that failed is repeated after this. */
export const REFERENCE_RETRY_MS = 5_000;

/** The providers that have yet to tell what is normal: default limits and the built-in gate come from it. */
export const missingReference = (
  { observation, rollout, nowMs }: Situation,
  stable: string,
): { prometheus?: string; zipkin?: string } | undefined => {
  const { installation, reference } = observation;
  const prometheus = preferred(installation.prometheus);
  const zipkin = rollout.spec.analysis?.gates === undefined ? preferred(installation.zipkin) : undefined;
  if (prometheus === undefined && zipkin === undefined) return undefined;
  const known =
    reference?.kind === 'measured' && reference.stableVersion === stable && nowMs - reference.atMs <= REFERENCE_FRESH_MS;
  return known ? undefined : { ...(prometheus === undefined ? {} : { prometheus }), ...(zipkin === undefined ? {} : { zipkin }) };
};

/** What was normal, if it is known. */
export const freshReference = ({ observation: { reference } }: Situation): Reference | undefined =>
  reference?.kind === 'measured' ? reference : undefined;
